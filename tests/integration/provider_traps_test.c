/*
 * What servers of models do to their clients: the traps that are visible on a socket, one row each,
 * for every wire format, against a server that does what a row says byte for byte. The numbers are
 * those of docs/internals/llm.md. What is in the JSON of a format is in its vectors
 * (tests/data/llm), which provider_vectors_test.c also sends over a socket.
 *
 * Each answer of a row is a connection of its own, so the number of connections is the number of
 * attempts. In bodies, $ and a letter stand for what the format at hand says:
 *
 *     $S  the whole stream         $N  the stream but for its last event    $D  its last event
 *     $P  the stream as far as "Hello"                $B  … as far as the first word
 *     $X  an event that is an error                   $W  the answer as one body
 *     $F  a body: overloaded       $K  a body: wrong key                    $Q  a body: no quota
 */
#include "support/test.h"

#include "base/buffer.h"

#include "support/env.h"
#include "support/formats.h"
#include "support/served.h"
#include "support/server.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRAPS = 53,
    answers_max = 3,
    padding_size = 1500000,
    ANY_FAILURE = 1 /* formats have different ones */
};

typedef enum framing {
    UNTIL_CLOSE,
    LENGTH,
    CHUNKED,   /* of 11 bytes each                         */
    TOO_SHORT, /* closed 10 bytes before the length is reached */
} framing;

typedef enum whom {
    EVERYBODY,
    NEEDS_DONE, /* formats whose last event says that it was all */
    NEEDS_NO_DONE,
} whom;

typedef struct answer {
    const char *status; /* NULL = "200 OK"                                          */
    const char *type;   /* NULL = an event stream; "" = not said                    */
    const char *headers;
    const char *body; /* NULL = no such answer                                    */
    void (*change)(agt__buffer *to, const char *body); /* NULL = as it is           */
    framing framing;
    size_t piece;             /* bytes that are sent at a time; 0 = all                   */
    agt_test_step_kind after; /* AGT_TEST_END, AGT_TEST_HANG, AGT_TEST_RESET              */
    const char *raw;          /* instead of all above                                     */
} answer;

typedef struct row {
    const char *traps, *name;
    answer answers[answers_max];
    whom whom;
    unsigned requests; /* 0 = 1                                                      */
    agt_status status; /* AGT_OK: the answer is whole                                */
    const char *says;  /* in the message; "$": what the format says of a lost quota  */
    const char *kept;  /* text of what was left by a failure; NULL = ""              */
    uint32_t idle_ms, time_ms;
    bool no_stream;
} row;

/* ---- changes of a body ----------------------------------------------------------------------- */

static void end_lines_with(agt__buffer *to, const char *body, const char *end)
{
    for (; *body != '\0'; body++) {
        if (*body == '\n') {
            agt__buffer_add_text(to, end);
        } else {
            agt__buffer_add(to, body, 1);
        }
    }
}

static void use_crlf(agt__buffer *to, const char *body)
{
    end_lines_with(to, body, "\r\n");
}

static void use_cr(agt__buffer *to, const char *body)
{
    end_lines_with(to, body, "\r");
}

static void add_comments(agt__buffer *to, const char *body)
{
    agt__buffer_add_text(to, ": OPENROUTER PROCESSING\n\n:\n");
    end_lines_with(to, body, "\n: still here\n");
}

static void add_empty_events(agt__buffer *to, const char *body)
{
    agt__buffer_add_text(to, "event: ping\n\nid: 7\nretry: 1000\n\nunknown\n\n");
    agt__buffer_add_text(to, body);
}

static void add_mark(agt__buffer *to, const char *body)
{
    agt__buffer_add_text(to, "\xEF\xBB\xBF");
    agt__buffer_add_text(to, body);
}

static void drop_last_line(agt__buffer *to, const char *body)
{
    agt__buffer_add(to, body, strlen(body) - 1);
}

/* Replaces @from wherever it stands. */
static void replace(agt__buffer *to, const char *body, const char *from, const char *with)
{
    for (const char *at = strstr(body, from); at != NULL; at = strstr(body, from)) {
        agt__buffer_add(to, body, (size_t)(at - body));
        agt__buffer_add_text(to, with);
        body = at + strlen(from);
    }
    agt__buffer_add_text(to, body);
}

static void drop_spaces(agt__buffer *to, const char *body)
{
    replace(to, body, "data: ", "data:");
}

/* A member that nobody knows makes each line 1.5 MB long. */
static void make_lines_long(agt__buffer *to, const char *body)
{
    static const char before[] = "data: {\"padding\":\"", behind[] = "\",";
    char *text = malloc(sizeof(before) + padding_size + sizeof(behind));
    assert_non_null(text);
    memcpy(text, before, sizeof(before) - 1);
    memset(text + sizeof(before) - 1, 'x', padding_size);
    memcpy(text + sizeof(before) - 1 + padding_size, behind, sizeof(behind));
    replace(to, body, "data: {", text);
    free(text);
}

/* Where an event has members, a line may end between them. */
static void cut_lines(agt__buffer *to, const char *body)
{
    replace(to, body, ",\"", ",\ndata: \"");
}

/* ---- the table ------------------------------------------------------------------------------- */

/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define JSON "application/json"
#define HTML "text/html; charset=utf-8"
#define GOOD                                                                                       \
    {                                                                                              \
        .body = "$S"                                                                               \
    }
#define BROKE "the stream ended without an end"
#define LOST  "was lost before the end of its answer"

#define LIMITED(header)                                                                            \
    {                                                                                              \
        .status = "429 Too Many Requests", .type = JSON, .headers = header "\r\n", .body = "$F"    \
    }
#define HANGS(text)                                                                                \
    {                                                                                              \
        .body = text, .after = AGT_TEST_HANG                                                       \
    }
#define RESET_AFTER(text)                                                                          \
    {                                                                                              \
        .body = text, .after = AGT_TEST_RESET                                                      \
    }
#define RAW(text)                                                                                  \
    {                                                                                              \
        .raw = text                                                                                \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

static const row rows[] = {
    {"T12", "a stream", {GOOD}},
    {"T0", "a stream in chunks", {{.body = "$S", .framing = CHUNKED}}},
    {"T0", "a stream with a length", {{.body = "$S", .framing = LENGTH}}},
    {"T0", "a whole answer", {{.type = JSON, .body = "$W"}}, .no_stream = true},
    {"T0", "a server that does not stream", {{.type = JSON, .body = "$W", .framing = CHUNKED}}},
    {"T0", "a server that always streams", {GOOD}, .no_stream = true},
    {"T0", "a stream without a type", {{.type = "", .body = "$S"}}},
    {"T0",
     "interim heads",
     {{.raw = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
              "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n$S"}}},

    {"T18", "no last event", {{.body = "$N"}}, NEEDS_NO_DONE},
    {"T18",
     "no last event",
     {{.body = "$N"}},
     NEEDS_DONE,
     1,
     AGT_E_MODEL,
     BROKE,
     "Hello, w\xC3\xB6rld."},
    {"T18", "breaks off after a word", {{.body = "$P"}}, EVERYBODY, 1, AGT_E_MODEL, BROKE, "Hello"},
    {"T18",
     "breaks off before its length",
     {{.body = "$P", .framing = TOO_SHORT}},
     EVERYBODY,
     1,
     AGT_E_NETWORK,
     LOST,
     "Hello"},
    {"T18",
     "chunks without an end",
     {{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n$P"}},
     EVERYBODY,
     1,
     AGT_E_NETWORK,
     LOST,
     "Hello"},
    {"T18", "reset after a word", {RESET_AFTER("$P")}, EVERYBODY, 1, AGT_E_NETWORK, LOST, NULL},
    {"T18",
     "chunks without an end, after the last event",
     {{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n$S"}}},
    {"T19", "bytes after the end", {{.body = "$Sdata: nonsense\n\nevent: error\n\xff\xff\n\n$X"}}},
    {"T20", "no empty line at the end", {{.body = "$S", .change = drop_last_line}}, NEEDS_NO_DONE},
    {"T21", "no space after the colon", {{.body = "$S", .change = drop_spaces}}},
    {"T22", "lines end in CR LF", {{.body = "$S", .change = use_crlf}}},
    {"T23", "lines end in CR", {{.body = "$S", .change = use_cr}}},
    {"T24", "CR and LF in two packets", {{.body = "$S", .change = use_crlf, .piece = 1}}},
    {"T25", "data on several lines", {{.body = "$S", .change = cut_lines}}},
    {"T26", "comments everywhere", {{.body = "$S", .change = add_comments}}},
    {"T27", "events without data", {{.body = "$S", .change = add_empty_events}}},
    {"T28 T29", "byte by byte", {{.body = "$S", .piece = 1}}},
    {"T31", "lines of more than a megabyte", {{.body = "$S", .change = make_lines_long}}},
    {"T33", "a byte order mark", {{.body = "$S", .change = add_mark}}},

    {"T38 T44", "an error before the first word", {{.body = "$B$X"}, GOOD}, EVERYBODY, 2},
    {"T38 T44",
     "an error after the first word",
     {{.body = "$P$X"}, GOOD},
     EVERYBODY,
     1,
     AGT_E_MODEL,
     "Overloaded",
     "Hello"},
    {"T38",
     "an error that is a string",
     {{.body = "data: {\"error\":\"out of memory\"}\n\n"}},
     EVERYBODY,
     0,
     AGT_E_MODEL,
     "out of memory"},
    {"T39",
     "an HTML page of a gateway",
     {{.status = "502 Bad Gateway", .type = HTML, .body = "<html>"}, GOOD},
     EVERYBODY,
     2},
    {"T39",
     "an HTML page with status 404",
     {{.status = "404 Not Found", .type = HTML, .body = "<html>"}},
     EVERYBODY,
     1,
     AGT_E_HTTP,
     "is the base URL right?"},
    {"T39",
     "an HTML page with status 200",
     {{.type = HTML, .body = "<html>Log in</html>"}},
     EVERYBODY,
     1,
     AGT_E_MODEL,
     "is the base URL right?"},
    {"T39",
     "nothing with status 529",
     {{.status = "529 ", .type = "", .body = ""},
      {.status = "500 Oops", .type = "", .body = ""},
      GOOD},
     EVERYBODY,
     3},
    {"T39",
     "nothing with status 413",
     {{.status = "413 Payload Too Large", .type = "", .body = ""}},
     EVERYBODY,
     1,
     AGT_E_LIMIT,
     "413"},
    {"T39",
     "nothing with status 200",
     {{.type = JSON, .body = ""}},
     EVERYBODY,
     1,
     AGT_E_MODEL,
     "not JSON"},
    {"T40",
     "an error although a stream was asked for",
     {{.status = "503 Service Unavailable", .type = JSON, .body = "$F"}, GOOD},
     EVERYBODY,
     2},
    {"T40",
     "a wrong key, which is repeated",
     {{.status = "401 Unauthorized", .type = JSON, .body = "$K"}},
     EVERYBODY,
     1,
     AGT_E_HTTP,
     "key"},
    {"T41", "an error with status 200", {{.type = JSON, .body = "$F"}, GOOD}, EVERYBODY, 2},
    {"T41",
     "an error with status 200, not streamed",
     {{.type = JSON, .body = "$F"}, {.type = JSON, .body = "$W"}},
     EVERYBODY,
     2,
     .no_stream = true},
    {"T42", "Retry-After: a fraction", {LIMITED("Retry-After: 0.002"), GOOD}, EVERYBODY, 2},
    {"T42", "Retry-After: 0", {LIMITED("Retry-After: 0"), GOOD}, EVERYBODY, 2},
    {"T42", "Retry-After: negative", {LIMITED("Retry-After: -5"), GOOD}, EVERYBODY, 2},
    {"T42",
     "Retry-After: a date that has passed",
     {LIMITED("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"), GOOD},
     EVERYBODY,
     2},
    {"T42", "Retry-After: words", {LIMITED("Retry-After: soon"), GOOD}, EVERYBODY, 2},
    {"T42",
     "retry-after-ms counts",
     {LIMITED("Retry-After: 86400\r\nretry-after-ms: 2"), GOOD},
     EVERYBODY,
     2},
    {"T42",
     "Retry-After: tomorrow",
     {LIMITED("Retry-After: 86400"), GOOD},
     EVERYBODY,
     1,
     AGT_E_RATE_LIMITED,
     "Overloaded"},
    {"T43",
     "a quota that is used up",
     {{.status = "$", .type = JSON, .body = "$Q"}, GOOD},
     EVERYBODY,
     1,
     ANY_FAILURE,
     "quota"},
    {"T44", "breaks off before the first word", {{.body = "$B"}, GOOD}, EVERYBODY, 2},
    {"T44", "closed before the head", {RAW(""), GOOD}, EVERYBODY, 2},
    {"T44", "closed in the head", {RAW("HTTP/1.1 200 OK\r\nContent-"), GOOD}, EVERYBODY, 2},
    {"T44", "reset before the first word", {RESET_AFTER("$B"), GOOD}, EVERYBODY, 2},
    {"T44",
     "an error for good",
     {{.status = "500 Oops", .type = JSON, .body = "$F"},
      {.status = "500 Oops", .type = JSON, .body = "$F"},
      {.status = "500 Oops", .type = JSON, .body = "$F"}},
     EVERYBODY,
     3,
     AGT_E_HTTP,
     "Overloaded"},
    {"T44",
     "lost in the middle of a body that does not stream",
     {{.type = JSON, .body = "$W", .framing = TOO_SHORT}, {.type = JSON, .body = "$W"}},
     EVERYBODY,
     2,
     .no_stream = true},

    {"T51",
     "silent before the head",
     {{.raw = "", .after = AGT_TEST_HANG}},
     EVERYBODY,
     1,
     AGT_E_TIMEOUT,
     "silent for 200 ms",
     NULL,
     200},
    {"T51",
     "silent after a word",
     {HANGS("$P")},
     EVERYBODY,
     1,
     AGT_E_TIMEOUT,
     "silent for 200 ms",
     "Hello",
     200},
    {"T51", "too slow in all", {HANGS("$P")}, EVERYBODY, 1, AGT_E_TIMEOUT, "", "Hello", 0, 200},
    {"T52",
     "a body that the server does not end",
     {{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n$S",
       .after = AGT_TEST_HANG}}},

    {"T0",
     "no HTTP",
     {RAW("SSH-2.0-OpenSSH_9.2\r\n")},
     EVERYBODY,
     1,
     AGT_E_NETWORK,
     "does not speak HTTP"},
    {"T0",
     "chunks of no size",
     {{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n$P"}, GOOD},
     EVERYBODY,
     2},
    {"T32",
     "compressed as nobody asked",
     {{.headers = "Content-Encoding: zpaq\r\n", .body = "$S"}},
     EVERYBODY,
     3,
     AGT_E_NETWORK,
     "cannot be decompressed"},
};

/* ---- playing a row --------------------------------------------------------------------------- */

static void expand(agt__buffer *to, const char *text, const agt_test_format *format)
{
    for (; *text != '\0'; text++) {
        if (*text != '$') {
            agt__buffer_add(to, text, 1);
            continue;
        }
        text++;
        const char *const begin = strchr("SNPB", *text) != NULL ? format->begin : "";
        agt__buffer_add_text(to, begin);
        agt__buffer_add_text(to, strchr("SNP", *text) != NULL ? format->hello : "");
        agt__buffer_add_text(to, strchr("SN", *text) != NULL ? format->rest : "");
        agt__buffer_add_text(to, strchr("SN", *text) != NULL ? format->end : "");
        agt__buffer_add_text(to, strchr("SD", *text) != NULL ? format->done : "");
        agt__buffer_add_text(to, *text == 'X'   ? format->error
                                 : *text == 'W' ? format->whole
                                 : *text == 'F' ? format->failed
                                 : *text == 'K' ? format->refused
                                 : *text == 'Q' ? format->spent
                                                : "");
    }
}

static void add_body(agt__buffer *to, const answer *wanted, const char *body, size_t size)
{
    if (wanted->framing == UNTIL_CLOSE) {
        agt__buffer_add_text(to, "Connection: close\r\n\r\n");
    } else if (wanted->framing != CHUNKED) {
        size_t length = size + (wanted->framing == TOO_SHORT ? 10 : 0);
        agt__buffer_add_format(to, "Content-Length: %zu\r\n\r\n", length);
    } else {
        agt__buffer_add_text(to, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0; at < size; at += 11) {
            size_t count = size - at < 11 ? size - at : 11;
            agt__buffer_add_format(to, "%zx\r\n", count);
            agt__buffer_add(to, body + at, count);
            agt__buffer_add_text(to, "\r\n");
        }
        agt__buffer_add_text(to, "0\r\n\r\n");
        return;
    }
    agt__buffer_add(to, body, size);
}

/* All bytes of an answer. */
static void write_answer(agt__buffer *to, const answer *wanted, const agt_test_format *format)
{
    agt__buffer plain, changed;
    agt__buffer_init(to, NULL, 0);
    if (wanted->raw != NULL) {
        expand(to, wanted->raw, format);
        return;
    }
    agt__buffer_init(&plain, NULL, 0);
    agt__buffer_init(&changed, NULL, 0);
    expand(&plain, wanted->body, format);
    if (wanted->change != NULL) {
        wanted->change(&changed, agt__buffer_text(&plain));
    } else {
        agt__buffer_add(&changed, agt__buffer_text(&plain), plain.size);
    }
    const char *status = wanted->status != NULL ? wanted->status : "200 OK";
    const char *type = wanted->type != NULL ? wanted->type : "text/event-stream";
    agt__buffer_add_format(to, "HTTP/1.1 %s\r\n%s",
                           status[0] == '$' ? format->spent_status : status,
                           wanted->headers != NULL ? wanted->headers : "");
    if (type[0] != '\0') {
        agt__buffer_add_format(to, "Content-Type: %s\r\n", type);
    }
    add_body(to, wanted, agt__buffer_text(&changed), changed.size);
    assert_int_equal(to->status, AGT_OK);
    agt__buffer_deinit(&plain);
    agt__buffer_deinit(&changed);
}

static void expect_row(const row *wanted, const agt_test_question *ask)
{
    char *text = agt_test_response_text(ask->output);
    const char *kept = wanted->kept != NULL ? wanted->kept : "";
    bool is_same = wanted->status == ANY_FAILURE ? ask->err.status != AGT_OK
                                                 : ask->err.status == wanted->status;
    if (!is_same || (wanted->says != NULL && strstr(ask->err.message, wanted->says) == NULL)) {
        fail_msg("status %s: \"%s\"", agt_status_get_name((agt_status)ask->err.status),
                 ask->err.message);
    }
    assert_null(strstr(ask->err.message, AGT_TEST_KEY));
    if (wanted->status == AGT_OK) {
        assert_string_equal(text, AGT_TEST_HELLO AGT_TEST_REST);
        assert_int_equal(ask->usage.input_tokens, AGT_TEST_INPUT_TOKENS);
        assert_int_equal(ask->usage.output_tokens, AGT_TEST_OUTPUT_TOKENS);
    } else if (wanted->answers[0].after != AGT_TEST_RESET) { /* which takes bytes back */
        assert_string_equal(text, kept);
    }
    free(text);
}

static void play_row(agt_test_served *served, const row *wanted, const agt_test_format *format)
{
    agt__buffer bytes[answers_max];
    agt_test_step steps[answers_max][5];
    const agt_test_step *scripts[answers_max];
    size_t count = 0, hanging = 0;
    for (; count < answers_max; count++) {
        const answer *one = &wanted->answers[count];
        if (one->body == NULL && one->raw == NULL) {
            break;
        }
        write_answer(&bytes[count], one, format);
        steps[count][0] = (agt_test_step){.kind = AGT_TEST_READ};
        steps[count][1] = (agt_test_step){.kind = AGT_TEST_BYTES,
                                          .text = agt__buffer_text(&bytes[count]),
                                          .size = bytes[count].size,
                                          .piece = one->piece};
        steps[count][2] = (agt_test_step){.kind = one->after};
        scripts[count] = steps[count];
        hanging += one->after == AGT_TEST_HANG ? 1 : 0;
    }
    agt_test_question ask;
    agt_test_server *server = agt_test_server_new(scripts, count);
    const agt_provider_config config = AGT_CONFIG(
        agt_provider_config, .provider = format->provider, .no_stream = wanted->no_stream,
        .idle_timeout_ms = wanted->idle_ms, .timeout_ms = wanted->time_ms,
        .retry = wanted->idle_ms + wanted->time_ms > 0 ? &AGT_CONFIG(agt_retry, .attempts_max = 1)
                                                       : NULL);
    agt_test_served_use(served, &config, agt_test_server_get_url(server, ""));
    agt_test_question_all(&ask, served, NULL);
    expect_row(wanted, &ask);
    agt_test_server_wait_closed(server, hanging);
    if (wanted->requests != 0 || wanted->status == AGT_OK) {
        size_t requests = wanted->requests != 0 ? wanted->requests : 1;
        assert_int_equal(agt_test_server_count_requests(server), requests);
        assert_int_equal(agt_test_server_count_connections(server), requests);
    }
    agt_test_question_free(&ask);
    agt_test_server_free(server);
    for (size_t i = 0; i < count; i++) {
        agt__buffer_deinit(&bytes[i]);
    }
}

static bool is_for(const row *one, const agt_test_format *format)
{
    return one->whom == EVERYBODY || (one->whom == NEEDS_DONE) == format->needs_done;
}

static void the_table_holds(void **state)
{
    const agt_test_format *format = *state;
    agt_test_served served;
    agt_test_served_init(&served);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (is_for(&rows[i], format)) {
            print_message("%s %s: %s\n", format->wire, rows[i].traps, rows[i].name);
            play_row(&served, &rows[i], format);
        }
    }
    agt_test_served_deinit(&served);
}

/* ---- none is forgotten ----------------------------------------------------------------------- */

/* Where a trap is that is neither here nor in the name of a vector. */
static const struct {
    int trap;
    const char *file, *says;
} elsewhere[] = {
    {8, "tests/integration/provider_tools_test.c", "T8"},
    {10, "tests/integration/provider_tools_test.c", "T10"},
    {16, "tests/integration/provider_sockets_test.c", "T16"},
    {32, "tests/unit/net/http_response_test.c", "Content-Encoding: gzip"},
    {50, "tests/integration/provider_tools_test.c", "T50"},
    {53, "tests/integration/provider_sockets_test.c", "T53"},
};

static void mark_vectors(const char *folder, bool found[TRAPS + 1])
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/data/llm/%s", agt_test_source_dir(), folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        for (const char *at = entry->d_name; *at != '\0'; at++) {
            bool begins = at == entry->d_name || at[-1] == '_';
            long number = begins && *at == 't' ? strtol(at + 1, NULL, 10) : 0;
            found[number >= 1 && number <= TRAPS ? number : 0] = true;
        }
    }
    (void)closedir(dir);
}

static void every_trap_is_somewhere(void **state)
{
    bool found[TRAPS + 1] = {false};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (const char *at = strchr(rows[i].traps, 'T'); at != NULL; at = strchr(at + 1, 'T')) {
            found[strtol(at + 1, NULL, 10)] = true;
        }
    }
    for (size_t i = 0; i < agt_test_format_count; i++) {
        mark_vectors(agt_test_formats[i].folder, found);
    }
    mark_vectors("usage", found);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        size_t size = 0;
        char *text = agt_test_read_file(elsewhere[i].file, &size);
        found[elsewhere[i].trap] = strstr(text, elsewhere[i].says) != NULL;
        free(text);
    }
    for (int trap = 1; trap <= TRAPS; trap++) {
        if (!found[trap]) {
            fail_msg("there is no test for T%d", trap);
        }
    }
}

int main(void)
{
    struct CMUnitTest tests[8] = {cmocka_unit_test(every_trap_is_somewhere)};
    assert_true(agt_test_format_count < sizeof(tests) / sizeof(tests[0]));
    for (size_t i = 0; i < agt_test_format_count; i++) {
        tests[i + 1] = (struct CMUnitTest){
            .name = agt_test_formats[i].wire,
            .test_func = the_table_holds,
            .initial_state = (void *)(uintptr_t)&agt_test_formats[i],
        };
    }
    return _cmocka_run_group_tests("traps", tests, agt_test_format_count + 1, NULL, NULL);
}
