/*
 * A document: reading a file, choosing the syntax, finding the place of a part.
 *
 * The value is what the library works with; the nodes beside it are only there to say "line 7,
 * column 3". Both describe the same tree in the same order, so the place of a part is found by
 * walking both at once along a JSON Pointer: in an object by the number that the key has in the
 * value, in an array by index.
 */
#include "team/document.h"

#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORIGIN "team/file"

enum {
    NAME_BYTES_MAX = 120, /* of a file name in a message: its end */
    ROUND_BYTES = 64 * 1024
};

void agt__document_init(agt__document *document, const agt_allocator *allocator)
{
    memset(document, 0, sizeof(*document));
    document->allocator = allocator;
    agt__buffer_init(&document->texts, allocator, AGT__DOCUMENT_TEXTS_BYTES_MAX);
}

void agt__document_deinit(agt__document *document)
{
    agt_value_unref(document->value);
    agt__free(document->allocator, document->name);
    agt__free(document->allocator, document->nodes);
    agt__buffer_deinit(&document->texts);
    document->value = NULL;
    document->name = NULL;
    document->nodes = NULL;
    document->count = 0;
    document->capacity = 0;
}

/* The end of @name, if all of it would leave no room for the message. */
static const char *short_name(const char *name, const char **ret_prefix)
{
    size_t length = strlen(name);
    *ret_prefix = "";
    if (length <= NAME_BYTES_MAX) {
        return name;
    }
    const char *end = name + length - NAME_BYTES_MAX;
    while (((unsigned char)*end & 0xC0) == 0x80) {
        end++;
    }
    *ret_prefix = "…";
    return end;
}

agt_status agt__document_fail(const agt__document *document, uint32_t line, uint32_t column,
                              agt_error *err, agt_status status, const char *format, ...)
{
    if (err == NULL) {
        return status;
    }
    agt_error what;
    va_list args;
    va_start(args, format);
    (void)agt__error_setv(&what, status, ORIGIN, format, args);
    va_end(args);
    const char *prefix = "";
    const char *name = short_name(document->name != NULL ? document->name : "", &prefix);
    (void)agt__error_set(err, status, ORIGIN, "%s%s:%u:%u: %s", prefix, name, line, column,
                         what.message);
    err->line = line;
    err->column = column;
    return status;
}

agt_status agt__document_add(agt__document *document, agt__node_kind kind, uint32_t line,
                             uint32_t column, agt_error *err)
{
    agt_status status =
        agt__array_reserve(document->allocator, &document->nodes, &document->capacity,
                           document->count, sizeof(*document->nodes), AGT__DOCUMENT_NODES_MAX);
    if (status == AGT_E_LIMIT) {
        return agt__document_fail(document, line, column, err, AGT_E_LIMIT,
                                  "found more than %d values and keys, those that aliases stand "
                                  "for included, expected fewer",
                                  AGT__DOCUMENT_NODES_MAX);
    }
    if (status != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    document->nodes[document->count++] =
        (agt__node){.line = line, .column = column, .nodes = 1, .kind = (uint16_t)kind};
    return AGT_OK;
}

static bool is_json_name(const char *name)
{
    size_t length = strlen(name);
    return length >= 5 && strcmp(name + length - 5, ".json") == 0;
}

static agt_status parse_json(agt__document *document, const char *text, size_t length,
                             agt_error *err)
{
    agt_json_config config = AGT_CONFIG(agt_json_config, .depth_max = AGT__DOCUMENT_DEPTH_MAX,
                                        .nodes_max = AGT__DOCUMENT_NODES_MAX,
                                        .document_bytes_max = AGT__DOCUMENT_BYTES_MAX);
    agt_error cause = {0};
    agt_status status =
        agt_json_parse(document->allocator, text, length, &config, &document->value, &cause);
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (status != AGT_OK) {
        return agt__document_fail(document, cause.line, cause.column, err, status, "%s",
                                  cause.message);
    }
    return agt__json_locate(document, text, length, err);
}

agt_status agt__document_parse(agt__document *document, const char *name, const char *text,
                               size_t length, agt_error *err)
{
    document->name = agt__strdup(document->allocator, name);
    if (document->name == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (length > AGT__DOCUMENT_BYTES_MAX) {
        return agt__document_fail(document, 1, 1, err, AGT_E_LIMIT,
                                  "found %zu bytes, expected at most %d", length,
                                  AGT__DOCUMENT_BYTES_MAX);
    }
    text = text != NULL ? text : "";
    /* A byte order mark says nothing that is not known. */
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (is_json_name(name)) {
        return parse_json(document, text, length, err);
    }
    agt_status status = agt__yaml_read(document, text, length, err);
    return status == AGT_OK ? agt__yaml_build(document, err) : status;
}

/* ---- files -------------------------------------------------------------------------------- */

static agt_status fail_read(agt_error *err, const char *path, int number)
{
    const char *prefix = "";
    const char *name = short_name(path, &prefix);
    agt_status status = number == ENOENT || number == ENOTDIR ? AGT_E_NOT_FOUND : AGT_E_IO;
    return agt__error_set_errno(err, status, ORIGIN, number, "cannot read %s%s", prefix, name);
}

static agt_status fail_size(agt_error *err, const char *path)
{
    const char *prefix = "";
    const char *name = short_name(path, &prefix);
    return agt__error_set(err, AGT_E_LIMIT, ORIGIN,
                          "%s%s: found a larger file, expected at most %d bytes", prefix, name,
                          AGT__DOCUMENT_BYTES_MAX);
}

static agt_status read_all(int file, const char *path, agt__buffer *text, agt_error *err)
{
    for (;;) {
        char *room = agt__buffer_extend(text, ROUND_BYTES);
        if (room == NULL) {
            break;
        }
        ssize_t count = read(file, room, ROUND_BYTES);
        int number = errno;
        text->size -= ROUND_BYTES - (count > 0 ? (size_t)count : 0);
        text->bytes[text->size] = '\0';
        if (count == 0) {
            return AGT_OK;
        }
        if (count < 0 && number != EINTR) {
            return fail_read(err, path, number);
        }
    }
    return text->status == AGT_E_LIMIT ? fail_size(err, path) : agt__error_nomem(err, ORIGIN);
}

/* Only a plain file can be read without waiting, has an end, and is the same when it is read again,
 * which it is: to check it, and to build what it describes. */
static agt_status check_kind(int file, const char *path, agt_error *err)
{
    struct stat about;
    if (fstat(file, &about) != 0) {
        return fail_read(err, path, errno);
    }
    if (S_ISDIR(about.st_mode)) {
        return fail_read(err, path, EISDIR);
    }
    if (!S_ISREG(about.st_mode)) {
        const char *prefix = "";
        const char *name = short_name(path, &prefix);
        return agt__error_set(err, AGT_E_IO, ORIGIN,
                              "cannot read %s%s: found a %s, expected a file", prefix, name,
                              S_ISFIFO(about.st_mode)   ? "pipe"
                              : S_ISSOCK(about.st_mode) ? "socket"
                                                        : "device");
    }
    return about.st_size > AGT__DOCUMENT_BYTES_MAX ? fail_size(err, path) : AGT_OK;
}

agt_status agt__document_read(agt__document *document, const char *path, agt_error *err)
{
    /* Without O_NONBLOCK opening a pipe waits for somebody to write to it. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) {
        return fail_read(err, path, errno);
    }
    agt__buffer text;
    agt__buffer_init(&text, document->allocator, AGT__DOCUMENT_BYTES_MAX + ROUND_BYTES);
    agt_status status = check_kind(file, path, err);
    if (status == AGT_OK) {
        status = read_all(file, path, &text, err);
    }
    (void)close(file);
    if (status == AGT_OK) {
        status = agt__document_parse(document, path, agt__buffer_text(&text), text.size, err);
    }
    agt__buffer_deinit(&text);
    return status;
}

/* ---- places ------------------------------------------------------------------------------- */

/* Undo the escapes of one step of a pointer; false if it is longer than any key could be. */
static bool read_step(const char *step, size_t length, char *target, size_t size,
                      size_t *ret_length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = step[i];
        if (c == '~' && i + 1 < length) {
            c = step[++i] == '1' ? '/' : '~';
        }
        if (used + 1 >= size) {
            return false;
        }
        target[used++] = c;
    }
    target[used] = '\0';
    *ret_length = used;
    return true;
}

/* The number of the part of @value that @step names; SIZE_MAX if it has none. */
static size_t find_index(const agt_value *value, const char *step, size_t length)
{
    size_t count = agt_value_get_count(value);
    if (agt_value_get_kind(value) == AGT_VALUE_ARRAY) {
        size_t index = 0;
        for (size_t i = 0; i < length; i++) {
            if (step[i] < '0' || step[i] > '9' || index > AGT__DOCUMENT_NODES_MAX) {
                return SIZE_MAX;
            }
            index = index * 10 + (size_t)(step[i] - '0');
        }
        return length > 0 && index < count ? index : SIZE_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        size_t key_length = 0;
        const char *key = agt_value_get_key(value, i, &key_length);
        if (key != NULL && key_length == length && memcmp(key, step, length) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* The node of part @index of the container at @node; of an object: its key. */
static const agt__node *skip_to(const agt__node *node, size_t index)
{
    const agt__node *part = node + 1;
    bool is_object = node->kind == AGT__NODE_OBJECT;
    for (size_t i = 0; i < index; i++) {
        part += is_object ? 1 + part[1].nodes : part->nodes;
    }
    return part;
}

const agt__node *agt__document_find(const agt__document *document, const char *pointer,
                                    agt__place place)
{
    if (document->count == 0) {
        return NULL;
    }
    const agt__node *node = document->nodes, *key = node;
    const agt_value *value = document->value;
    while (*pointer == '/') {
        const char *step = pointer + 1;
        size_t length = strcspn(step, "/"), text_length = 0;
        char text[1024];
        if (!read_step(step, length, text, sizeof(text), &text_length)) {
            break;
        }
        size_t index = find_index(value, text, text_length);
        if (index == SIZE_MAX) {
            break;
        }
        key = skip_to(node, index);
        node = node->kind == AGT__NODE_OBJECT ? key + 1 : key;
        value = agt_value_get_item(value, index);
        pointer = step + length;
    }
    return place == AGT__PLACE_KEY ? key : node;
}
