/*
 * Patterns, the compiler: from text straight to instructions, without a tree in between.
 *
 * Targets of jumps are relative and a fragment never jumps out of itself, so a fragment can be
 * moved (to put a SPLIT before it) and copied (for `{2,5}`). Open groups stand on an explicit
 * stack; the ends of alternatives are chained through their JUMPs until the group closes. Every
 * instruction passes one check of the cap, before memory is asked for: `((a{99}){99}){99}` costs
 * nothing.
 */
#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pattern_program.h"
#include "base/unicode.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_MAX 128u
#define NONE       SIZE_MAX
#define FOREVER    UINT32_MAX

/* A group that is open; the pattern itself is the first one. */
typedef struct open_group {
    size_t start;       /* of its first instruction                                      */
    size_t alternative; /* of the first instruction of the alternative being read        */
    size_t last_jump;   /* newest JUMP to the group's end, or NONE; its argument is the way
                           back to the one before it, 0 for the first                    */
    size_t at;          /* where it begins in the text                                   */
} open_group;

typedef struct parser {
    agt__pattern *pattern;
    pattern_source source;
    open_group groups[GROUPS_MAX];
    size_t depth;
    size_t atom; /* first instruction of what a quantifier would repeat, or NONE */
} parser;

/* The number, from 1, of the character at byte @at. */
static uint32_t column_of(const pattern_source *source, size_t at)
{
    uint32_t column = 1;
    for (size_t i = 0; i < at; i++) {
        column += (source->text[i] & 0xC0) != 0x80;
    }
    return column;
}

agt_status agt__pattern_fail(const pattern_source *source, size_t at, agt_status status,
                             const char *format, ...)
{
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(source->err, "base/pattern");
    }
    va_list args;
    va_start(args, format);
    (void)agt__error_setv(source->err, status, "base/pattern", format, args);
    va_end(args);
    if (source->err != NULL) {
        source->err->column = column_of(source, at);
    }
    return status;
}

/* Room for @count instructions more. */
static agt_status reserve(parser *p, size_t count)
{
    agt__pattern *pattern = p->pattern;
    if (count > AGT__PATTERN_STEPS_MAX || pattern->step_count > AGT__PATTERN_STEPS_MAX - count) {
        return agt__pattern_fail(&p->source, p->source.at, AGT_E_LIMIT,
                                 "the pattern is too large once its repetitions are written out "
                                 "(more than %u steps)",
                                 AGT__PATTERN_STEPS_MAX);
    }
    size_t needed = pattern->step_count + count;
    if (needed <= pattern->step_capacity) {
        return AGT_OK;
    }
    size_t wanted = pattern->step_capacity < 16 ? 16 : pattern->step_capacity * 2;
    wanted = wanted < needed ? needed : wanted;
    pattern_step *grown = agt__realloc(pattern->allocator, pattern->steps, wanted * sizeof(*grown));
    if (grown == NULL) {
        return agt__error_nomem(p->source.err, "base/pattern");
    }
    pattern->steps = grown;
    pattern->step_capacity = wanted;
    return AGT_OK;
}

static agt_status emit(parser *p, pattern_op op, int32_t argument)
{
    agt_status status = reserve(p, 1);
    if (status == AGT_OK) {
        p->pattern->steps[p->pattern->step_count++] = (pattern_step){op, argument};
    }
    return status;
}

/* Put an instruction before those from @at to the end. */
static agt_status insert(parser *p, size_t at, pattern_op op, int32_t argument)
{
    agt_status status = reserve(p, 1);
    if (status == AGT_OK) {
        pattern_step *steps = p->pattern->steps;
        memmove(steps + at + 1, steps + at, (p->pattern->step_count - at) * sizeof(*steps));
        steps[at] = (pattern_step){op, argument};
        p->pattern->step_count++;
    }
    return status;
}

/* ---- repetition ---------------------------------------------------------------------------- */

/* Append @count copies of @size instructions at @from; the caller has reserved. */
static void copy_steps(agt__pattern *pattern, size_t from, size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(pattern->steps + pattern->step_count, pattern->steps + from,
               size * sizeof(*pattern->steps));
        pattern->step_count += size;
    }
}

/* `x{0,n}` and `x*`: a SPLIT before each copy that leads behind the last one, or a loop. */
static agt_status repeat_optional(parser *p, size_t start, uint32_t most)
{
    agt__pattern *pattern = p->pattern;
    agt_status status = insert(p, start, PATTERN_SPLIT, 0);
    size_t size = pattern->step_count - start; /* with the SPLIT */
    if (status == AGT_OK && most == FOREVER) {
        pattern->steps[start].argument = (int32_t)size + 1;
        return emit(p, PATTERN_JUMP, -(int32_t)size);
    }
    if (status == AGT_OK) {
        status = reserve(p, size > AGT__PATTERN_STEPS_MAX / most ? SIZE_MAX : size * (most - 1));
    }
    if (status != AGT_OK) {
        return status;
    }
    copy_steps(pattern, start, size, most - 1);
    for (size_t at = start; at < pattern->step_count; at += size) {
        pattern->steps[at].argument = (int32_t)(pattern->step_count - at);
    }
    return AGT_OK;
}

/* `x{m,n}`, m > 0: m copies, and then a way back to the last one or optional ones. */
static agt_status repeat_required(parser *p, size_t start, uint32_t least, uint32_t most)
{
    agt__pattern *pattern = p->pattern;
    size_t size = pattern->step_count - start;
    if (size == 0) {
        return AGT_OK; /* nothing, repeated */
    }
    agt_status status =
        reserve(p, size > AGT__PATTERN_STEPS_MAX / least ? SIZE_MAX : size * (least - 1));
    if (status != AGT_OK) {
        return status;
    }
    copy_steps(pattern, start, size, least - 1);
    if (most == FOREVER) {
        return emit(p, PATTERN_SPLIT, -(int32_t)size);
    }
    if (most == least) {
        return AGT_OK;
    }
    status = reserve(p, size);
    if (status != AGT_OK) {
        return status;
    }
    size_t optional = pattern->step_count;
    copy_steps(pattern, start, size, 1);
    return repeat_optional(p, optional, most - least);
}

static agt_status repeat(parser *p, size_t at, uint32_t least, uint32_t most)
{
    size_t start = p->atom;
    if (start == NONE) {
        return agt__pattern_fail(&p->source, at, AGT_E_SYNTAX,
                                 "there is nothing before %c to repeat", p->source.text[at]);
    }
    p->atom = NONE;
    if (most == 0) {
        p->pattern->step_count = start;
        return AGT_OK;
    }
    return least == 0 ? repeat_optional(p, start, most) : repeat_required(p, start, least, most);
}

/* A decimal number at source->at, capped far above what fits; false if there is none. */
static bool read_number(pattern_source *source, uint32_t *ret_number)
{
    size_t start = source->at;
    uint32_t number = 0;
    while (source->at < source->length && source->text[source->at] >= '0' &&
           source->text[source->at] <= '9') {
        number = number * 10 + (uint32_t)(source->text[source->at++] - '0');
        number = number > 1000000 ? 1000000 : number;
    }
    *ret_number = number;
    return source->at > start;
}

/* `{2}`, `{2,}` or `{2,5}` at the `{`; false, with source->at unmoved, for any other brace. */
static bool read_counts(pattern_source *source, uint32_t *ret_least, uint32_t *ret_most)
{
    size_t start = source->at++;
    bool is_counts = read_number(source, ret_least);
    *ret_most = *ret_least;
    if (is_counts && source->at < source->length && source->text[source->at] == ',') {
        source->at++;
        if (!read_number(source, ret_most)) {
            *ret_most = FOREVER;
        }
    }
    if (!is_counts || source->at >= source->length || source->text[source->at] != '}') {
        source->at = start;
        return false;
    }
    source->at++;
    return true;
}

/* A quantifier at source->at. A `{` that is none is a character. */
static agt_status read_quantifier(parser *p)
{
    pattern_source *source = &p->source;
    size_t at = source->at;
    unsigned char c = source->text[at];
    uint32_t least = c == '+' ? 1 : 0;
    uint32_t most = c == '?' ? 1 : FOREVER;
    if (c == '{') {
        if (!read_counts(source, &least, &most)) {
            source->at++;
            p->atom = p->pattern->step_count;
            return emit(p, PATTERN_CHARACTER, '{');
        }
        if (most < least) {
            return agt__pattern_fail(source, at, AGT_E_SYNTAX,
                                     "{%u,%u} is upside down: its end comes before its start",
                                     least, most);
        }
    } else {
        source->at++;
    }
    agt_status status = repeat(p, at, least, most);
    if (status == AGT_OK && source->at < source->length && source->text[source->at] == '?') {
        source->at++; /* lazy: the same texts match */
    }
    return status;
}

/* ---- groups and alternatives --------------------------------------------------------------- */

static agt_status refuse_group(const parser *p, size_t start)
{
    const pattern_source *source = &p->source;
    const unsigned char *text = source->text + start;
    size_t left = source->length - start;
    bool is_look_behind = left > 3 && text[2] == '<' && (text[3] == '=' || text[3] == '!');
    if ((left > 2 && (text[2] == '=' || text[2] == '!')) || is_look_behind) {
        return agt__pattern_fail(source, start, AGT_E_UNSUPPORTED,
                                 "%.*s is look-%s: patterns run in linear time, without "
                                 "look-around",
                                 is_look_behind ? 4 : 3, (const char *)text,
                                 is_look_behind ? "behind" : "ahead");
    }
    if (left > 3 && text[2] == 'P' && text[3] == '<') {
        return agt__pattern_fail(source, start, AGT_E_SYNTAX,
                                 "(?P<name> is not of ECMA-262: write (?<name>");
    }
    return agt__pattern_fail(source, start, AGT_E_SYNTAX,
                             "(? must be followed by : or <name>; flags inside of a pattern are "
                             "not supported");
}

/* Behind the `(`: skip `?:` or `?<name>`. */
static agt_status read_group_kind(parser *p, size_t start)
{
    pattern_source *source = &p->source;
    const unsigned char *text = source->text;
    if (source->at >= source->length || text[source->at] != '?') {
        return AGT_OK;
    }
    source->at++;
    if (source->at < source->length && text[source->at] == ':') {
        source->at++;
        return AGT_OK;
    }
    size_t name = source->at + 1;
    size_t end = name;
    while (end < source->length && text[end] != '>' && text[end] != ')') {
        end++;
    }
    bool is_named = source->at < source->length && text[source->at] == '<' && end > name &&
                    end < source->length && text[end] == '>' && text[name] != '=' &&
                    text[name] != '!';
    if (!is_named) {
        return refuse_group(p, start);
    }
    source->at = end + 1;
    return AGT_OK;
}

static agt_status open_one(parser *p, size_t at)
{
    if (p->depth == GROUPS_MAX) {
        return agt__pattern_fail(&p->source, at, AGT_E_LIMIT, "more than %u groups in each other",
                                 GROUPS_MAX);
    }
    size_t start = p->pattern->step_count;
    p->groups[p->depth++] = (open_group){start, start, NONE, at};
    p->atom = NONE;
    return AGT_OK;
}

/* At `|`: a SPLIT before the alternative that ends here, a JUMP to the group's end behind it. */
static agt_status next_alternative(parser *p)
{
    open_group *group = &p->groups[p->depth - 1];
    size_t size = p->pattern->step_count - group->alternative;
    agt_status status = insert(p, group->alternative, PATTERN_SPLIT, (int32_t)size + 2);
    if (status != AGT_OK) {
        return status;
    }
    size_t jump = p->pattern->step_count;
    status =
        emit(p, PATTERN_JUMP, group->last_jump == NONE ? 0 : (int32_t)(jump - group->last_jump));
    group->last_jump = jump;
    group->alternative = p->pattern->step_count;
    p->atom = NONE;
    return status;
}

/* Point the JUMPs of the group's alternatives behind it; it becomes an atom. */
static void close_group(parser *p)
{
    const open_group *group = &p->groups[--p->depth];
    size_t end = p->pattern->step_count;
    size_t jump = group->last_jump;
    while (jump != NONE) {
        pattern_step *step = &p->pattern->steps[jump];
        size_t before = step->argument == 0 ? NONE : jump - (size_t)step->argument;
        step->argument = (int32_t)(end - jump);
        jump = before;
    }
    p->atom = group->start;
}

/* ---- the pattern --------------------------------------------------------------------------- */

static agt_status read_backslash(parser *p)
{
    pattern_source *source = &p->source;
    unsigned char next = source->at + 1 < source->length ? source->text[source->at + 1] : 0;
    source->at++;
    if (next == 'b' || next == 'B') {
        source->at++;
        return emit(p, next == 'b' ? PATTERN_WORD : PATTERN_NOT_WORD, 0);
    }
    bool is_class;
    uint32_t value;
    agt_status status = agt__pattern_read_escape(p->pattern, source, &is_class, &value);
    if (status != AGT_OK) {
        return status;
    }
    p->atom = p->pattern->step_count;
    return emit(p, is_class ? PATTERN_CLASS : PATTERN_CHARACTER, (int32_t)value);
}

static agt_status read_brackets(parser *p)
{
    uint32_t number;
    p->source.at++;
    agt_status status = agt__pattern_read_class(p->pattern, &p->source, &number);
    if (status != AGT_OK) {
        return status;
    }
    p->atom = p->pattern->step_count;
    return emit(p, PATTERN_CLASS, (int32_t)number);
}

static agt_status read_character(parser *p)
{
    pattern_source *source = &p->source;
    uint32_t point;
    source->at +=
        agt__utf8_read_any(source->text + source->at, source->length - source->at, &point);
    p->atom = p->pattern->step_count;
    return emit(p, PATTERN_CHARACTER, (int32_t)point);
}

/* Whatever is at source->at. */
static agt_status read_term(parser *p)
{
    pattern_source *source = &p->source;
    size_t at = source->at;
    agt_status status;
    switch (source->text[at]) {
    case '|':
        source->at++;
        return next_alternative(p);
    case '(':
        source->at++;
        status = open_one(p, at);
        return status == AGT_OK ? read_group_kind(p, at) : status;
    case ')':
        source->at++;
        if (p->depth == 1) {
            return agt__pattern_fail(source, at, AGT_E_SYNTAX, ") closes nothing");
        }
        close_group(p);
        return AGT_OK;
    case '*':
    case '+':
    case '?':
    case '{':
        return read_quantifier(p);
    case '^':
    case '$':
        source->at++;
        p->atom = NONE;
        return emit(p, source->text[at] == '^' ? PATTERN_START : PATTERN_END, 0);
    case '.':
        source->at++;
        p->atom = p->pattern->step_count;
        return emit(p, PATTERN_ANY, 0);
    case '[':
        return read_brackets(p);
    case '\\':
        p->atom = NONE;
        return read_backslash(p);
    default:
        return read_character(p);
    }
}

agt_status agt__pattern_parse(agt__pattern *pattern, const char *text, size_t length,
                              agt_error *err)
{
    parser p = {
        .pattern = pattern,
        .source = {.text = (const unsigned char *)text, .length = length, .err = err},
        .atom = NONE,
    };
    if (length > AGT__PATTERN_BYTES_MAX) {
        return agt__pattern_fail(&p.source, 0, AGT_E_LIMIT, "the pattern has more than %u bytes",
                                 AGT__PATTERN_BYTES_MAX);
    }
    agt_status status = open_one(&p, 0);
    while (status == AGT_OK && p.source.at < length) {
        status = read_term(&p);
    }
    if (status == AGT_OK && p.depth > 1) {
        return agt__pattern_fail(&p.source, p.groups[p.depth - 1].at, AGT_E_SYNTAX,
                                 "( is never closed");
    }
    if (status == AGT_OK) {
        close_group(&p);
        status = emit(&p, PATTERN_MATCH, 0);
    }
    AGT_ASSERT(status != AGT_OK || p.depth == 0);
    return status;
}
