/*
 * Resolving references (RFC 3986, section 5.2): a reference is cut into scheme, authority, path and
 * query, what is missing comes from the base, and the dots are taken out of the path. Nothing is
 * normalised beyond that and nothing is ever fetched; the result is only compared with other
 * results. Fragments are not part of it.
 */
#include "base/schema_uri.h"

#include <string.h>

typedef struct part {
    const char *text; /* NULL if the URI has no such part; may be empty if it has */
    size_t length;
} part;

typedef struct uri_parts {
    part scheme;    /* without the colon */
    part authority; /* without the slashes */
    part path;
    part query; /* without the question mark */
} uri_parts;

static bool is_scheme_character(char c, bool is_first)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (!is_first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

/* The length of the run at the start of @text without any of @stops. */
static size_t run_without(const char *text, size_t length, const char *stops)
{
    size_t i = 0;
    while (i < length && strchr(stops, text[i]) == NULL) {
        i++;
    }
    return i;
}

static uri_parts split(const char *text, size_t length)
{
    uri_parts parts = {{0}, {0}, {0}, {0}};
    length = run_without(text, length, "#");
    size_t scheme = 0;
    while (scheme < length && is_scheme_character(text[scheme], scheme == 0)) {
        scheme++;
    }
    if (scheme > 0 && scheme < length && text[scheme] == ':') {
        parts.scheme = (part){text, scheme};
        text += scheme + 1;
        length -= scheme + 1;
    }
    if (length >= 2 && text[0] == '/' && text[1] == '/') {
        size_t size = run_without(text + 2, length - 2, "/?");
        parts.authority = (part){text + 2, size};
        text += 2 + size;
        length -= 2 + size;
    }
    size_t path = run_without(text, length, "?");
    parts.path = (part){text, path};
    if (path < length) {
        parts.query = (part){text + path + 1, length - path - 1};
    }
    return parts;
}

/* Cut the last segment and its slash off what was written since @floor. */
static void cut_segment(agt__buffer *out, size_t floor)
{
    while (out->size > floor && out->bytes[out->size - 1] != '/') {
        out->size--;
    }
    if (out->size > floor) {
        out->size--;
    }
    if (out->bytes != NULL) {
        out->bytes[out->size] = '\0';
    }
}

/* Append a path without its `.` and `..` segments (section 5.2.4, on the segments). */
static void add_path(agt__buffer *out, part path)
{
    size_t floor = out->size;
    size_t at = 0;
    while (at < path.length) {
        size_t slash = path.text[at] == '/' ? 1 : 0;
        const char *segment = path.text + at + slash;
        size_t size = run_without(segment, path.length - at - slash, "/");
        bool is_last = at + slash + size == path.length;
        bool is_dot = size == 1 && segment[0] == '.';
        bool is_dots = size == 2 && segment[0] == '.' && segment[1] == '.';
        if (is_dots && out->status == AGT_OK) {
            cut_segment(out, floor);
        }
        if (!is_dot && !is_dots) {
            agt__buffer_add(out, path.text + at, slash + size);
        } else if (is_last && slash == 1) {
            agt__buffer_add_char(out, '/');
        }
        at += slash + size;
        if ((is_dot || is_dots) && slash == 0 && at < path.length) {
            at++; /* `../a` is `a`: the slash goes with the dots */
        }
    }
}

/* Append the path of a relative reference that begins without a slash: behind the last slash of
 * the base. */
static void add_merged_path(agt__buffer *out, const uri_parts *base, part path)
{
    agt__buffer merged;
    agt__buffer_init(&merged, out->allocator, out->max);
    size_t kept = base->path.length;
    while (kept > 0 && base->path.text[kept - 1] != '/') {
        kept--;
    }
    if (kept == 0 && base->authority.text != NULL) {
        agt__buffer_add_char(&merged, '/');
    }
    agt__buffer_add(&merged, base->path.text, kept);
    agt__buffer_add(&merged, path.text, path.length);
    if (merged.status == AGT_OK) {
        add_path(out, (part){agt__buffer_text(&merged), merged.size});
    } else if (out->status == AGT_OK) {
        out->status = merged.status;
    }
    agt__buffer_deinit(&merged);
}

static void add_between(agt__buffer *out, const char *before, part text, const char *after)
{
    if (text.text != NULL) {
        agt__buffer_add_text(out, before);
        agt__buffer_add(out, text.text, text.length);
        agt__buffer_add_text(out, after);
    }
}

void agt__schema_uri_resolve(const char *base, const char *reference, size_t length,
                             agt__buffer *ret_uri)
{
    uri_parts from = split(base, strlen(base));
    uri_parts to = split(reference, length);
    bool has_scheme = to.scheme.text != NULL;
    bool has_authority = has_scheme || to.authority.text != NULL;
    add_between(ret_uri, "", has_scheme ? to.scheme : from.scheme, ":");
    add_between(ret_uri, "//", has_authority ? to.authority : from.authority, "");
    if (has_authority || (to.path.length > 0 && to.path.text[0] == '/')) {
        add_path(ret_uri, to.path);
    } else if (to.path.length > 0) {
        add_merged_path(ret_uri, &from, to.path);
    } else {
        add_path(ret_uri, from.path);
        to.query = to.query.text != NULL ? to.query : from.query;
    }
    add_between(ret_uri, "?", to.query, "");
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool agt__schema_uri_decode(const char *text, size_t length, agt__buffer *ret_text)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '%') {
            agt__buffer_add_char(ret_text, text[i]);
            continue;
        }
        int high = length - i > 2 ? hex_digit(text[i + 1]) : -1;
        int low = length - i > 2 ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0)) {
            return false;
        }
        agt__buffer_add_char(ret_text, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}
