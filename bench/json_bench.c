/*
 * What JSON costs: json_bench [MEGABYTES]
 *
 * The document is a chat log as an agent keeps it: turns with texts of prose, code and a little
 * Chinese, tool calls whose arguments are JSON in a string, usage counts. It is made from a fixed
 * seed. Each line of the output is one figure as JSON; the best of five rounds is reported,
 * because the machine is shared. Parsing includes giving the value back.
 *
 * The peer is jansson, if the dynamic linker finds it: it is loaded, not linked, so that building
 * the benchmark does not need it.
 */
#include "agent_sdk/value.h"

#include "bench.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SMALL_RUNS = 200000
};

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void must(agt_status status)
{
    if (status != AGT_OK) {
        (void)fprintf(stderr, "json_bench: %s\n", agt_status_get_name(status));
        exit(1);
    }
}

/* ---- the document --------------------------------------------------------------------------- */

typedef struct text {
    char *bytes;
    size_t size, capacity;
    uint64_t random;
} text;

static uint32_t draw(text *t, uint32_t below)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return (uint32_t)(t->random >> 33) % below;
}

static void add(text *t, const char *piece)
{
    size_t size = strlen(piece);
    if (t->size + size + 1 > t->capacity) {
        t->capacity = t->capacity * 2 + size + 4096;
        t->bytes = realloc(t->bytes, t->capacity);
        if (t->bytes == NULL) {
            exit(1);
        }
    }
    memcpy(t->bytes + t->size, piece, size + 1);
    t->size += size;
}

static void add_prose(text *t, uint32_t words)
{
    static const char *const pieces[] = {
        "the ",
        "scheduler ",
        "of ",
        "parallel ",
        "tools ",
        "answers ",
        "with ",
        "a ",
        "measured ",
        "cost, ",
        "because ",
        "latency ",
        "is ",
        "bounded.\\n",
        "\\\"quoted\\\" ",
        "for (i = 0; i < n; i++) {\\n    sum += x[i];\\n}\\n",
        "trace ",
        "\xE4\xB8\xAD\xE6\x96\x87 ",
        "therefore ",
        "and ",
        "budget ",
        "\\u00e9t\\u00e9 ",
        "run ",
        "agent ",
        "which ",
        "depends ",
        "on ",
    };
    for (uint32_t i = 0; i < words; i++) {
        add(t, pieces[draw(t, sizeof(pieces) / sizeof(pieces[0]))]);
    }
}

static text make_chat_log(size_t bytes)
{
    text t = {.random = UINT64_C(0x243F6A8885A308D3)};
    add(&t, "{\"model\": \"m\", \"messages\": [");
    for (int turn = 0; t.size < bytes; turn++) {
        char piece[256];
        add(&t, turn > 0 ? ",\n  " : "\n  ");
        add(&t, turn % 2
                    ? "{\"role\": \"assistant\", \"content\": [{\"type\": \"text\", \"text\": \""
                    : "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"");
        add_prose(&t, 20 + draw(&t, 150));
        add(&t, "\"}");
        if (turn % 2) {
            (void)snprintf(
                piece, sizeof(piece),
                ", {\"type\": \"tool_use\", \"id\": \"call_%08x\", \"name\": \"search\", "
                "\"input\": {\"query\": \"risk %u\", \"limit\": %u, \"deep\": true}}",
                draw(&t, 1u << 30), draw(&t, 1000), draw(&t, 100));
            add(&t, piece);
        }
        (void)snprintf(piece, sizeof(piece),
                       "], \"usage\": {\"input_tokens\": %u, \"output_tokens\": %u, "
                       "\"cost\": 0.%04u}, \"parent\": null}",
                       draw(&t, 100000), draw(&t, 4000), draw(&t, 10000));
        add(&t, piece);
    }
    add(&t, "\n]}\n");
    return t;
}

/* ---- jansson -------------------------------------------------------------------------------- */

typedef struct jansson {
    void *(*loadb)(const char *bytes, size_t length, size_t flags, void *error);
    char *(*dumps)(const void *json, size_t flags);
    void (*destroy)(void *json);
} jansson;

static bool load_jansson(jansson *j)
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

/* ---- what is measured ----------------------------------------------------------------------- */

typedef struct job {
    text document;
    agt_json_config config;
    agt_value *value;
    void *peer_value;
    jansson peer;
    size_t text_bytes; /* that the last writer wrote */
} job;

static void parse_whole(job *j)
{
    agt_value *value;
    must(agt_json_parse(NULL, j->document.bytes, j->document.size, &j->config, &value, NULL));
    agt_value_unref(value);
}

/* Pieces of the size in which a model's answer comes over the network. */
static void parse_pieces(job *j)
{
    agt_json_parser *parser;
    must(agt_json_parser_new(NULL, &j->config, NULL, 0, NULL, &parser));
    for (size_t at = 0; at < j->document.size; at += 1400) {
        size_t left = j->document.size - at;
        must(agt_json_parser_feed(parser, j->document.bytes + at, left < 1400 ? left : 1400, NULL));
    }
    agt_value *value;
    must(agt_json_parser_finish(parser, &value, NULL));
    agt_value_unref(value);
    agt_json_parser_free(parser);
}

static void write_compact(job *j)
{
    agt_value *written;
    must(agt_value_to_json(NULL, j->value, AGT_JSON_COMPACT, &written));
    (void)agt_value_get_string(written, &j->text_bytes);
    agt_value_unref(written);
}

static void write_canonical(job *j)
{
    agt_value *written;
    must(agt_value_to_json(NULL, j->value, AGT_JSON_CANONICAL, &written));
    (void)agt_value_get_string(written, &j->text_bytes);
    agt_value_unref(written);
}

static void hash(job *j)
{
    uint8_t digest[32];
    must(agt_value_hash(j->value, digest));
}

/* {"query":"...","limit":10}, parsed, looked into and given back. */
static void parse_small(job *j)
{
    static const char arguments[] = "{\"query\":\"parallel tool execution\",\"limit\":10}";
    (void)j;
    for (int i = 0; i < SMALL_RUNS; i++) {
        agt_value *value;
        must(agt_json_parse(NULL, arguments, sizeof(arguments) - 1, NULL, &value, NULL));
        int64_t limit;
        must(agt_value_get_int64(agt_value_get_member(value, "limit"), &limit));
        agt_value_unref(value);
    }
}

static void peer_parse(job *j)
{
    char error[512];
    void *json = j->peer.loadb(j->document.bytes, j->document.size, 0, error);
    if (json == NULL) {
        exit(1);
    }
    j->peer.destroy(json);
}

static void peer_write(job *j)
{
    char *written = j->peer.dumps(j->peer_value, 0x20); /* JSON_COMPACT */
    j->text_bytes = strlen(written);
    free(written);
}

static void peer_parse_small(job *j)
{
    static const char arguments[] = "{\"query\":\"parallel tool execution\",\"limit\":10}";
    char error[512];
    for (int i = 0; i < SMALL_RUNS; i++) {
        void *json = j->peer.loadb(arguments, sizeof(arguments) - 1, 0, error);
        j->peer.destroy(json);
    }
}

/* Seconds of the best round. */
static double measure(job *j, void (*run)(job *))
{
    double best = 0;
    for (int round = 0; round < bench_rounds(); round++) {
        uint64_t begin = now_ns();
        run(j);
        double seconds = (double)(now_ns() - begin) / 1e9;
        best = round == 0 || seconds < best ? seconds : best;
    }
    return best;
}

static void report(const char *name, double value, const char *unit, const char *better,
                   const char *target, double peer)
{
    printf("{\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\",\"better\":\"%s\",\"target\":%s,"
           "\"peers\":{",
           name, value, unit, better, target);
    if (peer > 0) {
        printf("\"jansson\":%.1f", peer);
    }
    printf("}}\n");
}

/* Megabytes of text per second. */
static double speed(job *j, void (*run)(job *), bool writes)
{
    double seconds = measure(j, run);
    return (double)(writes ? j->text_bytes : j->document.size) / 1e6 / seconds;
}

int main(int argc, char **argv)
{
    size_t megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 8;
    job j = {.config = AGT_CONFIG(agt_json_config, .nodes_max = 1 << 30,
                                  .document_bytes_max = (size_t)1 << 30)};
    j.document = make_chat_log(megabytes * 1000000);
    must(agt_json_parse(NULL, j.document.bytes, j.document.size, &j.config, &j.value, NULL));
    bool has_peer = load_jansson(&j.peer);
    if (has_peer) {
        char error[512];
        j.peer_value = j.peer.loadb(j.document.bytes, j.document.size, 0, error);
    }
    report("json/parse", speed(&j, parse_whole, false), "MB/s", "higher", "150",
           has_peer ? speed(&j, peer_parse, false) : 0);
    report("json/parse_pieces_1400", speed(&j, parse_pieces, false), "MB/s", "higher", "150", 0);
    report("json/write", speed(&j, write_compact, true), "MB/s", "higher", "null",
           has_peer ? speed(&j, peer_write, true) : 0);
    report("json/write_canonical", speed(&j, write_canonical, true), "MB/s", "higher", "null", 0);
    report("json/hash", speed(&j, hash, true), "MB/s", "higher", "null", 0);
    report("json/parse_small", measure(&j, parse_small) * 1e9 / SMALL_RUNS, "ns", "lower", "null",
           has_peer ? measure(&j, peer_parse_small) * 1e9 / SMALL_RUNS : 0);
    if (has_peer) {
        j.peer.destroy(j.peer_value);
    }
    agt_value_unref(j.value);
    free(j.document.bytes);
    return 0;
}
