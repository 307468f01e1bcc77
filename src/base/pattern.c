/*
 * Patterns, the part that runs them: a simulation of the program as a non-deterministic automaton
 * (Thompson 1968), without the captures that would make it Pike's.
 *
 * At each position of the text there is a set of instructions that may be next. close_set() follows
 * everything that consumes nothing from a list of seeds; one step then tests the consuming ones
 * against the next character, and those that accept give the seeds of the next position. A bit set
 * keeps each instruction from being visited twice at a position: time is bounded by characters
 * times instructions, memory by the instructions, whatever the pattern says.
 *
 * A program is immutable and a search keeps its state on the stack (small programs) or in one
 * block, so any number of threads may search with one pattern.
 */
#include "base/pattern.h"

#include "base/mem.h"
#include "base/pattern_program.h"
#include "base/unicode.h"
#include "base/utf8.h"

#include <string.h>

#define SMALL_STEPS 512u
#define END_OF_TEXT UINT32_MAX

/* Bytes of the three lists and the bit set for @steps instructions, a multiple of 64. */
#define SCRATCH_BYTES(steps) (3 * sizeof(uint16_t) * (steps) + (steps) / 8)

typedef struct search {
    const agt__pattern *pattern;
    uint16_t *seeds; /* to be closed at this position                       */
    size_t seed_count;
    uint16_t *ready; /* consuming instructions reached at this position     */
    size_t ready_count;
    uint16_t *open;    /* still to be followed                              */
    uint64_t *visited; /* one bit per instruction                           */
    size_t visited_words;
    uint32_t before, after; /* code points around the position, or END_OF_TEXT */
    uint64_t looks;
} search;

static bool is_word(uint32_t point)
{
    return (point >= '0' && point <= '9') || (point >= 'A' && point <= 'Z') || point == '_' ||
           (point >= 'a' && point <= 'z');
}

static bool accepts(const agt__pattern *pattern, pattern_step step, uint32_t point)
{
    switch (step.op) {
    case PATTERN_CHARACTER:
        return point == (uint32_t)step.argument;
    case PATTERN_ANY:
        return point != '\n' && point != '\r' && point != 0x2028 && point != 0x2029;
    case PATTERN_CLASS: {
        const pattern_class *set = &pattern->classes[step.argument];
        return point < 128 ? (set->ascii[point / 32] >> point % 32 & 1) != 0
                           : agt__pattern_class_has(pattern, set, point);
    }
    case PATTERN_JUMP:
    case PATTERN_SPLIT:
    case PATTERN_START:
    case PATTERN_END:
    case PATTERN_WORD:
    case PATTERN_NOT_WORD:
    case PATTERN_MATCH:
        break;
    }
    return false;
}

/* Whether an assertion holds at this position. */
static bool holds(const search *s, pattern_op op)
{
    bool is_boundary = is_word(s->before) != is_word(s->after);
    return op == PATTERN_START ? s->before == END_OF_TEXT
           : op == PATTERN_END ? s->after == END_OF_TEXT
                               : is_boundary == (op == PATTERN_WORD);
}

/* Follow what consumes nothing from instruction @at. @return whether the end was reached */
static bool close_over(search *s, size_t at)
{
    const pattern_step *steps = s->pattern->steps;
    size_t open_count = 0;
    s->open[open_count++] = (uint16_t)at;
    while (open_count > 0) {
        at = s->open[--open_count];
        for (;;) {
            uint64_t bit = UINT64_C(1) << at % 64;
            if ((s->visited[at / 64] & bit) != 0) {
                break;
            }
            s->visited[at / 64] |= bit;
            s->looks++;
            pattern_step step = steps[at];
            if (step.op == PATTERN_MATCH) {
                return true;
            }
            if (step.op <= PATTERN_CLASS) {
                s->ready[s->ready_count++] = (uint16_t)at;
                break;
            }
            if (step.op == PATTERN_JUMP) {
                at = (size_t)((ptrdiff_t)at + step.argument);
            } else if (step.op == PATTERN_SPLIT) {
                s->open[open_count++] = (uint16_t)((ptrdiff_t)at + step.argument);
                at++;
            } else if (holds(s, step.op)) {
                at++;
            } else {
                break;
            }
        }
    }
    return false;
}

/* Close over all seeds, and over the program's start if a match may begin here. */
static bool close_set(search *s, bool may_begin)
{
    memset(s->visited, 0, s->visited_words * sizeof(*s->visited));
    s->ready_count = 0;
    for (size_t i = 0; i < s->seed_count; i++) {
        if (close_over(s, s->seeds[i])) {
            return true;
        }
    }
    s->seed_count = 0;
    return may_begin && close_over(s, 0);
}

/* Consume @point: those that accept it seed the next position. */
static void step_over(search *s, uint32_t point)
{
    for (size_t i = 0; i < s->ready_count; i++) {
        if (accepts(s->pattern, s->pattern->steps[s->ready[i]], point)) {
            s->seeds[s->seed_count++] = (uint16_t)(s->ready[i] + 1);
        }
    }
    s->looks += s->ready_count;
}

static agt_status run(search *s, const unsigned char *text, size_t length, uint64_t budget,
                      bool *ret_found)
{
    bool is_anchored = s->pattern->starts_anchored;
    size_t at = 0;
    s->before = END_OF_TEXT;
    for (;;) {
        size_t size = 0;
        s->after = END_OF_TEXT;
        if (at < length) {
            size = agt__utf8_read_any(text + at, length - at, &s->after);
        }
        if (close_set(s, at == 0 || !is_anchored)) {
            *ret_found = true;
            return AGT_OK;
        }
        if (size == 0 || (is_anchored && s->ready_count == 0)) {
            *ret_found = false;
            return AGT_OK;
        }
        step_over(s, s->after);
        if (s->looks > budget) {
            return AGT_E_LIMIT;
        }
        s->before = s->after;
        at += size;
    }
}

agt_status agt__pattern_search(const agt__pattern *pattern, const char *text, size_t length,
                               uint64_t *budget, bool *ret_found)
{
    uint64_t small[SCRATCH_BYTES(SMALL_STEPS) / sizeof(uint64_t)];
    size_t steps = (pattern->step_count + 63) / 64 * 64;
    void *memory = small;
    if (steps > SMALL_STEPS) {
        memory = agt__alloc(pattern->allocator, SCRATCH_BYTES(steps));
        if (memory == NULL) {
            return AGT_E_NOMEM;
        }
    }
    uint64_t *visited = memory;
    uint16_t *lists = (uint16_t *)(visited + steps / 64);
    search s = {
        .pattern = pattern,
        .seeds = lists,
        .ready = lists + steps,
        .open = lists + 2 * steps,
        .visited = visited,
        .visited_words = steps / 64,
    };
    uint64_t most = budget != NULL ? *budget : UINT64_MAX;
    agt_status status = run(&s, (const unsigned char *)text, length, most, ret_found);
    if (budget != NULL) {
        *budget = s.looks < most ? most - s.looks : 0;
    }
    if (memory != small) {
        agt__free(pattern->allocator, memory);
    }
    return status;
}

/* Whether nothing can be consumed or matched without passing a PATTERN_START first: then a search
 * need not begin anywhere else. Runs the closure in the middle of a text, where no START holds. */
static agt_status find_anchor(agt__pattern *pattern)
{
    size_t steps = (pattern->step_count + 63) / 64 * 64;
    uint64_t *visited = agt__calloc(pattern->allocator, 1, SCRATCH_BYTES(steps));
    if (visited == NULL) {
        return AGT_E_NOMEM;
    }
    uint16_t *lists = (uint16_t *)(visited + steps / 64);
    search s = {.pattern = pattern,
                .seeds = lists,
                .ready = lists + steps,
                .open = lists + 2 * steps,
                .visited = visited,
                .visited_words = steps / 64};
    pattern->starts_anchored = true;
    for (int i = 0; i < 8; i++) { /* every kind of neighbourhood but the start of the text */
        s.before = (i & 1) != 0 ? 'a' : ' ';
        s.after = (i & 4) != 0 ? END_OF_TEXT : (i & 2) != 0 ? 'a' : ' ';
        if (close_set(&s, true) || s.ready_count > 0) {
            pattern->starts_anchored = false;
        }
    }
    agt__free(pattern->allocator, visited);
    return AGT_OK;
}

agt_status agt__pattern_new(const agt_allocator *allocator, const char *text, size_t length,
                            agt__pattern **ret_pattern, agt_error *err)
{
    agt__pattern *pattern = agt__calloc(allocator, 1, sizeof(*pattern));
    pattern_source source = {.err = err};
    if (pattern == NULL) {
        return agt__pattern_fail(&source, 0, AGT_E_NOMEM, "out of memory");
    }
    pattern->allocator = allocator;
    agt_status status = agt__pattern_parse(pattern, text, length, err);
    if (status == AGT_OK && find_anchor(pattern) != AGT_OK) {
        status = agt__pattern_fail(&source, 0, AGT_E_NOMEM, "out of memory");
    }
    if (status != AGT_OK) {
        agt__pattern_free(pattern);
        return status;
    }
    *ret_pattern = pattern;
    return AGT_OK;
}

void agt__pattern_free(agt__pattern *pattern)
{
    if (pattern == NULL) {
        return;
    }
    const agt_allocator *allocator = pattern->allocator;
    agt__free(allocator, pattern->steps);
    agt__free(allocator, pattern->classes);
    agt__free(allocator, pattern->ranges);
    agt__free(allocator, pattern);
}

size_t agt__pattern_get_size(const agt__pattern *pattern)
{
    return pattern->step_count;
}
