/*
 * values.h - values in tests, written as the JSON they are.
 */
#ifndef AGT_TESTS_VALUES_H
#define AGT_TESTS_VALUES_H

#include "agent_sdk/value.h"

/* The value of a JSON text; fails the test if it is none. `allocator` may be NULL. */
agt_value *agt_test_value(const agt_allocator *allocator, const char *json);

/* Fails the test unless `value`, written compactly, is exactly `json`. */
void agt_test_assert_json(const agt_value *value, const char *json);

#endif /* AGT_TESTS_VALUES_H */
