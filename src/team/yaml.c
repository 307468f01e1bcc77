/*
 * From a YAML text to the nodes of a document: libyaml's events, checked and counted.
 *
 * libyaml reads YAML 1.1 and 1.2 alike; what a plain scalar means is decided in yaml_build.c, by
 * the core schema of YAML 1.2 (so that `no` and `on` are texts). Depth, nodes, bytes and aliases
 * are limited here, while the text is read: an alias copies the nodes of its anchor, so a few lines
 * that would unfold into billions of nodes stop at the limit like a long text does. An anchor is
 * good for aliases once what it names is complete; so nothing can contain itself.
 *
 * libyaml takes its memory from the C library, as architecture says of libraries underneath.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "team/document.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define ORIGIN "team/yaml"

enum {
    SNIPPET_CHARACTERS_MAX = 24
};

typedef struct anchor {
    char *name;
    size_t node;
    bool is_complete;
} anchor;

typedef struct reader {
    agt__document *document;
    const char *text;
    size_t length;
    agt_error *err;
    size_t open[AGT__DOCUMENT_DEPTH_MAX]; /* nodes of the containers we are in                    */
    size_t open_anchor[AGT__DOCUMENT_DEPTH_MAX]; /* number of its anchor plus 1; 0 = none */
    bool wants_key[AGT__DOCUMENT_DEPTH_MAX];     /* an object: the next scalar is a key           */
    size_t depth;
    anchor *anchors;
    size_t anchor_count, anchor_capacity;
    size_t alias_count;
    size_t expanded_bytes; /* of scalars, those of aliases again */
    size_t document_count;
} reader;

static agt_status fail_at(reader *self, const yaml_mark_t *mark, agt_status status,
                          const char *message)
{
    return agt__document_fail(self->document, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1,
                              self->err, status, "%s", message);
}

static agt_status fail_tag(reader *self, const yaml_mark_t *mark, const yaml_char_t *tag,
                           const char *expected)
{
    static const char core[] = "tag:yaml.org,2002:";
    const char *text = (const char *)tag;
    bool is_core = strncmp(text, core, sizeof(core) - 1) == 0;
    return agt__document_fail(self->document, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1,
                              self->err, AGT_E_SYNTAX, "found the tag %s%.80s, expected %s",
                              is_core ? "!!" : "", is_core ? text + sizeof(core) - 1 : text,
                              expected);
}

/* ---- the text itself ---------------------------------------------------------------------- */

/* What YAML allows to stand in a text as it is. */
static bool is_printable(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code <= 0x7E) ||
           code == 0x85 || (code >= 0xA0 && code != 0xFEFF && code != 0xFFFE && code != 0xFFFF);
}

/* Whether a line ends with the character, as libyaml counts lines. */
static bool ends_line(uint32_t code, const char *next, const char *end)
{
    return code == '\n' || code == 0x85 || code == 0x2028 || code == 0x2029 ||
           (code == '\r' && !(next < end && *next == '\n'));
}

/* Refuse what is no text before libyaml sees it: it would not say in which line. */
static agt_status check_text(reader *self)
{
    const char *end = self->text + self->length;
    uint32_t line = 1, column = 1;
    for (const char *at = self->text; at < end;) {
        uint32_t code = 0;
        size_t size = agt__utf8_read_any((const unsigned char *)at, (size_t)(end - at), &code);
        if (size == 1 && code == AGT__UTF8_REPLACEMENT) {
            return agt__document_fail(self->document, line, column, self->err, AGT_E_SYNTAX,
                                      "found the byte 0x%02X, expected text in UTF-8",
                                      (unsigned)(unsigned char)*at);
        }
        if (!is_printable(code)) {
            return agt__document_fail(self->document, line, column, self->err, AGT_E_SYNTAX,
                                      "found the control character U+%04X, expected text: is this "
                                      "a YAML file?",
                                      (unsigned)code);
        }
        at += size;
        if (ends_line(code, at, end)) {
            line++;
            column = 1;
        } else {
            column++;
        }
    }
    return AGT_OK;
}

/* What stands at a place, quoted, up to the end of its line: "the end of the file" behind it. */
static void copy_snippet(const reader *self, const yaml_mark_t *mark, char *target, size_t size)
{
    const char *at = self->text, *end = self->text + self->length;
    size_t line = 0, column = 0;
    uint32_t code = 0;
    while (at < end && (line < mark->line || (line == mark->line && column < mark->column))) {
        size_t bytes = 0;
        code = agt__utf8_read(at, &bytes); /* check_text() was here before */
        at += bytes;
        if (ends_line(code, at, end)) {
            line++;
            column = 0;
        } else {
            column++;
        }
    }
    char snippet[SNIPPET_CHARACTERS_MAX * 4 + 1];
    size_t used = 0, characters = 0;
    bool is_cut = false;
    while (at < end) {
        size_t bytes = 0;
        code = agt__utf8_read(at, &bytes);
        if (code == '\r' || ends_line(code, at + bytes, end)) {
            break;
        }
        if (characters++ == SNIPPET_CHARACTERS_MAX) {
            is_cut = true;
            break;
        }
        memcpy(snippet + used, at, bytes);
        used += bytes;
        at += bytes;
    }
    snippet[used] = '\0';
    if (used > 0 && snippet[0] == '\t') {
        (void)snprintf(target, size, "a tab");
    } else if (used > 0) {
        (void)snprintf(target, size, "\"%s%s\"", snippet, is_cut ? "…" : "");
    } else {
        (void)snprintf(target, size, at < end ? "the end of the line" : "the end of the file");
    }
}

/* ---- what libyaml refuses ----------------------------------------------------------------- */

/* In our words, what would have been right where libyaml reports `problem`. */
static const char *get_expected(const char *problem)
{
    static const struct {
        const char *problem, *expected;
    } table[] = {
        {"mapping values are not allowed in this context",
         "no \": \" here: a text that has one needs quotes, a member the column of the others"},
        {"did not find expected key", "a member \"key: value\" in the column of the others"},
        {"did not find expected '-' indicator", "an item \"- …\" in the column of the others"},
        {"could not find expected ':'", "\"key: value\""},
        {"did not find expected ',' or ']'", "\",\" or \"]\""},
        {"did not find expected ',' or '}'", "\",\" or \"}\""},
        {"found unexpected end of stream", "the quote that closes the text"},
        {"found character that cannot start any token", "quotes around a text that begins so"},
        {"found unexpected document indicator", "the quote that closes the text"},
        {"found unknown escape character", "an escape such as \\n, \\\" or \\u00e9"},
        {"found invalid Unicode character escape code", "the code of a character"},
        {"did not find expected <document start>", "nothing more: the document is complete"},
        {"block sequence entries are not allowed in this context",
         "the items \"- …\" in lines of their own"},
        {"did not find expected node content", "a value"},
        {"found undefined tag handle", "no tag but !!str, !!int, !!float, !!bool and !!null"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(problem, table[i].problem) == 0) {
            return table[i].expected;
        }
    }
    return NULL;
}

static agt_status fail_parser(reader *self, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return agt__error_nomem(self->err, ORIGIN);
    }
    const char *problem = parser->problem != NULL ? parser->problem : "this is not YAML";
    char found[SNIPPET_CHARACTERS_MAX * 4 + 32], expected[256];
    copy_snippet(self, &parser->problem_mark, found, sizeof(found));
    const char *known = get_expected(problem);
    if (known != NULL) {
        bool is_tab = strcmp(found, "a tab") == 0;
        (void)snprintf(expected, sizeof(expected), "expected %s",
                       is_tab ? "spaces: YAML is not indented with tabs" : known);
    } else {
        (void)snprintf(expected, sizeof(expected), "expected YAML (%s)", problem);
    }
    char since[64] = "";
    if (parser->context != NULL && parser->context_mark.line < parser->problem_mark.line) {
        (void)snprintf(since, sizeof(since), " for what begins in line %zu",
                       parser->context_mark.line + 1);
    }
    return agt__document_fail(self->document, (uint32_t)parser->problem_mark.line + 1,
                              (uint32_t)parser->problem_mark.column + 1, self->err, AGT_E_SYNTAX,
                              "found %s, %s%s", found, expected, since);
}

/* ---- events ------------------------------------------------------------------------------- */

static agt_status add_node(reader *self, agt__node_kind kind, const yaml_mark_t *mark)
{
    return agt__document_add(self->document, kind, (uint32_t)mark->line + 1,
                             (uint32_t)mark->column + 1, self->err);
}

/* Name node @node; the number of the anchor plus 1 goes to @ret_number. */
static agt_status add_anchor(reader *self, const yaml_mark_t *mark, const yaml_char_t *name,
                             size_t node, bool is_complete, size_t *ret_number)
{
    *ret_number = 0;
    if (name == NULL) {
        return AGT_OK;
    }
    const agt_allocator *allocator = self->document->allocator;
    agt_status status =
        agt__array_reserve(allocator, &self->anchors, &self->anchor_capacity, self->anchor_count,
                           sizeof(*self->anchors), AGT__DOCUMENT_ALIASES_MAX);
    if (status == AGT_E_LIMIT) {
        return fail_at(self, mark, AGT_E_LIMIT, "found more than 1000 anchors, expected fewer");
    }
    char *copy = status == AGT_OK ? agt__strdup(allocator, (const char *)name) : NULL;
    if (copy == NULL) {
        return agt__error_nomem(self->err, ORIGIN);
    }
    self->anchors[self->anchor_count++] = (anchor){copy, node, is_complete};
    *ret_number = self->anchor_count;
    return AGT_OK;
}

/* A container begins or a scalar stands where a key may be wanted. */
static bool is_at_key(const reader *self)
{
    return self->depth > 0 && self->wants_key[self->depth - 1];
}

/* A whole value stands behind a key now: the next one is a key again. */
static void value_is_complete(reader *self)
{
    if (self->depth > 0 &&
        self->document->nodes[self->open[self->depth - 1]].kind == AGT__NODE_OBJECT) {
        self->wants_key[self->depth - 1] = true;
    }
}

static agt_status begin_container(reader *self, const yaml_event_t *event, agt__node_kind kind,
                                  const yaml_char_t *tag, const yaml_char_t *name)
{
    const char *known = kind == AGT__NODE_OBJECT ? YAML_MAP_TAG : YAML_SEQ_TAG;
    if (tag != NULL && strcmp((const char *)tag, known) != 0 &&
        strcmp((const char *)tag, "!") != 0) {
        return fail_tag(self, &event->start_mark, tag, "no tag here");
    }
    if (is_at_key(self)) {
        return fail_at(self, &event->start_mark, AGT_E_SYNTAX,
                       kind == AGT__NODE_OBJECT ? "found an object as a key, expected a text"
                                                : "found an array as a key, expected a text");
    }
    if (self->depth == AGT__DOCUMENT_DEPTH_MAX) {
        return fail_at(self, &event->start_mark, AGT_E_LIMIT,
                       "found values nested deeper than 64, expected at most that");
    }
    size_t node = self->document->count, number = 0;
    agt_status status = add_node(self, kind, &event->start_mark);
    if (status == AGT_OK) {
        status = add_anchor(self, &event->start_mark, name, node, false, &number);
    }
    if (status == AGT_OK) {
        self->open[self->depth] = node;
        self->open_anchor[self->depth] = number;
        self->wants_key[self->depth] = kind == AGT__NODE_OBJECT;
        self->depth++;
    }
    return status;
}

static agt_status end_container(reader *self)
{
    self->depth--;
    size_t node = self->open[self->depth];
    self->document->nodes[node].nodes = (uint32_t)(self->document->count - node);
    if (self->open_anchor[self->depth] != 0) {
        self->anchors[self->open_anchor[self->depth] - 1].is_complete = true;
    }
    value_is_complete(self);
    return AGT_OK;
}

/* What a tag makes of a scalar; false if the core schema does not know the tag. */
static bool read_tag(const yaml_event_t *event, agt__scalar *ret_scalar)
{
    static const struct {
        const char *tag;
        agt__scalar scalar;
    } tags[] = {
        {"!", AGT__SCALAR_TEXT},           {YAML_STR_TAG, AGT__SCALAR_TEXT},
        {YAML_INT_TAG, AGT__SCALAR_INT},   {YAML_FLOAT_TAG, AGT__SCALAR_FLOAT},
        {YAML_BOOL_TAG, AGT__SCALAR_BOOL}, {YAML_NULL_TAG, AGT__SCALAR_NULL},
    };
    const char *tag = (const char *)event->data.scalar.tag;
    if (tag == NULL) {
        *ret_scalar = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? AGT__SCALAR_PLAIN
                                                                          : AGT__SCALAR_TEXT;
        return true;
    }
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (strcmp(tag, tags[i].tag) == 0) {
            *ret_scalar = tags[i].scalar;
            return true;
        }
    }
    return false;
}

static agt_status check_key(reader *self, const yaml_event_t *event)
{
    const char *key = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (length == 0 && is_plain) {
        return fail_at(self, &event->start_mark, AGT_E_SYNTAX, "found no key, expected a text");
    }
    if (memchr(key, '\0', length) != NULL) {
        return fail_at(self, &event->start_mark, AGT_E_SYNTAX,
                       "found a key with the character U+0000, expected none");
    }
    if (is_plain && strcmp(key, "<<") == 0) {
        return fail_at(self, &event->start_mark, AGT_E_SYNTAX,
                       "found the merge key \"<<\", expected no such thing: YAML 1.2 has none, "
                       "write the members out");
    }
    return AGT_OK;
}

static agt_status count_bytes(reader *self, const yaml_mark_t *mark, size_t bytes)
{
    if (bytes > AGT__DOCUMENT_TEXTS_BYTES_MAX - self->expanded_bytes) {
        return fail_at(self, mark, AGT_E_LIMIT,
                       "found more than 16 MiB of texts, those that aliases stand for included, "
                       "expected less");
    }
    self->expanded_bytes += bytes;
    return AGT_OK;
}

static agt_status add_scalar(reader *self, const yaml_event_t *event)
{
    agt__scalar scalar = AGT__SCALAR_TEXT;
    if (!read_tag(event, &scalar)) {
        return fail_tag(self, &event->start_mark, event->data.scalar.tag,
                        "no tag but !!str, !!int, !!float, !!bool and !!null");
    }
    bool is_key = is_at_key(self);
    agt_status status = is_key ? check_key(self, event) : AGT_OK;
    size_t node = self->document->count, number = 0;
    if (status == AGT_OK) {
        status = count_bytes(self, &event->start_mark, event->data.scalar.length + 1);
    }
    if (status == AGT_OK) {
        status = add_node(self, is_key ? AGT__NODE_KEY : AGT__NODE_SCALAR, &event->start_mark);
    }
    if (status == AGT_OK) {
        status =
            add_anchor(self, &event->start_mark, event->data.scalar.anchor, node, true, &number);
    }
    if (status != AGT_OK) {
        return status;
    }
    agt__buffer *texts = &self->document->texts;
    agt__node *added = &self->document->nodes[node];
    added->scalar = (uint16_t)scalar;
    added->text = texts->size;
    added->length = event->data.scalar.length;
    agt__buffer_add(texts, event->data.scalar.value, event->data.scalar.length);
    agt__buffer_add_char(texts, '\0');
    if (texts->status != AGT_OK) {
        return agt__error_nomem(self->err, ORIGIN);
    }
    if (is_key) {
        self->wants_key[self->depth - 1] = false;
    } else {
        value_is_complete(self);
    }
    return AGT_OK;
}

/* The latest anchor of that name: a name may be used again. */
static const anchor *find_anchor(const reader *self, const char *name)
{
    for (size_t i = self->anchor_count; i > 0; i--) {
        if (strcmp(self->anchors[i - 1].name, name) == 0) {
            return &self->anchors[i - 1];
        }
    }
    return NULL;
}

static agt_status copy_nodes(reader *self, const yaml_mark_t *mark, size_t from)
{
    agt__document *document = self->document;
    size_t count = document->nodes[from].nodes, to = document->count;
    for (size_t i = 0; i < count; i++) {
        agt__node source = document->nodes[from + i];
        agt_status status = count_bytes(self, mark, source.length + 1);
        if (status == AGT_OK) {
            status = add_node(self, (agt__node_kind)source.kind, mark);
        }
        if (status != AGT_OK) {
            return status;
        }
        if (i == 0) {
            /* The anchor may name a key; what it stands for is a value. */
            source.kind = source.kind == AGT__NODE_KEY ? AGT__NODE_SCALAR : source.kind;
            source.line = document->nodes[to].line;
            source.column = document->nodes[to].column;
        }
        document->nodes[to + i] = source;
    }
    return AGT_OK;
}

static agt_status add_alias(reader *self, const yaml_event_t *event)
{
    const yaml_mark_t *mark = &event->start_mark;
    const char *name = (const char *)event->data.alias.anchor;
    const anchor *target = find_anchor(self, name);
    const char *wrong = target == NULL         ? "expected the name of an anchor before it"
                        : !target->is_complete ? "expected it outside of what it names"
                        : is_at_key(self)      ? "expected a key that is written out"
                                               : NULL;
    if (wrong != NULL) {
        return agt__document_fail(self->document, (uint32_t)mark->line + 1,
                                  (uint32_t)mark->column + 1, self->err, AGT_E_SYNTAX,
                                  "found the alias \"*%s\", %s", name, wrong);
    }
    if (++self->alias_count > AGT__DOCUMENT_ALIASES_MAX) {
        return fail_at(self, mark, AGT_E_LIMIT, "found more than 1000 aliases, expected fewer");
    }
    agt_status status = copy_nodes(self, mark, target->node);
    value_is_complete(self);
    return status;
}

static agt_status take_event(reader *self, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (self->document_count++ > 0) {
            return fail_at(self, &event->start_mark, AGT_E_SYNTAX,
                           "found a second document, expected one");
        }
        return AGT_OK;
    case YAML_ALIAS_EVENT:
        return add_alias(self, event);
    case YAML_SCALAR_EVENT:
        return add_scalar(self, event);
    case YAML_SEQUENCE_START_EVENT:
        return begin_container(self, event, AGT__NODE_ARRAY, event->data.sequence_start.tag,
                               event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return begin_container(self, event, AGT__NODE_OBJECT, event->data.mapping_start.tag,
                               event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return end_container(self);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return AGT_OK;
    }
    return AGT_OK;
}

static agt_status read_events(reader *self, yaml_parser_t *parser)
{
    agt_status status = AGT_OK;
    for (bool is_done = false; status == AGT_OK && !is_done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return fail_parser(self, parser);
        }
        is_done = event.type == YAML_STREAM_END_EVENT;
        status = take_event(self, &event);
        yaml_event_delete(&event);
    }
    if (status == AGT_OK && self->document->count == 0) {
        return agt__document_fail(self->document, 1, 1, self->err, AGT_E_SYNTAX,
                                  "found nothing, expected a document");
    }
    return status;
}

agt_status agt__yaml_read(agt__document *document, const char *text, size_t length, agt_error *err)
{
    reader self = {.document = document, .text = text, .length = length, .err = err};
    agt_status status = check_text(&self);
    if (status != AGT_OK) {
        return status;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return agt__error_nomem(err, ORIGIN);
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    status = read_events(&self, &parser);
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < self.anchor_count; i++) {
        agt__free(document->allocator, self.anchors[i].name);
    }
    agt__free(document->allocator, self.anchors);
    return status;
}
