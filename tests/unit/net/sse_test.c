/*
 * Server-sent events: a table of streams and what comes out of them, each replayed whole, byte by
 * byte and cut at every position into two and three pieces; then limits, failures and memory.
 */
#include "net/sse.h"

#include "support/test.h"
#include "support/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct stream {
    const char *name;
    const char *text;
    size_t size;        /* 0 = strlen(text) */
    const char *events; /* type|data|id; for each; a NUL in data is shown as ~ */
    agt_status status;
    int64_t retry_ms;
} stream;

#define EVENTS(name, text, events)                                                                 \
    {                                                                                              \
        name, text, sizeof(text) - 1, events, AGT_OK, -1                                           \
    }
#define RETRY(name, text, retry)                                                                   \
    {                                                                                              \
        name, text, sizeof(text) - 1, "", AGT_OK, retry                                            \
    }
#define FAILS(name, text, events, status)                                                          \
    {                                                                                              \
        name, text, sizeof(text) - 1, events, status, -1                                           \
    }

enum {
    event_bytes_max = 64
};
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static const stream streams[] = {
    EVENTS("empty", "", ""),
    EVENTS("one event", "data: hello\n\n", "message|hello|;"),
    EVENTS("CR", "data: a\rdata: b\r\r", "message|a\nb|;"),
    EVENTS("CRLF", "data: a\r\ndata: b\r\n\r\n", "message|a\nb|;"),
    EVENTS("all three line ends", "data: a\n\rdata: b\r\n\ndata: c\r\r",
           "message|a|;message|b|;message|c|;"),
    EVENTS("LF CR is two ends", "data: a\n\r\n", "message|a|;"),
    EVENTS("CR CR LF is two ends", "data: a\r\r\ndata: b\n\n", "message|a|;message|b|;"),
    EVENTS("no blank line, no event", "data: lost\n", ""),
    EVENTS("no line end at all", "data: lost", ""),
    EVENTS("type", "event: delta\ndata: x\n\n", "delta|x|;"),
    EVENTS("type is for one event", "event: a\ndata: 1\n\ndata: 2\n\n", "a|1|;message|2|;"),
    EVENTS("the last type counts", "event: a\nevent: b\ndata: 1\n\n", "b|1|;"),
    EVENTS("an empty type is the default", "event: a\nevent\ndata: 1\n\n", "message|1|;"),
    EVENTS("a type without data is forgotten", "event: a\n\ndata: 1\n\n", "message|1|;"),
    EVENTS("empty data is data", "data\n\ndata:\n\ndata: \n\n", "message||;message||;message||;"),
    EVENTS("two empty lines of data", "data\ndata\n\n", "message|\n|;"),
    EVENTS("only one space is cut", "data:  x\ndata:y\ndata: z \n\n", "message| x\ny\nz |;"),
    EVENTS("a tab is not a space", "data:\tx\n\n", "message|\tx|;"),
    EVENTS("colons in the value", "data: a: b:c\n\n", "message|a: b:c|;"),
    EVENTS("comments", ": hello\n:\ndata: x\n: y\ndata: z\n\n:\n\n", "message|x\nz|;"),
    EVENTS("unknown fields", "foo: 1\nDATA: 2\n data: 3\ndatax: 4\ndat: 5\ndata: 6\n\n",
           "message|6|;"),
    EVENTS("id stays", "id: 7\ndata: a\n\ndata: b\n\n", "message|a|7;message|b|7;"),
    EVENTS("id is reset by an empty one", "id: 7\ndata: a\n\nid\ndata: b\n\n",
           "message|a|7;message|b|;"),
    EVENTS("id of an event without data stays", "id: 7\n\ndata: b\n\n", "message|b|7;"),
    EVENTS("id with NUL is ignored",
           "id: 7\nid: 8\0"
           "9\ndata: a\n\n",
           "message|a|7;"),
    EVENTS("NUL in data", "data: a\0b\n\n", "message|a~b|;"),
    EVENTS("byte order mark",
           "\xEF\xBB\xBF"
           "data: x\n\n",
           "message|x|;"),
    EVENTS("only the first mark",
           "\xEF\xBB\xBF\xEF\xBB\xBF"
           "data: x\n\ndata: y\n\n",
           "message|y|;"),
    EVENTS("a mark later is text", "data: \xEF\xBB\xBFx\n\n", "message|\xEF\xBB\xBFx|;"),
    EVENTS("almost a mark",
           "\xEF\xBB\xBE"
           "data: x\n\ndata: y\n\n",
           "message|y|;"),
    EVENTS("a mark alone", "\xEF\xBB\xBF", ""),
    EVENTS("a mark and a line end", "\xEF\xBB\xBF\ndata: x\n\n", "message|x|;"),
    EVENTS("UTF-8 of every length", "data: \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80\n\n",
           "message|\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80|;"),
    EVENTS(
        "the ends of the ranges",
        "data: "
        "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\n\n",
        "message|"
        "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF|;"),
    EVENTS("data after [DONE]", "data: [DONE]\n\ndata: x\n\n", "message|[DONE]|;message|x|;"),
    EVENTS("cut JSON", "data: {\"a\": \"b\n\ndata: c\"}\n\n",
           "message|{\"a\": \"b|;message|c\"}|;"),
    EVENTS("duplicate ids", "id: 1\ndata: a\n\nid: 1\ndata: b\n\n", "message|a|1;message|b|1;"),
    EVENTS("many blank lines", "\n\n\n\r\r\r\r\ndata: x\n\n\n\n", "message|x|;"),
    EVENTS("data of the largest size", "data:" X16 X16 X16 "xxxxxxxxxxx\n\n",
           "message|" X16 X16 X16 "xxxxxxxxxxx|;"),
    EVENTS("two lines of the largest size", "data:" X16 X16 "\ndata:" X16 "xxxxxxxxxxxxxxx\n\n",
           "message|" X16 X16 "\n" X16 "xxxxxxxxxxxxxxx|;"),
    RETRY("retry", "retry: 1500\n", 1500),
    RETRY("retry of zero", "retry:0\n", 0),
    RETRY("the last retry", "retry: 1\nretry: 2\n", 2),
    RETRY("retry with a sign", "retry: -1\nretry: +1\n", -1),
    RETRY("retry with a unit", "retry: 10s\n", -1),
    RETRY("retry with nothing", "retry\nretry: \n", -1),
    RETRY("retry beyond meaning", "retry: 99999999999999999999\n", -1),
    RETRY("retry not finished", "retry: 15", -1),
    FAILS("a stray byte", "data: a\n\ndata: \x80\n\n", "message|a|;", AGT_E_SYNTAX),
    FAILS("a character cut by the line's end", "data: \xE2\x82\n\n", "", AGT_E_SYNTAX),
    FAILS("an overlong slash", "data: \xC0\xAF\n\n", "", AGT_E_SYNTAX),
    FAILS("an overlong of three", "data: \xE0\x9F\xBF\n\n", "", AGT_E_SYNTAX),
    FAILS("an overlong of four", "data: \xF0\x8F\xBF\xBF\n\n", "", AGT_E_SYNTAX),
    FAILS("a surrogate", "data: \xED\xA0\x80\n\n", "", AGT_E_SYNTAX),
    FAILS("above U+10FFFF", "data: \xF4\x90\x80\x80\n\n", "", AGT_E_SYNTAX),
    FAILS("a byte that is never UTF-8", "data: \xFF\n\n", "", AGT_E_SYNTAX),
    FAILS("a bad third byte", "data: \xE2\x82x\n\n", "", AGT_E_SYNTAX),
    FAILS("UTF-16",
          "\xFF\xFE"
          "d\0a\0\n",
          "", AGT_E_SYNTAX),
    FAILS("half a mark", "\xEF\xBB\n\n", "", AGT_E_SYNTAX),
    FAILS("not UTF-8 in a comment", ": \xFF\n", "", AGT_E_SYNTAX),
    FAILS("a line that is too long", "data: a\n\ndata:" X64 "\n\n", "message|a|;", AGT_E_LIMIT),
    FAILS("a comment that is too long", ":" X64 "\n", "", AGT_E_LIMIT),
    FAILS("a line too long without an end", "x" X64, "", AGT_E_LIMIT),
    FAILS("an event that is too long", "data:" X16 X16 "\ndata:" X16 X16 "\n\n", "", AGT_E_LIMIT),
    FAILS("too many empty lines of data",
          "data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n"
          "data:" X16 X16 "\ndata:" X16 "xxxxxxxx\n\n",
          "", AGT_E_LIMIT),
};

/* ---- replaying ---- */

typedef struct recorder {
    char text[1000];
    size_t length;
    size_t stop_after; /* events; 0 = never */
    size_t count;
} recorder;

static bool record(void *user_data, const agt__sse_event *event)
{
    recorder *self = user_data;
    assert_int_equal(event->data[event->data_size], '\0');
    char data[event_bytes_max + 1];
    assert_true(event->data_size <= event_bytes_max);
    memcpy(data, event->data, event->data_size + 1);
    for (size_t i = 0; i < event->data_size; i++) {
        data[i] = data[i] == '\0' ? '~' : data[i];
    }
    int written = snprintf(self->text + self->length, sizeof(self->text) - self->length,
                           "%s|%s|%s;", event->type, data, event->id);
    assert_true(written > 0 && self->length + (size_t)written < sizeof(self->text));
    self->length += (size_t)written;
    self->count++;
    return self->count != self->stop_after;
}

/* Cuts at @first and @second; each piece is a copy of its own, so that a sanitizer sees a read
 * beyond it. */
static agt_status feed_cut(agt__sse *sse, const stream *given, size_t first, size_t second)
{
    const size_t cuts[] = {0, first, second, given->size};
    agt_status status = AGT_OK;
    for (size_t i = 0; i < 3 && status == AGT_OK; i++) {
        size_t size = cuts[i + 1] - cuts[i];
        char *piece = malloc(size > 0 ? size : 1);
        assert_non_null(piece);
        memcpy(piece, given->text + cuts[i], size);
        status = agt__sse_feed(sse, piece, size, NULL);
        free(piece);
    }
    return status;
}

static void check(const stream *given, const recorder *got, agt_status status, int64_t retry_ms,
                  size_t first, size_t second)
{
    if (status != given->status || retry_ms != given->retry_ms ||
        strcmp(got->text, given->events) != 0) {
        fail_msg("\"%s\" cut at %zu and %zu: status %d, retry %lld, events %s", given->name, first,
                 second, (int)status, (long long)retry_ms, got->text);
    }
}

static void replay(const stream *given, size_t first, size_t second)
{
    recorder got = {.length = 0};
    agt__sse *sse = NULL;
    assert_int_equal(agt__sse_new(NULL, event_bytes_max, record, &got, &sse), AGT_OK);
    agt_status status = feed_cut(sse, given, first, second);
    check(given, &got, status, agt__sse_get_retry_ms(sse), first, second);
    agt__sse_free(sse);
}

static void every_stream_whole_and_cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        const stream *given = &streams[i];
        for (size_t first = 0; first <= given->size; first++) {
            for (size_t second = first; second <= given->size; second++) {
                replay(given, first, second);
            }
        }
    }
}

static void every_stream_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        const stream *given = &streams[i];
        recorder got = {.length = 0};
        agt__sse *sse = NULL;
        assert_int_equal(agt__sse_new(NULL, event_bytes_max, record, &got, &sse), AGT_OK);
        agt_status status = AGT_OK;
        for (size_t at = 0; at < given->size && status == AGT_OK; at++) {
            char byte = given->text[at];
            status = agt__sse_feed(sse, &byte, 1, NULL);
        }
        check(given, &got, status, agt__sse_get_retry_ms(sse), 1, 1);
        agt__sse_free(sse);
    }
}

/* ---- failures ---- */

static void a_failure_stays_and_says_where(void **state)
{
    (void)state;
    recorder got = {.length = 0};
    agt__sse *sse = NULL;
    agt_error err = {0};
    assert_int_equal(agt__sse_new(NULL, 0, record, &got, &sse), AGT_OK);
    assert_int_equal(agt__sse_feed(sse, "data: a\n\n\xFF\n", 11, &err), AGT_E_SYNTAX);
    assert_int_equal(err.status, AGT_E_SYNTAX);
    assert_int_equal(err.line, 3);
    assert_string_equal(err.message, "line 3 of the event stream is not UTF-8");
    memset(&err, 0, sizeof(err));
    assert_int_equal(agt__sse_feed(sse, "data: b\n\n", 9, &err), AGT_E_SYNTAX);
    assert_int_equal(err.line, 3);
    assert_int_equal(agt__sse_feed(sse, NULL, 0, NULL), AGT_E_SYNTAX);
    assert_string_equal(got.text, "message|a|;");
    agt__sse_free(sse);
    agt__sse_free(NULL);
}

static void the_reader_may_stop(void **state)
{
    (void)state;
    recorder got = {.stop_after = 2};
    agt__sse *sse = NULL;
    agt_error err = {0};
    const char *text = "data: a\n\ndata: b\n\ndata: c\n\n";
    assert_int_equal(agt__sse_new(NULL, 0, record, &got, &sse), AGT_OK);
    assert_int_equal(agt__sse_feed(sse, text, strlen(text), &err), AGT_E_CANCELLED);
    assert_int_equal(err.status, AGT_E_CANCELLED);
    assert_int_equal(agt__sse_feed(sse, text, strlen(text), NULL), AGT_E_CANCELLED);
    assert_string_equal(got.text, "message|a|;message|b|;");
    agt__sse_free(sse);
}

typedef struct tally {
    size_t events, bytes;
} tally;

static bool add_up(void *user_data, const agt__sse_event *event)
{
    tally *self = user_data;
    self->events++;
    self->bytes += event->data_size;
    return true;
}

/* A line of ten million bytes: refused at the default limit, whole if allowed. */
static void a_very_long_line(void **state)
{
    (void)state;
    enum {
        size = 10000000
    };
    char *text = malloc(size + 8);
    assert_non_null(text);
    memset(text, 'x', size + 8);
    memcpy(text, "data: ", 6);
    memcpy(text + 6 + size, "\n\n", 2);
    tally got = {0};
    agt__sse *sse = NULL;
    assert_int_equal(agt__sse_new(NULL, 0, add_up, &got, &sse), AGT_OK);
    assert_int_equal(agt__sse_feed(sse, text, size + 8, NULL), AGT_E_LIMIT);
    agt__sse_free(sse);
    assert_int_equal(got.events, 0);
    assert_int_equal(agt__sse_new(NULL, 16000000, add_up, &got, &sse), AGT_OK);
    for (size_t at = 0; at < size + 8; at += 1000) {
        size_t count = size + 8 - at < 1000 ? size + 8 - at : 1000;
        assert_int_equal(agt__sse_feed(sse, text + at, count, NULL), AGT_OK);
    }
    agt__sse_free(sse);
    assert_int_equal(got.events, 1);
    assert_int_equal(got.bytes, size);
    free(text);
}

/* Quadratic work would take minutes here: the search for the missing LF must not be repeated. */
static void a_million_line_ends_of_one_kind(void **state)
{
    (void)state;
    enum {
        size = 4000000
    };
    char *text = malloc(size);
    assert_non_null(text);
    const char kinds[] = {'\r', '\n', ':'};
    for (size_t i = 0; i < 3; i++) {
        memset(text, kinds[i], size);
        if (kinds[i] == ':') {
            for (size_t at = 1; at < size; at += 2) {
                text[at] = '\r';
            }
        }
        tally got = {0};
        agt__sse *sse = NULL;
        assert_int_equal(agt__sse_new(NULL, 0, add_up, &got, &sse), AGT_OK);
        assert_int_equal(agt__sse_feed(sse, text, size, NULL), AGT_OK);
        agt__sse_free(sse);
        assert_int_equal(got.events, 0);
    }
    free(text);
}

static void parse_some(const agt_allocator *allocator, void *ctx)
{
    (void)ctx;
    tally got = {0};
    agt__sse *sse = NULL;
    if (agt__sse_new(allocator, 0, add_up, &got, &sse) != AGT_OK) {
        return;
    }
    const char *pieces[] = {"event: del", "ta\nid: 17\ndata: ", X64 X64 X64 "\n", "data: y\n\n"};
    agt_status status = AGT_OK;
    agt_error err = {0};
    for (size_t i = 0; i < 4 && status == AGT_OK; i++) {
        status = agt__sse_feed(sse, pieces[i], strlen(pieces[i]), &err);
    }
    assert_true(status == AGT_OK || (status == AGT_E_NOMEM && err.status == AGT_E_NOMEM));
    assert_int_equal(got.events, status == AGT_OK ? 1 : 0);
    agt__sse_free(sse);
}

static void memory_may_run_out_at_any_point(void **state)
{
    (void)state;
    agt_test_torture(parse_some, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stream_whole_and_cut_everywhere),
        cmocka_unit_test(every_stream_byte_by_byte),
        cmocka_unit_test(a_failure_stays_and_says_where),
        cmocka_unit_test(the_reader_may_stop),
        cmocka_unit_test(a_very_long_line),
        cmocka_unit_test(a_million_line_ends_of_one_kind),
        cmocka_unit_test(memory_may_run_out_at_any_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
