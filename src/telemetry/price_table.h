/*
 * The prices the library ships, in USD per million tokens. docs/guide/costs.md says of what date
 * they are and that they have to be checked before anybody relies on them.
 */
#ifndef AGT_TELEMETRY_PRICE_TABLE_H
#define AGT_TELEMETRY_PRICE_TABLE_H

#include <stddef.h>

/* Decimals as text; NULL = as agt_prices_new() says of what is left out. */
typedef struct agt__price_row {
    const char *model; /* or a prefix, ending in `*` */
    const char *input, *output, *cache_read, *cache_write, *cache_write_1h;
} agt__price_row;

/** The rows; @ret_count gets their number. */
const agt__price_row *agt__price_table_get(size_t *ret_count);

#endif
