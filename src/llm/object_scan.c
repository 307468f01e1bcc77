/*
 * Where an object ends in JSON text that is still coming.
 *
 * Some servers send several calls of tools under one number, without an id: that one ends where its
 * arguments are a whole object is all there is to tell them apart. Only curly brackets and strings
 * matter for that; whether the text is JSON is the parser's business.
 *
 * Threads: one at a time.
 */
#include "llm/object_scan.h"

static void scan_in_string(agt__object_scan *self, char c)
{
    if (self->escaped) {
        self->escaped = false;
    } else if (c == '\\') {
        self->escaped = true;
    } else if (c == '"') {
        self->in_string = false;
    }
}

static void scan_character(agt__object_scan *self, char c)
{
    if (self->in_string) {
        scan_in_string(self, c);
    } else if (c == '{' && !self->whole) {
        self->depth++;
    } else if (c == '}' && self->depth > 0) {
        self->depth--;
        self->whole = self->depth == 0;
    } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
        self->broken = self->depth == 0;
        self->in_string = c == '"';
    }
}

bool agt__object_scan_is_whole(agt__object_scan *self, const char *text, size_t size)
{
    for (; self->at < size && !self->broken; self->at++) {
        scan_character(self, text[self->at]);
    }
    return self->whole && !self->broken;
}
