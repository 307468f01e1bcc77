/*
 * The formats of templates: what stands behind a `|`.
 *
 * Each takes a value and makes another one, so that they can follow each other. Numbers are
 * written by the C library and then freed of the locale's decimal mark, whatever that is.
 *
 * Threads: nothing is kept.
 */
#include "llm/template.h"

#include "base/error.h"
#include "base/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char origin[] = "llm/template";

static const char *const names[] = {
    [AGT__FORMAT_ROUND2] = "round2", [AGT__FORMAT_PERCENT] = "percent",
    [AGT__FORMAT_BYTES] = "bytes",   [AGT__FORMAT_BAR] = "bar",
    [AGT__FORMAT_JSON] = "json",     [AGT__FORMAT_UPPER] = "upper",
    [AGT__FORMAT_COUNT] = "count",
};

enum {
    names_count = sizeof(names) / sizeof(names[0]),
    number_size = 350, /* the largest double with two decimals has 313 characters */
    bar_cells = 10,
};

agt_status agt__format_find(const char *name, size_t length, agt__format *ret_format)
{
    for (size_t i = 0; i < names_count; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            *ret_format = (agt__format)i;
            return AGT_OK;
        }
    }
    return AGT_E_NOT_FOUND;
}

static agt_status refuse(agt__format format, const char *wants, const agt_value *value,
                         agt_error *err)
{
    return agt__error_set(err, AGT_E_TYPE, origin, "`%s` wants %s, found %s", names[format], wants,
                          agt_value_kind_get_name(agt_value_get_kind(value)));
}

/* @number with @decimals digits behind the point, in every locale. @return the length */
static size_t write_decimal(char target[number_size], double number, int decimals)
{
    char text[number_size];
    int length = snprintf(text, sizeof(text), "%.*f", decimals, number);
    size_t used = 0;
    bool marked = false;
    for (int i = 0; i < length; i++) {
        if ((text[i] >= '0' && text[i] <= '9') || text[i] == '-') {
            target[used++] = text[i];
        } else if (!marked) {
            target[used++] = '.';
            marked = true;
        }
    }
    target[used] = '\0';
    /* Nothing is minus zero here. */
    if (target[0] == '-' && strspn(target + 1, "0.") == used - 1) {
        memmove(target, target + 1, used);
        used--;
    }
    return used;
}

static agt_status apply_number(const agt_allocator *allocator, agt__format format, double number,
                               agt_value **ret_value)
{
    char text[number_size + 8];
    size_t length = 0;
    if (!isfinite(number * 100)) {
        return AGT_E_RANGE;
    }
    if (format == AGT__FORMAT_ROUND2) {
        length = write_decimal(text, number, 2);
        return agt_value_new_number(allocator, text, length, ret_value);
    }
    if (format == AGT__FORMAT_PERCENT) {
        length = write_decimal(text, number * 100, 0);
        memcpy(text + length, "%", 2);
        return agt_value_new_string_n(allocator, text, length + 1, ret_value);
    }
    if (format == AGT__FORMAT_BYTES) {
        static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
        size_t unit = 0;
        while (fabs(number) >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
            number /= 1024;
            unit++;
        }
        length = write_decimal(text, number, unit == 0 ? 0 : 1);
        size_t unit_length = strlen(units[unit]);
        memcpy(text + length, units[unit], unit_length);
        return agt_value_new_string_n(allocator, text, length + unit_length, ret_value);
    }
    /* AGT__FORMAT_BAR */
    double share = number < 0 ? 0 : number > 1 ? 1 : number;
    int full = (int)(share * bar_cells + 0.5);
    for (int i = 0; i < bar_cells; i++) {
        const char *cell = i < full ? "\xE2\x96\x88" : "\xE2\x96\x91"; /* full, light */
        memcpy(text + length, cell, 3);
        length += 3;
    }
    return agt_value_new_string_n(allocator, text, length, ret_value);
}

static agt_status apply_upper(const agt_allocator *allocator, const char *text, size_t length,
                              agt_value **ret_value)
{
    agt__buffer buffer;
    agt__buffer_init(&buffer, allocator, 0);
    char *target = agt__buffer_extend(&buffer, length);
    for (size_t i = 0; target != NULL && i < length; i++) {
        target[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
    }
    agt_status status = buffer.status;
    if (status == AGT_OK) {
        status = agt_value_new_string_n(allocator, agt__buffer_text(&buffer), length, ret_value);
    }
    agt__buffer_deinit(&buffer);
    return status;
}

agt_status agt__format_apply(const agt_allocator *allocator, agt__format format,
                             const agt_value *value, agt_value **ret_value, agt_error *err)
{
    size_t length = 0;
    const char *text = agt_value_get_string(value, &length);
    agt_status status = AGT_OK;
    double number = 0;
    switch (format) {
    case AGT__FORMAT_ROUND2:
    case AGT__FORMAT_PERCENT:
    case AGT__FORMAT_BYTES:
    case AGT__FORMAT_BAR:
        if (agt_value_get_double(value, &number) != AGT_OK) {
            return refuse(format, "a number", value, err);
        }
        status = apply_number(allocator, format, number, ret_value);
        break;
    case AGT__FORMAT_JSON:
        status = agt_value_to_json(allocator, value, AGT_JSON_COMPACT, ret_value);
        break;
    case AGT__FORMAT_UPPER:
        if (text == NULL) {
            return refuse(format, "a string", value, err);
        }
        status = apply_upper(allocator, text, length, ret_value);
        break;
    case AGT__FORMAT_COUNT:
        if (agt_value_get_kind(value) != AGT_VALUE_ARRAY &&
            agt_value_get_kind(value) != AGT_VALUE_OBJECT) {
            return refuse(format, "an array or an object", value, err);
        }
        status = agt_value_new_uint64(allocator, agt_value_get_count(value), ret_value);
        break;
    }
    if (status != AGT_OK) {
        agt__error_set(err, status, origin, "`%s`: %s", names[format], agt_status_get_text(status));
    }
    return status;
}
