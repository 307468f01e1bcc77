/*
 * stores.h - filling stores in a few words.
 */
#ifndef AGENT_SDK_TESTS_STORES_H
#define AGENT_SDK_TESTS_STORES_H

#include "store/store.h"

/* Opens a writer; fails the test if that cannot be done. */
agt_store *agt_test_store_open_writer(const char *path);

/* A run with the trace 0x11 … for trace 1 and so on; it ends at `end`, 0 = it runs. */
agt__store_run agt_test_run(const char *id, uint8_t trace, uint64_t start, uint64_t end);

/* A span of that trace; ids are numbers, parent 0 = none. */
agt__store_span agt_test_span(uint8_t trace, uint8_t id, uint8_t parent, uint64_t start,
                              uint64_t end);

/* A line of the ledger of that trace: 100 tokens in, 10 out. */
agt_cost_entry agt_test_cost(uint8_t trace, const char *agent, int64_t nanousd, uint64_t unix_ns);

/* Begins and commits, or fails the test. */
void agt_test_store_begin(agt_store *store);
void agt_test_store_commit(agt_store *store);

/* Puts one, or fails the test. */
void agt_test_store_put_run(agt_store *store, agt__store_run run);
void agt_test_store_put_span(agt_store *store, agt__store_span span);
void agt_test_store_put_cost(agt_store *store, agt_cost_entry entry);

#endif /* AGENT_SDK_TESTS_STORES_H */
