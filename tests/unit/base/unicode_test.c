/*
 * unicode_test.c - categories at the edges of the table, their names, and reading any bytes.
 */
#include "base/unicode.h"

#include <string.h>

#include "support/test.h"

static void test_categories(void **state)
{
    (void)state;
    static const struct {
        uint32_t point;
        unsigned category;
    } known[] = {
        {0, AGT__UNICODE_CC},        {'A', AGT__UNICODE_LU},      {'z', AGT__UNICODE_LL},
        {'0', AGT__UNICODE_ND},      {' ', AGT__UNICODE_ZS},      {'_', AGT__UNICODE_PC},
        {'-', AGT__UNICODE_PD},      {'+', AGT__UNICODE_SM},      {'$', AGT__UNICODE_SC},
        {'^', AGT__UNICODE_SK},      {0x1C5, AGT__UNICODE_LT},    {0x2B0, AGT__UNICODE_LM},
        {0x4E2D, AGT__UNICODE_LO},   {0x301, AGT__UNICODE_MN},    {0x903, AGT__UNICODE_MC},
        {0x20DD, AGT__UNICODE_ME},   {0x2163, AGT__UNICODE_NL},   {0xBD, AGT__UNICODE_NO},
        {'(', AGT__UNICODE_PS},      {')', AGT__UNICODE_PE},      {0xAB, AGT__UNICODE_PI},
        {0xBB, AGT__UNICODE_PF},     {'!', AGT__UNICODE_PO},      {0xA9, AGT__UNICODE_SO},
        {0x2028, AGT__UNICODE_ZL},   {0x2029, AGT__UNICODE_ZP},   {0x200B, AGT__UNICODE_CF},
        {0xD800, AGT__UNICODE_CS},   {0xE000, AGT__UNICODE_CO},   {0x378, AGT__UNICODE_CN},
        {0x10FFFF, AGT__UNICODE_CN}, {0x110000, AGT__UNICODE_CN}, {UINT32_MAX, AGT__UNICODE_CN},
    };
    uint32_t seen = 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_int_equal(agt__unicode_category(known[i].point), known[i].category);
        seen |= 1u << known[i].category;
    }
    assert_int_equal(seen, AGT__UNICODE_ALL);
}

static void test_the_table_is_sorted(void **state)
{
    (void)state;
    assert_int_equal(agt__unicode_runs[0] >> 5, 0);
    for (size_t i = 1; i < agt__unicode_run_count; i++) {
        assert_true(agt__unicode_runs[i] >> 5 > agt__unicode_runs[i - 1] >> 5);
        assert_true((agt__unicode_runs[i] & 31) < AGT__UNICODE_CATEGORIES);
    }
    assert_true(agt__unicode_runs[agt__unicode_run_count - 1] >> 5 <= AGT__UNICODE_MAX);
}

static uint32_t named(const char *name)
{
    return agt__unicode_categories_by_name(name, strlen(name));
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(named("Lu"), 1u << AGT__UNICODE_LU);
    assert_int_equal(named("Uppercase_Letter"), 1u << AGT__UNICODE_LU);
    assert_int_equal(named("digit"), named("Nd"));
    assert_int_equal(named("L"),
                     named("Lu") | named("Ll") | named("Lt") | named("Lm") | named("Lo"));
    assert_int_equal(named("LC"), named("Lu") | named("Ll") | named("Lt"));
    uint32_t all = 0;
    static const char *const majors[] = {"L", "M", "N", "P", "S", "Z", "C"};
    for (size_t i = 0; i < sizeof(majors) / sizeof(majors[0]); i++) {
        assert_int_equal(all & named(majors[i]), 0);
        all |= named(majors[i]);
    }
    assert_int_equal(all, AGT__UNICODE_ALL);
    assert_int_equal(all, named("Any"));
    assert_int_equal(named("Assigned"), all & ~named("Cn"));
    assert_int_equal(named("lu"), 0);
    assert_int_equal(named(""), 0);
    assert_int_equal(named("Greek"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_categories),
        cmocka_unit_test(test_the_table_is_sorted),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
