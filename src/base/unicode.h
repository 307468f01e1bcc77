/*
 * The general category of a code point. Sets of
 * categories are masks, so that "any letter" is one comparison. All @threads any.
 */
#ifndef AGT_BASE_UNICODE_H
#define AGT_BASE_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGT__UNICODE_MAX 0x10FFFFu

/* The general categories, in the order of the table; a set of them is a mask of `1u << category`.
 */
enum {
    AGT__UNICODE_LU,
    AGT__UNICODE_LL,
    AGT__UNICODE_LT,
    AGT__UNICODE_LM,
    AGT__UNICODE_LO,
    AGT__UNICODE_MN,
    AGT__UNICODE_MC,
    AGT__UNICODE_ME,
    AGT__UNICODE_ND,
    AGT__UNICODE_NL,
    AGT__UNICODE_NO,
    AGT__UNICODE_PC,
    AGT__UNICODE_PD,
    AGT__UNICODE_PS,
    AGT__UNICODE_PE,
    AGT__UNICODE_PI,
    AGT__UNICODE_PF,
    AGT__UNICODE_PO,
    AGT__UNICODE_SM,
    AGT__UNICODE_SC,
    AGT__UNICODE_SK,
    AGT__UNICODE_SO,
    AGT__UNICODE_ZS,
    AGT__UNICODE_ZL,
    AGT__UNICODE_ZP,
    AGT__UNICODE_CC,
    AGT__UNICODE_CF,
    AGT__UNICODE_CS,
    AGT__UNICODE_CO,
    AGT__UNICODE_CN,
    AGT__UNICODE_CATEGORIES
};
#define AGT__UNICODE_ALL ((1u << AGT__UNICODE_CATEGORIES) - 1)

/* The table behind agt__unicode_category(): `first << 5 | category`, sorted. */
extern const uint32_t agt__unicode_runs[];
extern const size_t agt__unicode_run_count;

/** The general category of @point; unassigned (Cn) for a number that is no code point. */
unsigned agt__unicode_category(uint32_t point);

/**
 * The set of categories that a name stands for: "L", "Lu", "Letter", "Uppercase_Letter", "digit".
 *
 * @return a mask of categories; 0 for a name that is none
 */
uint32_t agt__unicode_categories_by_name(const char *name, size_t length);

#endif
