/*
 * Compiling and rendering templates.
 *
 * A template is one block: a header, an array of nodes, a copy of the text they point into. A
 * section is a node that knows where its inside ends; the end itself is no node. Compiling checks
 * everything that does not depend on data, so that rendering only fails for data: a path that is
 * not there, a format that does not suit.
 *
 * Rendering recurses once per nested section (at most 16) and counts the nodes it visits, because
 * sixteen nested sections over long arrays would never end while writing nothing.
 *
 * Threads: a template never changes after it was compiled.
 */
#include "llm/template.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <stdio.h>
#include <string.h>

enum {
    sections_max = 16,
    formats_max = 4,
    visits_max = 1000000,
    output_bytes_max = 8 * 1024 * 1024
};

static const char origin[] = "llm/template";

typedef enum node_kind {
    NODE_TEXT,
    NODE_VALUE,
    NODE_EACH,  /* {{#path}} */
    NODE_UNLESS /* {{^path}} */
} node_kind;

typedef struct node {
    uint8_t kind; /* node_kind */
    uint8_t format_count;
    uint8_t formats[formats_max]; /* agt__format */
    uint32_t end;                 /* of a section: the node after its inside */
    const char *text;             /* or the path */
    size_t length;
} node;

struct agt__template {
    const agt_allocator *allocator;
    bool whole; /* {{=path}} */
    uint32_t node_count;
    node nodes[];
};

/* ---- compiling --------------------------------------------------------------------------------
 */

typedef struct compiler {
    agt__template *template;
    const char *text;
    size_t length;
    uint32_t open[sections_max]; /* nodes of the sections that are open */
    uint32_t open_count;
    agt_error *err;
} compiler;

/* A tag: what stands between {{ and }}, without the spaces around it. */
typedef struct tag {
    const char *text;
    size_t length;
} tag;

static const char *find_pair(const char *text, size_t length, char brace)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] == brace && text[i + 1] == brace) {
            return text + i;
        }
    }
    return NULL;
}

bool agt__template_is_plain(const char *text, size_t length)
{
    return find_pair(text, length, '{') == NULL;
}

/* A failure at @place of the text. */
static agt_status fail_at(const compiler *self, const char *place, agt_status status,
                          const char *format, ...) AGT_PRINTF(4, 5);
static agt_status fail_at(const compiler *self, const char *place, agt_status status,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    agt__error_setv(self->err, status, origin, format, args);
    va_end(args);
    if (self->err != NULL) {
        self->err->column = (uint32_t)(place - self->text) + 1;
    }
    return status;
}

/* A tag as it is shown in messages: not all of a long one. */
static int shown(tag name)
{
    return name.length > 80 ? 80 : (int)name.length;
}

static bool is_path_byte(char c)
{
    return (unsigned char)c > ' ' && c != '{' && c != '}' && c != '|' && c != 0x7F;
}

/* Whether the path is a name, names with dots between them, `.`, or a `.` before such. */
static bool is_path(const char *path, size_t length)
{
    if (length == 0 || strchr("#^/=", path[0]) != NULL) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool dot = path[i] == '.';
        bool first = i == 0;
        if (!is_path_byte(path[i]) || (dot && !first && path[i - 1] == '.') ||
            (dot && !first && i + 1 == length)) {
            return false;
        }
    }
    return true;
}

static tag trim(const char *text, size_t length)
{
    while (length > 0 && (text[0] == ' ' || text[0] == '\t' || text[0] == '\n')) {
        text++;
        length--;
    }
    while (length > 0 &&
           (text[length - 1] == ' ' || text[length - 1] == '\t' || text[length - 1] == '\n')) {
        length--;
    }
    return (tag){text, length};
}

static agt_status read_formats(compiler *self, node *target, const char *text, size_t length)
{
    for (;;) {
        const char *bar = memchr(text, '|', length);
        size_t piece = bar != NULL ? (size_t)(bar - text) : length;
        tag name = trim(text, piece);
        agt__format format;
        if (agt__format_find(name.text, name.length, &format) != AGT_OK) {
            return fail_at(self, name.text, AGT_E_SYNTAX,
                           "there is no format `%.*s`: round2, percent, bytes, bar, json, upper "
                           "and count are known",
                           shown(name), name.text);
        }
        if (target->format_count == formats_max) {
            return fail_at(self, name.text, AGT_E_LIMIT, "more than four formats");
        }
        target->formats[target->format_count++] = (uint8_t)format;
        if (bar == NULL) {
            return AGT_OK;
        }
        text += piece + 1;
        length -= piece + 1;
    }
}

/* {{path}} and {{=path}}, with formats. */
static agt_status compile_value(compiler *self, tag content)
{
    node *target = &self->template->nodes[self->template->node_count++];
    *target = (node){.kind = NODE_VALUE};
    const char *bar = memchr(content.text, '|', content.length);
    size_t before = bar != NULL ? (size_t)(bar - content.text) : content.length;
    tag path = trim(content.text, before);
    if (!is_path(path.text, path.length)) {
        return fail_at(self, content.text, AGT_E_SYNTAX, "`%.*s` is no path", shown(path),
                       path.text);
    }
    target->text = path.text;
    target->length = path.length;
    return bar == NULL ? AGT_OK : read_formats(self, target, bar + 1, content.length - before - 1);
}

static agt_status open_section(compiler *self, tag path, node_kind kind)
{
    if (!is_path(path.text, path.length)) {
        return fail_at(self, path.text, AGT_E_SYNTAX, "`%.*s` is no path", shown(path), path.text);
    }
    if (self->open_count == sections_max) {
        return fail_at(self, path.text, AGT_E_LIMIT, "section `%.*s` is inside of 16 others",
                       shown(path), path.text);
    }
    uint32_t index = self->template->node_count++;
    self->template->nodes[index] =
        (node){.kind = (uint8_t)kind, .text = path.text, .length = path.length};
    self->open[self->open_count++] = index;
    return AGT_OK;
}

static agt_status close_section(compiler *self, tag path)
{
    if (self->open_count == 0) {
        return fail_at(self, path.text, AGT_E_SYNTAX, "{{/%.*s}} closes nothing", shown(path),
                       path.text);
    }
    node *section = &self->template->nodes[self->open[self->open_count - 1]];
    if (section->length != path.length || memcmp(section->text, path.text, path.length) != 0) {
        return fail_at(self, path.text, AGT_E_SYNTAX, "{{/%.*s}} where the section `%.*s` is open",
                       shown(path), path.text, shown((tag){section->text, section->length}),
                       section->text);
    }
    self->open_count--;
    section->end = self->template->node_count;
    return AGT_OK;
}

/* The tag from @begin, at its braces, to @end, behind them. */
static agt_status compile_tag(compiler *self, const char *begin, const char *end)
{
    tag content = trim(begin + 2, (size_t)(end - begin) - 4);
    if (content.length == 0) {
        return fail_at(self, begin, AGT_E_SYNTAX, "an empty tag");
    }
    tag rest = trim(content.text + 1, content.length - 1);
    switch (content.text[0]) {
    case '#':
        return open_section(self, rest, NODE_EACH);
    case '^':
        return open_section(self, rest, NODE_UNLESS);
    case '/':
        return close_section(self, rest);
    case '=': {
        tag all = trim(self->text, self->length);
        if (all.text != begin || all.text + all.length != end) {
            return fail_at(self, begin, AGT_E_SYNTAX,
                           "{{=%.*s}} must stand alone: it is the value itself", shown(rest),
                           rest.text);
        }
        self->template->whole = true;
        return compile_value(self, rest);
    }
    default:
        return compile_value(self, content);
    }
}

static agt_status compile(compiler *self)
{
    agt__template *template = self->template;
    const char *at = self->text;
    const char *end = self->text + self->length;
    while (at < end) {
        const char *begin = find_pair(at, (size_t)(end - at), '{');
        const char *stop = begin != NULL ? begin : end;
        if (stop > at) {
            template->nodes[template->node_count++] =
                (node){.kind = NODE_TEXT, .text = at, .length = (size_t)(stop - at)};
        }
        if (begin == NULL) {
            break;
        }
        const char *close = find_pair(begin + 2, (size_t)(end - begin) - 2, '}');
        if (close == NULL) {
            return fail_at(self, begin, AGT_E_SYNTAX, "{{ without }}");
        }
        agt_status status = compile_tag(self, begin, close + 2);
        if (status != AGT_OK) {
            return status;
        }
        at = close + 2;
    }
    if (self->open_count > 0) {
        const node *section = &template->nodes[self->open[self->open_count - 1]];
        return fail_at(self, section->text, AGT_E_SYNTAX, "the section `%.*s` has no end",
                       shown((tag){section->text, section->length}), section->text);
    }
    if (template->whole) {
        /* Spaces around the tag are no text. */
        for (uint32_t i = 0; i < template->node_count; i++) {
            if (template->nodes[i].kind == NODE_VALUE) {
                template->nodes[0] = template->nodes[i];
            }
        }
        template->node_count = 1;
    }
    return AGT_OK;
}

agt_status agt__template_new(const agt_allocator *allocator, const char *text, size_t length,
                             agt__template **ret_template, agt_error *err)
{
    /* Each tag is at most one node, with at most one text before it, and one text at the end. */
    size_t tags = 0;
    const char *at = text;
    while ((at = find_pair(at, length - (size_t)(at - text), '{')) != NULL) {
        tags++;
        at += 2;
    }
    if (tags > UINT32_MAX / 4 || length > UINT32_MAX / 2) {
        return agt__error_set(err, AGT_E_LIMIT, origin, "the template is too long");
    }
    size_t nodes_size = (2 * tags + 1) * sizeof(node);
    agt__template *template = agt__alloc(allocator, sizeof(*template) + nodes_size + length + 1);
    if (template == NULL) {
        return agt__error_nomem(err, origin);
    }
    char *copy = (char *)template->nodes + nodes_size;
    memcpy(copy, text, length);
    copy[length] = '\0';
    template->allocator = allocator;
    template->whole = false;
    template->node_count = 0;
    compiler self = {.template = template, .text = copy, .length = length, .err = err};
    agt_status status = compile(&self);
    if (status != AGT_OK) {
        agt__template_free(template);
        return status;
    }
    *ret_template = template;
    return AGT_OK;
}

void agt__template_free(agt__template *template)
{
    if (template != NULL) {
        agt__free(template->allocator, template);
    }
}

/* ---- paths ------------------------------------------------------------------------------------
 */

/* What there is in @value, for the message about a step that is missing. */
static void describe(char *target, size_t size, const agt_value *value)
{
    agt_value_kind kind = agt_value_get_kind(value);
    size_t count = agt_value_get_count(value);
    if (kind == AGT_VALUE_ARRAY) {
        snprintf(target, size, "an array of %zu", count);
        return;
    }
    if (kind != AGT_VALUE_OBJECT) {
        snprintf(target, size, "a %s", agt_value_kind_get_name(kind));
        return;
    }
    size_t used = (size_t)snprintf(target, size, "an object with");
    for (size_t i = 0; i < count && used + 1 < size; i++) {
        int added = snprintf(target + used, size - used, "%s %s", i == 0 ? "" : ",",
                             agt_value_get_key(value, i, NULL));
        used += added > 0 ? (size_t)added : 0;
    }
    if (count == 0) {
        snprintf(target, size, "an empty object");
    }
}

/* The item whose number @text is; NULL if it is none. */
static const agt_value *item_at(const agt_value *array, const char *text, size_t length)
{
    size_t index = 0;
    if (length == 0 || length > 9) {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return NULL;
        }
        index = index * 10 + (size_t)(text[i] - '0');
    }
    return agt_value_get_item(array, index);
}

agt_status agt__template_walk(const agt_value *root, const char *path, size_t length, size_t at,
                              const agt_value **ret_part, agt_error *err)
{
    const agt_value *value = root;
    while (at < length) {
        size_t begin = path[at] == '.' ? at + 1 : at;
        const char *dot = memchr(path + begin, '.', length - begin);
        size_t end = dot != NULL ? (size_t)(dot - path) : length;
        const agt_value *next = agt_value_get_kind(value) == AGT_VALUE_ARRAY
                                    ? item_at(value, path + begin, end - begin)
                                    : agt_value_get_member_n(value, path + begin, end - begin);
        if (next == NULL) {
            char there[200];
            describe(there, sizeof(there), value);
            tag before = at == 0 ? (tag){".", 1} : (tag){path, at};
            return agt__error_set(err, AGT_E_NOT_FOUND, origin, "%.*s is not there: %.*s is %s",
                                  shown((tag){path, end}), path, shown(before), before.text, there);
        }
        value = next;
        at = end;
    }
    *ret_part = value;
    return AGT_OK;
}

bool agt__template_is_present(const agt_value *value)
{
    size_t length = 0;
    switch (agt_value_get_kind(value)) {
    case AGT_VALUE_NULL:
        return false;
    case AGT_VALUE_BOOL:
        return agt_value_get_bool(value, false);
    case AGT_VALUE_NUMBER:
        return true;
    case AGT_VALUE_STRING:
        (void)agt_value_get_string(value, &length);
        return length > 0;
    case AGT_VALUE_ARRAY:
    case AGT_VALUE_OBJECT:
        return agt_value_get_count(value) > 0;
    }
    return false;
}

/* ---- rendering --------------------------------------------------------------------------------
 */

/* The item that the innermost section is at; item NULL outside of sections. */
typedef struct scope {
    const agt_value *item;
    size_t index; /* from 0 */
    size_t count;
} scope;

typedef struct renderer {
    const agt__template *template;
    const agt__template_source *source;
    agt__buffer *buffer;
    agt_error *err;
    uint32_t visits;
} renderer;

static bool path_is(const node *place, const char *name)
{
    return place->length == strlen(name) && memcmp(place->text, name, place->length) == 0;
}

/* The value at the path of @place: a reference. */
static agt_status find(renderer *self, const node *place, const scope *in, agt_value **ret_value)
{
    if (place->text[0] != '.' && place->text[0] != '@') {
        return self->source->get(self->source->ctx, place->text, place->length, ret_value,
                                 self->err);
    }
    if (in->item == NULL) {
        return agt__error_set(self->err, AGT_E_NOT_FOUND, origin, "%.*s outside of a section",
                              shown((tag){place->text, place->length}), place->text);
    }
    if (place->text[0] == '.') {
        const agt_value *part = NULL;
        size_t at = place->length == 1 ? 1 : 0;
        agt_status status =
            agt__template_walk(in->item, place->text, place->length, at, &part, self->err);
        if (status == AGT_OK) {
            *ret_value = agt_value_ref(part);
        }
        return status;
    }
    if (path_is(place, "@index")) {
        return agt_value_new_uint64(self->source->allocator, in->index + 1, ret_value);
    }
    if (path_is(place, "@first") || path_is(place, "@last")) {
        size_t wanted = path_is(place, "@first") ? 0 : in->count - 1;
        *ret_value = agt_value_bool(in->index == wanted);
        return AGT_OK;
    }
    return agt__error_set(self->err, AGT_E_NOT_FOUND, origin,
                          "%.*s is not there: @index, @first and @last are",
                          shown((tag){place->text, place->length}), place->text);
}

/* The value of a NODE_VALUE with its formats applied: a reference. */
static agt_status evaluate(renderer *self, const node *place, const scope *in,
                           agt_value **ret_value)
{
    agt_value *value = NULL;
    agt_status status = find(self, place, in, &value);
    for (size_t i = 0; status == AGT_OK && i < place->format_count; i++) {
        agt_value *formatted = NULL;
        status = agt__format_apply(self->source->allocator, (agt__format)place->formats[i], value,
                                   &formatted, self->err);
        agt_value_unref(value);
        value = formatted;
    }
    if (status != AGT_OK) {
        agt_value_unref(value);
        if (status == AGT_E_TYPE && self->err != NULL) {
            char why[200];
            agt__copy_text(why, sizeof(why), self->err->message);
            agt__error_set(self->err, status, origin, "%.*s: %s",
                           shown((tag){place->text, place->length}), place->text, why);
        }
        return status;
    }
    *ret_value = value;
    return AGT_OK;
}

static void write_value(agt__buffer *buffer, const agt_value *value)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    if (text != NULL) {
        agt__buffer_add(buffer, text, length);
    } else {
        agt__json_write(buffer, value, AGT_JSON_COMPACT);
    }
}

static agt_status render(renderer *self, uint32_t first, uint32_t end, const scope *in);

static agt_status render_section(renderer *self, uint32_t index, const scope *in)
{
    const node *place = &self->template->nodes[index];
    agt_value *value = NULL;
    agt_status status = find(self, place, in, &value);
    if (status == AGT_E_NOT_FOUND) {
        value = agt_value_null();
    } else if (status != AGT_OK) {
        return status;
    }
    bool present = agt__template_is_present(value);
    status = AGT_OK;
    if (place->kind == NODE_UNLESS) {
        if (!present) {
            status = render(self, index + 1, place->end, in);
        }
    } else if (present && agt_value_get_kind(value) == AGT_VALUE_ARRAY) {
        size_t count = agt_value_get_count(value);
        for (size_t i = 0; i < count && status == AGT_OK; i++) {
            scope inside = {agt_value_get_item(value, i), i, count};
            status = render(self, index + 1, place->end, &inside);
        }
    } else if (present) {
        scope inside = {value, 0, 1};
        status = render(self, index + 1, place->end, &inside);
    }
    agt_value_unref(value);
    return status;
}

static agt_status render(renderer *self, uint32_t first, uint32_t end, const scope *in)
{
    agt_status status = AGT_OK;
    for (uint32_t i = first; i < end && status == AGT_OK;) {
        const node *place = &self->template->nodes[i];
        if (++self->visits > visits_max) {
            return agt__error_set(self->err, AGT_E_LIMIT, origin,
                                  "the template would write more than %d pieces", visits_max);
        }
        switch ((node_kind)place->kind) {
        case NODE_TEXT:
            agt__buffer_add(self->buffer, place->text, place->length);
            i++;
            break;
        case NODE_VALUE: {
            agt_value *value = NULL;
            status = evaluate(self, place, in, &value);
            if (status == AGT_OK) {
                write_value(self->buffer, value);
                agt_value_unref(value);
            }
            i++;
            break;
        }
        case NODE_EACH:
        case NODE_UNLESS:
            status = render_section(self, i, in);
            i = place->end;
            break;
        }
        if (status == AGT_OK && self->buffer->status != AGT_OK) {
            status = agt__error_set(self->err, self->buffer->status, origin, "the text: %s",
                                    agt_status_get_text(self->buffer->status));
        }
    }
    return status;
}

agt_status agt__template_render(const agt__template *template, const agt__template_source *source,
                                agt__buffer *buffer, agt_error *err)
{
    renderer self = {.template = template, .source = source, .buffer = buffer, .err = err};
    return render(&self, 0, template->node_count, &(scope){NULL, 0, 0});
}

agt_status agt__template_evaluate(const agt__template *template, const agt__template_source *source,
                                  agt_value **ret_value, agt_error *err)
{
    if (template->whole) {
        renderer self = {.template = template, .source = source, .err = err};
        return evaluate(&self, &template->nodes[0], &(scope){NULL, 0, 0}, ret_value);
    }
    agt__buffer buffer;
    agt__buffer_init(&buffer, source->allocator, output_bytes_max);
    agt_status status = agt__template_render(template, source, &buffer, err);
    if (status == AGT_OK) {
        status = agt_value_new_string_n(source->allocator, agt__buffer_text(&buffer), buffer.size,
                                        ret_value);
        if (status != AGT_OK) {
            agt__error_set(err, status, origin, "the text: %s", agt_status_get_text(status));
        }
    }
    agt__buffer_deinit(&buffer);
    return status;
}
