/*
 * The same random documents against jansson, which is loaded if the dynamic linker finds it: the
 * same ones are accepted, and what jansson writes means the same to us. Jansson keeps numbers as
 * 64-bit integers and doubles, so they are compared as doubles, and what does not fit it is left
 * out. Skipped without libjansson4.
 */
#include "agent_sdk/value.h"

#include "support/json_peer.h"
#include "support/test.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in jansson.h, version 2. */
typedef struct jansson_error {
    int line, column, position;
    char source[80];
    char text[160];
} jansson_error;

enum {
    REJECT_DUPLICATES = 0x1,
    DECODE_ANY = 0x4,
    ALLOW_NUL = 0x10,
    ENCODE_ANY = 0x200,
    COMPACT = 0x20
};

typedef struct jansson {
    void *(*loadb)(const char *bytes, size_t size, size_t flags, jansson_error *error);
    char *(*dumps)(const void *json, size_t flags);
    void (*destroy)(void *json);
    size_t compared, left_out;
} jansson;

static bool load(jansson *j)
{
    void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return false;
    }
    *(void **)&j->loadb = dlsym(library, "json_loadb");
    *(void **)&j->dumps = dlsym(library, "json_dumps");
    *(void **)&j->destroy = dlsym(library, "json_delete");
    return j->loadb != NULL && j->dumps != NULL && j->destroy != NULL;
}

/* Equality with numbers as doubles. */
static bool equal(const agt_value *a, const agt_value *b)
{
    if (agt_value_get_kind(a) != agt_value_get_kind(b) ||
        agt_value_get_count(a) != agt_value_get_count(b)) {
        return false;
    }
    if (agt_value_get_kind(a) == AGT_VALUE_NUMBER) {
        double first = 0;
        double second = 1;
        return agt_value_get_double(a, &first) == AGT_OK &&
               agt_value_get_double(b, &second) == AGT_OK && first == second;
    }
    for (size_t i = 0; i < agt_value_get_count(a); i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(a, i, &length);
        const agt_value *other =
            key != NULL ? agt_value_get_member_n(b, key, length) : agt_value_get_item(b, i);
        if (other == NULL || !equal(agt_value_get_item(a, i), other)) {
            return false;
        }
    }
    return agt_value_get_count(a) > 0 || agt_value_equals(a, b);
}

/* Whether jansson has a reason of its own: its range of numbers, NUL in keys; a NUL byte between
 * tokens ends the text for it. */
static bool is_own_way(const agt_test_json_case *c, const char *text)
{
    return memchr(c->document, '\0', c->size) != NULL || strstr(text, "too big") != NULL ||
           strstr(text, "overflow") != NULL || strstr(text, "NUL byte in object key") != NULL;
}

static void check(const agt_test_json_case *c, void *ctx)
{
    jansson *peer = ctx;
    agt_json_config config =
        AGT_CONFIG(agt_json_config, .number_bytes_max = 4096, .depth_max = 1024);
    jansson_error error = {0};
    agt_value *value = NULL;
    agt_error err = {0};
    agt_status status = agt_json_parse(NULL, c->document, c->size, &config, &value, &err);
    void *json =
        peer->loadb(c->document, c->size, REJECT_DUPLICATES | DECODE_ANY | ALLOW_NUL, &error);
    if (is_own_way(c, error.text) || status == AGT_E_LIMIT) {
        peer->left_out++;
    } else if ((json != NULL) != (status == AGT_OK)) {
        fail_msg("%s: jansson says %s, we say %d %u:%u %s: %s", c->name,
                 json != NULL ? "yes" : error.text, status, err.line, err.column, err.message,
                 c->document);
    } else if (json != NULL) {
        char *text = peer->dumps(json, ENCODE_ANY | COMPACT);
        agt_value *back = NULL;
        assert_non_null(text);
        assert_int_equal(agt_json_parse(NULL, text, strlen(text), &config, &back, NULL), AGT_OK);
        if (!equal(value, back)) {
            fail_msg("%s: jansson reads %s as %s", c->name, c->document, text);
        }
        peer->compared++;
        agt_value_unref(back);
        free(text);
    }
    if (json != NULL) {
        peer->destroy(json);
    }
    agt_value_unref(value);
}

static void test_generated(void **state)
{
    jansson *peer = *state;
    for (unsigned seed = 11; seed <= 13; seed++) {
        assert_int_equal(agt_test_json_peer("generated", seed, 1000, check, peer), 3000);
    }
    print_message("jansson: %zu values compared, %zu documents beyond its limits left out\n",
                  peer->compared, peer->left_out);
    assert_true(peer->compared > 2000);
}

int main(void)
{
    jansson peer = {0};
    if (!load(&peer)) {
        printf("skipped: libjansson.so.4 is not here: apt-get install libjansson4\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_generated, &peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
