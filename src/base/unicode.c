/*
 * Looking up categories. The table of categories (unicode_table.c) is searched by
 * halves: twelve steps for any code point, which is enough for the regular expressions that ask.
 * Names are those of Unicode's PropertyValueAliases for General_Category, short and long; case
 * counts, as it does in ECMA-262.
 */
#include "base/unicode.h"

#include <string.h>

unsigned agt__unicode_category(uint32_t point)
{
    if (point > AGT__UNICODE_MAX) {
        return AGT__UNICODE_CN;
    }
    size_t low = 0; /* invariant: runs[low] starts at or before point, runs[high] after it */
    size_t high = agt__unicode_run_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (agt__unicode_runs[middle] >> 5 <= point) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return agt__unicode_runs[low] & 31;
}

#define ONE(category)      (1u << AGT__UNICODE_##category)
#define RANGE(first, last) (((2u << AGT__UNICODE_##last) - 1) & ~((1u << AGT__UNICODE_##first) - 1))
#define CASED_LETTER       (ONE(LU) | ONE(LL) | ONE(LT))

static const struct category_name {
    const char *name;
    const char *long_name;
    uint32_t mask;
} category_names[] = {
    {"L", "Letter", RANGE(LU, LO)},
    {"LC", "Cased_Letter", CASED_LETTER},
    {"Lu", "Uppercase_Letter", ONE(LU)},
    {"Ll", "Lowercase_Letter", ONE(LL)},
    {"Lt", "Titlecase_Letter", ONE(LT)},
    {"Lm", "Modifier_Letter", ONE(LM)},
    {"Lo", "Other_Letter", ONE(LO)},
    {"M", "Mark", RANGE(MN, ME)},
    {"M", "Combining_Mark", RANGE(MN, ME)},
    {"Mn", "Nonspacing_Mark", ONE(MN)},
    {"Mc", "Spacing_Mark", ONE(MC)},
    {"Me", "Enclosing_Mark", ONE(ME)},
    {"N", "Number", RANGE(ND, NO)},
    {"Nd", "Decimal_Number", ONE(ND)},
    {"Nd", "digit", ONE(ND)},
    {"Nl", "Letter_Number", ONE(NL)},
    {"No", "Other_Number", ONE(NO)},
    {"P", "Punctuation", RANGE(PC, PO)},
    {"P", "punct", RANGE(PC, PO)},
    {"Pc", "Connector_Punctuation", ONE(PC)},
    {"Pd", "Dash_Punctuation", ONE(PD)},
    {"Ps", "Open_Punctuation", ONE(PS)},
    {"Pe", "Close_Punctuation", ONE(PE)},
    {"Pi", "Initial_Punctuation", ONE(PI)},
    {"Pf", "Final_Punctuation", ONE(PF)},
    {"Po", "Other_Punctuation", ONE(PO)},
    {"S", "Symbol", RANGE(SM, SO)},
    {"Sm", "Math_Symbol", ONE(SM)},
    {"Sc", "Currency_Symbol", ONE(SC)},
    {"Sk", "Modifier_Symbol", ONE(SK)},
    {"So", "Other_Symbol", ONE(SO)},
    {"Z", "Separator", RANGE(ZS, ZP)},
    {"Zs", "Space_Separator", ONE(ZS)},
    {"Zl", "Line_Separator", ONE(ZL)},
    {"Zp", "Paragraph_Separator", ONE(ZP)},
    {"C", "Other", RANGE(CC, CN)},
    {"Cc", "Control", ONE(CC)},
    {"Cc", "cntrl", ONE(CC)},
    {"Cf", "Format", ONE(CF)},
    {"Cs", "Surrogate", ONE(CS)},
    {"Co", "Private_Use", ONE(CO)},
    {"Cn", "Unassigned", ONE(CN)},
    {"Any", "Any", AGT__UNICODE_ALL},
    {"Assigned", "Assigned", AGT__UNICODE_ALL & ~ONE(CN)},
};

static bool is_name(const char *known, const char *name, size_t length)
{
    return strlen(known) == length && memcmp(known, name, length) == 0;
}

uint32_t agt__unicode_categories_by_name(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(category_names) / sizeof(category_names[0]); i++) {
        if (is_name(category_names[i].name, name, length) ||
            is_name(category_names[i].long_name, name, length)) {
            return category_names[i].mask;
        }
    }
    return 0;
}
