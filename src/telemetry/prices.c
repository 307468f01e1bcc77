/*
 * Prices per model and the cost of one response.
 *
 * A price is an integer of nano-dollars per million tokens, read exactly from its decimal. A cost
 * is the sum over the kinds of token of count times price, in 128 bits, divided by a million and
 * rounded once, half up:
 *
 *     (input - reads - writes - writes of an hour) x input price
 *     + reads x read price + writes x write price + writes of an hour x their price
 *     + (output - reasoning) x output price + reasoning x reasoning price
 *
 * What is unknown stays unknown. Of the parts of input and output that only matters if the part has
 * a price of its own: if it is charged as the whole is, the sum does not depend on it. Parts that
 * exceed their whole contradict it, and nothing can be said either.
 *
 * Names are found in two maps: whole names, and prefixes without their `*`, looked up from the
 * longest on. Immutable after it is made, so any thread may read it.
 */
#include "base/config.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/value.h"
#include "telemetry/money.h"
#include "telemetry/price_table.h"

#include "agent_sdk/telemetry.h"

#include <string.h>

static const char origin[] = "telemetry/prices";

enum {
    NAME_BYTES_MAX = 256,
    TOKENS_PER_PRICE = 1000000
};

/* The kinds of token that have a price; the names are those of the document. */
enum {
    INPUT,
    OUTPUT,
    CACHE_READ,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    REASONING,
    KINDS
};
static const char *const kind_names[KINDS] = {"input",       "output",         "cache_read",
                                              "cache_write", "cache_write_1h", "reasoning"};
/* Whose price a kind has that is left out. */
static const int kind_wholes[KINDS] = {INPUT, OUTPUT, INPUT, INPUT, INPUT, OUTPUT};

typedef struct model_price {
    int64_t nanousd[KINDS]; /* per million tokens */
    char name[];
} model_price;

struct agt_prices {
    const agt_allocator *allocator;
    agt__map names;    /* -> model_price; whole names       */
    agt__map prefixes; /* -> model_price; without the `*`   */
};

/* ---- making the table -------------------------------------------------------------------------
 */

static agt_status add_price(agt_prices *prices, const char *name, const int64_t nanousd[KINDS],
                            agt_error *err)
{
    size_t length = strlen(name);
    const char *star = strchr(name, '*');
    if (length == 0 || length > NAME_BYTES_MAX || (star != NULL && star[1] != '\0')) {
        return agt__error_set(err, AGT_E_SCHEMA, origin,
                              "prices: \"%s\" is no name: 1 to %d bytes, `*` only at the end", name,
                              NAME_BYTES_MAX);
    }
    model_price *own = agt__alloc(prices->allocator, sizeof(*own) + length + 1);
    if (own == NULL) {
        return agt__error_nomem(err, origin);
    }
    memcpy(own->nanousd, nanousd, sizeof(own->nanousd));
    memcpy(own->name, name, length + 1);
    if (star != NULL) {
        own->name[length - 1] = '\0';
    }
    agt_status status =
        agt__map_add(star != NULL ? &prices->prefixes : &prices->names, own->name, own);
    if (status != AGT_OK) {
        agt__free(prices->allocator, own);
        return agt__error_set(err, status, origin, "prices: cannot add \"%s\": %s", name,
                              agt_status_get_text(status));
    }
    return AGT_OK;
}

/* One price as text, as it stands in a document or in the table. */
static agt_status read_price(const char *model, int kind, const char *text, size_t length,
                             int64_t *ret_nanousd, agt_error *err)
{
    agt_status status = agt__decimal_parse(text, length, ret_nanousd);
    if (status == AGT_OK) {
        return AGT_OK;
    }
    return agt__error_set(err, AGT_E_SCHEMA, origin,
                          "prices: %s of model \"%s\" is \"%.40s\"; expected USD per million "
                          "tokens, such as \"3.00\", with at most nine places",
                          kind_names[kind], model, text);
}

static agt_status read_member(const agt_prices *prices, const char *model, int kind,
                              const agt_value *member, int64_t *ret_nanousd, agt_error *err)
{
    size_t length = 0;
    const char *text = agt_value_get_string(member, &length);
    if (text != NULL) {
        return read_price(model, kind, text, length, ret_nanousd, err);
    }
    if (agt_value_get_kind(member) != AGT_VALUE_NUMBER) {
        return agt__error_set(err, AGT_E_SCHEMA, origin,
                              "prices: %s of model \"%s\" is of type %s; expected a decimal such "
                              "as \"3.00\"",
                              kind_names[kind], model,
                              agt_value_kind_get_name(agt_value_get_kind(member)));
    }
    agt_value *json = NULL; /* a number as it was written */
    agt_status status = agt_value_to_json(prices->allocator, member, AGT_JSON_COMPACT, &json);
    if (status != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    text = agt_value_get_string(json, &length);
    status = read_price(model, kind, text, length, ret_nanousd, err);
    agt_value_unref(json);
    return status;
}

static int find_kind(const char *name)
{
    int kind = 0;
    while (kind < KINDS && strcmp(kind_names[kind], name) != 0) {
        kind++;
    }
    return kind;
}

/* What is left out has the price of its whole. */
static void fill_in(int64_t nanousd[KINDS])
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (nanousd[kind] < 0) {
            nanousd[kind] = nanousd[kind_wholes[kind]];
        }
    }
}

static agt_status add_model(agt_prices *prices, const char *model, const agt_value *members,
                            agt_error *err)
{
    int64_t nanousd[KINDS] = {-1, -1, -1, -1, -1, -1};
    if (agt_value_get_kind(members) != AGT_VALUE_OBJECT) {
        return agt__error_set(err, AGT_E_SCHEMA, origin,
                              "prices: model \"%s\" is of type %s; expected an object", model,
                              agt_value_kind_get_name(agt_value_get_kind(members)));
    }
    for (size_t i = 0; i < agt_value_get_count(members); i++) {
        const char *name = agt_value_get_key(members, i, NULL);
        int kind = find_kind(name);
        if (kind == KINDS) {
            return agt__error_set(err, AGT_E_SCHEMA, origin,
                                  "prices: model \"%s\" has an unknown member \"%s\"; expected "
                                  "input, output, cache_read, cache_write, cache_write_1h or "
                                  "reasoning",
                                  model, name);
        }
        agt_status status =
            read_member(prices, model, kind, agt_value_get_item(members, i), &nanousd[kind], err);
        if (status != AGT_OK) {
            return status;
        }
    }
    if (nanousd[INPUT] < 0 || nanousd[OUTPUT] < 0) {
        return agt__error_set(err, AGT_E_SCHEMA, origin, "prices: model \"%s\" has no member %s",
                              model, nanousd[INPUT] < 0 ? "input" : "output");
    }
    fill_in(nanousd);
    return add_price(prices, model, nanousd, err);
}

static agt_status check_head(const agt_value *document, agt_error *err)
{
    int64_t version = 0;
    if (agt_value_get_kind(document) != AGT_VALUE_OBJECT) {
        return agt__error_set(err, AGT_E_SCHEMA, origin, "prices: not an object");
    }
    if (agt_value_get_int64(agt_value_get_member(document, "version"), &version) != AGT_OK ||
        version != 1) {
        return agt__error_set(err, version > 1 ? AGT_E_VERSION : AGT_E_SCHEMA, origin,
                              "prices: member \"version\" has to be 1, the version this library "
                              "knows");
    }
    for (size_t i = 0; i < agt_value_get_count(document); i++) {
        const char *name = agt_value_get_key(document, i, NULL);
        if (strcmp(name, "version") != 0 && strcmp(name, "models") != 0) {
            return agt__error_set(err, AGT_E_SCHEMA, origin, "prices: unknown member \"%s\"", name);
        }
    }
    if (agt_value_get_kind(agt_value_get_member(document, "models")) != AGT_VALUE_OBJECT) {
        return agt__error_set(err, AGT_E_SCHEMA, origin,
                              "prices: member \"models\" has to be an object");
    }
    return AGT_OK;
}

static agt_status add_document(agt_prices *prices, const agt_value *document, agt_error *err)
{
    agt_status status = check_head(document, err);
    const agt_value *models = agt_value_get_member(document, "models");
    for (size_t i = 0; status == AGT_OK && i < agt_value_get_count(models); i++) {
        status = add_model(prices, agt_value_get_key(models, i, NULL),
                           agt_value_get_item(models, i), err);
    }
    return status;
}

static agt_status add_table(agt_prices *prices, agt_error *err)
{
    size_t count;
    const agt__price_row *rows = agt__price_table_get(&count);
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < count; i++) {
        const char *const texts[KINDS] = {rows[i].input,          rows[i].output,
                                          rows[i].cache_read,     rows[i].cache_write,
                                          rows[i].cache_write_1h, NULL};
        int64_t nanousd[KINDS] = {-1, -1, -1, -1, -1, -1};
        for (int kind = 0; status == AGT_OK && kind < KINDS; kind++) {
            if (texts[kind] != NULL) {
                status = read_price(rows[i].model, kind, texts[kind], strlen(texts[kind]),
                                    &nanousd[kind], err);
            }
        }
        if (status == AGT_OK) {
            fill_in(nanousd);
            status = add_price(prices, rows[i].model, nanousd, err);
        }
    }
    return status;
}

agt_status agt_prices_new(const agt_allocator *allocator, const agt_value *document,
                          agt_prices **ret_prices, agt_error *err)
{
    if (ret_prices == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "ret_prices is NULL");
    }
    agt_prices *prices = agt__calloc(allocator, 1, sizeof(*prices));
    if (prices == NULL) {
        return agt__error_nomem(err, origin);
    }
    prices->allocator = allocator;
    agt__map_init(&prices->names, allocator);
    agt__map_init(&prices->prefixes, allocator);
    agt_status status =
        document != NULL ? add_document(prices, document, err) : add_table(prices, err);
    if (status != AGT_OK) {
        agt_prices_free(prices);
        return status;
    }
    *ret_prices = prices;
    return AGT_OK;
}

static void free_map(agt_prices *prices, agt__map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        agt__free(prices->allocator, map->entries[i].value);
    }
    agt__map_deinit(map);
}

void agt_prices_free(agt_prices *prices)
{
    if (prices != NULL) {
        free_map(prices, &prices->names);
        free_map(prices, &prices->prefixes);
        agt__free(prices->allocator, prices);
    }
}

/* ---- costs ------------------------------------------------------------------------------------
 */

agt_usage agt_usage_unknown(void)
{
    return (agt_usage){
        .struct_size = sizeof(agt_usage),
        .input_tokens = AGT_TOKENS_UNKNOWN,
        .cache_read_tokens = AGT_TOKENS_UNKNOWN,
        .cache_write_tokens = AGT_TOKENS_UNKNOWN,
        .cache_write_1h_tokens = AGT_TOKENS_UNKNOWN,
        .output_tokens = AGT_TOKENS_UNKNOWN,
        .reasoning_tokens = AGT_TOKENS_UNKNOWN,
    };
}

static const model_price *find_price(const agt_prices *prices, const char *model)
{
    const model_price *found = agt__map_get(&prices->names, model);
    size_t length = strnlen(model, NAME_BYTES_MAX);
    while (found == NULL && prices->prefixes.count > 0) {
        found = agt__map_get_n(&prices->prefixes, model, length);
        if (length == 0) {
            break;
        }
        length--;
    }
    return found;
}

/* Take the tokens of @kind out of those of their whole.
 * @return false if they are unknown and it matters, or more than there are */
static bool split(const model_price *price, int64_t tokens[KINDS], int kind)
{
    int whole = kind_wholes[kind];
    if (tokens[kind] < 0) {
        tokens[kind] = 0;
        return price->nanousd[kind] == price->nanousd[whole];
    }
    tokens[whole] -= tokens[kind];
    return tokens[whole] >= 0;
}

int64_t agt_prices_get_cost(const agt_prices *prices, const char *model, const agt_usage *usage)
{
    agt_usage own;
    if (prices == NULL || model == NULL || usage == NULL ||
        agt__config_read(&own, sizeof(own), usage, NULL) != AGT_OK) {
        return AGT_NANOUSD_UNKNOWN;
    }
    const model_price *found = find_price(prices, model);
    int64_t tokens[KINDS] = {own.input_tokens,          own.output_tokens,
                             own.cache_read_tokens,     own.cache_write_tokens,
                             own.cache_write_1h_tokens, own.reasoning_tokens};
    if (found == NULL || tokens[INPUT] < 0 || tokens[OUTPUT] < 0) {
        return AGT_NANOUSD_UNKNOWN;
    }
    for (int kind = CACHE_READ; kind < KINDS; kind++) {
        if (!split(found, tokens, kind)) {
            return AGT_NANOUSD_UNKNOWN;
        }
    }
    /* Less than 2^64 tokens, of less than 2^63 each: it fits. */
    unsigned __int128 sum = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        sum += (unsigned __int128)tokens[kind] * (uint64_t)found->nanousd[kind];
    }
    sum = (sum + TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE;
    return sum < INT64_MAX ? (int64_t)sum : INT64_MAX;
}
