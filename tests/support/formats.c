/*
 * One answer as each wire format says it.
 */
#include "support/formats.h"

#include "support/served.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Strings that are joined cannot stand in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define CHUNK(rest)                                                                                \
    "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"m-x\"," rest "}\n\n"
#define DELTA(delta, finish)                                                                       \
    CHUNK("\"choices\":[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":" finish "}]")
#define CALL(index, id, name, arguments)                                                           \
    DELTA("\"tool_calls\":[{\"index\":" index ",\"id\":\"" id "\",\"type\":\"function\","          \
          "\"function\":{\"name\":\"" name "\",\"arguments\":\"" arguments "\"}}]",                \
          "null")

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define BLOCK_TEXT(text)                                                                           \
    EVENT("content_block_delta",                                                                   \
          ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" text "\"}")
#define BLOCK_CALL(index, id, name, arguments)                                                     \
    EVENT("content_block_start",                                                                   \
          ",\"index\":" index ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"" id             \
          "\",\"name\":\"" name "\",\"input\":{}}")                                                \
    EVENT("content_block_delta",                                                                   \
          ",\"index\":" index                                                                      \
          ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"" arguments "\"}")         \
    EVENT("content_block_stop", ",\"index\":" index)
#define MESSAGE_START                                                                              \
    EVENT("message_start",                                                                         \
          ",\"message\":{\"id\":\"c-1\",\"type\":\"message\",\"role\":\"assistant\","              \
          "\"model\":\"m-x\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"          \
          "\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}")
#define MESSAGE_END(reason)                                                                        \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null},"   \
                           "\"usage\":{\"output_tokens\":7}")

#define CREATED                                                                                    \
    EVENT("response.created",                                                                      \
          ",\"response\":{\"id\":\"c-1\",\"object\":\"response\",\"status\":\"in_progress\","      \
          "\"model\":\"m-x\",\"output\":[],\"usage\":null}")
#define OUTPUT_TEXT(text)                                                                          \
    EVENT("response.output_text.delta", ",\"item_id\":\"msg_1\",\"output_index\":0,"               \
                                        "\"content_index\":0,\"delta\":\"" text "\"")
#define OUTPUT_CALL(index, id, name, arguments)                                                    \
    EVENT("response.output_item.done",                                                             \
          ",\"output_index\":" index ",\"item\":{\"id\":\"f" id                                    \
          "\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"" id               \
          "\",\"name\":\"" name "\",\"arguments\":\"" arguments "\"}")
#define COMPLETED                                                                                  \
    EVENT("response.completed",                                                                    \
          ",\"response\":{\"id\":\"c-1\",\"object\":\"response\",\"status\":\"completed\","        \
          "\"model\":\"m-x\",\"output\":[],\"usage\":{\"input_tokens\":12,\"output_tokens\":7,"    \
          "\"total_tokens\":19}}")

#define ARGUMENTS(n) "{\\\"n\\\":" n "}"
#define BROKEN       "{\\\"n\\\": oops"
/* NOLINTEND(bugprone-macro-parentheses) */

#define OPENAI_ERRORS                                                                              \
    .failed = "{\"error\":{\"message\":\"Overloaded\",\"type\":\"server_error\"}}",                \
    .refused = "{\"error\":{\"message\":\"Incorrect API key provided: " AGT_TEST_KEY               \
               "\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}",             \
    .spent = "{\"error\":{\"message\":\"You exceeded your current quota\","                        \
             "\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}",                  \
    .spent_status = "429 Too Many Requests"

const agt_test_format agt_test_formats[] = {
    {
        .wire = "openai",
        .provider = "compatible",
        .folder = "openai",
        .path = "/chat/completions",
        .key = "Authorization: Bearer " AGT_TEST_KEY,
        .begin = DELTA("\"role\":\"assistant\",\"content\":\"\"", "null"),
        .hello = DELTA("\"content\":\"" AGT_TEST_HELLO "\"", "null"),
        .rest = DELTA("\"content\":\"" AGT_TEST_REST "\"", "null"),
        .end = DELTA("", "\"stop\"")
            CHUNK("\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7}"),
        .done = "data: [DONE]\n\n",
        .error = "data: {\"error\":{\"message\":\"Overloaded\",\"type\":\"server_error\"}}\n\n",
        .whole = "{\"id\":\"c-1\",\"object\":\"chat.completion\",\"model\":\"m-x\",\"choices\":["
                 "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" AGT_TEST_HELLO
                     AGT_TEST_REST "\"},\"finish_reason\":\"stop\"}],"
                 "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7,\"total_tokens\":19}}",
        OPENAI_ERRORS,
        .calls = CALL("0", "c1", "echo", ARGUMENTS("1")) CALL("1", "c2", "nobody", "")
            CALL("2", "c3", "echo", BROKEN) CALL("3", "c4", "echo", ARGUMENTS("4"))
                DELTA("", "\"tool_calls\"") "data: [DONE]\n\n",
    },
    {
        .wire = "anthropic",
        .provider = "compatible-anthropic",
        .folder = "anthropic",
        .path = "/v1/messages",
        .key = "x-api-key: " AGT_TEST_KEY,
        .begin = MESSAGE_START EVENT("content_block_start", ",\"index\":0,\"content_block\":"
                                                            "{\"type\":\"text\",\"text\":\"\"}"),
        .hello = BLOCK_TEXT(AGT_TEST_HELLO),
        .rest = BLOCK_TEXT(AGT_TEST_REST),
        .end = EVENT("content_block_stop", ",\"index\":0") MESSAGE_END("end_turn"),
        .done = EVENT("message_stop", ""),
        .tells_early = true,
        .error = EVENT("error", ",\"error\":{\"type\":\"overloaded_error\","
                                "\"message\":\"Overloaded\"}"),
        .whole = "{\"id\":\"c-1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m-x\","
                 "\"content\":[{\"type\":\"text\",\"text\":\"" AGT_TEST_HELLO AGT_TEST_REST
                 "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                 "\"usage\":{\"input_tokens\":12,\"output_tokens\":7}}",
        .failed = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                  "\"message\":\"Overloaded\"}}",
        .refused = "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
                   "\"message\":\"invalid x-api-key " AGT_TEST_KEY "\"}}",
        .spent = "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\","
                 "\"message\":\"You exceeded your current quota\"}}",
        .spent_status = "402 Payment Required",
        .calls = MESSAGE_START BLOCK_CALL("0", "c1", "echo", ARGUMENTS("1"))
            BLOCK_CALL("1", "c2", "nobody", "") BLOCK_CALL("2", "c3", "echo", BROKEN)
                BLOCK_CALL("3", "c4", "echo", ARGUMENTS("4")) MESSAGE_END("tool_use")
                    EVENT("message_stop", ""),
    },
    {
        .wire = "openai-responses",
        .provider = "compatible-responses",
        .folder = "openai_responses",
        .path = "/responses",
        .key = "Authorization: Bearer " AGT_TEST_KEY,
        .begin = CREATED EVENT("response.output_item.added",
                               ",\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":"
                               "\"message\",\"status\":\"in_progress\",\"role\":\"assistant\","
                               "\"content\":[]}"),
        .hello = OUTPUT_TEXT(AGT_TEST_HELLO),
        .rest = OUTPUT_TEXT(AGT_TEST_REST),
        .end = EVENT(
            "response.output_item.done",
            ",\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\","
            "\"status\":\"completed\",\"role\":\"assistant\",\"content\":["
            "{\"type\":\"output_text\",\"annotations\":[],\"text\":\"" AGT_TEST_HELLO AGT_TEST_REST
            "\"}]}"),
        .done = COMPLETED,
        .needs_done = true,
        .error = EVENT("error", ",\"code\":\"server_error\",\"message\":\"Overloaded\","
                                "\"param\":null"),
        .whole = "{\"id\":\"c-1\",\"object\":\"response\",\"status\":\"completed\",\"model\":"
                 "\"m-x\",\"output\":[{\"id\":\"msg_1\",\"type\":\"message\",\"status\":"
                 "\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
                 "\"annotations\":[],\"text\":\"" AGT_TEST_HELLO AGT_TEST_REST
                 "\"}]}],\"usage\":{\"input_tokens\":12,\"output_tokens\":7,\"total_tokens\":19}}",
        OPENAI_ERRORS,
        .calls = CREATED OUTPUT_CALL("0", "c1", "echo", ARGUMENTS("1"))
            OUTPUT_CALL("1", "c2", "nobody", "") OUTPUT_CALL("2", "c3", "echo", BROKEN)
                OUTPUT_CALL("3", "c4", "echo", ARGUMENTS("4")) COMPLETED,
    },
};

const size_t agt_test_format_count = sizeof(agt_test_formats) / sizeof(agt_test_formats[0]);

char *agt_test_format_stream(const agt_test_format *format)
{
    size_t size = strlen(format->begin) + strlen(format->hello) + strlen(format->rest) +
                  strlen(format->end) + strlen(format->done) + 1;
    char *stream = malloc(size);
    assert_non_null(stream);
    (void)snprintf(stream, size, "%s%s%s%s%s", format->begin, format->hello, format->rest,
                   format->end, format->done);
    return stream;
}
