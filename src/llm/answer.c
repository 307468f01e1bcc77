/*
 * An answer that is being put together.
 *
 * Parts stand in an array in the order in which they were opened and are found by their key; the
 * search begins at the part that was found last, since pieces come in runs or in turn. A part's
 * text grows in a buffer; its other members are values that are shared. A tool call becomes a value
 * when it is closed, any other part when the answer is finished.
 *
 * `failure` is the first thing that went wrong. Everything that changes the answer looks at it
 * first, so that a format may go on as if nothing had happened.
 *
 * `bytes` counts texts, members and opaque values, and is never more than bytes_max: a server
 * decides how long an answer is, not how much memory it takes.
 *
 * Half of a surrogate pair at the end of a piece (halves.h) is kept in `half` until the next piece
 * of the part comes, or the part is closed: what a listener is told is always whole characters.
 *
 * Threads: one at a time.
 */
#include "llm/answer.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"
#include "llm/halves.h"
#include "llm/object_scan.h"

#include <string.h>

static const char origin[] = "llm/answer";

enum {
    parts_max = 1024,                  /* as agt__response_check()           */
    part_bytes_max = 32 * 1024 * 1024, /* of one text                        */
    bytes_max_default = 64 * 1024 * 1024,
    members_max = AGT__FIELDS_MAX - 2 /* beside the type and the text       */
};

typedef struct part {
    uint64_t key;
    agt__answer_kind kind;
    bool open;
    uint32_t half;         /* of a surrogate pair, the other half of which may come; 0 = none */
    agt__object_scan scan; /* of arguments as text                                            */
    agt__buffer text;      /* or arguments as text                                            */
    agt_value *arguments;  /* an object instead of text; NULL = none                      */
    agt_value *whole;      /* of an opaque part, or of a call that was closed             */
    size_t arguments_bytes, whole_bytes; /* as they were counted */
    size_t member_count;
    agt__field members[members_max];
    size_t member_bytes[members_max];
} part;

struct agt__answer {
    const agt_allocator *allocator;
    agt__answer_fn on_event;
    void *user_data;
    part *parts;
    size_t count, capacity;
    size_t found; /* index of the part that was looked up last */
    size_t bytes, bytes_max;
    agt_value *id, *model;
    const char *reason; /* a literal; NULL = not finished */
    agt_value *raw_reason;
    size_t id_bytes, model_bytes, raw_bytes; /* as they were counted */
    agt_usage usage;
    agt_error failure; /* status 0: none */
};

/* ---- the answer -------------------------------------------------------------------------------
 */

agt_status agt__answer_new(const agt_allocator *allocator, size_t bytes_max,
                           agt__answer_fn on_event, void *user_data, agt__answer **ret_answer)
{
    agt__answer *answer = agt__calloc(allocator, 1, sizeof(*answer));
    if (answer == NULL) {
        return AGT_E_NOMEM;
    }
    answer->allocator = allocator;
    answer->bytes_max = bytes_max > 0 ? bytes_max : bytes_max_default;
    answer->on_event = on_event;
    answer->user_data = user_data;
    answer->usage = agt_usage_unknown();
    *ret_answer = answer;
    return AGT_OK;
}

static void deinit_part(part *self)
{
    agt__buffer_deinit(&self->text);
    agt_value_unref(self->arguments);
    agt_value_unref(self->whole);
    for (size_t i = 0; i < self->member_count; i++) {
        agt_value_unref(self->members[i].value);
    }
}

void agt__answer_free(agt__answer *answer)
{
    if (answer == NULL) {
        return;
    }
    for (size_t i = 0; i < answer->count; i++) {
        deinit_part(&answer->parts[i]);
    }
    agt__free(answer->allocator, answer->parts);
    agt_value_unref(answer->id);
    agt_value_unref(answer->model);
    agt_value_unref(answer->raw_reason);
    agt__free(answer->allocator, answer);
}

const agt_allocator *agt__answer_get_allocator(const agt__answer *answer)
{
    return answer->allocator;
}

size_t agt__answer_get_count(const agt__answer *answer)
{
    return answer->count;
}

static bool is_working(const agt__answer *answer)
{
    return answer->failure.status == AGT_OK;
}

/* Keep a failure, if it is the first one. @return whether all is well */
static bool check(agt__answer *answer, agt_status status)
{
    if (!is_working(answer)) {
        return false;
    }
    if (status == AGT_E_NOMEM) {
        (void)agt__error_nomem(&answer->failure, origin);
    } else if (status == AGT_E_LIMIT) {
        (void)agt__error_set(&answer->failure, status, origin,
                             "the answer of the model is nested too deep, or one part of it has "
                             "more than %d bytes",
                             part_bytes_max);
    } else if (status != AGT_OK) {
        (void)agt__error_set(&answer->failure, status, origin, "%s", agt_status_get_text(status));
    }
    return is_working(answer);
}

void agt__answer_fail(agt__answer *answer, agt_status status)
{
    if (is_working(answer)) {
        (void)check(answer, status);
    }
}

/* Count @size bytes more. @return whether they may be had */
static bool add_bytes(agt__answer *answer, size_t size)
{
    if (size > answer->bytes_max - answer->bytes) {
        (void)agt__error_set(&answer->failure, AGT_E_LIMIT, origin,
                             "the answer of the model has more than %zu bytes", answer->bytes_max);
        return false;
    }
    answer->bytes += size;
    return true;
}

/* Put a reference to @value, tainted, into *target, counting its size. @return whether it is there
 */
static bool put(agt__answer *answer, agt_value **target, size_t *counted, const agt_value *value)
{
    size_t size = agt__value_estimate_size(value);
    agt_value *tainted = NULL;
    answer->bytes -= *counted;
    *counted = 0;
    if (!add_bytes(answer, size) ||
        !check(answer, agt_value_with_taint(answer->allocator, value, &tainted))) {
        return false;
    }
    *counted = size;
    agt_value_unref(*target);
    *target = tainted;
    return true;
}

/* Forget what was put there. */
static void drop(agt__answer *answer, agt_value **target, size_t *counted)
{
    answer->bytes -= *counted;
    *counted = 0;
    agt_value_unref(*target);
    *target = NULL;
}

/* ---- parts ------------------------------------------------------------------------------------
 */

/* The part with @key; NULL if there is none. The cache of the last place is no visible change. */
static part *find(const agt__answer *answer, uint64_t key)
{
    size_t at = answer->found;
    for (size_t i = 0; i < answer->count; i++, at++) {
        if (at >= answer->count) {
            at = 0;
        }
        if (answer->parts[at].key == key) {
            return &answer->parts[at];
        }
    }
    return NULL;
}

static part *find_to_change(agt__answer *answer, uint64_t key)
{
    part *self = is_working(answer) ? find(answer, key) : NULL;
    if (self != NULL) {
        answer->found = (size_t)(self - answer->parts);
    }
    return self;
}

bool agt__answer_open(agt__answer *answer, uint64_t key, agt__answer_kind kind)
{
    if (!is_working(answer) || find(answer, key) != NULL) {
        return false;
    }
    agt_status status = agt__array_reserve(answer->allocator, &answer->parts, &answer->capacity,
                                           answer->count, sizeof(part), parts_max);
    if (status == AGT_E_LIMIT) {
        (void)agt__error_set(&answer->failure, status, origin,
                             "the answer of the model has more than %d parts", parts_max);
        return false;
    }
    if (!check(answer, status)) {
        return false;
    }
    part *self = &answer->parts[answer->count];
    *self = (part){.key = key, .kind = kind, .open = true};
    agt__buffer_init(&self->text, answer->allocator, part_bytes_max);
    answer->found = answer->count++;
    return true;
}

bool agt__answer_has(const agt__answer *answer, uint64_t key)
{
    return find(answer, key) != NULL;
}

bool agt__answer_is_open(const agt__answer *answer, uint64_t key)
{
    const part *self = find(answer, key);
    return self != NULL && self->open;
}

agt__answer_kind agt__answer_get_kind(const agt__answer *answer, uint64_t key)
{
    const part *self = find(answer, key);
    return self != NULL ? self->kind : AGT__ANSWER_OPAQUE; /* not there after a failure only */
}

const char *agt__answer_get_text(const agt__answer *answer, uint64_t key)
{
    const part *self = find(answer, key);
    return self != NULL ? agt__buffer_text(&self->text) : "";
}

const agt_value *agt__answer_get_opaque(const agt__answer *answer, uint64_t key)
{
    const part *self = find(answer, key);
    return self != NULL && self->kind == AGT__ANSWER_OPAQUE
               ? agt_value_get_member(self->whole, "value")
               : NULL;
}

size_t agt__answer_get_length(const agt__answer *answer, uint64_t key)
{
    const part *self = find(answer, key);
    return self != NULL ? self->text.size : 0;
}

/* ---- text -------------------------------------------------------------------------------------
 */

static void tell(agt__answer *answer, const agt__answer_event *event)
{
    if (answer->on_event != NULL) {
        answer->on_event(answer->user_data, event);
    }
}

/* Add whole characters, and tell them. */
static void add_text(agt__answer *answer, part *self, const char *text, size_t length)
{
    if (length == 0 || !is_working(answer) || !add_bytes(answer, length)) {
        return;
    }
    agt__buffer_add(&self->text, text, length);
    bool is_said = self->kind == AGT__ANSWER_TEXT || self->kind == AGT__ANSWER_REASONING;
    if (check(answer, self->text.status) && is_said) {
        tell(answer, &(agt__answer_event){.kind = self->kind == AGT__ANSWER_TEXT
                                                      ? AGT__ANSWER_EVENT_TEXT
                                                      : AGT__ANSWER_EVENT_REASONING,
                                          .index = (size_t)(self - answer->parts),
                                          .text = text,
                                          .length = length,
                                          .usage = answer->usage});
    }
}

static void add_character(agt__answer *answer, part *self, uint32_t code)
{
    char bytes[4];
    add_text(answer, self, bytes, agt__utf8_write(bytes, code));
}

/* The other half did not come. */
static void flush_half(agt__answer *answer, part *self)
{
    if (self->half != 0) {
        self->half = 0;
        add_character(answer, self, 0xFFFD);
    }
}

/* Whether nothing can be added any more. */
static bool is_fixed(const part *self)
{
    return self->kind == AGT__ANSWER_OPAQUE ? !self->open : self->whole != NULL;
}

void agt__answer_append(agt__answer *answer, uint64_t key, const char *text, size_t length)
{
    part *self = find_to_change(answer, key);
    if (self == NULL || length == 0 || is_fixed(self)) {
        return;
    }
    drop(answer, &self->arguments, &self->arguments_bytes);
    uint32_t half = length >= AGT__HALF_MARK_SIZE ? agt__halves_read(text) : 0;
    if (half != 0 && !agt__half_is_first(half)) {
        uint32_t code = self->half != 0 ? agt__halves_join(self->half, half) : 0xFFFD;
        self->half = 0;
        add_character(answer, self, code);
        text += AGT__HALF_MARK_SIZE;
        length -= AGT__HALF_MARK_SIZE;
    }
    if (length == 0) {
        return;
    }
    flush_half(answer, self);
    half =
        length >= AGT__HALF_MARK_SIZE ? agt__halves_read(text + length - AGT__HALF_MARK_SIZE) : 0;
    if (agt__half_is_first(half)) {
        length -= AGT__HALF_MARK_SIZE;
        self->half = half;
    }
    add_text(answer, self, text, length);
}

void agt__answer_append_value(agt__answer *answer, uint64_t key, const agt_value *text)
{
    size_t length = 0;
    const char *bytes = agt_value_get_string(text, &length);
    if (bytes != NULL) {
        agt__answer_append(answer, key, bytes, length);
    }
}

/* ---- other members ----------------------------------------------------------------------------
 */

static agt__field *find_member(part *self, const char *member)
{
    for (size_t i = 0; i < self->member_count; i++) {
        if (strcmp(self->members[i].key, member) == 0) {
            return &self->members[i];
        }
    }
    return NULL;
}

static bool is_nonempty_string(const agt_value *value)
{
    size_t length = 0;
    return agt_value_get_string(value, &length) != NULL && length > 0;
}

void agt__answer_set(agt__answer *answer, uint64_t key, const char *member, const agt_value *value)
{
    part *self = find_to_change(answer, key);
    if (self == NULL || value == NULL || self->whole != NULL) {
        return;
    }
    agt__field *field = find_member(self, member);
    if (self->kind == AGT__ANSWER_TOOL_CALL &&
        (strcmp(member, "id") == 0 || strcmp(member, "name") == 0) &&
        (field != NULL || !is_nonempty_string(value))) {
        return;
    }
    if (field == NULL) {
        AGT_ASSERT(self->member_count < members_max); /* formats have no more */
        field = &self->members[self->member_count];
        *field = (agt__field){.key = member};
        self->member_bytes[self->member_count++] = 0;
    }
    size_t *counted = &self->member_bytes[field - self->members];
    (void)put(answer, &field->value, counted, value);
}

const agt_value *agt__answer_get(const agt__answer *answer, uint64_t key, const char *member)
{
    part *self = find(answer, key);
    const agt__field *field = self != NULL ? find_member(self, member) : NULL;
    return field != NULL ? field->value : NULL;
}

static void clear_text(agt__answer *answer, part *self)
{
    answer->bytes -= self->text.size;
    self->half = 0;
    self->scan = (agt__object_scan){.at = 0};
    agt__buffer_clear(&self->text);
}

void agt__answer_set_arguments(agt__answer *answer, uint64_t key, const agt_value *arguments)
{
    part *self = find_to_change(answer, key);
    if (self == NULL || self->kind != AGT__ANSWER_TOOL_CALL || self->whole != NULL) {
        return;
    }
    clear_text(answer, self);
    drop(answer, &self->arguments, &self->arguments_bytes);
    agt_value_kind kind = agt_value_get_kind(arguments);
    if (kind == AGT_VALUE_STRING) {
        agt__answer_append_value(answer, key, arguments);
    } else if (kind == AGT_VALUE_OBJECT) {
        (void)put(answer, &self->arguments, &self->arguments_bytes, arguments);
    } else if (kind != AGT_VALUE_NULL) {
        size_t size = self->text.size;
        agt__json_write(&self->text, arguments, AGT_JSON_COMPACT);
        if (check(answer, self->text.status)) {
            (void)add_bytes(answer, self->text.size - size);
        }
    }
}

bool agt__answer_has_whole_arguments(agt__answer *answer, uint64_t key)
{
    part *self = find_to_change(answer, key);
    if (self == NULL || self->kind != AGT__ANSWER_TOOL_CALL) {
        return false;
    }
    bool whole = agt__object_scan_is_whole(&self->scan, self->text.bytes, self->text.size);
    return whole || self->whole != NULL || self->arguments != NULL;
}

void agt__answer_set_opaque(agt__answer *answer, uint64_t key, const char *format,
                            const agt_value *value)
{
    part *self = find_to_change(answer, key);
    if (self == NULL || self->kind != AGT__ANSWER_OPAQUE || value == NULL) {
        return;
    }
    agt_value *whole = NULL;
    const agt__field fields[] = {
        {"type", agt__value_text_or_null(answer->allocator, "opaque")},
        {"format", agt__value_text_or_null(answer->allocator, format)},
        {"value", agt_value_ref(value)},
    };
    if (check(answer, agt__value_make_object(answer->allocator, fields, 3, &whole))) {
        (void)put(answer, &self->whole, &self->whole_bytes, whole);
        agt_value_unref(whole);
    }
}

/* ---- closing ----------------------------------------------------------------------------------
 */

/* The arguments of a call that is complete: an object, else the text as it came. NULL after a
 * failure. */
static agt_value *make_arguments(agt__answer *answer, const part *self, bool complete)
{
    static const char space[] = " \t\r\n";
    const char *text = agt__buffer_text(&self->text);
    size_t length = self->text.size;
    agt_value *arguments = NULL;
    if (self->arguments != NULL) {
        return agt_value_ref(self->arguments);
    }
    size_t start = strspn(text, space);
    size_t word = strcspn(text + start, space);
    bool is_null = word == 4 && memcmp(text + start, "null", 4) == 0 &&
                   start + word + strspn(text + start + word, space) == length;
    if (complete && (start == length || is_null)) {
        return agt_value_empty_object();
    }
    agt_json_config config = AGT_CONFIG(agt_json_config, .tainted = true);
    config.string_bytes_max = part_bytes_max;
    agt_status status = agt_json_parse(answer->allocator, text, length, &config, &arguments, NULL);
    if (status == AGT_OK && agt_value_get_kind(arguments) == AGT_VALUE_OBJECT) {
        return arguments;
    }
    agt_value_unref(arguments);
    arguments = NULL;
    if (status != AGT_E_NOMEM) {
        status = agt__value_new_string_lossy(answer->allocator, text, length, &arguments);
    }
    return check(answer, status) ? arguments : NULL;
}

/* The part as it stands in the response; NULL after a failure. */
static agt_value *make_part(agt__answer *answer, const part *self, bool complete)
{
    static const char *const types[] = {"text", "reasoning", "tool_call", "opaque"};
    agt__field fields[AGT__FIELDS_MAX];
    size_t count = 0;
    agt_value *made = NULL;
    agt_value *tainted = NULL;
    fields[count++] =
        (agt__field){"type", agt__value_text_or_null(answer->allocator, types[self->kind])};
    for (size_t i = 0; i < self->member_count; i++) {
        if (self->members[i].value != NULL) {
            fields[count++] =
                (agt__field){self->members[i].key, agt_value_ref(self->members[i].value)};
        }
    }
    if (self->kind == AGT__ANSWER_TOOL_CALL) {
        fields[count++] = (agt__field){"arguments", make_arguments(answer, self, complete)};
    } else if (self->kind != AGT__ANSWER_OPAQUE) {
        agt_value *text = NULL;
        (void)check(answer,
                    agt__value_new_string_lossy(answer->allocator, agt__buffer_text(&self->text),
                                                self->text.size, &text));
        fields[count++] = (agt__field){"text", text};
    }
    agt_status status = agt__value_make_object(answer->allocator, fields, count, &made);
    if (status == AGT_OK) {
        status = agt__value_take_taint(answer->allocator, made, &tainted);
    }
    return check(answer, status) ? tainted : NULL;
}

static void close_part(agt__answer *answer, part *self, bool complete)
{
    flush_half(answer, self);
    self->open = false;
    if (self->kind != AGT__ANSWER_TOOL_CALL || !is_working(answer)) {
        return;
    }
    self->whole = make_part(answer, self, complete);
    if (self->whole == NULL) {
        return;
    }
    agt__buffer_deinit(&self->text); /* its bytes stay counted: they are in the value now */
    agt__buffer_init(&self->text, answer->allocator, part_bytes_max);
    if (complete) {
        tell(answer, &(agt__answer_event){.kind = AGT__ANSWER_EVENT_TOOL_CALL,
                                          .index = (size_t)(self - answer->parts),
                                          .part = self->whole,
                                          .usage = answer->usage});
    }
}

void agt__answer_close(agt__answer *answer, uint64_t key)
{
    part *self = find_to_change(answer, key);
    if (self != NULL && self->open) {
        close_part(answer, self, true);
    }
}

void agt__answer_drop(agt__answer *answer, uint64_t key)
{
    part *self = find_to_change(answer, key);
    if (self == NULL) {
        return;
    }
    size_t index = (size_t)(self - answer->parts);
    deinit_part(self);
    answer->count--;
    memmove(self, self + 1, (answer->count - index) * sizeof(*self));
    answer->found = 0;
}

void agt__answer_close_calls_but(agt__answer *answer, uint64_t key)
{
    for (size_t i = 0; i < answer->count && is_working(answer); i++) {
        part *self = &answer->parts[i];
        if (self->open && self->kind == AGT__ANSWER_TOOL_CALL && self->key != key) {
            close_part(answer, self, true);
        }
    }
}

/* ---- the head ---------------------------------------------------------------------------------
 */

void agt__answer_set_head(agt__answer *answer, const char *member, const agt_value *value)
{
    agt_value **target = strcmp(member, "id") == 0      ? &answer->id
                         : strcmp(member, "model") == 0 ? &answer->model
                                                        : NULL;
    if (is_working(answer) && target != NULL && is_nonempty_string(value)) {
        (void)put(answer, target, target == &answer->id ? &answer->id_bytes : &answer->model_bytes,
                  value);
    }
}

void agt__answer_set_finish(agt__answer *answer, const char *reason, const agt_value *raw)
{
    if (!is_working(answer) || reason == NULL) {
        return;
    }
    answer->reason = reason;
    if (is_nonempty_string(raw)) {
        (void)put(answer, &answer->raw_reason, &answer->raw_bytes, raw);
    }
}

bool agt__answer_is_finished(const agt__answer *answer)
{
    return answer->reason != NULL;
}

/* Take @count over if it is known. @return whether that changed anything */
static bool take_count(int64_t *target, int64_t count)
{
    if (count < 0 || *target == count) {
        return false;
    }
    *target = count;
    return true;
}

void agt__answer_set_usage(agt__answer *answer, const agt_usage *usage)
{
    agt_usage *own = &answer->usage;
    if (!is_working(answer)) {
        return;
    }
    bool changed = take_count(&own->input_tokens, usage->input_tokens);
    changed = take_count(&own->cache_read_tokens, usage->cache_read_tokens) || changed;
    changed = take_count(&own->cache_write_tokens, usage->cache_write_tokens) || changed;
    changed = take_count(&own->cache_write_1h_tokens, usage->cache_write_1h_tokens) || changed;
    changed = take_count(&own->output_tokens, usage->output_tokens) || changed;
    changed = take_count(&own->reasoning_tokens, usage->reasoning_tokens) || changed;
    if (changed) {
        tell(answer, &(agt__answer_event){.kind = AGT__ANSWER_EVENT_USAGE, .usage = *own});
    }
}

agt_usage agt__answer_get_usage(const agt__answer *answer)
{
    return answer->usage;
}

/* ---- the response -----------------------------------------------------------------------------
 */

/* Whether the provider stopped the answer where the model would not have. */
static bool is_cut(const agt__answer *answer)
{
    static const char *const reasons[] = {"length", "content_filter", "refusal"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (answer->reason != NULL && strcmp(answer->reason, reasons[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The known counts as an object; NULL after a failure, or if nothing is known. */
static agt_value *make_usage(agt__answer *answer)
{
    const agt_usage *usage = &answer->usage;
    const struct {
        const char *key;
        int64_t count;
    } counts[] = {
        {"input_tokens", usage->input_tokens},
        {"cache_read_tokens", usage->cache_read_tokens},
        {"cache_write_tokens", usage->cache_write_tokens},
        {"cache_write_1h_tokens", usage->cache_write_1h_tokens},
        {"output_tokens", usage->output_tokens},
        {"reasoning_tokens", usage->reasoning_tokens},
    };
    agt__field fields[AGT__FIELDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i].count >= 0) {
            fields[count++] =
                (agt__field){counts[i].key, agt__value_uint64_or_null(answer->allocator,
                                                                      (uint64_t)counts[i].count)};
        }
    }
    agt_value *made = NULL;
    if (count > 0) {
        (void)check(answer, agt__value_make_object(answer->allocator, fields, count, &made));
    }
    return made;
}

/* All parts, closed; NULL after a failure. */
static agt_value *make_parts(agt__answer *answer, bool cut, bool *ret_calls)
{
    agt_value *parts = NULL;
    agt_value_builder *builder = NULL;
    if (!is_working(answer) || !check(answer, agt_value_builder_new(answer->allocator, &builder))) {
        return NULL;
    }
    agt_value_builder_begin_array(builder);
    for (size_t i = 0; i < answer->count && is_working(answer); i++) {
        part *self = &answer->parts[i];
        if (self->open) {
            close_part(answer, self, !cut);
        }
        if (self->kind == AGT__ANSWER_OPAQUE && self->whole == NULL) {
            continue; /* nothing was said of it */
        }
        agt_value *whole = self->whole != NULL  ? agt_value_ref(self->whole)
                           : is_working(answer) ? make_part(answer, self, true)
                                                : NULL;
        *ret_calls = *ret_calls || self->kind == AGT__ANSWER_TOOL_CALL;
        agt_value_builder_value(builder, whole);
        agt_value_unref(whole);
    }
    agt_value_builder_end(builder);
    if (is_working(answer)) {
        (void)check(answer, agt_value_builder_finish(builder, &parts, NULL));
    }
    agt_value_builder_free(builder);
    return parts;
}

agt_status agt__answer_finish(agt__answer *answer, bool complete, agt_value **ret_response,
                              agt_error *err)
{
    const agt_allocator *allocator = answer->allocator;
    agt__field fields[AGT__FIELDS_MAX];
    size_t count = 0;
    bool calls = false;
    bool cut = !complete || is_cut(answer);
    fields[count++] = (agt__field){"parts", make_parts(answer, cut, &calls)};
    const char *reason = calls && !cut            ? "tool_calls"
                         : answer->reason != NULL ? answer->reason
                         : complete               ? "stop"
                                                  : NULL;
    agt_value *usage = make_usage(answer);
    if (reason != NULL) {
        fields[count++] = (agt__field){"finish_reason", agt__value_text_or_null(allocator, reason)};
    }
    if (answer->raw_reason != NULL) {
        fields[count++] = (agt__field){"finish_reason_raw", agt_value_ref(answer->raw_reason)};
    }
    if (answer->model != NULL) {
        fields[count++] = (agt__field){"model", agt_value_ref(answer->model)};
    }
    if (answer->id != NULL) {
        fields[count++] = (agt__field){"id", agt_value_ref(answer->id)};
    }
    if (usage != NULL) {
        fields[count++] = (agt__field){"usage", usage};
    }
    if (!complete) {
        fields[count++] = (agt__field){"truncated", agt_value_bool(true)};
    }
    agt_value *made = NULL;
    agt_value *tainted = NULL;
    agt_status status = agt__value_make_object(allocator, fields, count, &made);
    if (status == AGT_OK) {
        status = agt__value_take_taint(allocator, made, &tainted);
    }
    /* What went wrong first counts: a part that is not there because of it is no news. */
    if (!check(answer, status)) {
        agt_value_unref(tainted);
        if (err != NULL) {
            *err = answer->failure;
        }
        return answer->failure.status;
    }
    *ret_response = tainted;
    return AGT_OK;
}
