/*
 * The compiled form of a pattern, shared by pattern_parse.c, which writes it, and pattern.c, which
 * runs it.
 */
#ifndef AGT_BASE_PATTERN_PROGRAM_H
#define AGT_BASE_PATTERN_PROGRAM_H

#include "base/pattern.h"

typedef enum pattern_op {
    PATTERN_CHARACTER, /* consume the code point `argument`                              */
    PATTERN_ANY,       /* consume anything but a line terminator                         */
    PATTERN_CLASS,     /* consume a code point of class number `argument`                */
    PATTERN_JUMP,      /* go on `argument` instructions from here                        */
    PATTERN_SPLIT,     /* go on with the next and `argument` instructions from here      */
    PATTERN_START,     /* only at the start of the text                                  */
    PATTERN_END,       /* only at its end                                                */
    PATTERN_WORD,      /* only between a word character and something else               */
    PATTERN_NOT_WORD,  /* only elsewhere                                                 */
    PATTERN_MATCH
} pattern_op;

/* Targets are relative, so that a run of instructions can be copied and moved. */
typedef struct pattern_step {
    pattern_op op;
    int32_t argument;
} pattern_step;

typedef struct pattern_range {
    uint32_t first, last;
} pattern_range;

/* A set of code points: its ranges, sorted and apart, or its categories; all others if negated. */
typedef struct pattern_class {
    uint32_t ascii[4]; /* the answer for each of the first 128, negation included */
    uint32_t first_range;
    uint32_t range_count;
    uint32_t categories;
    bool negated;
} pattern_class;

struct agt__pattern {
    const agt_allocator *allocator;
    pattern_step *steps; /* the last one is PATTERN_MATCH */
    size_t step_count, step_capacity;
    pattern_class *classes;
    size_t class_count, class_capacity;
    pattern_range *ranges;
    size_t range_count, range_capacity;
    bool starts_anchored; /* a match can only begin at the start of the text */
};

/** Whether @point is in @set by its ranges and categories, and its negation. */
bool agt__pattern_class_has(const agt__pattern *pattern, const pattern_class *set, uint32_t point);

/** Write the program of @text into @pattern, which is empty; on failure it is still to be freed. */
agt_status agt__pattern_parse(agt__pattern *pattern, const char *text, size_t length,
                              agt_error *err);

/* The text of a pattern and the place that is being read. */
typedef struct pattern_source {
    const unsigned char *text;
    size_t length;
    size_t at;
    agt_error *err;
} pattern_source;

/** Report a failure at byte @at of the pattern; answers @status. */
agt_status agt__pattern_fail(const pattern_source *source, size_t at, agt_status status,
                             const char *format, ...) AGT_PRINTF(4, 5);

/**
 * Read `[...]`; source->at is behind the `[`, and behind the `]` afterwards.
 *
 * @param ret_class  its number
 */
agt_status agt__pattern_read_class(agt__pattern *pattern, pattern_source *source,
                                   uint32_t *ret_class);

/**
 * Read an escape outside of brackets that stands for one character or a class; source->at is
 * behind the `\`.
 *
 * @param ret_is_class  whether it is a class
 * @param ret_value     the number of the class, or the code point
 */
agt_status agt__pattern_read_escape(agt__pattern *pattern, pattern_source *source,
                                    bool *ret_is_class, uint32_t *ret_value);

#endif
