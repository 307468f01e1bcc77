/* What the tools share: asking git, reading facts, adding members. */
#include "facts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

agt_status ask(const inquiry *in, const char *question, agt_results **ret_results, piece *ret_text)
{
    const char *const questions[] = {question, NULL};
    agt_status status = git_ask(in->git, in->call, in->cancel, questions, ret_results);
    if (status == AGT_OK) {
        *ret_text = piece_of_value(agt_results_get_output(*ret_results, 0));
    }
    return status;
}

const agt_value *get_fact(const inquiry *in, const char *tool)
{
    const agt_value *input = agt_tool_call_get_input(in->call);
    const agt_value *facts = agt_value_get_member(input, "facts");
    return tool != NULL ? agt_value_get_member(facts, tool) : facts;
}

double get_number(const agt_value *object, const char *key)
{
    double number = 0;
    agt_status status = agt_value_get_double(agt_value_get_member(object, key), &number);
    return status == AGT_OK ? number : 0;
}

uint64_t get_count(const agt_value *object, const char *key)
{
    uint64_t count = 0;
    agt_status status = agt_value_get_uint64(agt_value_get_member(object, key), &count);
    return status == AGT_OK ? count : 0;
}

piece get_text(const agt_value *object, const char *key)
{
    return piece_of_value(agt_value_get_member(object, key));
}

void add_count_member(agt_value_builder *to, const char *key, uint64_t count)
{
    agt_value_builder_key(to, key);
    agt_value_builder_uint64(to, count);
}

void add_text_member(agt_value_builder *to, const char *key, piece text)
{
    agt_value_builder_key(to, key);
    add_text(to, text);
}

void add_rounded_member(agt_value_builder *to, const char *key, double number, int decimals)
{
    double unit = pow(10, decimals);
    agt_value_builder_key(to, key);
    agt_value_builder_double(to, round(number * unit) / unit);
}

void add_path_member(agt_value_builder *to, const char *key, piece quoted)
{
    char path[4096];
    if (quoted.length > sizeof(path)) {
        quoted.length = sizeof(path); /* no file system has such names; a tree object may */
    }
    add_text_member(to, key, unquote_path(quoted, path));
}

void add_day_member(agt_value_builder *to, const char *key, int64_t seconds)
{
    char day[64] = "?";
    time_t when = (time_t)seconds;
    struct tm date;
    if (gmtime_r(&when, &date) != NULL) {
        (void)strftime(day, sizeof(day), "%Y-%m-%d", &date);
    }
    add_text_member(to, key, piece_of(day));
}
