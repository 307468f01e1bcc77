/*
 * Pieces of messages about schemas and values: a text of fixed size, so that saying what is wrong
 * never needs memory, and what was found in a few words.
 */
#ifndef AGT_BASE_SCHEMA_TEXT_H
#define AGT_BASE_SCHEMA_TEXT_H

#include "agent_sdk/value.h"

/* Always NUL-terminated; what does not fit is left out. */
typedef struct schema_text {
    char bytes[640];
    size_t size;
} schema_text;

/** Add as printf does. */
void agt__schema_text_add(schema_text *text, const char *format, ...) AGT_PRINTF(2, 3);

/** Add @bytes in quotation marks, escaped as JSON does, cut behind about @most characters. */
void agt__schema_text_add_quoted(schema_text *text, const char *bytes, size_t length, size_t most);

/** The same without quotation marks, and with `"` and `\` as they are: a regular expression. */
void agt__schema_text_add_plain(schema_text *text, const char *bytes, size_t length, size_t most);

/** Add one step of a JSON Pointer, cut behind about @most characters. */
void agt__schema_text_add_step(schema_text *text, const char *key, size_t length, size_t most);

/** Add a value that is a choice: "high", 3, null, an array of 2 items. */
void agt__schema_text_add_choice(schema_text *text, const agt_value *value);

/** Add what was found: the string "ten", the integer 3, true, an object with 2 properties. */
void agt__schema_text_add_found(schema_text *text, const agt_value *value);

/** Add the kinds in @types (see schema_tree.h): "a string, a number or null". */
void agt__schema_text_add_types(schema_text *text, uint32_t types);

/** What joins the parts of a list: "", ", " or " or ". */
const char *agt__schema_text_joint(size_t index, size_t count, const char *last);

/**
 * How many typing errors (a letter too many, too few, wrong, or two exchanged) make @b out of @a.
 *
 * @return their number; SIZE_MAX if that is too many for the one to be meant by the other
 */
size_t agt__schema_typos(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
