/* The router's choice, on tables of members. */
#include "agents/router.h"

#include "support/test.h"

#include <string.h>

static const char *const both[] = {"search", "write"};
static const char *const search[] = {"search"};

static agt__candidate members[] = {
    {.name = "a",
     .specialization = AGT_SPECIALIZATION_ANALYST,
     .capacity = 2,
     .capabilities = both,
     .capability_count = 2},
    {.name = "b",
     .specialization = AGT_SPECIALIZATION_WRITER,
     .capabilities = search,
     .capability_count = 1},
    {.name = "c", .specialization = AGT_SPECIALIZATION_ANALYST, .capacity = 1},
};

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void set(uint32_t a, uint32_t b, uint32_t c)
{
    members[0].running = a;
    members[1].running = b;
    members[2].running = c;
    for (size_t i = 0; i < 3; i++) {
        members[i].requests = 0;
    }
}

static const char *choose(const agt__wish *wish, agt_status *ret_status, agt_error *err)
{
    size_t index = 99;
    *ret_status = agt__router_choose(members, 3, wish, &index, err);
    return *ret_status == AGT_OK ? members[index].name : "";
}

static void expect(agt__wish wish, const char *name)
{
    agt_status status = AGT_OK;
    agt_error err = {0};
    const char *chosen = choose(&wish, &status, &err);
    if (strcmp(chosen, name) != 0) {
        fail_msg("\"%s\" was chosen, not \"%s\": %s", chosen, name, err.message);
    }
}

static void expect_error(agt__wish wish, agt_status status, const char *message)
{
    agt_status got = AGT_OK;
    agt_error err = {0};
    (void)choose(&wish, &got, &err);
    if (got != status || strstr(err.message, message) == NULL) {
        fail_msg("%s: %s", agt_status_get_name(got), err.message);
    }
}

static void takes_the_least_loaded(void **state)
{
    (void)state;
    set(0, 0, 0);
    expect((agt__wish){0}, "a");
    set(1, 0, 0);
    expect((agt__wish){0}, "b");
    set(1, 1, 0);
    expect((agt__wish){0}, "c");
    set(1, 2, 1); /* c is full, a is not */
    expect((agt__wish){0}, "a");
    set(2, 9, 1);
    expect((agt__wish){0}, "b"); /* no limit */
    /* Equally busy: who had fewest so far, then the first. */
    set(0, 0, 0);
    members[0].requests = 3;
    members[1].requests = 2;
    members[2].requests = 2;
    expect((agt__wish){0}, "b");
}

static void wants_capabilities_and_specialization(void **state)
{
    (void)state;
    set(1, 0, 0);
    expect((agt__wish){.capabilities = LIST("write")}, "a");
    expect((agt__wish){.capabilities = LIST("search")}, "b");
    expect((agt__wish){.capabilities = LIST("search", "write")}, "a");
    expect((agt__wish){.specialization = AGT_SPECIALIZATION_ANALYST}, "c");
    expect(
        (agt__wish){.specialization = AGT_SPECIALIZATION_ANALYST, .capabilities = LIST("search")},
        "a");
}

static void prefers_who_is_named(void **state)
{
    (void)state;
    set(1, 5, 0);
    expect((agt__wish){.agents = LIST("b")}, "b");
    expect((agt__wish){.agents = LIST("b", "a")}, "b");
    set(1, 5, 1);
    expect((agt__wish){.agents = LIST("c", "b")}, "b"); /* c is full */
    set(1, 0, 1);
    expect((agt__wish){.agents = LIST("c")}, "b"); /* full: the least loaded instead */
    expect((agt__wish){.agents = LIST("b"), .capabilities = LIST("write")}, "a");
}

static void says_what_is_missing(void **state)
{
    (void)state;
    set(0, 0, 0);
    expect_error((agt__wish){.agents = LIST("a", "nobody")}, AGT_E_NOT_FOUND,
                 "there is no member \"nobody\"");
    expect_error((agt__wish){.specialization = AGT_SPECIALIZATION_MANAGER}, AGT_E_NOT_FOUND,
                 "no member has specialization manager");
    expect_error((agt__wish){.capabilities = LIST("search", "fly")}, AGT_E_NOT_FOUND,
                 "no member has capability \"fly\"");
    expect_error((agt__wish){.specialization = AGT_SPECIALIZATION_WRITER,
                             .capabilities = LIST("search", "write")},
                 AGT_E_NOT_FOUND,
                 "no member has all that is wanted: specialization writer, capabilities "
                 "\"search\", \"write\"");
    set(2, 0, 0);
    expect_error((agt__wish){.capabilities = LIST("write")}, AGT_E_BUSY, "all 1 members that fit");
    size_t index = 0;
    agt_error err = {0};
    assert_int_equal(agt__router_choose(NULL, 0, &(agt__wish){0}, &index, &err), AGT_E_NOT_FOUND);
    assert_string_equal(err.message, "the pool has no members");
}

static void expect_all(agt__wish wish, const char *names)
{
    size_t indices[3];
    size_t count = 0;
    char text[16] = "";
    agt_error err = {0};
    if (agt__router_choose_all(members, 3, &wish, indices, &count, &err) != AGT_OK) {
        fail_msg("%s", err.message);
    }
    for (size_t i = 0; i < count; i++) {
        text[i] = members[indices[i]].name[0];
    }
    assert_string_equal(text, names);
}

static void chooses_all_that_fit(void **state)
{
    (void)state;
    set(2, 0, 1); /* full or not */
    expect_all((agt__wish){0}, "abc");
    expect_all((agt__wish){.capabilities = LIST("search")}, "ab");
    expect_all((agt__wish){.agents = LIST("c", "a", "c", "c", "a")}, "ca");
    expect_all((agt__wish){.agents = LIST("c", "b"), .capabilities = LIST("search")}, "b");
    size_t indices[3];
    size_t count = 0;
    agt__wish nobody = {.agents = LIST("x")};
    assert_int_equal(agt__router_choose_all(members, 3, &nobody, indices, &count, NULL),
                     AGT_E_NOT_FOUND);
    agt__wish nothing = {.agents = LIST("c"), .capabilities = LIST("search")};
    assert_int_equal(agt__router_choose_all(members, 3, &nothing, indices, &count, NULL),
                     AGT_E_NOT_FOUND);
}

static void names_specializations(void **state)
{
    (void)state;
    assert_string_equal(agt__specialization_get_name(AGT_SPECIALIZATION_ANY), "any");
    assert_string_equal(agt__specialization_get_name(AGT_SPECIALIZATION_MANAGER), "manager");
    assert_string_equal(agt__specialization_get_name(7), "?");
    assert_string_equal(agt__specialization_get_name(-1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_least_loaded),
        cmocka_unit_test(wants_capabilities_and_specialization),
        cmocka_unit_test(prefers_who_is_named),
        cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(chooses_all_that_fit),
        cmocka_unit_test(names_specializations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
