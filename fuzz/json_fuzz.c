/*
 * JSON: any bytes, cut anywhere. The first byte of the input chooses the configuration, the second
 * says how to cut the rest. Whatever the text is:
 *
 *   - in pieces it gives the value, the parts or the failure (to the last byte of its message) that
 *     it gives as a whole;
 *   - what was read is written in each form, read again and equal, and writing that again gives the
 *     same bytes;
 *   - equal values have equal hashes, with and without taint.
 */
#include "agent_sdk/value.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

typedef struct reading {
    agt_status status;
    agt_value *value;
    agt_error err;
    uint64_t parts; /* a hash of all parts that were reported */
} reading;

static void mix(uint64_t *hash, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    for (size_t i = 0; i < size; i++) {
        *hash = (*hash ^ from[i]) * UINT64_C(0x100000001B3);
    }
    *hash = (*hash ^ size) * UINT64_C(0x100000001B3);
}

static void on_part(void *user_data, uint32_t depth, const char *key, size_t key_length,
                    size_t index, const agt_value *value)
{
    reading *self = user_data;
    agt_value_kind kind = agt_value_get_kind(value);
    require(depth > 0 && depth <= 3 && value != NULL);
    mix(&self->parts, &depth, sizeof(depth));
    mix(&self->parts, &index, sizeof(index));
    mix(&self->parts, &kind, sizeof(kind));
    if (key != NULL) {
        require(key[key_length] == '\0');
        mix(&self->parts, key, key_length);
    }
}

static reading parse(const uint8_t *text, size_t size, size_t piece, const agt_json_config *config)
{
    reading got = {.parts = 1};
    agt_json_parser *parser = NULL;
    require(agt_json_parser_new(NULL, config, on_part, 3, &got, &parser) == AGT_OK);
    for (size_t at = 0; at < size; at += piece) {
        /* A copy of exactly that size: reading beyond it is seen. */
        size_t count = size - at < piece ? size - at : piece;
        char *copy = malloc(count);
        require(copy != NULL);
        memcpy(copy, text + at, count);
        agt_status status = agt_json_parser_feed(parser, copy, count, NULL);
        free(copy);
        require(status == AGT_OK || status == AGT_E_SYNTAX || status == AGT_E_LIMIT);
    }
    bool complete = agt_json_parser_is_complete(parser);
    got.status = agt_json_parser_finish(parser, &got.value, &got.err);
    require(!complete || got.status == AGT_OK);
    require((got.value != NULL) == (got.status == AGT_OK));
    agt_json_parser_free(parser);
    return got;
}

/* Write, read, compare, write again. */
static void check_form(const agt_value *value, uint32_t flags, const agt_json_config *config)
{
    agt_value *text = NULL;
    agt_value *back = NULL;
    agt_value *again = NULL;
    require(agt_value_to_json(NULL, value, flags, &text) == AGT_OK);
    size_t length = 0;
    const char *bytes = agt_value_get_string(text, &length);
    require(strlen(bytes) == length);
    for (size_t i = 0; (flags & AGT_JSON_ASCII) && i < length; i++) {
        require((unsigned char)bytes[i] < 0x7F);
    }
    require(agt_json_parse(NULL, bytes, length, config, &back, NULL) == AGT_OK);
    require(agt_value_equals(value, back) && agt_value_equals(back, value));
    require(agt_value_to_json(NULL, back, flags, &again) == AGT_OK);
    require(agt_value_equals(text, again));
    uint8_t hash[32];
    uint8_t back_hash[32];
    require(agt_value_hash(value, hash) == AGT_OK);
    require(agt_value_hash(back, back_hash) == AGT_OK);
    require(memcmp(hash, back_hash, sizeof(hash)) == 0);
    agt_value_unref(again);
    agt_value_unref(back);
    agt_value_unref(text);
}

/* Read every part in every way. */
static void look_into(const agt_value *value)
{
    int64_t int64 = 0;
    uint64_t uint64 = 0;
    double number = 0;
    bool is_int64 = agt_value_get_int64(value, &int64) == AGT_OK;
    bool is_uint64 = agt_value_get_uint64(value, &uint64) == AGT_OK;
    bool is_double = agt_value_get_double(value, &number) == AGT_OK;
    require(!is_int64 || (agt_value_is_integer(value) && is_double && number == (double)int64));
    require(!is_uint64 || (agt_value_is_integer(value) && is_double && number == (double)uint64));
    require(!is_int64 || !is_uint64 || (uint64_t)int64 == uint64);
    for (size_t i = 0; i < agt_value_get_count(value); i++) {
        size_t length = 0;
        const char *key = agt_value_get_key(value, i, &length);
        const agt_value *part = agt_value_get_item(value, i);
        require(key == NULL || agt_value_get_member_n(value, key, length) == part);
        require(!agt_value_is_tainted(part) || agt_value_is_tainted(value));
        look_into(part);
    }
}

static void check_value(const agt_value *value)
{
    agt_json_config most = AGT_CONFIG(agt_json_config, .depth_max = 1024, .nodes_max = 1u << 30,
                                      .number_bytes_max = 4096);
    check_form(value, AGT_JSON_COMPACT, &most);
    check_form(value, AGT_JSON_PRETTY, &most);
    check_form(value, AGT_JSON_ASCII, &most);
    check_form(value, AGT_JSON_CANONICAL, &most);
    look_into(value);
    agt_value *tainted = NULL;
    require(agt_value_with_taint(NULL, value, &tainted) == AGT_OK);
    require(agt_value_is_tainted(tainted) && agt_value_equals(value, tainted));
    look_into(tainted);
    agt_value_unref(tainted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    agt_json_config config = AGT_CONFIG(agt_json_config, .tainted = data[0] & 1);
    config.duplicates = data[0] & 2 ? AGT_JSON_DUPLICATES_LAST : AGT_JSON_DUPLICATES_REJECT;
    config.depth_max = data[0] & 4 ? 3 : 500;
    config.nodes_max = data[0] & 8 ? 10 : 0;
    config.string_bytes_max = data[0] & 16 ? 5 : 0;
    config.number_bytes_max = data[0] & 32 ? 5 : 4096;
    config.document_bytes_max = data[0] & 64 ? 20 : 0;
    reading whole = parse(data + 2, size - 2, SIZE_MAX / 2, &config);
    reading pieces = parse(data + 2, size - 2, (size_t)data[1] + 1, &config);
    require(whole.status == pieces.status && whole.parts == pieces.parts);
    require(memcmp(&whole.err, &pieces.err, sizeof(whole.err)) == 0);
    if (whole.status == AGT_OK) {
        require(agt_value_equals(whole.value, pieces.value));
        require(agt_value_is_tainted(whole.value) == config.tainted);
        check_value(whole.value);
    } else {
        require(whole.err.line > 0 && whole.err.column > 0 && whole.err.message[0] != '\0');
    }
    agt_value_unref(whole.value);
    agt_value_unref(pieces.value);
    return 0;
}
