/*
 * Texts with holes: `{name}` is the member of a call's input with that name, as text. Programs get
 * their arguments so, and HTTP endpoints their URL. What is a hole is decided once, when the tool
 * is registered; nothing in an input is ever taken for one.
 */
#ifndef AGT_EXEC_ARGUMENT_H
#define AGT_EXEC_ARGUMENT_H

#include "base/buffer.h"

#include "agent_sdk/value.h"

typedef struct agt__argument_part {
    char *text; /* as it is, or the name of a member */
    size_t length;
    bool is_member;
    bool is_optional; /* `{name?}` */
} agt__argument_part;

/* One text, parsed; immutable afterwards. */
typedef struct agt__argument {
    agt__argument_part *parts;
    size_t count;
    size_t capacity;
} agt__argument;

/** How the text of a member is written. */
typedef enum agt__argument_mode {
    AGT__ARGUMENT_PLAIN,
    AGT__ARGUMENT_PERCENT, /* percent-encoded, all but letters, digits and -._~ */
} agt__argument_mode;

/**
 * Parse `{name}`, `{name?}` and `{{`, which is a brace. A name is letters, digits, '_', '-', '.'.
 *
 * @return AGT_OK; AGT_E_INVALID, the message quoting the text; AGT_E_NOMEM. On failure nothing is
 *         kept
 */
agt_status agt__argument_parse(agt__argument *argument, const agt_allocator *allocator,
                               const char *text, agt_error *err);
void agt__argument_deinit(agt__argument *argument, const agt_allocator *allocator);

/** Whether it has no holes. */
bool agt__argument_is_literal(const agt__argument *argument);

/** Whether its first character comes from the input. */
bool agt__argument_begins_with_member(const agt__argument *argument);

/** Whether it has a `{name?}` whose member is missing, or null. */
bool agt__argument_is_left_out(const agt__argument *argument, const agt_value *input);

/**
 * Append the text with its holes filled in. Strings are written as they are, everything else as
 * JSON; a member that is missing or null is refused unless its hole is optional.
 *
 * @return AGT_OK; AGT_E_REJECTED, the message naming the member; AGT_E_NOMEM
 */
agt_status agt__argument_write(const agt__argument *argument, const agt_value *input,
                               agt__argument_mode mode, agt__buffer *target, agt_error *err);

/** Append what the argument says, so that two that mean different things differ. */
void agt__argument_define(const agt__argument *argument, agt__buffer *text);

#endif
