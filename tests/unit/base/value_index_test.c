/*
 * Objects with many members: every key is found, no other is, also when their hashes are chosen to
 * collide, and when large objects nest (the table of open objects is shared then).
 */
#include "base/value_node.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_BYTES = 24
};

/* An object with the keys as they come, each with its number as value. */
static agt_value *build(const char (*keys)[KEY_BYTES], size_t count)
{
    agt_value_builder *builder = NULL;
    assert_int_equal(agt_value_builder_new(NULL, &builder), AGT_OK);
    agt_value_builder_begin_object(builder);
    for (size_t i = 0; i < count; i++) {
        agt_value_builder_key(builder, keys[i]);
        agt_value_builder_uint64(builder, i);
    }
    agt_value_builder_end(builder);
    agt_value *value = NULL;
    assert_int_equal(agt_value_builder_finish(builder, &value, NULL), AGT_OK);
    agt_value_builder_free(builder);
    return value;
}

static void check(const char (*keys)[KEY_BYTES], size_t count)
{
    agt_value *value = build(keys, count);
    assert_int_equal(agt_value_get_count(value), count);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = UINT64_MAX;
        const agt_value *member = agt_value_get_member(value, keys[i]);
        assert_int_equal(agt_value_get_uint64(member, &number), AGT_OK);
        assert_int_equal(number, i);
        assert_string_equal(agt_value_get_key(value, i, NULL), keys[i]);
        assert_null(agt_value_get_member_n(value, keys[i], strlen(keys[i]) - 1));
    }
    assert_null(agt_value_get_member(value, ""));
    assert_null(agt_value_get_member(value, "no such key"));
    agt_value_unref(value);
}

static void test_sizes(void **state)
{
    (void)state;
    static char keys[3000][KEY_BYTES];
    for (size_t i = 0; i < 3000; i++) {
        (void)snprintf(keys[i], KEY_BYTES, "%zu!", i * 7919);
    }
    for (size_t count = 1; count < 70; count++) {
        check((const char(*)[KEY_BYTES])keys, count);
    }
    check((const char(*)[KEY_BYTES])keys, 3000);
}

/* Keys that all want the same slots: found by trying, since the seed is drawn anew each time. */
static void test_colliding_keys(void **state)
{
    (void)state;
    static char keys[200][KEY_BYTES];
    size_t found = 0;
    for (unsigned long i = 0; found < 200; i++) {
        char key[KEY_BYTES];
        int length = snprintf(key, sizeof(key), "k%lu!", i);
        if ((agt__value_hash_key(key, (size_t)length) & 0x1FF) >= 0x1FE) { /* the last two */
            memcpy(keys[found++], key, sizeof(key));
        }
    }
    for (size_t count = 9; count <= 200; count += 13) {
        check((const char(*)[KEY_BYTES])keys, count);
    }
}

/* The hash depends on each byte and on the length. */
static void test_hash(void **state)
{
    (void)state;
    char key[40] = {0};
    for (size_t length = 0; length < sizeof(key); length++) {
        uint32_t hash = agt__value_hash_key(key, length);
        assert_int_equal(agt__value_hash_key(key, length), hash);
        unsigned equal = length > 0 && agt__value_hash_key(key, length - 1) == hash;
        for (size_t i = 0; i < length; i++) {
            key[i] = 1;
            equal += agt__value_hash_key(key, length) == hash;
            key[i] = 0;
        }
        assert_true(equal <= 1); /* one chance in four thousand million each */
    }
}

static size_t add(char *text, size_t at, const char *piece)
{
    size_t length = strlen(piece);
    memcpy(text + at, piece, length + 1);
    return at + length;
}

/* Objects of 12 members, nested in each other's middle, with the same keys at each level. */
static void test_nested_indexes(void **state)
{
    (void)state;
    enum {
        LEVELS = 30,
        MEMBERS = 40
    };
    static char text[LEVELS * MEMBERS * 20];
    char piece[32];
    size_t at = 0;
    for (int level = 0; level < LEVELS; level++) {
        at = add(text, at, "{");
        for (int i = 0; i < MEMBERS / 2; i++) {
            (void)snprintf(piece, sizeof(piece), "\"k%d\":%d,", i, level);
            at = add(text, at, piece);
        }
        at = add(text, at, "\"in\":");
    }
    at = add(text, at, "null");
    for (int level = LEVELS - 1; level >= 0; level--) {
        for (int i = MEMBERS / 2; i < MEMBERS; i++) {
            (void)snprintf(piece, sizeof(piece), ",\"k%d\":%d", i, level);
            at = add(text, at, piece);
        }
        at = add(text, at, "}");
    }
    agt_value *value = agt_test_value(NULL, text);
    agt_test_assert_json(value, text);
    const agt_value *inner = value;
    for (int level = 0; level < LEVELS; level++) {
        for (int i = 0; i < MEMBERS; i++) {
            int64_t number = -1;
            (void)snprintf(piece, sizeof(piece), "k%d", i);
            assert_int_equal(agt_value_get_int64(agt_value_get_member(inner, piece), &number),
                             AGT_OK);
            assert_int_equal(number, level);
        }
        inner = agt_value_get_member(inner, "in");
    }
    agt_value_unref(value);
    /* A key that comes twice is still seen after the inner objects are closed. */
    text[at - 1] = '\0';
    (void)add(text, at - 1, ",\"k3\":0}");
    agt_error err = {0};
    value = NULL;
    assert_int_equal(agt_json_parse(NULL, text, strlen(text), NULL, &value, &err), AGT_E_SYNTAX);
    assert_non_null(strstr(err.message, "\"k3\" comes twice"));
    assert_int_equal(err.column, at + 1);
}

static void parse(const agt_allocator *allocator, void *ctx)
{
    const char *text = ctx;
    agt_value *value = NULL;
    agt_status status = agt_json_parse(allocator, text, strlen(text), NULL, &value, NULL);
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
    }
    agt_value_unref(value);
}

static void test_torture(void **state)
{
    (void)state;
    static char text[4000];
    size_t at = add(text, 0, "{");
    for (int i = 0; i < 100; i++) {
        char piece[32];
        (void)snprintf(piece, sizeof(piece), "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
        at = add(text, at, piece);
    }
    (void)add(text, at, "}");
    agt_test_torture(parse, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_colliding_keys),
        cmocka_unit_test(test_hash),    cmocka_unit_test(test_nested_indexes),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
