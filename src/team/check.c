/*
 * Everything that can be wrong with a team file, short of building it.
 *
 * In this order: the version (a file of a newer one has members we do not know), providers (so that
 * a model of a provider that is not there says so, and not that its members are unknown), the
 * schema, and what a schema cannot say: ranges, references, cycles. If the schema refuses the file,
 * every model, tool and agent is checked by itself, so that one run reports an error of each.
 */
#include "base/error.h"
#include "team/team.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ORIGIN "team/file"

/* ---- reporting ---------------------------------------------------------------------------- */

static void keep(agt__team_check *check, const agt_error *error)
{
    if (check->count == 0) {
        check->first = *error;
    }
    if (check->count < AGT__TEAM_ERRORS_MAX && check->on_error != NULL) {
        check->on_error(check->user_data, error);
    }
    check->count++;
}

static void report_at(agt__team_check *check, agt_status status, const char *pointer,
                      agt__place place, const char *format, va_list args) AGT_PRINTF(5, 0);

static void report_at(agt__team_check *check, agt_status status, const char *pointer,
                      agt__place place, const char *format, va_list args)
{
    agt_error what, error = {0};
    char path[160];
    (void)agt__error_setv(&what, status, ORIGIN, format, args);
    agt__team_write_path(pointer, path, sizeof(path));
    const agt__node *node = agt__document_find(check->document, pointer, place);
    (void)agt__document_fail(check->document, node->line, node->column, &error, status, "%s%s",
                             path, what.message);
    keep(check, &error);
}

void agt__team_report(agt__team_check *check, agt_status status, const char *pointer,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report_at(check, status, pointer, AGT__PLACE_KEY, format, args);
    va_end(args);
}

void agt__team_report_value(agt__team_check *check, agt_status status, const char *pointer,
                            const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report_at(check, status, pointer, AGT__PLACE_VALUE, format, args);
    va_end(args);
}

agt_status agt__team_wrap(const agt__document *document, const char *pointer,
                          const agt_error *cause, agt_error *err)
{
    char path[160];
    agt__team_write_path(pointer, path, sizeof(path));
    const agt__node *node = agt__document_find(document, pointer, AGT__PLACE_KEY);
    return agt__document_fail(document, node->line, node->column, err, cause->status, "%s%s", path,
                              cause->message);
}

/* ---- before the schema -------------------------------------------------------------------- */

static void check_version(agt__team_check *check)
{
    const agt_value *version = agt_value_get_member(check->document->value, "version");
    int64_t number = 0;
    if (agt_value_get_int64(version, &number) == AGT_OK && number > AGT__TEAM_VERSION) {
        agt__team_report_value(check, AGT_E_VERSION, "/version",
                               "found %lld, expected %d: the file is for a newer agent_sdk than "
                               "this one (%s)",
                               (long long)number, AGT__TEAM_VERSION, agt_version());
    }
}

/* ---- the schema --------------------------------------------------------------------------- */

/* Check @value against @schema; what is refused is reported as the part at @prefix + its place. */
static agt_status check_part(agt__team_check *check, const agt_value *schema_document,
                             const agt_schema *schema, const agt_value *value, const char *prefix)
{
    agt_value *place = NULL;
    agt_error cause = {0}, error = {0};
    agt_status status = agt_schema_check(schema, value, &place, &cause);
    if (status == AGT_OK || status == AGT_E_NOMEM) {
        return status;
    }
    const char *inside = place != NULL ? agt_value_get_string(place, NULL) : "";
    agt__buffer pointer;
    agt__buffer_init(&pointer, check->document->allocator, 0);
    agt__buffer_add_text(&pointer, prefix);
    agt__buffer_add_text(&pointer, inside);
    status = pointer.status == AGT_OK
                 ? agt__team_explain(check->document, schema_document, agt__buffer_text(&pointer),
                                     &cause, &error)
                 : AGT_E_NOMEM;
    agt__buffer_deinit(&pointer);
    agt_value_unref(place);
    if (status != AGT_E_NOMEM) {
        keep(check, &error);
        status = AGT_OK;
    }
    return status;
}

/* The schema {"$ref": "#/$defs/<definition>", "$defs": …} of one entry of a section. */
static agt_status make_entry_schema(const agt_allocator *allocator, const agt_value *document,
                                    const char *definition, agt_schema **ret_schema)
{
    char reference[64];
    (void)snprintf(reference, sizeof(reference), "#/$defs/%s", definition);
    agt_value_builder *builder = NULL;
    agt_value *value = NULL;
    agt_status status = agt_value_builder_new(allocator, &builder);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(builder);
    agt_value_builder_key(builder, "$ref");
    agt_value_builder_string(builder, reference);
    agt_value_builder_key(builder, "$defs");
    agt_value_builder_value(builder, agt_value_get_member(document, "$defs"));
    agt_value_builder_end(builder);
    status = agt_value_builder_finish(builder, &value, NULL);
    agt_value_builder_free(builder);
    if (status == AGT_OK) {
        status = agt_schema_new(allocator, value, ret_schema, NULL);
        agt_value_unref(value);
    }
    return status;
}

static agt_status check_section(agt__team_check *check, const agt_value *schema_document,
                                const char *section, const char *definition)
{
    const agt_value *entries = agt_value_get_member(check->document->value, section);
    agt_schema *schema = NULL;
    if (agt_value_get_kind(entries) != AGT_VALUE_OBJECT) {
        return AGT_OK;
    }
    agt_status status =
        make_entry_schema(check->document->allocator, schema_document, definition, &schema);
    for (size_t i = 0; status == AGT_OK && i < agt_value_get_count(entries); i++) {
        const char *name = agt_value_get_key(entries, i, NULL);
        char prefix[AGT__TEAM_POINTER_BYTES];
        (void)snprintf(prefix, sizeof(prefix), "/%s", section);
        agt__team_append_step(prefix, sizeof(prefix), name);
        status = check_part(check, schema_document, schema, agt_value_get_item(entries, i), prefix);
    }
    agt_schema_unref(schema);
    return status;
}

static agt_status check_schema(agt__team_check *check)
{
    const agt_allocator *allocator = check->document->allocator;
    agt_value *document = NULL;
    agt_schema *schema = NULL;
    agt_status status = agt_team_get_schema(allocator, &document);
    if (status != AGT_OK) {
        return status;
    }
    status = agt_schema_new(allocator, document, &schema, NULL);
    if (status == AGT_OK) {
        status = agt_schema_check(schema, check->document->value, NULL, NULL);
    }
    if (status != AGT_OK && status != AGT_E_NOMEM && schema != NULL) {
        status = check_section(check, document, "models", "model");
        status = status == AGT_OK ? check_section(check, document, "tools", "tool") : status;
        status = status == AGT_OK ? check_section(check, document, "agents", "agent") : status;
        if (status == AGT_OK && check->count == 0) {
            status = check_part(check, document, schema, check->document->value, "");
        }
    }
    agt_schema_unref(schema);
    agt_value_unref(document);
    return status;
}

/* ---- behind the schema -------------------------------------------------------------------- */

typedef agt_status (*read_fn)(const agt_value *value);

static agt_status try_duration(const agt_value *value)
{
    uint32_t ms = 0;
    return agt__team_read_duration(value, &ms);
}

static agt_status try_money(const agt_value *value)
{
    int64_t nanousd = 0;
    return agt__team_read_money(value, &nanousd);
}

static agt_status try_size(const agt_value *value)
{
    uint64_t bytes = 0;
    return agt__team_read_size(value, &bytes);
}

/* A member whose text the schema likes and whose amount may still be out of range. */
static void check_amount(agt__team_check *check, const char *prefix, const agt_value *object,
                         const char *member, read_fn read, const char *expected)
{
    const agt_value *value = agt_value_get_member(object, member);
    if (value != NULL && read(value) != AGT_OK) {
        char pointer[AGT__TEAM_POINTER_BYTES];
        char found[80];
        agt__team_join(pointer, prefix, member);
        agt__team_describe(check->document->allocator, value, found, sizeof(found));
        agt__team_report_value(check, AGT_E_SCHEMA, pointer, "found %s, expected %s", found,
                               expected);
    }
}

static const char duration_range[] = "a duration above 0 and of at most 1193 hours";
static const char money_range[] = "USD as a decimal without exponent, with at most nine places";
static const char size_range[] = "a size above 0 that fits into 63 bits";

void agt__team_check_durations(agt__team_check *check, const char *prefix, const agt_value *object,
                               const char *const *members)
{
    for (; *members != NULL; members++) {
        check_amount(check, prefix, object, *members, try_duration, duration_range);
    }
}

void agt__team_check_retry(agt__team_check *check, const char *prefix, const agt_value *object)
{
    static const char *const members[] = {"delay", "delay_max", "retry_after_max", NULL};
    char pointer[AGT__TEAM_POINTER_BYTES];
    agt__team_join(pointer, prefix, "retry");
    agt__team_check_durations(check, pointer, agt_value_get_member(object, "retry"), members);
}

static agt_status check_nested_schema(agt__team_check *check, const char *prefix,
                                      const agt_value *object, const char *member)
{
    const agt_value *document = agt_value_get_member(object, member);
    if (document == NULL) {
        return AGT_OK;
    }
    agt_schema *schema = NULL;
    agt_error cause = {0};
    agt_status status = agt_schema_new(check->document->allocator, document, &schema, &cause);
    if (status == AGT_OK || status == AGT_E_NOMEM) {
        agt_schema_unref(schema);
        return status;
    }
    char pointer[AGT__TEAM_POINTER_BYTES];
    agt__team_join(pointer, prefix, member);
    agt__team_report(check, AGT_E_SCHEMA, pointer, "%s", cause.message);
    return AGT_OK;
}

agt_status agt__team_check_variables(agt__team_check *check, const char *prefix,
                                     const agt_value *texts, bool must_be_set)
{
    for (size_t i = 0; i < agt_value_get_count(texts); i++) {
        agt__buffer text;
        char name[64], pointer[AGT__TEAM_POINTER_BYTES];
        const char *value = agt_value_get_string(agt_value_get_item(texts, i), NULL);
        const char *key = agt_value_get_key(texts, i, NULL);
        agt__buffer_init(&text, check->document->allocator, 0);
        agt_status status = agt__team_expand(value, &text, name, sizeof(name));
        agt__buffer_deinit(&text);
        agt__team_join(pointer, prefix, key);
        if (status == AGT_E_NOT_FOUND) {
            if (!must_be_set) {
                continue;
            }
            agt__team_report_value(check, AGT_E_NOT_FOUND, pointer,
                                   "found ${%s}, expected a variable that is set (or "
                                   "${%s:-otherwise})",
                                   name, name);
        } else if (status == AGT_E_SYNTAX) {
            agt__team_report_value(check, AGT_E_SYNTAX, pointer,
                                   "found a \"${\" that names no variable, expected ${NAME}, "
                                   "${NAME:-otherwise}, or $$ for a dollar sign");
        } else if (status != AGT_OK) {
            return status;
        }
    }
    return AGT_OK;
}

static agt_status check_tool(agt__team_check *check, const char *prefix, const agt_value *tool)
{
    static const char *const process_only[] = {"input", "output", "grace",  "env",
                                               "cwd",   "limits", "ok_exit"};
    char pointer[AGT__TEAM_POINTER_BYTES];
    const agt_value *command = agt_value_get_member(tool, "command");
    const agt_value *http = agt_value_get_member(tool, "http");
    if ((command == NULL) == (http == NULL)) {
        agt__team_report(check, AGT_E_SCHEMA, prefix,
                         command == NULL ? "found neither \"command\" nor \"http\", expected one"
                                         : "found \"command\" and \"http\", expected one of them");
    }
    if (http != NULL && command == NULL) {
        for (size_t i = 0; i < sizeof(process_only) / sizeof(process_only[0]); i++) {
            if (agt_value_get_member(tool, process_only[i]) != NULL) {
                agt__team_join(pointer, prefix, process_only[i]);
                agt__team_report(check, AGT_E_SCHEMA, pointer,
                                 "found beside \"http\", expected only beside \"command\"");
            }
        }
    }
    const char *program = agt_value_get_string(agt_value_get_item(command, 0), NULL);
    if (program != NULL && *program == '\0') {
        agt__team_join(pointer, prefix, "command");
        agt__team_append_step(pointer, sizeof(pointer), "0");
        agt__team_report(check, AGT_E_SCHEMA, pointer, "found \"\", expected a program");
    }
    const agt_value *limits = agt_value_get_member(tool, "limits");
    agt__team_join(pointer, prefix, "limits");
    static const char *const sizes[] = {"memory", "file_size", "output", "errors"};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check_amount(check, pointer, limits, sizes[i], try_size, size_range);
    }
    static const char *const durations[] = {"timeout", "grace", NULL};
    agt__team_check_durations(check, prefix, tool, durations);
    agt__team_check_retry(check, prefix, tool);
    check_amount(check, prefix, tool, "cost", try_money, money_range);
    agt__team_join(pointer, prefix, "env");
    agt_status status =
        agt__team_check_variables(check, pointer, agt_value_get_member(tool, "env"), true);
    if (status == AGT_OK) {
        static const char *const limits_of_http[] = {"connect_timeout", "idle_timeout", NULL};
        agt__team_join(pointer, prefix, "http");
        agt__team_check_durations(check, pointer, http, limits_of_http);
        check_amount(check, pointer, http, "response_max", try_size, size_range);
        agt__team_append_step(pointer, sizeof(pointer), "headers");
        status =
            agt__team_check_variables(check, pointer, agt_value_get_member(http, "headers"), true);
    }
    return status == AGT_OK ? check_nested_schema(check, prefix, tool, "input_schema") : status;
}

static agt_status check_agent(agt__team_check *check, const char *prefix, const agt_value *agent)
{
    char pointer[AGT__TEAM_POINTER_BYTES];
    const agt_value *limits = agt_value_get_member(agent, "limits");
    agt__team_join(pointer, prefix, "limits");
    check_amount(check, pointer, limits, "cost", try_money, money_range);
    check_amount(check, pointer, limits, "time", try_duration, duration_range);
    return check_nested_schema(check, prefix, agent, "output_schema");
}

static agt_status check_each(agt__team_check *check, const char *section,
                             agt_status (*fn)(agt__team_check *check, const char *prefix,
                                              const agt_value *entry))
{
    const agt_value *entries = agt_value_get_member(check->document->value, section);
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < agt_value_get_count(entries); i++) {
        char prefix[AGT__TEAM_POINTER_BYTES];
        (void)snprintf(prefix, sizeof(prefix), "/%s/%s", section,
                       agt_value_get_key(entries, i, NULL));
        status = fn(check, prefix, agt_value_get_item(entries, i));
    }
    return status;
}

static void check_team(agt__team_check *check)
{
    const agt_value *team = agt_value_get_member(check->document->value, "team");
    const agt_value *pricing = agt_value_get_member(check->document->value, "pricing");
    static const char *const prices[] = {"input",       "output",         "cache_read",
                                         "cache_write", "cache_write_1h", "reasoning"};
    check_amount(check, "/team", team, "budget", try_money, money_range);
    check_amount(check, "/team", team, "timeout", try_duration, duration_range);
    check_amount(check, "/team", team, "tool_timeout", try_duration, duration_range);
    for (size_t i = 0; i < agt_value_get_count(pricing); i++) {
        const char *name = agt_value_get_key(pricing, i, NULL);
        char prefix[AGT__TEAM_POINTER_BYTES];
        agt__team_join(prefix, "/pricing", name);
        for (size_t j = 0; j < sizeof(prices) / sizeof(prices[0]); j++) {
            check_amount(check, prefix, agt_value_get_item(pricing, i), prices[j], try_money,
                         money_range);
        }
    }
}

agt_status agt__team_check_all(agt__team_check *check)
{
    agt_status status = AGT_OK;
    check_version(check);
    if (check->count == 0) {
        agt__team_check_providers(check);
    }
    if (check->count == 0) {
        status = check_schema(check);
    }
    if (check->count == 0 && status == AGT_OK) {
        check_team(check);
        status = check_each(check, "models", agt__team_check_model);
        status = status == AGT_OK ? check_each(check, "tools", check_tool) : status;
        status = status == AGT_OK ? check_each(check, "agents", check_agent) : status;
        status = status == AGT_OK ? agt__team_check_names(check) : status;
    }
    return check->count > 0 ? check->first.status : status;
}
