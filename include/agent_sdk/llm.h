/*
 * agent_sdk/llm.h - models, and the shape of what is said to them.
 *
 * A model request and a model response are values, so that they can be hashed, recorded, replayed
 * and read by any program. The request:
 *
 *     {"system": "…",
 *      "messages": [{"role": "user"|"assistant"|"tool", "parts": [PART, …]}, …],
 *      "tools": [{"name": "…", "description": "…", "input_schema": {…}}, …],
 *      "tool_choice": "auto"|"none"|"required"|{"name": "…"},      "auto" if it is left out
 *      "parallel_tool_calls": false,   one call a turn at most, where a provider can be told so
 *      "output_schema": {…},           the typed final answer, if one is wanted
 *      "max_output_tokens": n,
 *      "agent": "…", "step": n,        who asks, and for which time in this run, from 1
 *      "input_tokens_estimated": n}    about how large this is, if whoever asks knows
 *
 * A PART is one of
 *
 *     {"type": "text", "text": "…"}
 *     {"type": "image", "media_type": "image/png", "data": "…"}      base64
 *     {"type": "image", "url": "…"}
 *     {"type": "document", "media_type": "application/pdf", "data": "…", "name": "…"}
 *     {"type": "document", "url": "…"}           "name" may be left out
 *     {"type": "reasoning", "format": "…", "text": "…", …}
 *     {"type": "tool_call", "id": "…", "name": "…", "arguments": {…}}
 *     {"type": "tool_result", "id": "…", "name": "…", "outcome": "ok", "output": …}
 *     {"type": "tool_result", "id": "…", "name": "…", "outcome": "timeout"|…, "error": "…"}
 *     {"type": "opaque", "format": "…", "value": …}
 *
 * Images and documents stand in messages of the user. `reasoning` and `opaque` come from a model
 * and are sent back unchanged to whoever speaks the same format; others do not get them: they are
 * signed, encrypted, or mean nothing elsewhere. `arguments` of a model that wrote no JSON object
 * are a string, what it wrote; such a call is not run. Further members survive a round trip. The
 * response:
 *
 *     {"parts": [PART, …],
 *      "finish_reason": "stop"|"tool_calls"|"length"|"content_filter"|"refusal"|"pause",
 *      "finish_reason_raw": "…",       the provider's word
 *      "truncated": true,              the stream broke off; left out otherwise
 *      "model": "…", "id": "…",
 *      "usage": {"input_tokens": n, "cache_read_tokens": n, "cache_write_tokens": n,
 *                "cache_write_1h_tokens": n, "output_tokens": n, "reasoning_tokens": n}}
 *
 * "tool_calls" means that there are calls to be run: an answer that was cut off has another reason,
 * whatever is in it. After "pause" the model goes on when its answer is sent back as it is.
 * `input_tokens` includes what was read from or written to a cache, `output_tokens` the reasoning.
 * Members of usage that are not there are unknown, not zero.
 */
#ifndef AGENT_SDK_LLM_H
#define AGENT_SDK_LLM_H

#include "agent_sdk/exec.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct agt_model agt_model; /* immutable, reference-counted; @threads any                 */

AGT_API agt_model *agt_model_ref(agt_model *model);
AGT_API void agt_model_unref(agt_model *model);
/** As a request names it, and who serves it; borrowed, never NULL. */
AGT_API const char *agt_model_get_name(const agt_model *model);
AGT_API const char *agt_model_get_provider(const agt_model *model);
/** Whether no real model is behind it: its tokens and money are simulated. */
AGT_API bool agt_model_is_simulated(const agt_model *model);

typedef struct agt_model_config {
    size_t struct_size;
    const char *provider;       /* NULL = "custom"                                              */
    int32_t mode;               /* agt_tool_mode of the function                                */
    uint32_t timeout_ms;        /* of one request; 0 = 120 s; AGT_MS_NONE                       */
    uint32_t max_output_tokens; /* for reservations in budgets; 0 = 4,096                       */
    bool simulated;             /* no money is spent                                            */
    bool reserved[3];
    void *user_data;
    void (*release)(void *user_data);
    uint64_t context_tokens; /* what it can take in and give out together; 0 = unknown           */
} agt_model_config;

/**
 * A model that is a function of the program: it gets the request as agt_tool_call_get_input() and
 * gives the response as its output. AGT_E_LIMIT says that the conversation is too long for it.
 *
 * @param name    1 to 127 bytes of UTF-8: what prices are looked up by
 * @param config  NULL for the defaults
 * @return AGT_OK; AGT_E_INVALID; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_model_new_function(agt_runtime *runtime, const char *name,
                                                         agt_tool_fn fn,
                                                         const agt_model_config *config,
                                                         agt_model **ret_model, agt_error *err);

/**
 * A scripted model: answers from rules instead of a network, always the same way. For tests, demos
 * and dry runs; its tokens are estimates (a token is about four bytes) and its money is simulated.
 *
 * The script, a value (a file of it may be JSON or YAML):
 *
 *     {"version": 1, "name": "scripted",
 *      "prices": {"input": "3.00", "output": "15.00"},
 *      "rules": [
 *        {"agent": "history", "step": 1,
 *         "delay_ms": 100,
 *         "text": "Looking at the history of {{input}}.",
 *         "tool_calls": [{"name": "churn", "arguments": {"repo": "{{input}}"}}],
 *         "usage": {"input_tokens": 120, "output_tokens": 40}},
 *        {"agent": "history", "step": 2,
 *         "text": "Churn: {{results.churn.total}} commits",
 *         "json": {"score": "{{=results.score.value}}", "confidence": 0.8}},
 *        {"agent": "*", "error": {"status": "rate_limited", "message": "…"}}
 *      ]}
 *
 * The first rule answers whose `agent` (a name, or "*"; default "*") and `step` (a number; default
 * any) match, and whose `when` holds: {"pointer": "/outcomes/churn", "equals": "timeout"}, or with
 * "exists": true or false in the place of "equals". A rule has at least one of `text`,
 * `tool_calls`, `json` and `error`. `text` and the strings in `arguments` and `json` are templates:
 *
 *     {{path}}                  the value at that path as text; strings raw, others as JSON
 *     {{=path}}                 alone in a string: the value itself, whatever its type
 *     {{#path}}…{{/path}}       repeated for each item of an array; once for any other value that
 *                               is there and is not null, false or empty. Inside, `.` is the item,
 *                               `.x` its member; `@index` its number from 1; `@first`, `@last`
 *     {{^path}}…{{/path}}       where {{#path}} would show nothing
 *     {{path|FORMAT}}           FORMAT: `round2` (two decimals), `percent` (of a share: 0.5 is
 *                               50%), `bytes` (1.5 KiB), `bar` (of a share), `json`, `upper`,
 *                               `count` (items or members); several may follow each other
 *
 * Paths: `input` (what this run was asked, as text; its members if it is JSON), `results.NAME`
 * (the output of the latest result of that tool, if it is ok), `errors.NAME` (its error, if it is
 * not), `outcomes.NAME`, `calls.NAME` (the outputs of all its calls), `calls.NAME.N` (of its Nth
 * call, from 1), `agent`, `step`; then members by name and items by number from 0. A path that is
 * not there is an error of the model, naming rule, path and what there is, unless it stands in
 * {{^…}} or {{#…}}. Pointers of `when` begin with the same words.
 *
 * `json` makes the answer a JSON document (a typed final answer), after the text. `stream` (a
 * number of bytes) makes the text arrive in pieces of that size. `usage` is estimated if it is left
 * out; `prices` is what tokens of this model cost, else the runtime's prices count.
 *
 * @param script  checked against a schema: an error names the rule and the member
 * @return AGT_OK; AGT_E_SCHEMA; AGT_E_SYNTAX for a template, naming rule and place; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_model_new_scripted(agt_runtime *runtime,
                                                         const agt_value *script,
                                                         agt_model **ret_model, agt_error *err);

/* ---- models that somebody serves -----------------------------------------------------------
 */

/**
 * Where a model is, and how to ask it. 0 and NULL stand for what is in parentheses.
 *
 * A key is looked for in this order: `api_key`, `api_key_file`, the provider's variable in the
 * environment. It is sent in a header to the host of `base_url` and nowhere else, is not sent
 * without TLS except to this machine, and never stands in a message, trace or recording.
 */
typedef struct agt_provider_config {
    size_t struct_size;
    const char *provider;     /* required: a name that agt_provider_get_names() lists             */
    const char *model;        /* required: 1 to 127 bytes, as the server names it                 */
    const char *base_url;     /* (the provider's variable, else its address); required for
                               * "compatible": with "/v1" where the server has it                 */
    const char *api_key;      /* copied, and wiped when the model is freed                        */
    const char *api_key_file; /* its first line; read now                                         */
    /** Per request, for programs that ask for many customers: write the key, NUL-terminated, to
     * @key. On the loop thread; must not wait. @return AGT_OK; anything else fails the request */
    agt_status (*get_key)(void *user_data, const agt_tool_call *call, char *key, size_t size);
    void *user_data;
    const agt_kv *headers; /* sent with every request                                          */
    size_t headers_count;
    const agt_value *extra;  /* an object: members put into every request as they are, such as
                              * {"temperature": 0.2}                                             */
    const char *effort;      /* of reasoning, in the provider's words (left out)                 */
    uint64_t context_tokens; /* what the model can take in and give out together (unknown)       */
    uint32_t max_output_tokens; /* of a response (8,192) */
    uint32_t timeout_ms; /* of one attempt, the last byte included (600,000); AGT_MS_NONE    */
    uint32_t connect_timeout_ms; /* (10,000) */
    uint32_t
        idle_timeout_ms;    /* longest silence, before the first byte too (300,000); AGT_MS_NONE  */
    const agt_retry *retry; /* (3 attempts, 500 ms to 8 s, a quarter of it random: what the
                             * providers' own clients do)                                         */
    agt_model *fallback; /* asked instead when this one has failed for good; referenced (none)  */
    bool no_stream;      /* ask for whole responses                                            */
    bool no_cache;       /* do not mark what may be cached                                     */
    bool no_strict;      /* do not ask for strict schemas                                      */
    bool plain_http;     /* send the key without TLS to any host                               */
    bool reserved[4];
} agt_provider_config;

/**
 * A model behind the HTTP interface of a provider, or of any server that speaks like one.
 *
 * Requests stream unless `no_stream`. Failures that may pass are tried again (408, 409, 429, 5xx,
 * lost connections), never once a part of the answer has been told to somebody; quotas that are
 * used up are not. What arrived before a failure or a cancel is kept, and paid for in the ledger.
 *
 * @return AGT_OK; AGT_E_INVALID for a missing or unknown member, naming it; AGT_E_NOT_FOUND without
 *         a key, naming where it was looked for; AGT_E_DENIED for a key that would go out without
 *         TLS; AGT_E_IO for a key file; AGT_E_NOMEM
 */
AGT_API AGT_MUST_CHECK agt_status agt_model_new_provider(agt_runtime *runtime,
                                                         const agt_provider_config *config,
                                                         agt_model **ret_model, agt_error *err);

/** Names of providers, joined by ", ": what `provider` may be. */
AGT_API const char *agt_provider_get_names(void);
/** The variable of the environment that holds the key of @provider; NULL if it needs none, or is
 * not known. */
AGT_API const char *agt_provider_get_key_variable(const char *provider);

/** The variable with a key of @provider that is set; NULL if there is none. @threads any, unless
 * the environment is being changed */
AGT_API const char *agt_provider_find_key_variable(const char *provider);
/** Where requests to @provider go: by its variable in the environment, else its own address; NULL
 * for those that are any server. Borrowed, as long as the environment is not changed. */
AGT_API const char *agt_provider_get_base_url(const char *provider);

/**
 * Ask a provider which models it serves; waits for the answer.
 *
 * @param config      `model` need not be set; `get_key` must not
 * @param ret_models  [{"id": "…", "name": "…", "context_tokens": n}, …] by id, 10,000 at most; only
 *                    `id` is always there. Tainted
 * @return AGT_OK; as agt_model_new_provider(); AGT_E_MODEL for an answer that is no list; what the
 *         network and the server answer; AGT_E_INVALID on the loop thread
 * @threads any but the loop's
 */
AGT_API AGT_MUST_CHECK agt_status agt_provider_list_models(agt_runtime *runtime,
                                                           const agt_provider_config *config,
                                                           agt_value **ret_models, agt_error *err);

/** What the model can take in and give out together; 0 = unknown. */
AGT_API uint64_t agt_model_get_context_tokens(const agt_model *model);

/** What the last response said about rate limits. UINT64_MAX = it did not say; resets are
 * milliseconds from when it came. */
typedef struct agt_rate_limits {
    size_t struct_size;
    uint64_t received_unix_ns; /* 0 = never */
    uint64_t requests_limit, requests_remaining, requests_reset_ms;
    uint64_t tokens_limit, tokens_remaining, tokens_reset_ms;
    uint64_t input_limit, input_remaining, input_reset_ms;
    uint64_t output_limit, output_remaining, output_reset_ms;
} agt_rate_limits;

/** @return AGT_OK; AGT_E_NOT_FOUND before the first response, and for models without a provider */
AGT_API agt_status agt_model_get_rate_limits(const agt_model *model, agt_rate_limits *ret_limits);

/** The usage in a response; unknown where it says nothing. @threads any */
AGT_API agt_usage agt_usage_from_value(const agt_value *usage);

#ifdef __cplusplus
}
#endif

#endif /* AGENT_SDK_LLM_H */
