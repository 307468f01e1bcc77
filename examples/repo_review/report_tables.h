/* The tables of the report: one section per tool that has found something. */
#ifndef REPO_REVIEW_REPORT_TABLES_H
#define REPO_REVIEW_REPORT_TABLES_H

#include <agent_sdk/value.h>

#include <stdio.h>

void report_write_tables(FILE *file, const agt_value *facts);

#endif
