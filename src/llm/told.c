/*
 * What a model tells, as a value: for recordings, and told again from one.
 *
 *     {"index": 0, "text": …} · {"index": 0, "reasoning": …} · {"index": 1, "part": …} · {"usage":
 * …}
 *
 * Threads: the loop's.
 */
#include "llm/model.h"

#include "base/value.h"

#include <string.h>

static void write_usage(agt_value_builder *builder, const agt_usage *usage)
{
    const struct {
        const char *key;
        int64_t count;
    } members[] = {
        {"input_tokens", usage->input_tokens},
        {"output_tokens", usage->output_tokens},
        {"cache_read_tokens", usage->cache_read_tokens},
        {"cache_write_tokens", usage->cache_write_tokens},
        {"cache_write_1h_tokens", usage->cache_write_1h_tokens},
        {"reasoning_tokens", usage->reasoning_tokens},
    };
    agt_value_builder_key(builder, "usage");
    agt_value_builder_begin_object(builder);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].count != AGT_TOKENS_UNKNOWN) {
            agt__builder_add_int64(builder, members[i].key, members[i].count);
        }
    }
    agt_value_builder_end(builder);
}

agt_status agt__model_keep_told(const agt_allocator *allocator, const void *what,
                                agt_value **ret_kept)
{
    const agt__answer_event *event = what;
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(allocator, &builder) != AGT_OK) {
        return AGT_E_NOMEM;
    }
    agt_value_builder_begin_object(builder);
    if (event->kind != AGT__ANSWER_EVENT_USAGE) {
        agt__builder_add_uint64(builder, "index", event->index);
    }
    switch (event->kind) {
    case AGT__ANSWER_EVENT_TEXT:
    case AGT__ANSWER_EVENT_REASONING:
        agt_value_builder_key(builder,
                              event->kind == AGT__ANSWER_EVENT_TEXT ? "text" : "reasoning");
        agt_value_builder_string_n(builder, event->text, event->length);
        break;
    case AGT__ANSWER_EVENT_TOOL_CALL:
        agt__builder_add_value(builder, "part", event->part);
        break;
    case AGT__ANSWER_EVENT_USAGE:
        write_usage(builder, &event->usage);
        break;
    }
    agt_value_builder_end(builder);
    agt_status status = agt_value_builder_finish(builder, ret_kept, NULL);
    agt_value_builder_free(builder);
    return status;
}

void agt__model_tell_again(agt_tool_call *call, const agt_value *kept)
{
    uint64_t index = 0;
    agt__answer_event event = {.kind = AGT__ANSWER_EVENT_TEXT};
    const agt_value *text = agt_value_get_member(kept, "text");
    const agt_value *reasoning = agt_value_get_member(kept, "reasoning");
    const agt_value *usage = agt_value_get_member(kept, "usage");
    if (agt_value_get_uint64(agt_value_get_member(kept, "index"), &index) == AGT_OK) {
        event.index = (size_t)index;
    }
    event.part = agt_value_get_member(kept, "part");
    if (text != NULL || reasoning != NULL) {
        event.kind = text != NULL ? AGT__ANSWER_EVENT_TEXT : AGT__ANSWER_EVENT_REASONING;
        event.text = agt_value_get_string(text != NULL ? text : reasoning, &event.length);
    } else if (event.part != NULL) {
        event.kind = AGT__ANSWER_EVENT_TOOL_CALL;
    } else if (usage != NULL) {
        event.kind = AGT__ANSWER_EVENT_USAGE;
        event.usage = agt_usage_from_value(usage);
    } else {
        return;
    }
    if (text == NULL && reasoning == NULL) {
        event.text = "";
    }
    if (event.text != NULL) { /* else no text: the file was changed */
        agt__model_tell(call, &event);
    }
}
