/*
 * Where the parts of a JSON text stand: one pass over a text that agt_json_parse() has accepted,
 * so nothing is checked again. Lines end with a line feed, columns count characters, as the parser
 * counts them.
 */
#include "base/assert.h"
#include "team/document.h"

#include <string.h>

typedef struct locator {
    agt__document *document;
    const char *at, *end;
    uint32_t line, column;
    agt_error *err;
    size_t open[AGT__DOCUMENT_DEPTH_MAX]; /* nodes of the containers we are in */
    size_t depth;
} locator;

static void step(locator *self)
{
    unsigned char c = (unsigned char)*self->at++;
    if (c == '\n') {
        self->line++;
        self->column = 1;
    } else if ((c & 0xC0) != 0x80) {
        self->column++;
    }
}

static void skip_string(locator *self)
{
    step(self);
    while (*self->at != '"') {
        if (*self->at == '\\') {
            step(self);
        }
        step(self);
    }
    step(self);
}

/* Numbers, true, false, null: up to what cannot be part of one. */
static void skip_word(locator *self)
{
    while (self->at < self->end && strchr(",]} \t\r\n", *self->at) == NULL) {
        step(self);
    }
}

static bool is_in_object(const locator *self)
{
    return self->depth > 0 &&
           self->document->nodes[self->open[self->depth - 1]].kind == AGT__NODE_OBJECT;
}

static agt_status begin_container(locator *self, agt__node_kind kind)
{
    AGT_ASSERT(self->depth < AGT__DOCUMENT_DEPTH_MAX);
    self->open[self->depth++] = self->document->count;
    agt_status status =
        agt__document_add(self->document, kind, self->line, self->column, self->err);
    step(self);
    return status;
}

static void end_container(locator *self)
{
    AGT_ASSERT(self->depth > 0);
    size_t node = self->open[--self->depth];
    self->document->nodes[node].nodes = (uint32_t)(self->document->count - node);
    step(self);
}

agt_status agt__json_locate(agt__document *document, const char *text, size_t length,
                            agt_error *err)
{
    locator self = {.document = document, .at = text, .end = text + length, .err = err};
    self.line = self.column = 1;
    bool wants_key = false;
    agt_status status = AGT_OK;
    while (self.at < self.end && status == AGT_OK) {
        char c = *self.at;
        if (c == '{' || c == '[') {
            status = begin_container(&self, c == '{' ? AGT__NODE_OBJECT : AGT__NODE_ARRAY);
            wants_key = c == '{';
        } else if (c == '}' || c == ']') {
            end_container(&self);
        } else if (c == ',' || c == ':') {
            wants_key = c == ',' && is_in_object(&self);
            step(&self);
        } else if (strchr(" \t\r\n", c) != NULL) {
            step(&self);
        } else {
            status = agt__document_add(document, wants_key ? AGT__NODE_KEY : AGT__NODE_SCALAR,
                                       self.line, self.column, err);
            if (c == '"') {
                skip_string(&self);
            } else {
                skip_word(&self);
            }
        }
    }
    return status;
}
