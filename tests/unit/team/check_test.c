/*
 * check_test.c - what is wrong with a team file, and what is said about it, word for word.
 *
 * The table is data/bad_files.txt: a file for a person to read, because a person is to read the
 * messages. Every file that ships with the project has to pass the same checks.
 */
#include "agent_sdk/team.h"

#include "support/env.h"
#include "support/test.h"
#include "support/torture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAD                                                                                       \
    "version: 1\n"                                                                                 \
    "models: {m: {provider: scripted, script: {version: 1, rules: []}}}\n"
#define AGENT "agents: {a: {model: m}}\n"

enum {
    TEXT_BYTES = 8192
};

static char folder[] = "/tmp/agt_team_check.XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    (void)unlink("team.yaml");
    (void)unlink("team.json");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void write_file(const char *name, const char *text, size_t size)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* What was said, a line for each error. */
typedef struct messages {
    char text[TEXT_BYTES];
    size_t count;
    agt_error first;
} messages;

static void on_error(void *user_data, const agt_error *error)
{
    messages *self = user_data;
    size_t used = strlen(self->text);
    (void)snprintf(self->text + used, sizeof(self->text) - used, "%s\n", error->message);
    if (self->count++ == 0) {
        self->first = *error;
    }
}

static agt_status check(const char *name, const char *text, messages *said)
{
    agt_error error = {0};
    memset(said, 0, sizeof(*said));
    write_file(name, text, strlen(text));
    agt_status status = agt_team_check(NULL, name, NULL, on_error, said, NULL, &error);
    assert_int_equal(status, error.status);
    if (said->count > 0) {
        assert_string_equal(error.message, said->first.message);
        assert_int_equal(error.line, said->first.line);
        assert_int_equal(error.column, said->first.column);
    }
    return status;
}

/* Take a line from *at; false at the end. */
static bool next_line(char **at, char **ret_line)
{
    if (**at == '\0') {
        return false;
    }
    *ret_line = *at;
    char *end = strchr(*at, '\n');
    assert_non_null(end);
    *end = '\0';
    *at = end + 1;
    return true;
}

static void run_case(const char *text, const char *expected, size_t number)
{
    messages said;
    assert_int_not_equal(check("team.yaml", text, &said), AGT_OK);
    if (strcmp(said.text, expected) != 0) {
        fail_msg("case %zu\n%sfound\n%sexpected\n%s", number, text, said.text, expected);
    }
    assert_true(said.first.line > 0);
    assert_true(said.first.column > 0);
}

static void every_bad_file_is_explained(void **state)
{
    (void)state;
    size_t size = 0, cases = 0;
    char *table = agt_test_read_file("tests/unit/team/data/bad_files.txt", &size);
    char *at = table, *line = NULL;
    char text[TEXT_BYTES] = "", expected[TEXT_BYTES] = "";
    while (next_line(&at, &line)) {
        size_t used = strlen(text), said = strlen(expected);
        if (cases == 0 && used == 0 && (line[0] == '#' || line[0] == '\0')) {
            continue; /* what the file itself says at its head */
        }
        if (strcmp(line, "-----") == 0) {
            run_case(text, expected, ++cases);
            text[0] = expected[0] = '\0';
        } else if (strncmp(line, "=> ", 3) == 0) {
            (void)snprintf(expected + said, sizeof(expected) - said, "team.yaml:%s\n", line + 3);
        } else if (strcmp(line, "@head") == 0) {
            (void)snprintf(text + used, sizeof(text) - used, "%s", HEAD);
        } else if (strcmp(line, "@agent") == 0) {
            (void)snprintf(text + used, sizeof(text) - used, "%s", AGENT);
        } else {
            (void)snprintf(text + used, sizeof(text) - used, "%s\n", line);
        }
    }
    free(table);
    assert_true(cases >= 100);
}

static void json_files_have_places_too(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"version\": 1,\n \"models\": {\"m\": {\"provider\": \"scripted\", \"script\": {}}},\n"
         " \"agents\": {\"a\": {\"modle\": \"m\"}}}\n",
         "team.json:3:19: agents.a: found the unknown member \"modle\"; did you mean \"model\"?\n"},
        {"{\"version\": 1,\n \"models\": {\"m\": {\"provider\": \"scripted\", \"script\": {}}},\n"
         " \"agents\": {\"a\": {\"model\": \"\\u006e\"}}}\n",
         "team.json:3:28: agents.a.model: found the unknown model \"n\", expected one of those "
         "in the file: m\n"},
        {"{\"version\": 1,}",
         "team.json:1:15: expected a key in double quotes after ',', found '}'; "
         "no comma may stand before it\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        messages said;
        assert_int_not_equal(check("team.json", cases[i].text, &said), AGT_OK);
        assert_string_equal(said.text, cases[i].message);
    }
}

static void codes_say_what_kind_of_error_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        agt_status status;
    } cases[] = {
        {"a: [", AGT_E_SYNTAX},
        {"a: 1\n", AGT_E_SCHEMA},
        {"version: 2\n", AGT_E_VERSION},
        {"models: {m: {provider: opnai}}\n", AGT_E_UNSUPPORTED},
        {"models: {m: {provider: openai, api_key: x}}\n", AGT_E_DENIED},
        {HEAD "agents: {a: {model: x}}\n", AGT_E_NOT_FOUND},
        {HEAD "agents: {a: {delegates: [a]}}\n", AGT_E_CYCLE},
        {HEAD "tools: {a: {command: [x]}}\nagents: {a: {}}\n", AGT_E_EXISTS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        messages said;
        assert_int_equal(check("team.yaml", cases[i].text, &said), cases[i].status);
    }
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    agt_error error = {0};
    assert_int_equal(agt_team_check(NULL, "nowhere.yaml", NULL, NULL, NULL, NULL, &error),
                     AGT_E_NOT_FOUND);
    assert_string_equal(error.message, "cannot read nowhere.yaml: No such file or directory");
    assert_int_equal(agt_team_check(NULL, ".", NULL, NULL, NULL, NULL, &error), AGT_E_IO);
    assert_string_equal(error.message, "cannot read .: Is a directory");
    assert_int_equal(agt_team_check(NULL, "/dev/zero", NULL, NULL, NULL, NULL, &error), AGT_E_IO);
    assert_string_equal(error.message, "cannot read /dev/zero: found a device, expected a file");
    assert_int_equal(agt_team_check(NULL, NULL, NULL, NULL, NULL, NULL, &error), AGT_E_INVALID);
}

static void errors_are_counted_and_capped(void **state)
{
    (void)state;
    char text[TEXT_BYTES] = HEAD "agents:\n";
    for (int i = 0; i < 80; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "  a%d: {model: none}\n", i);
    }
    messages said;
    assert_int_equal(check("team.yaml", text, &said), AGT_E_NOT_FOUND);
    assert_int_equal(said.count, 50);
}

static void a_full_file_is_fine(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "name: everything\n"
             "description: Has every member there is.\n"
             "tools:\n"
             "  churn:\n"
             "    description: Lines that changed.\n"
             "    command: [git, log, --numstat, \"{since?}\"]\n"
             "    input: none\n"
             "    output: text\n"
             "    input_schema: {type: object, properties: {since: {type: string}}}\n"
             "    timeout: 90s\n"
             "    grace: 250ms\n"
             "    effect: pure\n"
             "    env: {LANG: C, WHO: \"${NOBODY_SETS_THIS:-nobody}\", PRICE: \"$$5\"}\n"
             "    cwd: ..\n"
             "    limits: {memory: 512MiB, cpu: 10, files: 64, file_size: 1GB, processes: 20,\n"
             "             output: 1000000, errors: 4KiB}\n"
             "    cost: 0.001\n"
             "    ok_exit: [0, 1]\n"
             "  hot:\n"
             "    http:\n"
             "      url: https://example.org/{name}\n"
             "      method: GET\n"
             "      headers: {X-Token: \"${NOBODY_SETS_THIS:-}\"}\n"
             "    timeout: none\n"
             "    depends_on: [churn]\n"
             "agents:\n"
             "  lead: {model: m, delegates: [worker], output_schema: {type: object}}\n"
             "  worker:\n"
             "    instructions: Work.\n"
             "    description: Works.\n"
             "    tools: [churn, hot]\n"
             "    delegates: []\n"
             "    capabilities: [git, c]\n"
             "    specialization: analyst\n"
             "    weight: 1.5\n"
             "    limits: {steps: 5, tool_calls: 10, tokens: 1000, cost: \"0.05\", time: 1500,\n"
             "             repeats: 2}\n"
             "team: {lead: lead, parallel_max: 4, budget: \"1.00\", timeout: 2m}\n"
             "pricing: {scripted: {input: \"3.00\", output: 15, cache_read: \"0.3\"}}\n";
    messages said;
    agt_status status = check("team.yaml", text, &said);
    assert_string_equal(said.text, "");
    assert_int_equal(status, AGT_OK);

    agt_value *document = NULL, *prices = NULL;
    assert_int_equal(agt_team_check(NULL, "team.yaml", NULL, NULL, NULL, &document, NULL), AGT_OK);
    assert_int_equal(agt_team_get_pricing(NULL, document, &prices), AGT_OK);
    agt_prices *table = NULL;
    assert_int_equal(agt_prices_new(NULL, prices, &table, NULL), AGT_OK);
    agt_prices_free(table);
    agt_value_unref(prices);
    agt_value_unref(document);
}

static void a_file_without_pricing_has_no_prices(void **state)
{
    (void)state;
    agt_value *prices = agt_value_null();
    assert_int_equal(agt_team_get_pricing(NULL, agt_value_empty_object(), &prices), AGT_OK);
    assert_null(prices);
}

static void the_starter_is_fine(void **state)
{
    (void)state;
    size_t size = 0;
    char *text = agt_test_read_file("src/cli/starter/team.yaml", &size);
    messages said;
    agt_status status = check("team.yaml", text, &said);
    assert_string_equal(said.text, "");
    assert_int_equal(status, AGT_OK);
    free(text);
}

static void memory_that_runs_out_is_an_error(const agt_allocator *allocator, void *ctx)
{
    agt_value *document = NULL;
    agt_error error = {0};
    agt_status status = agt_team_check(allocator, "team.yaml", NULL, NULL, NULL, &document, &error);
    if (status == AGT_E_NOMEM) {
        assert_true(agt_test_heap_of(allocator)->failures > 0);
        assert_null(document);
        return;
    }
    assert_int_equal(status, *(const agt_status *)ctx);
    agt_value_unref(document);
}

static void out_of_memory(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        agt_status status;
    } cases[] = {
        {HEAD "tools: {t: {command: [x], env: {A: \"${B:-c}\"}, input_schema: {type: object}}}\n"
              "agents: {a: {tools: [t], delegates: [b]}, b: {}}\nteam: {lead: a}\n",
         AGT_OK},
        {HEAD "tools: {t: {command: [x], timeout: soon}}\n" AGENT, AGT_E_SCHEMA},
        {HEAD "tools: {\"t t\": {command: [x]}}\n" AGENT, AGT_E_SCHEMA},
        {HEAD "tools: {t: {command: [x], depends_on: [u, u]}}\n" AGENT, AGT_E_SCHEMA},
        {HEAD "agents: {a: {delegates: [a]}}\n", AGT_E_CYCLE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agt_status status = cases[i].status;
        write_file("team.yaml", cases[i].text, strlen(cases[i].text));
        agt_test_torture(memory_that_runs_out_is_an_error, &status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_file_is_explained),
        cmocka_unit_test(json_files_have_places_too),
        cmocka_unit_test(codes_say_what_kind_of_error_it_is),
        cmocka_unit_test(a_file_that_cannot_be_read_says_why),
        cmocka_unit_test(errors_are_counted_and_capped),
        cmocka_unit_test(a_full_file_is_fine),
        cmocka_unit_test(a_file_without_pricing_has_no_prices),
        cmocka_unit_test(the_starter_is_fine),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
