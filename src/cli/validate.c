/*
 * agent validate: every error of a team file, in the order of the checks, as a compiler prints
 * them. A file that is fine is also built once, in a simulated runtime that can reach nothing, so
 * that what only building can find (a script with a broken template) is found here too. Keys of
 * models need not be there for that: which are missing is a warning.
 */
#include "cli/place.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include "agent_sdk/team.h"

#include <string.h>

typedef struct report {
    agt_value_builder *errors;   /* an array for --json; NULL = print                    */
    agt_value_builder *warnings; /* the same                                             */
    size_t count;
    bool is_quiet;
} report;

static void write_error(agt_value_builder *builder, const agt_error *error)
{
    char code[CLI_CODE_BYTES];
    cli_write_code(code, error->status);
    agt_value_builder_begin_object(builder);
    agt_value_builder_key(builder, "code");
    agt_value_builder_string(builder, code);
    agt_value_builder_key(builder, "line");
    agt_value_builder_int64(builder, error->line);
    agt_value_builder_key(builder, "column");
    agt_value_builder_int64(builder, error->column);
    agt_value_builder_key(builder, "message");
    agt_value_builder_string(builder, error->message);
    agt_value_builder_end(builder);
}

static void on_error(void *user_data, const agt_error *error)
{
    report *self = user_data;
    self->count++;
    if (self->errors == NULL) {
        cli_complain("%s", error->message);
        return;
    }
    write_error(self->errors, error);
}

/* A model whose key is not here: perhaps it is where the team will run. */
static void on_missing_key(void *user_data, const agt_error *error)
{
    const report *self = user_data;
    if (self->warnings != NULL) {
        write_error(self->warnings, error);
    } else if (!self->is_quiet) {
        cli_complain("warning: %s", error->message);
    }
}

/* Build what the file describes where it can reach nothing. */
static void try_to_build(const char *path, report *self)
{
    agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .simulated = true, .silent = true);
    agt_team_config look =
        AGT_CONFIG(agt_team_config, .on_missing_key = on_missing_key, .user_data = self);
    agt_runtime *runtime = NULL;
    agt_team *team = NULL;
    agt_error error = {0};
    agt_status status = agt_runtime_new(&config, &runtime, &error);
    if (status == AGT_OK) {
        status = agt_team_load(runtime, path, &look, &team, &error);
    }
    if (status != AGT_OK) {
        on_error(self, &error);
    }
    agt_team_free(team);
    agt_runtime_free(runtime);
}

static size_t count_of(const agt_value *document, const char *member)
{
    return agt_value_get_count(agt_value_get_member(document, member));
}

static cli_exit print_json(report *self, cli_exit code)
{
    agt_value *errors = NULL, *warnings = NULL, *result = NULL;
    agt_value_builder_end(self->errors);
    agt_value_builder_end(self->warnings);
    agt_status status = agt_value_builder_finish(self->errors, &errors, NULL);
    if (status == AGT_OK) {
        status = agt_value_builder_finish(self->warnings, &warnings, NULL);
    }
    if (status == AGT_OK) {
        agt_value_builder_begin_object(self->errors);
        agt_value_builder_key(self->errors, "schema");
        agt_value_builder_string(self->errors, "agent.validate/1");
        agt_value_builder_key(self->errors, "ok");
        agt_value_builder_bool(self->errors, code == CLI_OK);
        agt_value_builder_key(self->errors, "exit_code");
        agt_value_builder_int64(self->errors, (int64_t)code);
        agt_value_builder_key(self->errors, "errors");
        agt_value_builder_value(self->errors, errors);
        agt_value_builder_key(self->errors, "warnings");
        agt_value_builder_value(self->errors, warnings);
        agt_value_builder_end(self->errors);
        status = agt_value_builder_finish(self->errors, &result, NULL);
    }
    if (status == AGT_OK) {
        cli_exit printed = cli_print_json(result, true);
        code = printed != CLI_OK ? printed : code;
    } else {
        code = cli_fail_memory();
    }
    agt_value_unref(result);
    agt_value_unref(errors);
    agt_value_unref(warnings);
    return code;
}

cli_exit cli_validate(const cli_arguments *arguments)
{
    const char *path = arguments->operands[0];
    report self = {.is_quiet = cli_has(arguments, CLI_OPT_QUIET)};
    agt_value *document = NULL;
    if (cli_has(arguments, CLI_OPT_JSON)) {
        if (agt_value_builder_new(NULL, &self.errors) != AGT_OK ||
            agt_value_builder_new(NULL, &self.warnings) != AGT_OK) {
            agt_value_builder_free(self.errors);
            return cli_fail_memory();
        }
        agt_value_builder_begin_array(self.errors);
        agt_value_builder_begin_array(self.warnings);
    }
    agt_error error = {0};
    agt_status status = agt_team_check(NULL, path, NULL, on_error, &self, &document, &error);
    if (status == AGT_OK) {
        try_to_build(path, &self);
    } else if (self.count == 0) {
        on_error(&self, &error);
    }
    cli_exit code = self.count == 0 ? CLI_OK : CLI_CONFIG;
    if (self.errors != NULL) {
        code = print_json(&self, code);
    } else if (code == CLI_OK && !self.is_quiet) {
        char shown[CLI_PATH_BYTES];
        cli_clean_text(shown, sizeof(shown), path);
        (void)printf("%s: ok (models: %zu, tools: %zu, agents: %zu)\n", shown,
                     count_of(document, "models"), count_of(document, "tools"),
                     count_of(document, "agents"));
    }
    agt_value_builder_free(self.errors);
    agt_value_builder_free(self.warnings);
    agt_value_unref(document);
    return code;
}
