/*
 * Wire formats: any bytes for what a server sends, and any request. The first byte says which
 * format (modulo 3) and what the rest is (the next bits): a stream, a whole answer, an error, or a
 * request.
 *
 * Whatever a server sends, an answer ends in a response, or in a limit. The response is JSON that
 * the library's own check understands; if it passes, the format can send it back. A stream makes
 * the same response however it is cut.
 */
#include "base/value.h"
#include "llm/message.h"
#include "llm/wire.h"
#include "net/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    answer_bytes_max = 256 * 1024
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static agt_value *parse(const uint8_t *data, size_t size)
{
    agt_value *value = NULL;
    return agt__wire_parse(NULL, (const char *)data, size, false, &value, NULL) == AGT_OK ? value
                                                                                          : NULL;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static agt_status encode(const agt__wire *wire, const agt_value *request, bool flag)
{
    const agt__wire_settings settings = {
        .model = "m", .max_output_tokens = 5, .cache = flag, .no_strict = !flag};
    agt__buffer body;
    agt_error err = {0};
    agt__buffer_init(&body, NULL, 0);
    agt_status status = wire->encode(NULL, &settings, request, &body, &err);
    if (status == AGT_OK) {
        agt_value *value = NULL;
        agt_json_config config = AGT_CONFIG(agt_json_config, .depth_max = 1024,
                                            .number_bytes_max = 4096, .nodes_max = 1 << 20);
        require(agt_json_parse(NULL, agt__buffer_text(&body), body.size, &config, &value, NULL) ==
                AGT_OK);
        agt_value_unref(value);
    } else {
        require(status == err.status && err.message[0] != '\0');
    }
    agt__buffer_deinit(&body);
    return status;
}

/* A conversation in which the model said @parts, and every call has a result. */
static agt_value *new_request(const agt_value *parts)
{
    agt_value *request = NULL;
    agt_value_builder *b = NULL;
    require(agt_value_builder_new(NULL, &b) == AGT_OK);
    agt_value_builder_begin_object(b);
    agt_value_builder_key(b, "messages");
    agt_value_builder_begin_array(b);
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "role", "assistant");
    agt__builder_add_value(b, "parts", parts);
    agt_value_builder_end(b);
    agt_value_builder_begin_object(b);
    agt__builder_add_string(b, "role", "tool");
    agt_value_builder_key(b, "parts");
    agt_value_builder_begin_array(b);
    for (size_t i = 0; i < agt_value_get_count(parts); i++) {
        agt__tool_request call;
        if (agt__part_get_tool_call(agt_value_get_item(parts, i), &call)) {
            agt_value_builder_begin_object(b);
            agt__builder_add_string(b, "type", "tool_result");
            agt__builder_add_value(b, "id", call.id);
            agt__builder_add_value(b, "name", call.name_value);
            agt__builder_add_string(b, "outcome", "ok");
            agt__builder_add_value(b, "output", call.given);
            agt_value_builder_end(b);
        }
    }
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    agt_value_builder_end(b);
    agt_status status = agt_value_builder_finish(b, &request, NULL);
    require(status == AGT_OK || status == AGT_E_LIMIT); /* nested too deep */
    agt_value_builder_free(b);
    return request;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void on_answer(void *user_data, const agt__answer_event *event)
{
    size_t *told = user_data;
    *told += event->length + (event->part != NULL ? agt_value_get_count(event->part) : 0);
}

/* The response that was put together; NULL at a limit. */
static agt_value *finish(agt__answer *answer, bool complete)
{
    agt_value *response = NULL;
    agt_error err = {0};
    agt_status status = agt__answer_finish(answer, complete, &response, &err);
    require(status == AGT_OK || (status == AGT_E_LIMIT && err.message[0] != '\0'));
    agt__answer_free(answer);
    return response;
}

static void check_response(const agt__wire *wire, const agt_value *response)
{
    agt_value *checked = NULL;
    agt_value *text = NULL;
    if (response == NULL) {
        return;
    }
    require(agt_value_is_tainted(response));
    require(agt_value_to_json(NULL, response, 0, &text) == AGT_OK);
    agt_value_unref(text);
    agt_status status = agt__response_check(NULL, response, 1, &checked, NULL);
    require(status == AGT_OK || status == AGT_E_MODEL);
    if (status == AGT_OK) {
        agt_value *request = new_request(agt__response_get_parts(checked));
        if (request != NULL) {
            require(encode(wire, request, true) == AGT_OK);
        }
        agt_value_unref(request);
    }
    agt_value_unref(checked);
}

typedef struct reader {
    const agt__wire *wire;
    agt__answer *answer;
    agt_status status;
    bool done;
} reader;

static bool on_event(void *user_data, const agt__sse_event *event)
{
    reader *self = user_data;
    agt_error err = {0};
    self->status = self->wire->stream_event(self->answer, event->type, event->data,
                                            event->data_size, &self->done, &err);
    require(self->status == AGT_OK || (self->status == AGT_E_MODEL && err.message[0] != '\0'));
    return self->status == AGT_OK && !self->done;
}

static agt_value *read_stream(const agt__wire *wire, const uint8_t *data, size_t size, size_t piece,
                              size_t *ret_told)
{
    reader self = {.wire = wire};
    agt__sse *sse = NULL;
    *ret_told = 0;
    require(agt__answer_new(NULL, answer_bytes_max, on_answer, ret_told, &self.answer) == AGT_OK);
    require(agt__sse_new(NULL, 0, on_event, &self, &sse) == AGT_OK);
    agt_status status = AGT_OK;
    for (size_t at = 0; at < size && status == AGT_OK; at += piece) {
        status = agt__sse_feed(sse, data + at, size - at < piece ? size - at : piece, NULL);
    }
    agt__sse_free(sse);
    bool complete = self.status == AGT_OK && agt__answer_is_finished(self.answer);
    return finish(self.answer, complete);
}

static void try_stream(const agt__wire *wire, const uint8_t *data, size_t size)
{
    size_t told = 0;
    size_t told_in_pieces = 0;
    agt_value *whole = read_stream(wire, data, size, SIZE_MAX / 2, &told);
    agt_value *pieces = read_stream(wire, data, size, size % 7 + 1, &told_in_pieces);
    require(agt_value_equals(whole, pieces) && told == told_in_pieces);
    check_response(wire, whole);
    agt_value_unref(pieces);
    agt_value_unref(whole);
}

static void try_answer(const agt__wire *wire, const agt_value *body)
{
    agt__answer *answer = NULL;
    agt_error err = {0};
    size_t told = 0;
    require(agt__answer_new(NULL, answer_bytes_max, on_answer, &told, &answer) == AGT_OK);
    agt_status status = wire->decode(body, answer, &err);
    require(status == AGT_OK || (status == AGT_E_MODEL && err.message[0] != '\0'));
    agt_value *response = finish(answer, status == AGT_OK);
    check_response(wire, response);
    agt_value_unref(response);
}

static void try_error(const agt__wire *wire, const uint8_t *data, size_t size,
                      const agt_value *body)
{
    static const int32_t statuses[] = {400, 401, 402, 404, 413, 429, 500, 529};
    char text[64];
    size_t length = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)(data[i] >= 0x20 && data[i] < 0x7F ? data[i] : '.');
    }
    text[length] = '\0';
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        agt_error err = {0};
        wire->read_error(statuses[i], body, body == NULL ? text : NULL, &err);
        require(err.status < 0 && err.cause == statuses[i] && err.message[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"anthropic", "openai", "openai-responses"};
    if (size == 0) {
        return 0;
    }
    const agt__wire *wire = agt__wire_find(names[data[0] % 3]);
    int what = data[0] / 3 % 4;
    if (wire == NULL) {
        return 0;
    }
    if (what == 0) {
        try_stream(wire, data + 1, size - 1);
        return 0;
    }
    agt_value *value = parse(data + 1, size - 1);
    if (what == 1 && value != NULL) {
        try_answer(wire, value);
    } else if (what == 2) {
        try_error(wire, data + 1, size - 1, value);
    } else if (value != NULL) {
        (void)encode(wire, value, data[0] >= 128);
    }
    agt_value_unref(value);
    return 0;
}
