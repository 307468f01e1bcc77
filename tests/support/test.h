/*
 * test.h - the one header a unit test begins with: cmocka, and what cmocka needs before it.
 */
#ifndef AGT_TESTS_TEST_H
#define AGT_TESTS_TEST_H

/* cmocka.h wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif /* AGT_TESTS_TEST_H */
