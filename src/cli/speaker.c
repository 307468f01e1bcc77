/*
 * Who answers: the team of a file, or one agent with a model that was named. Both are asked the
 * same way, so that `run` and `chat` need not know.
 */
#include "cli/speaker.h"
#include "cli/place.h"
#include "cli/recording.h"

#include <string.h>

enum {
    PROVIDER_BYTES = 64
};

/* A replay asks nobody, so it needs no keys. */
static void on_missing_key(void *user_data, const agt_error *error)
{
    (void)user_data;
    (void)error;
}

static agt_status get_no_key(void *user_data, const agt_tool_call *call, char *key, size_t size)
{
    (void)user_data;
    (void)call;
    (void)key;
    (void)size;
    return AGT_E_NOT_FOUND;
}

static void on_team_error(void *user_data, const agt_error *error)
{
    size_t *count = user_data;
    /* The first one is told with the result. */
    if ((*count)++ > 0) {
        cli_complain("%s", error->message);
    }
}

static cli_exit open_runtime(cli_speaker *self, const cli_arguments *arguments,
                             const agt_value *prices, agt_error *err)
{
    char store[CLI_PATH_BYTES], helper[CLI_PATH_BYTES];
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .service_name = "agent", .prices = prices);
    config.helper_path = cli_find_helper(helper);
    if (!cli_has(arguments, CLI_OPT_NO_STORE)) {
        cli_exit code = cli_find_store(arguments, true, store);
        if (code != CLI_OK) {
            return code;
        }
        config.store_path = store;
    }
    config.simulated = self->replay != NULL;
    config.seed = self->seed;
    agt_status status = agt_runtime_new(&config, &self->runtime, err);
    if (status == AGT_OK && self->replay != NULL) {
        status = agt_replay_start(self->runtime, self->replay, err);
    }
    return status == AGT_OK ? CLI_OK : CLI_CONFIG;
}

/* Everything is there that is needed for the run: record it, if that was asked for. */
static cli_exit open_recording(cli_speaker *self, const cli_arguments *arguments, agt_error *err)
{
    const char *path = arguments->text[CLI_OPT_RECORD];
    agt_recording_config config = AGT_CONFIG(agt_recording_config, .about = self->about,
                                             .overwrite = cli_has(arguments, CLI_OPT_FORCE));
    if (path == NULL) {
        return CLI_OK;
    }
    return agt_recording_start(self->runtime, path, &config, err) == AGT_OK ? CLI_OK : CLI_CONFIG;
}

/* The conversation to go on with, if one was asked for. */
static cli_exit open_session(cli_speaker *self, const cli_arguments *arguments, agt_error *err)
{
    bool is_last = cli_has(arguments, CLI_OPT_CONTINUE);
    if (!is_last && !cli_has(arguments, CLI_OPT_SESSION)) {
        return CLI_OK;
    }
    agt_session_config config =
        AGT_CONFIG(agt_session_config, .name = is_last ? "last" : arguments->text[CLI_OPT_SESSION],
                   .existing = is_last);
    agt_status status = agt_session_new(self->runtime, &config, &self->session, err);
    if (status == AGT_E_NOT_FOUND) {
        cli_complain("there is no conversation to go on with: begin one with --session NAME");
        err->status = AGT_OK;
    }
    return status == AGT_OK ? CLI_OK : CLI_CONFIG;
}

/* Whether the lead gives a typed answer. */
static bool is_typed(const agt_value *document)
{
    const agt_value *agents = agt_value_get_member(document, "agents");
    const char *lead = agt_value_get_string(
        agt_value_get_member(agt_value_get_member(document, "team"), "lead"), NULL);
    const agt_value *agent =
        lead != NULL ? agt_value_get_member(agents, lead) : agt_value_get_item(agents, 0);
    return agt_value_get_member(agent, "output_schema") != NULL;
}

/* What is said of a recording, before the runtime is opened with its seed. */
static agt_status prepare_recording(cli_speaker *self, const cli_arguments *arguments,
                                    const cli_question *question, const agt_value *document,
                                    const char *input)
{
    if (cli_has(arguments, CLI_OPT_RECORD)) {
        return cli_recording_describe(arguments, question, document, input, &self->about,
                                      &self->seed);
    }
    if (self->replay != NULL && document != NULL) {
        cli_recording_compare(self->about, question->team, document);
    }
    return AGT_OK;
}

static cli_exit open_team(cli_speaker *self, const cli_arguments *arguments,
                          const cli_question *question, const char *input, agt_error *err)
{
    agt_value *document = NULL, *prices = NULL;
    size_t errors = 0;
    if (agt_team_check(NULL, question->team, NULL, on_team_error, &errors, &document, err) !=
        AGT_OK) {
        return CLI_CONFIG;
    }
    self->is_typed = is_typed(document);
    agt_status status = agt_team_get_pricing(NULL, document, &prices);
    if (status == AGT_OK) {
        status = prepare_recording(self, arguments, question, document, input);
    }
    agt_value_unref(document);
    if (status != AGT_OK) {
        agt_value_unref(prices);
        return cli_fail_memory();
    }
    cli_exit code = open_runtime(self, arguments, prices, err);
    agt_value_unref(prices);
    if (code != CLI_OK) {
        return code;
    }
    agt_team_config config =
        AGT_CONFIG(agt_team_config, .model = question->model, .base_url = question->base_url,
                   .budget_nanousd = self->budget_nanousd);
    config.parallel_max = (uint32_t)arguments->number[CLI_OPT_PARALLEL];
    config.on_missing_key = self->replay != NULL ? on_missing_key : NULL;
    if (agt_team_load(self->runtime, question->team, &config, &self->team, err) != AGT_OK) {
        return CLI_CONFIG;
    }
    self->name = agt_team_get_name(self->team);
    self->is_simulated = agt_team_is_simulated(self->team);
    return CLI_OK;
}

/* An agent without tools, with the model PROVIDER/NAME. */
static cli_exit open_agent(cli_speaker *self, const cli_arguments *arguments,
                           const cli_question *question, const char *input, agt_error *err)
{
    char provider[PROVIDER_BYTES];
    const char *slash = strchr(question->model, '/');
    agt_model *model = NULL;
    if (prepare_recording(self, arguments, question, NULL, input) != AGT_OK) {
        return cli_fail_memory();
    }
    cli_exit code = open_runtime(self, arguments, NULL, err);
    if (code != CLI_OK) {
        return code;
    }
    (void)snprintf(provider, sizeof(provider), "%.*s", (int)(slash - question->model),
                   question->model);
    const agt_provider_config config = AGT_CONFIG(
        agt_provider_config, .provider = provider, .model = slash + 1,
        .base_url = question->base_url, .get_key = self->replay != NULL ? get_no_key : NULL,
        .plain_http = self->replay != NULL);
    agt_status status = agt_model_new_provider(self->runtime, &config, &model, err);
    if (status == AGT_OK) {
        const agt_agent_config agent = AGT_CONFIG(agt_agent_config, .name = "agent", .model = model,
                                                  .instructions = arguments->text[CLI_OPT_SYSTEM]);
        status = agt_agent_new(self->runtime, &agent, &self->agent, err);
        agt_model_unref(model);
    }
    return status == AGT_OK ? CLI_OK : CLI_CONFIG;
}

cli_exit cli_speaker_open(cli_speaker *speaker, const cli_arguments *arguments,
                          const cli_question *question, const char *input, agt_error *err)
{
    speaker->budget_nanousd = arguments->number[CLI_OPT_BUDGET];
    cli_exit code = question->team != NULL ? open_team(speaker, arguments, question, input, err)
                                           : open_agent(speaker, arguments, question, input, err);
    if (code == CLI_OK) {
        code = open_session(speaker, arguments, err);
    }
    return code == CLI_OK ? open_recording(speaker, arguments, err) : code;
}

void cli_speaker_free(cli_speaker *speaker)
{
    agt_session_unref(speaker->session);
    agt_agent_unref(speaker->agent);
    agt_team_free(speaker->team);
    agt_runtime_free(speaker->runtime);
    agt_value_unref(speaker->about);
    memset(speaker, 0, sizeof(*speaker));
}

/* Without a team: what a team says of a run, said here. */
static agt_status ask_agent(cli_speaker *self, const char *input, agt_call_options *options,
                            agt_events **ret_events, agt_task **ret_task, agt_error *err)
{
    agt_budget *budget = NULL;
    agt_status status = AGT_OK;
    options->run_name = options->run_name != NULL ? options->run_name : "agent";
    if (self->budget_nanousd > 0) {
        const agt_budget_config config =
            AGT_CONFIG(agt_budget_config, .name = "run", .limit_nanousd = self->budget_nanousd);
        status = agt_budget_new(NULL, &config, &budget, err);
        options->budget = budget;
    }
    if (status == AGT_OK) {
        status = ret_events != NULL
                     ? agt_agent_execute_stream(self->agent, input, options, ret_events, err)
                     : agt_agent_execute_start(self->agent, input, options, ret_task, err);
    }
    agt_budget_unref(budget);
    return status;
}

agt_status cli_speaker_ask(cli_speaker *speaker, const char *input, const agt_call_options *options,
                           agt_events **ret_events, agt_task **ret_task, agt_error *err)
{
    agt_call_options own = *options;
    agt_status status;
    own.session = speaker->session;
    if (speaker->team == NULL) {
        status = ask_agent(speaker, input, &own, ret_events, ret_task, err);
    } else if (ret_events != NULL) {
        status = agt_team_run_stream(speaker->team, input, &own, ret_events, err);
    } else {
        status = agt_team_run_start(speaker->team, input, &own, ret_task, err);
    }
    if (status == AGT_OK && ret_events != NULL) {
        *ret_task = agt_task_ref(agt_events_get_task(*ret_events));
    }
    return status;
}
