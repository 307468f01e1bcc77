/*
 * The JSON parser: one state machine over bytes. agt_json_parse() is one piece fed to it and
 * finished, so there is no second parser that could disagree with it.
 *
 * States are between tokens (what may come next) or inside one (a string, an escape, a number, a
 * literal). What is open is on the tree's stack, not on ours. A token that lies in one piece and
 * needs no decoding is used where it lies; otherwise it is collected in `token`.
 *
 * The same text gives the same answer however it is split, failures included. For that every check
 * depends on bytes and on what came before them only, never on what happens to be in the piece:
 * limits are met at the byte that exceeds them.
 *
 * Position: `line_start` is where the current line begins in this piece, `columns_before` how many
 * characters of the line were in earlier pieces. Columns are only counted at the end of a piece
 * and for a message.
 */
#include "base/json_parser.h"

#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* ---- values ---------------------------------------------------------------------------------- */

/* Tell about the value that was just added to the innermost open frame. */
static void report_part(agt_json_parser *parser, uint32_t number)
{
    const agt__tree *tree = &parser->tree;
    size_t depth = tree->frame_count;
    if (parser->on_part == NULL || depth == 0 || depth > parser->part_depth_max) {
        return;
    }
    const agt__tree_frame *top = agt__tree_top(tree);
    const agt__tree_item *item = &tree->items[number];
    const char *key = top->is_object ? agt__tree_item_key(tree, item) : NULL;
    parser->on_part(parser->user_data, (uint32_t)depth, key, item->key_length, number - top->first,
                    item->value);
}

/* Which item the next value becomes. */
static uint32_t next_item(const agt__tree *tree, size_t frame_count)
{
    if (frame_count == 0) {
        return 0;
    }
    const agt__tree_frame *frame = &tree->frames[frame_count - 1];
    if (frame->is_object) {
        return frame->target;
    }
    return frame_count < tree->frame_count ? frame[1].first : (uint32_t)tree->item_count;
}

/* A scalar is complete; its reference is taken. */
bool agt__json_add_scalar(agt_json_parser *parser, agt_value *value)
{
    uint32_t number = next_item(&parser->tree, parser->tree.frame_count);
    agt_status status = agt__tree_take(&parser->tree, value);
    if (status != AGT_OK) {
        (void)agt__json_fail_inside(parser, status, NULL);
        return false;
    }
    parser->state = AFTER_VALUE;
    report_part(parser, number);
    return true;
}

static const char *end_container(agt_json_parser *parser, const char *at)
{
    uint32_t number = next_item(&parser->tree, parser->tree.frame_count - 1);
    agt_status status = agt__tree_end(&parser->tree);
    if (status != AGT_OK) {
        return agt__json_fail_inside(parser, status, at);
    }
    parser->state = AFTER_VALUE;
    report_part(parser, number);
    return at + 1;
}

static const char *begin_container(agt_json_parser *parser, const char *at)
{
    if (parser->tree.frame_count >= parser->config.depth_max) {
        return agt__json_fail(parser, AGT_E_LIMIT, at, "nested deeper than %u",
                              parser->config.depth_max);
    }
    agt_status status = agt__tree_begin(&parser->tree, *at == '{');
    if (status != AGT_OK) {
        return agt__json_fail_inside(parser, status, at);
    }
    parser->state = *at == '{' ? EXPECT_KEY_OR_END : EXPECT_ITEM_OR_END;
    return at + 1;
}

/* ---- between tokens -------------------------------------------------------------------------- */

static void begin_token(agt_json_parser *parser, parse_state state, const char *at)
{
    parser->state = state;
    parser->token_start = at;
    agt__buffer_clear(&parser->token);
}

static const char *begin_string(agt_json_parser *parser, const char *at, const char *end,
                                bool is_key)
{
    begin_token(parser, IN_STRING, at);
    parser->is_key = is_key;
    return agt__json_read_string(parser, at + 1, end);
}

/* The first byte of a value. */
static const char *begin_value(agt_json_parser *parser, const char *at, const char *end)
{
    char c = *at;
    bool is_literal = c == 'n' || c == 't' || c == 'f';
    bool is_number = c == '-' || (c >= '0' && c <= '9');
    if (c != '"' && c != '{' && c != '[' && !is_literal && !is_number) {
        return agt__json_fail_unexpected(parser, at, at);
    }
    if (parser->nodes >= parser->config.nodes_max) {
        return agt__json_fail(parser, AGT_E_LIMIT, at, "more than %u values",
                              parser->config.nodes_max);
    }
    parser->nodes++;
    if (c == '"') {
        return begin_string(parser, at, end, false);
    }
    if (c == '{' || c == '[') {
        return begin_container(parser, at);
    }
    if (is_number) {
        begin_token(parser, IN_NUMBER, at);
        parser->number_state = 0;
        return agt__json_read_number(parser, at, end);
    }
    begin_token(parser, IN_LITERAL, at);
    parser->literal = c == 'n' ? 0 : c == 't' ? 1 : 2;
    parser->matched = 0;
    return agt__json_read_literal(parser, at, end);
}

static const char *skip_space(agt_json_parser *parser, const char *at, const char *end)
{
    for (; at < end; at++) {
        char c = *at;
        if (c == '\n') {
            parser->line++;
            parser->line_start = at + 1;
            parser->columns_before = 0;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            break;
        }
    }
    return at;
}

static const char *read_after_value(agt_json_parser *parser, const char *at)
{
    const agt__tree_frame *top = agt__tree_top(&parser->tree);
    if (top != NULL && *at == ',') {
        parser->state = top->is_object ? EXPECT_KEY : EXPECT_VALUE;
        return at + 1;
    }
    if (top != NULL && *at == (top->is_object ? '}' : ']')) {
        return end_container(parser, at);
    }
    return agt__json_fail_unexpected(parser, at, at);
}

static const char *read_between(agt_json_parser *parser, const char *at, const char *end)
{
    at = skip_space(parser, at, end);
    if (at == end) {
        return at;
    }
    switch (parser->state) {
    case EXPECT_ITEM_OR_END:
        if (*at == ']') {
            return end_container(parser, at);
        }
        return begin_value(parser, at, end);
    case EXPECT_VALUE:
        return begin_value(parser, at, end);
    case EXPECT_KEY_OR_END:
        if (*at == '}') {
            return end_container(parser, at);
        }
        return *at == '"' ? begin_string(parser, at, end, true)
                          : agt__json_fail_unexpected(parser, at, at);
    case EXPECT_KEY:
        return *at == '"' ? begin_string(parser, at, end, true)
                          : agt__json_fail_unexpected(parser, at, at);
    case EXPECT_COLON:
        if (*at != ':') {
            return agt__json_fail_unexpected(parser, at, at);
        }
        parser->state = EXPECT_VALUE;
        return at + 1;
    default:
        return read_after_value(parser, at);
    }
}

static void run(agt_json_parser *parser, const char *at, const char *end)
{
    while (at != NULL && at < end) {
        switch (parser->state) {
        case EXPECT_VALUE:
        case EXPECT_ITEM_OR_END:
        case EXPECT_KEY_OR_END:
        case EXPECT_KEY:
        case EXPECT_COLON:
        case AFTER_VALUE:
            at = read_between(parser, at, end);
            break;
        case IN_STRING:
            at = agt__json_read_string(parser, at, end);
            break;
        case IN_ESCAPE:
            at = agt__json_read_escape(parser, at);
            break;
        case IN_HEX:
            at = agt__json_read_hex(parser, at, end);
            break;
        case EXPECT_LOW_ESCAPE:
        case EXPECT_LOW_U:
            at = agt__json_read_low_start(parser, at);
            break;
        case IN_NUMBER:
            at = agt__json_read_number(parser, at, end);
            break;
        case IN_LITERAL:
            at = agt__json_read_literal(parser, at, end);
            break;
        }
    }
}

/* ---- the parser as an object ----------------------------------------------------------------- */

static void reset(agt_json_parser *parser)
{
    agt__tree_clear(&parser->tree);
    agt__buffer_clear(&parser->token);
    parser->state = EXPECT_VALUE;
    parser->nodes = 0;
    parser->utf8 = (agt__utf8){0};
    parser->high = 0;
    parser->bytes_before = 0;
    parser->columns_before = 0;
    parser->line = 1;
    parser->failure.status = AGT_OK;
}

/* Put the defaults in and refuse what is beyond the maxima. */
static agt_status resolve(agt_json_config *config, agt_error *err)
{
    config->depth_max = config->depth_max != 0 ? config->depth_max : 64;
    config->nodes_max = config->nodes_max != 0 ? config->nodes_max : 100000;
    config->number_bytes_max = config->number_bytes_max != 0 ? config->number_bytes_max : 64;
    config->string_bytes_max = config->string_bytes_max != 0 ? config->string_bytes_max : 8 << 20;
    config->document_bytes_max =
        config->document_bytes_max != 0 ? config->document_bytes_max : 32 << 20;
    if (config->depth_max > AGT__VALUE_DEPTH_MAX || config->nodes_max > 1u << 30 ||
        config->number_bytes_max > AGT__NUMBER_BYTES_MAX ||
        config->string_bytes_max > AGT__VALUE_BYTES_MAX ||
        config->document_bytes_max > AGT__VALUE_BYTES_MAX) {
        return agt__error_set(err, AGT_E_INVALID, AGT__JSON_ORIGIN,
                              "a limit is beyond its maximum: depth 1024, nodes 2^30, number 4096, "
                              "string and document 1 GiB");
    }
    if (config->duplicates != AGT_JSON_DUPLICATES_REJECT &&
        config->duplicates != AGT_JSON_DUPLICATES_LAST) {
        return agt__error_set(err, AGT_E_INVALID, AGT__JSON_ORIGIN, "duplicates has no policy %d",
                              (int)config->duplicates);
    }
    for (size_t i = 0; i < sizeof(config->reserved); i++) {
        if (config->reserved[i]) {
            return agt__error_set(err, AGT_E_VERSION, AGT__JSON_ORIGIN, "reserved member is set");
        }
    }
    return AGT_OK;
}

static agt_status init(agt_json_parser *parser, const agt_allocator *allocator,
                       const agt_json_config *config, agt_error *err)
{
    memset(parser, 0, sizeof(*parser));
    agt_status status = agt__config_read(&parser->config, sizeof(parser->config), config, err);
    if (status == AGT_OK) {
        status = resolve(&parser->config, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    agt__tree_init(&parser->tree, allocator, agt__json_taint(parser));
    agt__buffer_init(&parser->token, allocator, AGT__VALUE_BYTES_MAX);
    reset(parser);
    return AGT_OK;
}

static void deinit(agt_json_parser *parser)
{
    agt__tree_deinit(&parser->tree);
    agt__buffer_deinit(&parser->token);
}

agt_status agt_json_parser_new(const agt_allocator *allocator, const agt_json_config *config,
                               agt_json_part_fn on_part, uint32_t depth_max, void *user_data,
                               agt_json_parser **ret_parser)
{
    if (ret_parser == NULL) {
        return AGT_E_INVALID;
    }
    agt_json_parser *parser = agt__alloc(allocator, sizeof(*parser));
    if (parser == NULL) {
        return AGT_E_NOMEM;
    }
    agt_status status = init(parser, allocator, config, NULL);
    if (status != AGT_OK) {
        agt__free(allocator, parser);
        return status;
    }
    parser->on_part = on_part;
    parser->part_depth_max = depth_max;
    parser->user_data = user_data;
    *ret_parser = parser;
    return AGT_OK;
}

void agt_json_parser_free(agt_json_parser *parser)
{
    if (parser != NULL) {
        const agt_allocator *allocator = parser->tree.allocator;
        deinit(parser);
        agt__free(allocator, parser);
    }
}

static agt_status answer(const agt_json_parser *parser, agt_error *err)
{
    if (parser->failure.status != AGT_OK && err != NULL) {
        *err = parser->failure;
    }
    return parser->failure.status;
}

agt_status agt_json_parser_feed(agt_json_parser *parser, const char *bytes, size_t length,
                                agt_error *err)
{
    if (parser == NULL || (bytes == NULL && length > 0)) {
        return agt__error_set(err, AGT_E_INVALID, AGT__JSON_ORIGIN, "parser or bytes is NULL");
    }
    if (length == 0 || parser->failure.status != AGT_OK) {
        return answer(parser, err);
    }
    size_t room = parser->config.document_bytes_max - parser->bytes_before;
    const char *end = bytes + (length < room ? length : room);
    parser->line_start = bytes;
    parser->token_start = NULL;
    run(parser, bytes, end);
    if (parser->failure.status == AGT_OK && length > room) {
        (void)agt__json_fail(parser, AGT_E_LIMIT, end, "the text is longer than %zu bytes",
                             parser->config.document_bytes_max);
    }
    if (parser->failure.status != AGT_OK) {
        agt__tree_clear(&parser->tree);
        return answer(parser, err);
    }
    if (parser->state >= IN_STRING && parser->token_start != NULL) {
        parser->token_column = agt__json_column(parser, parser->token_start);
    }
    parser->columns_before +=
        agt__utf8_count(parser->line_start, (size_t)(end - parser->line_start));
    parser->bytes_before += length;
    return AGT_OK;
}

bool agt_json_parser_is_complete(const agt_json_parser *parser)
{
    return parser != NULL && parser->failure.status == AGT_OK && parser->state == AFTER_VALUE &&
           parser->tree.frame_count == 0;
}

/* The end of the text came. */
static void end_text(agt_json_parser *parser)
{
    const char *nowhere = "";
    parser->line_start = nowhere; /* the position is that behind the last piece */
    parser->token_start = NULL;
    switch (parser->state) {
    case IN_STRING:
    case IN_ESCAPE:
    case IN_HEX:
    case EXPECT_LOW_ESCAPE:
    case EXPECT_LOW_U:
        (void)agt__json_fail(parser, AGT_E_SYNTAX, NULL, "the %s that starts here is not closed",
                             parser->is_key ? "key" : "string");
        return;
    case IN_LITERAL:
        (void)agt__json_fail(parser, AGT_E_SYNTAX, nowhere,
                             "expected %s, found the end of the text", agt__json_literal(parser));
        return;
    case IN_NUMBER:
        if (!agt__json_end_number(parser, parser->token.bytes, parser->token.size, NULL, nowhere)) {
            return;
        }
        break;
    default:
        break;
    }
    if (!agt_json_parser_is_complete(parser)) {
        (void)agt__json_fail_unexpected(parser, NULL, nowhere);
    }
}

agt_status agt_json_parser_finish(agt_json_parser *parser, agt_value **ret_value, agt_error *err)
{
    if (parser == NULL || ret_value == NULL) {
        return agt__error_set(err, AGT_E_INVALID, AGT__JSON_ORIGIN, "parser or ret_value is NULL");
    }
    if (parser->failure.status == AGT_OK) {
        end_text(parser);
    }
    agt_status status = answer(parser, err);
    if (status == AGT_OK) {
        *ret_value = agt__tree_take_root(&parser->tree);
    }
    reset(parser);
    return status;
}

agt_status agt_json_parse(const agt_allocator *allocator, const char *text, size_t length,
                          const agt_json_config *config, agt_value **ret_value, agt_error *err)
{
    if (ret_value == NULL || (text == NULL && length > 0)) {
        return agt__error_set(err, AGT_E_INVALID, AGT__JSON_ORIGIN, "text or ret_value is NULL");
    }
    agt_json_parser parser;
    agt_status status = init(&parser, allocator, config, err);
    if (status != AGT_OK) {
        return status;
    }
    /* A failure is kept in the parser, and finish reports it. */
    (void)!agt_json_parser_feed(&parser, text, length, NULL);
    status = agt_json_parser_finish(&parser, ret_value, err);
    deinit(&parser);
    return status;
}
