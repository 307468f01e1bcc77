/*
 * tree_test.c - a run as a tree: what is drawn for spans in any order, of any shape.
 */
#include "cli/tree.h"

#include "support/test.h"

#include <stdlib.h>
#include <string.h>

static agt_value *parse(const char *json)
{
    agt_value *value = NULL;
    agt_error error = {0};
    if (agt_json_parse(NULL, json, strlen(json), NULL, &value, &error) != AGT_OK) {
        fail_msg("%s", error.message);
    }
    return value;
}

/* The tree as text, without head and foot; to be freed. */
static char *draw(const char *spans, unsigned columns, bool is_unicode)
{
    char *json = NULL, *bytes = NULL;
    size_t size = 0;
    assert_true(asprintf(&json, "{\"name\":\"test\",\"status\":\"ok\",\"spans\":%s}", spans) > 0);
    agt_value *run = parse(json);
    free(json);
    agt_error error = {0};
    cli_tree *tree = cli_tree_new(run, &error);
    assert_non_null(tree);
    cli_terminal terminal = {.columns = columns, .has_unicode = is_unicode};
    terminal.stream = open_memstream(&bytes, &size);
    assert_non_null(terminal.stream);
    cli_tree_print(tree, &terminal);
    assert_int_equal(fclose(terminal.stream), 0);
    cli_tree_free(tree);
    agt_value_unref(run);
    char *begin = strstr(bytes, "\n\n"), *end = strstr(bytes, "\n\nwall ");
    assert_non_null(begin);
    assert_non_null(end);
    char *middle = strndup(begin + 2, (size_t)(end - begin) - 1);
    assert_non_null(middle);
    free(bytes);
    return middle;
}

#define SPAN(id, parent, name, start, end, more)                                                   \
    "{\"span_id\":\"" id "\",\"parent_span_id\":" parent ",\"name\":\"" name                       \
    "\",\"start_unix_ns\":" #start ",\"end_unix_ns\":" #end ",\"error\":false" more "}"
#define TOOL(name)                                                                                 \
    ",\"attributes\":{\"gen_ai.operation.name\":\"execute_tool\",\"gen_ai.tool.name\":\"" name "\"}"
#define AGENT(name)                                                                                \
    ",\"attributes\":{\"gen_ai.operation.name\":\"invoke_agent\",\"gen_ai.agent.name\":\"" name    \
    "\"}"

static void children_stand_below_their_parents(void **state)
{
    (void)state;
    char *text = draw("[" SPAN("1", "null", "run", 0, 1000000000, "") "," SPAN(
                          "2", "\"1\"", "late", 500000000, 1000000000,
                          "") "," SPAN("3", "\"1\"", "early", 0, 500000000,
                                       "") "," SPAN("4", "\"3\"", "deep", 0, 250000000, "") "]",
                      62, true);
    assert_string_equal(text, "NAME                     TOOK    TOKENS      COST\n"
                              "run                    1.00 s*                     ██████████\n"
                              "├─ early               500 ms*                     █████\n"
                              "│  └─ deep             250 ms*                     ███\n"
                              "└─ late                500 ms*                          █████\n");
    free(text);
}

static void spans_without_an_end_reach_as_far_as_is_known(void **state)
{
    (void)state;
    char *text = draw("[" SPAN("1", "null", "run", 0, null, "") "," SPAN(
                          "2", "\"1\"", "done", 0, 500000000,
                          "") "," SPAN("3", "\"1\"", "not", 750000000, null,
                                       "") "," SPAN("4", "\"1\"", "last", 0, 1000000000, "") "]",
                      62, true);
    assert_string_equal(text, "NAME                     TOOK    TOKENS      COST\n"
                              "run [unfinished]             *                     ██████████\n"
                              "├─ done                500 ms                      ▒▒▒▒▒\n"
                              "├─ last                1.00 s*                     ██████████\n"
                              "└─ not [unfinished]                                       ▒▒▒\n");
    free(text);
}

static void plain_terminals_get_ascii(void **state)
{
    (void)state;
    char *text =
        draw("[" SPAN("1", "null", "run", 0, 4000000, "") "," SPAN(
                 "2", "\"1\"", "a", 0, 1000000, "") "," SPAN("3", "\"1\"", "b", 0, 4000000, "") "]",
             60, false);
    assert_string_equal(text, "NAME                     TOOK    TOKENS      COST\n"
                              "run                    4.0 ms*                     ########\n"
                              "|- a                   1.0 ms                      --\n"
                              "`- b                   4.0 ms*                     ########\n");
    free(text);
}

static void an_agent_called_as_a_tool_is_one_line(void **state)
{
    (void)state;
    char *text = draw(
        "[" SPAN("1", "null", "invoke_agent lead", 0, 1000000, AGENT("lead")) "," SPAN(
            "2", "\"1\"", "execute_tool scout", 0, 1000000,
            TOOL("scout")) "," SPAN("3", "\"2\"", "invoke_agent scout", 0, 1000000,
                                    AGENT("scout")) "," SPAN("4", "\"3\"", "execute_tool ls", 0,
                                                             1000000,
                                                             TOOL("ls")) "," SPAN("5", "\"1\"",
                                                                                  "after", 1000000,
                                                                                  1000000, "") "]",
        60, false);
    assert_non_null(strstr(text, "\n|- scout"));
    assert_non_null(strstr(text, "\n|  `- ls"));
    assert_non_null(strstr(text, "\n`- after"));
    assert_null(strstr(text, "scout\n|  `- scout"));
    free(text);
}

static void what_spans_are_called_does_no_harm(void **state)
{
    (void)state;
    char *text = draw("[" SPAN("1", "\"gone\"", "a\\u001b[31m\\n\\u202eb", 0, 0, "") "]", 60, true);
    assert_non_null(strstr(text, "a\\x1b[31m\\n\\u202eb"));
    assert_null(strchr(text, '\033'));
    free(text);
}

static void odd_runs_are_drawn_too(void **state)
{
    (void)state;
    /* none; one that never ended; an end before the start; two of one id; a parent behind */
    free(draw("[]", 80, true));
    free(draw("[" SPAN("1", "null", "a", 5, null, "") "]", 80, true));
    free(draw("[" SPAN("1", "null", "a", 5, 1, "") "," SPAN("1", "null", "a", 5, 9, "") "]", 80,
              true));
    free(draw("[" SPAN("1", "\"2\"", "a", 5, 9, "") "," SPAN("2", "\"1\"", "b", 5, 9, "") "]", 20,
              true));
    free(draw("[{}]", 80, true));
    free(draw("[1, null]", 80, true));
}

static void deep_trees_keep_room_for_names(void **state)
{
    (void)state;
    enum {
        DEEP = 200
    };
    char *json = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&json, &size);
    assert_non_null(stream);
    for (int i = 0; i < DEEP; i++) {
        (void)fprintf(stream,
                      "%s{\"span_id\":\"%d\",\"parent_span_id\":\"%d\",\"name\":\"level %d\","
                      "\"start_unix_ns\":0,\"end_unix_ns\":9}",
                      i == 0 ? "[" : ",", i, i - 1, i);
    }
    (void)fputc(']', stream);
    assert_int_equal(fclose(stream), 0);
    char *text = draw(json, 80, false);
    assert_non_null(strstr(text, "level 199"));
    free(text);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_stand_below_their_parents),
        cmocka_unit_test(spans_without_an_end_reach_as_far_as_is_known),
        cmocka_unit_test(plain_terminals_get_ascii),
        cmocka_unit_test(an_agent_called_as_a_tool_is_one_line),
        cmocka_unit_test(what_spans_are_called_does_no_harm),
        cmocka_unit_test(odd_runs_are_drawn_too),
        cmocka_unit_test(deep_trees_keep_room_for_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
