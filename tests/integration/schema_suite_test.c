/*
 * schema_suite_test.c - JSON Schema, scored by keyword on the public test suite.
 *
 * Four runs, each printed as `schema score: RUN KEYWORD passed/total`:
 *
 *   own       tests/data/schema_2020_12.json: ours, in the suite's format, for what drafts before
 *             2020-12 do not have
 *   draft-07  Debian's package json-schema-test-suite, as schemas of draft 7
 *   2020-12   the same, transcribed to 2020-12: the package ends with draft 7
 *   native    a newer copy of the suite, if AGT_SCHEMA_SUITE names its folder for a draft
 *
 * The test fails if a keyword falls below its line in tests/data/schema_floor.txt. A schema that
 * refers to something outside of itself, or to a dialect described there, must be refused: those
 * cases are counted apart, as `refused: remote`. Without the package the test is skipped after our
 * own cases (exit status 77). With AGT_SCHEMA_VERBOSE=1 every case that is answered wrongly is
 * named.
 */
#include "agent_sdk/schema.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "support/env.h"
#include "support/test.h"

#define PACKAGE "/usr/share/json-schema-test-suite/tests/draft7"

typedef agt_value *(*adapt_fn)(const agt_value *schema);

typedef struct tally {
    unsigned passed, total, refused;
} tally;

static unsigned shortfalls;

/* ---- values, with the errors a test cannot go on with ---------------------------------------- */

static agt_value *parse_file(const char *path)
{
    size_t size;
    char *text = agt_test_read_file(path, &size);
    agt_value *value = NULL;
    agt_error err = {0};
    agt_json_config config =
        AGT_CONFIG(agt_json_config, .nodes_max = 10000000, .number_bytes_max = 4096);
    if (agt_json_parse(NULL, text, size, &config, &value, &err) != AGT_OK) {
        fail_msg("%s: %s", path, err.message);
    }
    free(text);
    return value;
}

static const char *text_of(const agt_value *object, const char *key)
{
    const char *text = agt_value_get_string(agt_value_get_member(object, key), NULL);
    return text != NULL ? text : "";
}

static agt_value *finish(agt_value_builder *builder)
{
    agt_value *value = NULL;
    assert_int_equal(agt_value_builder_finish(builder, &value, NULL), AGT_OK);
    agt_value_builder_free(builder);
    return value;
}

/* ---- adapting schemas ------------------------------------------------------------------------ */

static agt_value *keep(const agt_value *schema)
{
    return agt_value_ref(schema);
}

/* A schema of draft 7 must say so: the default is 2020-12. */
static agt_value *declare_draft_7(const agt_value *schema)
{
    if (agt_value_get_kind(schema) != AGT_VALUE_OBJECT ||
        agt_value_get_member(schema, "$schema") != NULL) {
        return agt_value_ref(schema);
    }
    agt_value *name = NULL;
    agt_value *declared = NULL;
    assert_int_equal(agt_value_new_string(NULL, "http://json-schema.org/draft-07/schema#", &name),
                     AGT_OK);
    assert_int_equal(agt_value_with_member(NULL, schema, "$schema", name, &declared), AGT_OK);
    agt_value_unref(name);
    return declared;
}

static bool is_one_of(const char *key, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        if (strcmp(key, *keys) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const maps_of_schemas[] = {"properties", "patternProperties", "definitions",
                                              NULL};
static const char *const plain_values[] = {"const",    "enum",     "default",
                                           "examples", "required", NULL};

static void transcribe(agt_value_builder *b, const agt_value *value);

static void transcribe_map(agt_value_builder *b, const agt_value *map)
{
    agt_value_builder_begin_object(b);
    for (size_t i = 0; i < agt_value_get_count(map); i++) {
        size_t length;
        const char *key = agt_value_get_key(map, i, &length);
        agt_value_builder_key_n(b, key, length);
        transcribe(b, agt_value_get_item(map, i));
    }
    agt_value_builder_end(b);
}

/* `dependencies` has become two keywords, one for arrays of names, one for schemas. */
static void transcribe_dependencies(agt_value_builder *b, const agt_value *map, bool of_arrays)
{
    agt_value_builder_key(b, of_arrays ? "dependentRequired" : "dependentSchemas");
    agt_value_builder_begin_object(b);
    for (size_t i = 0; i < agt_value_get_count(map); i++) {
        const agt_value *item = agt_value_get_item(map, i);
        if ((agt_value_get_kind(item) == AGT_VALUE_ARRAY) == of_arrays) {
            size_t length;
            const char *key = agt_value_get_key(map, i, &length);
            agt_value_builder_key_n(b, key, length);
            transcribe(b, item);
        }
    }
    agt_value_builder_end(b);
}

static void transcribe_member(agt_value_builder *b, const agt_value *schema, const char *key,
                              const agt_value *member)
{
    bool has_tuple = agt_value_get_kind(agt_value_get_member(schema, "items")) == AGT_VALUE_ARRAY;
    const char *text = agt_value_get_string(member, NULL);
    if (strcmp(key, "dependencies") == 0) {
        transcribe_dependencies(b, member, true);
        transcribe_dependencies(b, member, false);
        return;
    }
    if (strcmp(key, "additionalItems") == 0 && !has_tuple) {
        return;
    }
    if (strcmp(key, "$id") == 0 && text != NULL && text[0] == '#') {
        agt_value_builder_key(b, "$anchor");
        agt_value_builder_string(b, text + 1);
        return;
    }
    if (strcmp(key, "$ref") == 0 && text != NULL && strncmp(text, "#/items/", 8) == 0) {
        char moved[256];
        (void)snprintf(moved, sizeof(moved), "#/prefixItems/%s", text + 8);
        agt_value_builder_key(b, key);
        agt_value_builder_string(b, moved);
        return;
    }
    agt_value_builder_key(b, strcmp(key, "additionalItems") == 0      ? "items"
                             : strcmp(key, "items") == 0 && has_tuple ? "prefixItems"
                                                                      : key);
    if (is_one_of(key, maps_of_schemas)) {
        transcribe_map(b, member);
    } else if (is_one_of(key, plain_values)) {
        agt_value_builder_value(b, member);
    } else {
        transcribe(b, member);
    }
}

static void transcribe(agt_value_builder *b, const agt_value *value)
{
    if (agt_value_get_kind(value) == AGT_VALUE_ARRAY) {
        agt_value_builder_begin_array(b);
        for (size_t i = 0; i < agt_value_get_count(value); i++) {
            transcribe(b, agt_value_get_item(value, i));
        }
        agt_value_builder_end(b);
        return;
    }
    if (agt_value_get_kind(value) != AGT_VALUE_OBJECT) {
        agt_value_builder_value(b, value);
        return;
    }
    bool is_reference = agt_value_get_string(agt_value_get_member(value, "$ref"), NULL) != NULL;
    agt_value_builder_begin_object(b);
    for (size_t i = 0; i < agt_value_get_count(value); i++) {
        const char *key = agt_value_get_key(value, i, NULL);
        /* In draft 7 a $ref hides what stands beside it, but for definitions. */
        if (!is_reference || strcmp(key, "$ref") == 0 || strcmp(key, "definitions") == 0) {
            transcribe_member(b, value, key, agt_value_get_item(value, i));
        }
    }
    agt_value_builder_end(b);
}

static agt_value *as_2020_12(const agt_value *schema)
{
    agt_value_builder *builder = NULL;
    assert_int_equal(agt_value_builder_new(NULL, &builder), AGT_OK);
    transcribe(builder, schema);
    return finish(builder);
}

/* ---- running --------------------------------------------------------------------------------- */

static bool is_verbose(void)
{
    const char *verbose = getenv("AGT_SCHEMA_VERBOSE");
    return verbose != NULL && verbose[0] == '1';
}

static void complain(const char *keyword, const agt_value *group, const char *test,
                     const char *words)
{
    if (is_verbose()) {
        print_message("  wrong: %s: %s%s%s: %s\n", keyword, text_of(group, "description"),
                      test[0] != '\0' ? ": " : "", test, words);
    }
}

static void run_case(const agt_schema *schema, const char *keyword, const agt_value *group,
                     const agt_value *test, tally *score)
{
    agt_error err = {0};
    bool expected = agt_value_get_bool(agt_value_get_member(test, "valid"), false);
    const agt_value *data = agt_value_get_member(test, "data");
    agt_status status = agt_schema_check(schema, data, NULL, &err);
    bool quick = agt_schema_check(schema, data, NULL, NULL) == AGT_OK;
    if (status == (expected ? AGT_OK : AGT_E_SCHEMA) && quick == expected) {
        score->passed++;
    } else {
        complain(keyword, group, text_of(test, "description"),
                 expected ? err.message : "was found to fit");
    }
    if (is_verbose() && status == AGT_E_SCHEMA) {
        print_message("  said: %s\n", err.message);
    }
}

static void run_group(const char *keyword, const agt_value *group, adapt_fn adapt, tally *score)
{
    agt_value *document = adapt(agt_value_get_member(group, "schema"));
    const agt_value *tests = agt_value_get_member(group, "tests");
    size_t count = agt_value_get_count(tests);
    agt_schema *schema = NULL;
    agt_error err = {0};
    agt_status status = agt_schema_new(NULL, document, &schema, &err);
    if (status != AGT_OK && (strstr(err.message, "leads out of the document") != NULL ||
                             strstr(err.message, "a dialect that is known") != NULL)) {
        score->refused += (unsigned)count;
    } else if (status != AGT_OK) {
        assert_int_equal(status, AGT_E_SCHEMA);
        score->total += (unsigned)count;
        complain(keyword, group, "", err.message);
    } else {
        score->total += (unsigned)count;
        for (size_t i = 0; i < count; i++) {
            run_case(schema, keyword, group, agt_value_get_item(tests, i), score);
        }
    }
    agt_schema_unref(schema);
    agt_value_unref(document);
}

static tally run_file(const char *path, const char *keyword, adapt_fn adapt)
{
    agt_value *groups = parse_file(path);
    tally score = {0};
    for (size_t i = 0; i < agt_value_get_count(groups); i++) {
        run_group(keyword, agt_value_get_item(groups, i), adapt, &score);
    }
    agt_value_unref(groups);
    return score;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static unsigned floor_of(const char *run, const char *keyword)
{
    size_t size;
    char *text = agt_test_read_file("tests/data/schema_floor.txt", &size);
    unsigned passed = 0;
    for (const char *line = text; line != NULL && *line != '\0';) {
        char run_name[32];
        char keyword_name[64];
        unsigned number;
        if (sscanf(line, "%31s %63s %u", run_name, keyword_name, &number) == 3 &&
            strcmp(run_name, run) == 0 && strcmp(keyword_name, keyword) == 0) {
            passed = number;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    free(text);
    return passed;
}

static void print_score(const char *run, const char *keyword, tally score)
{
    unsigned least = floor_of(run, keyword);
    print_message("schema score: %s %s %u/%u", run, keyword, score.passed, score.total);
    if (score.refused > 0) {
        print_message(" (refused: remote %u)", score.refused);
    }
    if (score.passed < least) {
        print_message(" BELOW ITS FLOOR OF %u", least);
        shortfalls++;
    }
    print_message("\n");
}

static void add_tally(tally *sum, tally more)
{
    sum->passed += more.passed;
    sum->total += more.total;
    sum->refused += more.refused;
}

static int is_json(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* Run the files of a folder, each named by @prefix and its own name. */
static void run_folder(const char *run, const char *folder, const char *prefix, adapt_fn adapt,
                       tally *sum)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_json, alphasort);
    for (int i = 0; i < count; i++) {
        char path[1024];
        char keyword[512];
        int length = (int)strlen(entries[i]->d_name) - 5;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        (void)snprintf(keyword, sizeof(keyword), "%s%.*s", prefix, length, entries[i]->d_name);
        tally score = run_file(path, keyword, adapt);
        print_score(run, keyword, score);
        add_tally(sum, score);
        free(entries[i]);
    }
    free(entries);
}

static void run_suite(const char *run, const char *folder, adapt_fn adapt)
{
    char optional[1024];
    tally sum = {0};
    (void)snprintf(optional, sizeof(optional), "%s/optional", folder);
    run_folder(run, folder, "", adapt, &sum);
    run_folder(run, optional, "optional/", adapt, &sum);
    print_score(run, "total", sum);
}

/* Our own file: its groups name their keyword. */
static void run_own(void **state)
{
    (void)state;
    agt_value *keywords = parse_file("tests/data/schema_2020_12.json");
    tally sum = {0};
    for (size_t i = 0; i < agt_value_get_count(keywords); i++) {
        const char *keyword = agt_value_get_key(keywords, i, NULL);
        const agt_value *groups = agt_value_get_item(keywords, i);
        tally score = {0};
        for (size_t j = 0; j < agt_value_get_count(groups); j++) {
            run_group(keyword, agt_value_get_item(groups, j), keep, &score);
        }
        print_score("own", keyword, score);
        add_tally(&sum, score);
    }
    print_score("own", "total", sum);
    assert_int_equal(sum.passed, sum.total);
    assert_int_equal(shortfalls, 0);
    agt_value_unref(keywords);
}

static void run_draft_7(void **state)
{
    (void)state;
    run_suite("draft-07", PACKAGE, declare_draft_7);
    assert_int_equal(shortfalls, 0);
}

static void run_transcribed(void **state)
{
    (void)state;
    run_suite("2020-12", PACKAGE, as_2020_12);
    assert_int_equal(shortfalls, 0);
}

static void run_native(void **state)
{
    const char *folder = *state;
    run_suite("native", folder, strstr(folder, "draft7") != NULL ? declare_draft_7 : keep);
    assert_int_equal(shortfalls, 0);
}

int main(void)
{
    char *native = getenv("AGT_SCHEMA_SUITE");
    const struct CMUnitTest own[] = {cmocka_unit_test(run_own)};
    const struct CMUnitTest packaged[] = {
        cmocka_unit_test(run_draft_7),
        cmocka_unit_test(run_transcribed),
    };
    const struct CMUnitTest newer[] = {cmocka_unit_test_prestate(run_native, native)};
    int failed = cmocka_run_group_tests(own, NULL, NULL);
    if (native != NULL && native[0] != '\0') {
        failed += cmocka_run_group_tests(newer, NULL, NULL);
    }
    DIR *package = opendir(PACKAGE);
    if (package == NULL) {
        print_message("skipped: %s is not there (package json-schema-test-suite)\n", PACKAGE);
        return failed > 0 ? failed : 77;
    }
    (void)closedir(package);
    return failed + cmocka_run_group_tests(packaged, NULL, NULL);
}
