/*
 * The shipped prices: list prices that the providers published for text, without discounts, as of
 * August 2026. Only models whose price is one number per kind of token are in it: where it depends
 * on the length of the prompt, on the hour or on the medium, one number would be wrong for some
 * calls, and a wrong price is worse than "unknown".
 *
 * A row names a model exactly, or its dated snapshots ("-20*"): a shorter prefix would also match
 * later models, at other prices.
 */
#include "telemetry/price_table.h"

/* A model and its dated snapshots. */
#define DATED(model, ...)                                                                          \
    {model, __VA_ARGS__},                                                                          \
    {                                                                                              \
        model "-20*", __VA_ARGS__                                                                  \
    }

/* clang-format off */
static const agt__price_row rows[] = {
    /* Anthropic:              input    output   read     write    write, 1 h */
    DATED("claude-fable-5",    "10.00", "50.00", "1.00",  "12.50", "20.00"),
    DATED("claude-opus-5",     "5.00",  "25.00", "0.50",  "6.25",  "10.00"),
    DATED("claude-opus-4-8",   "5.00",  "25.00", "0.50",  "6.25",  "10.00"),
    DATED("claude-opus-4-7",   "5.00",  "25.00", "0.50",  "6.25",  "10.00"),
    DATED("claude-opus-4-6",   "5.00",  "25.00", "0.50",  "6.25",  "10.00"),
    DATED("claude-opus-4-5",   "5.00",  "25.00", "0.50",  "6.25",  "10.00"),
    DATED("claude-sonnet-5",   "3.00",  "15.00", "0.30",  "3.75",  "6.00"),
    DATED("claude-sonnet-4-6", "3.00",  "15.00", "0.30",  "3.75",  "6.00"),
    DATED("claude-haiku-4-5",  "1.00",  "5.00",  "0.10",  "1.25",  "2.00"),
    /* OpenAI */
    DATED("gpt-5.3",           "1.75",  "14.00", "0.175", NULL, NULL),
    DATED("gpt-5.2",           "1.75",  "14.00", "0.175", NULL, NULL),
    DATED("gpt-5.1",           "1.25",  "10.00", "0.125", NULL, NULL),
    DATED("gpt-5",             "1.25",  "10.00", "0.125", NULL, NULL),
    DATED("gpt-5-mini",        "0.25",  "2.00",  "0.025", NULL, NULL),
    DATED("gpt-5-nano",        "0.05",  "0.40",  "0.005", NULL, NULL),
    DATED("gpt-4.1",           "2.00",  "8.00",  "0.50",  NULL, NULL),
    DATED("gpt-4.1-mini",      "0.40",  "1.60",  "0.10",  NULL, NULL),
    DATED("gpt-4.1-nano",      "0.10",  "0.40",  "0.025", NULL, NULL),
    DATED("gpt-4o-mini",       "0.15",  "0.60",  "0.075", NULL, NULL),
    {"gpt-4o",                 "2.50",  "10.00", "1.25",  NULL, NULL},
    DATED("o4-mini",           "1.10",  "4.40",  "0.275", NULL, NULL),
    /* Google */
    {"gemini-3.5-flash",       "1.50",  "9.00",  "0.15",  NULL, NULL},
    {"gemini-3.5-flash-lite",  "0.30",  "2.50",  "0.03",  NULL, NULL},
    {"gemini-3.1-flash-lite",  "0.25",  "1.50",  "0.025", NULL, NULL},
    /* Mistral */
    {"mistral-large-2512",     "0.50",  "1.50",  "0.05",  NULL, NULL},
    {"mistral-small-2603",     "0.15",  "0.60",  "0.015", NULL, NULL},
    {"devstral-2512",          "0.40",  "2.00",  "0.04",  NULL, NULL},
    /* DeepSeek */
    {"deepseek-v4-pro",        "0.435", "0.87",  "0.003625", NULL, NULL},
    {"deepseek-v4-flash",      "0.14",  "0.28",  "0.0028", NULL, NULL},
};
/* clang-format on */

const agt__price_row *agt__price_table_get(size_t *ret_count)
{
    *ret_count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}
