/*
 * Sized configurations: shorter, equal, longer and broken ones.
 */
#include "base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct sample_config {
    size_t struct_size;
    uint32_t first;
    uint32_t second;
} sample_config;

typedef struct newer_config {
    size_t struct_size;
    uint32_t first;
    uint32_t second;
    uint64_t third;
} newer_config;

static void test_null_is_all_defaults(void **state)
{
    (void)state;
    sample_config own = {1, 2, 3};
    assert_int_equal(agt__config_read(&own, sizeof(own), NULL, NULL), AGT_OK);
    assert_int_equal(own.struct_size, sizeof(own));
    assert_int_equal(own.first, 0);
    assert_int_equal(own.second, 0);
}

static void test_same_version_is_copied(void **state)
{
    (void)state;
    sample_config own = {0};
    sample_config given = AGT_CONFIG(sample_config, .first = 7, .second = 8);
    assert_int_equal(agt__config_read(&own, sizeof(own), &given, NULL), AGT_OK);
    assert_memory_equal(&own, &given, sizeof(own));
}

static void test_older_leaves_the_rest_zero(void **state)
{
    (void)state;
    sample_config own = {1, 2, 3};
    struct {
        size_t struct_size;
        uint32_t first;
        uint32_t not_ours;
    } given = {offsetof(sample_config, second), 7, 99};
    assert_int_equal(agt__config_read(&own, sizeof(own), &given, NULL), AGT_OK);
    assert_int_equal(own.struct_size, sizeof(own));
    assert_int_equal(own.first, 7);
    assert_int_equal(own.second, 0);
}

static void test_newer_with_zero_tail(void **state)
{
    (void)state;
    sample_config own = {0};
    newer_config given = AGT_CONFIG(newer_config, .first = 7, .second = 8);
    assert_int_equal(agt__config_read(&own, sizeof(own), &given, NULL), AGT_OK);
    assert_int_equal(own.struct_size, sizeof(own));
    assert_int_equal(own.second, 8);
}

static void test_newer_with_set_tail_is_refused(void **state)
{
    (void)state;
    sample_config own = {1, 2, 3};
    agt_error err = {0};
    newer_config given = AGT_CONFIG(newer_config, .third = UINT64_C(1) << 63);
    assert_int_equal(agt__config_read(&own, sizeof(own), &given, &err), AGT_E_VERSION);
    assert_int_equal(err.status, AGT_E_VERSION);
    assert_non_null(strstr(err.message, "newer version"));
    assert_int_equal(own.first, 2); /* untouched */
}

static void test_unset_and_absurd_sizes(void **state)
{
    (void)state;
    sample_config own = {1, 2, 3};
    const size_t sizes[] = {0, 1, sizeof(size_t) - 1, 1000000, SIZE_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        sample_config given = {sizes[i], 4, 5};
        agt_error err = {0};
        assert_int_equal(agt__config_read(&own, sizeof(own), &given, &err), AGT_E_INVALID);
        assert_non_null(strstr(err.message, "AGT_CONFIG"));
        assert_int_equal(agt__config_read(&own, sizeof(own), &given, NULL), AGT_E_INVALID);
    }
    assert_int_equal(own.first, 2);
}

static void test_size_alone(void **state)
{
    (void)state;
    sample_config own = {1, 2, 3};
    size_t given = sizeof(size_t);
    assert_int_equal(agt__config_read(&own, sizeof(own), &given, NULL), AGT_OK);
    assert_int_equal(own.first, 0);
}

static void test_a_report_is_what_the_program_has_room_for(void **state)
{
    (void)state;
    const sample_config own = {sizeof(own), 7, 8};
    sample_config same = {.struct_size = sizeof(same), .first = 1};
    agt__report_write(&same, &own, sizeof(own));
    assert_memory_equal(&same, &own, sizeof(own));

    sample_config older = {.struct_size = offsetof(sample_config, second), .second = 99};
    agt__report_write(&older, &own, sizeof(own));
    assert_int_equal(older.struct_size, offsetof(sample_config, second));
    assert_int_equal(older.first, 7);
    assert_int_equal(older.second, 99);

    newer_config newer = {.struct_size = sizeof(newer), .third = 99};
    agt__report_write(&newer, &own, sizeof(own));
    assert_int_equal(newer.struct_size, sizeof(newer));
    assert_int_equal(newer.second, 8);
    assert_int_equal(newer.third, 0);

    sample_config unset = {.first = 5};
    agt__report_write(&unset, &own, sizeof(own));
    assert_int_equal(unset.first, 5);
    agt__report_write(NULL, &own, sizeof(own));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_is_all_defaults),
        cmocka_unit_test(test_same_version_is_copied),
        cmocka_unit_test(test_older_leaves_the_rest_zero),
        cmocka_unit_test(test_newer_with_zero_tail),
        cmocka_unit_test(test_newer_with_set_tail_is_refused),
        cmocka_unit_test(test_unset_and_absurd_sizes),
        cmocka_unit_test(test_size_alone),
        cmocka_unit_test(test_a_report_is_what_the_program_has_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
