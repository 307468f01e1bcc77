/*
 * What wire formats share: which there are, how a server's JSON is read, and what an HTTP status
 * means.
 *
 * JSON of a server is read more leniently than that of a user: a key that comes twice does not
 * make an answer useless (the last one counts), and halves of surrogate pairs are kept or replaced
 * (halves.h). All of it is tainted.
 *
 * Threads: nothing is kept; the tables are constant.
 */
#include "llm/wire.h"

#include "base/error.h"
#include "base/value.h"
#include "llm/halves.h"

#include <string.h>

static const char origin[] = "llm/wire";

enum {
    depth_max = 128, /* a tool's arguments, 64 deep, stand some levels down */
    nodes_max = 4 * 1024 * 1024,
    text_bytes_max = 64 * 1024 * 1024
};

/* ---- formats ----------------------------------------------------------------------------------
 */

static const agt__wire *const formats[] = {
    &agt__wire_anthropic,
    &agt__wire_openai,
    &agt__wire_openai_responses,
    NULL,
};

const agt__wire *agt__wire_find(const char *name)
{
    for (size_t i = 0; formats[i] != NULL; i++) {
        if (strcmp(formats[i]->name, name) == 0) {
            return formats[i];
        }
    }
    return NULL;
}

const char *agt__wire_get_names(void)
{
    return "anthropic, openai, openai-responses";
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static agt_status parse(const agt_allocator *allocator, const char *text, size_t size,
                        agt_value **ret_value, agt_error *err)
{
    const agt_json_config config = AGT_CONFIG(
        agt_json_config, .depth_max = depth_max, .nodes_max = nodes_max,
        .string_bytes_max = text_bytes_max, .document_bytes_max = text_bytes_max,
        .number_bytes_max = 1024, .duplicates = AGT_JSON_DUPLICATES_LAST, .tainted = true);
    return agt_json_parse(allocator, text, size, &config, ret_value, err);
}

agt_status agt__wire_parse(const agt_allocator *allocator, const char *text, size_t size,
                           bool is_piece, agt_value **ret_value, agt_error *err)
{
    agt_error why = {0};
    agt_status status = parse(allocator, text, size, ret_value, &why);
    if (status == AGT_E_SYNTAX) {
        agt__buffer rewritten;
        agt__buffer_init(&rewritten, allocator, 0);
        bool found = agt__halves_rewrite(text, size, is_piece, &rewritten);
        if (rewritten.status != AGT_OK) {
            status = rewritten.status;
        } else if (found) {
            status =
                parse(allocator, agt__buffer_text(&rewritten), rewritten.size, ret_value, &why);
        }
        agt__buffer_deinit(&rewritten);
    }
    if (status == AGT_OK) {
        return status;
    }
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(err, origin);
    }
    char reason[200];
    agt__copy_text(reason, sizeof(reason), why.message);
    return agt__error_set(err, AGT_E_MODEL, origin,
                          "the server sent something that is no JSON, or too large: line %u, "
                          "column %u: %s",
                          why.line, why.column, reason);
}

/* ---- errors -----------------------------------------------------------------------------------
 */

/* What to do, where the server says nothing. */
static const char *get_hint(int32_t http_status)
{
    switch (http_status) {
    case 400:
    case 422:
        return "the server does not take this request";
    case 401:
        return "the key was refused: check that it is the right one for this server";
    case 402:
        return "the account has no credit left: add some, or use another model";
    case 403:
        return "the key may not do this, or not from here";
    case 404:
        return "nothing is there: check the name of the model and the base URL";
    case 408:
    case 504:
        return "the server took too long";
    case 413:
        return "the request is too large: send less, or smaller images and documents";
    case 429:
        return "too many requests or tokens in a short time";
    case 502:
        return "a gateway did not reach the server";
    case 503:
    case 529:
        return "the server is overloaded";
    default:
        return http_status >= 500 ? "the server failed" : "the server refused";
    }
}

/* As the official clients retry. */
static bool may_succeed_later(int32_t http_status)
{
    switch (http_status) {
    case 408:
    case 409:
    case 425:
    case 429:
        return true;
    case 501:
    case 505:
        return false;
    default:
        return http_status >= 500;
    }
}

static agt_status get_status(int32_t http_status)
{
    switch (http_status) {
    case 413:
        return AGT_E_LIMIT;
    case 429:
        return AGT_E_RATE_LIMITED;
    default:
        return AGT_E_HTTP;
    }
}

void agt__wire_set_error(agt_error *err, int32_t http_status, const char *type, const char *detail)
{
    bool has_type = type != NULL && type[0] != '\0';
    bool has_detail = detail != NULL && detail[0] != '\0';
    (void)agt__error_set(err, get_status(http_status), origin, "HTTP %d%s%s: %s", http_status,
                         has_type ? " " : "", has_type ? type : "",
                         has_detail ? detail : get_hint(http_status));
    if (err != NULL) {
        err->cause = http_status;
        err->flags = may_succeed_later(http_status) ? AGT_ERROR_RETRYABLE : 0;
    }
}
