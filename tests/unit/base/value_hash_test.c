/*
 * The hash: that of the canonical text, whole or in chunks, for ever the same.
 */
#include "agent_sdk/value.h"

#include "support/test.h"
#include "support/torture.h"
#include "support/values.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hex(const uint8_t hash[32], char text[65])
{
    for (int i = 0; i < 32; i++) {
        (void)snprintf(text + (size_t)i * 2, 3, "%02x", hash[i]);
    }
}

/* These may never change: journals and caches are keyed by them. */
static void test_known_hashes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"null", "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"},
        {"{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
        {"[]", "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"},
        {"\"\"", "12ae32cb1ec02d01eda3581b127c1fee3b0dc53572ed6baf239721a03d82e126"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_value *value = agt_test_value(NULL, cases[i][0]);
        uint8_t hash[32];
        char text[65];
        assert_int_equal(agt_value_hash(value, hash), AGT_OK);
        hex(hash, text);
        assert_string_equal(text, cases[i][1]);
        agt_value_unref(value);
    }
}

/* What is fed chunk by chunk is the canonical text, around every size of the chunk. */
static void test_chunks(void **state)
{
    (void)state;
    static char json[20000];
    for (size_t size = 1; size < 12000; size = size * 3 / 2 + 1) {
        for (size_t extra = 0; extra < 3; extra++) {
            size_t at = (size_t)snprintf(json, sizeof(json), "{\"b\":[1.50,true],\"a\":\"");
            memset(json + at, 'x', size + extra);
            at += size + extra;
            (void)snprintf(json + at, sizeof(json) - at, "\\n\",\"c\":\"%08000d\"}", 7);
            agt_value *value = agt_test_value(NULL, json);
            agt_value *text = NULL;
            uint8_t hash[32];
            uint8_t expected[EVP_MAX_MD_SIZE];
            assert_int_equal(agt_value_hash(value, hash), AGT_OK);
            assert_int_equal(agt_value_to_json(NULL, value, AGT_JSON_CANONICAL, &text), AGT_OK);
            size_t length = 0;
            const char *bytes = agt_value_get_string(text, &length);
            assert_int_equal(EVP_Digest(bytes, length, expected, NULL, EVP_sha256(), NULL), 1);
            assert_memory_equal(hash, expected, 32);
            agt_value_unref(text);
            agt_value_unref(value);
        }
    }
}

static void check_same(const char *a, const char *b, bool same)
{
    agt_value *first = agt_test_value(NULL, a);
    agt_value *second = agt_test_value(NULL, b);
    uint8_t first_hash[32];
    uint8_t second_hash[32];
    assert_int_equal(agt_value_hash(first, first_hash), AGT_OK);
    assert_int_equal(agt_value_hash(second, second_hash), AGT_OK);
    assert_int_equal(memcmp(first_hash, second_hash, 32) == 0, same);
    agt_value_unref(first);
    agt_value_unref(second);
}

static void test_equal_values(void **state)
{
    (void)state;
    check_same("[1,1.0,10e-1]", "[1,1,1]", true);
    check_same("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true);
    check_same("-0", "0", true);
    check_same("9007199254740993", "9007199254740992", false);
    check_same("[[],[]]", "[[[]]]", false);
    check_same("\"1\"", "1", false);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    uint8_t of_null[32];
    uint8_t hash[32];
    assert_int_equal(agt_value_hash(agt_value_null(), NULL), AGT_E_INVALID);
    assert_int_equal(agt_value_hash(NULL, hash), AGT_OK);
    assert_int_equal(agt_value_hash(agt_value_null(), of_null), AGT_OK);
    assert_memory_equal(hash, of_null, 32);
}

static void hash_value(const agt_allocator *allocator, void *ctx)
{
    const char *json = ctx;
    agt_value *value = NULL;
    agt_status status = agt_json_parse(allocator, json, strlen(json), NULL, &value, NULL);
    uint8_t hash[32] = {0};
    if (status == AGT_OK) {
        status = agt_value_hash(value, hash);
    }
    if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_NOMEM);
        assert_true(agt_test_heap_of(allocator)->failures > 0);
        assert_int_equal(hash[0] | hash[31], 0);
    }
    agt_value_unref(value);
}

static void test_torture(void **state)
{
    (void)state;
    char json[] = "{\"b\":{\"d\":1,\"c\":[1.5,{\"z\":1,\"y\":2}]},\"a\":\"x\"}";
    agt_test_torture(hash_value, json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_hashes), cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_equal_values), cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
