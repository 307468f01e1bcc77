/*
 * agent run: one run of a team.
 *
 * The main thread waits for three things at once: events of the run (to draw and print), the end of
 * the run, and signals. A first SIGINT or SIGTERM cancels the run, which ends soon with what it
 * has; a second one ends the process at once. The library's own threads never see a signal.
 */
#include "cli/run.h"
#include "base/utf8.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    INPUT_BYTES_MAX = 8 * 1024 * 1024,
    FRAME_MS = 100, /* between two drawings */
    SLICE_MS = 20,  /* of virtual time */
    CLOSE_MS = 10 * 1000
};

static const char banner[] =
    "scripted model: no LLM called; prose is templated, tokens and cost simulated";

static const char replay_banner[] = "replay: no model and no tool is called, nothing is spent";

typedef struct runner {
    const cli_arguments *arguments;
    cli_terminal terminal; /* standard error */
    agt_runtime *runtime;
    agt_team *team;
    agt_cancel *cancel;
    agt_session *session; /* NULL = none */
    const char *replay;   /* the recording; NULL = a real run */
    uint64_t seed;        /* of a recording */
    agt_value *about;     /* what a recording shall know */
    cli_events *events;
    cli_progress *progress; /* NULL = not shown */
    int signals;            /* descriptors; -1 = none */
    int done;
    int signal; /* that came first; 0 = none */
    cli_result result;
} runner;

/* ---- input -------------------------------------------------------------------------------- */

/* Whether something is piped in: a pipe, a socket or a file, not a terminal and not /dev/null. */
static bool is_piped(void)
{
    struct stat about;
    return fstat(STDIN_FILENO, &about) == 0 &&
           (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode) || S_ISREG(about.st_mode));
}

static char *fail_input(cli_exit *ret_code)
{
    char text[128];
    *ret_code = CLI_USAGE;
    if (errno == EFBIG) {
        cli_complain("found more than %d MiB on standard input, expected less",
                     INPUT_BYTES_MAX / (1024 * 1024));
    } else if (errno == 0) {
        *ret_code = cli_fail_memory();
    } else {
        cli_complain("cannot read standard input: %s", strerror_r(errno, text, sizeof(text)));
    }
    return NULL;
}

/* @input, an empty line, @piped. */
static char *join(const char *input, char *piped, size_t size, cli_exit *ret_code)
{
    size_t length = strlen(input);
    char *both = malloc(length + 2 + size + 1);
    if (both == NULL) {
        *ret_code = cli_fail_memory();
    } else {
        memcpy(both, input, length);
        memcpy(both + length, "\n\n", 2);
        memcpy(both + length + 2, piped, size + 1);
    }
    free(piped);
    return both;
}

static char *read_input(const cli_arguments *arguments, cli_exit *ret_code)
{
    const char *input = arguments->operand_count > 1 ? arguments->operands[1] : NULL;
    bool is_dash = input != NULL && strcmp(input, "-") == 0;
    size_t size = 0;
    char *piped = NULL;
    if (is_dash || is_piped()) {
        piped = cli_read_all(STDIN_FILENO, INPUT_BYTES_MAX, &size);
        if (piped == NULL) {
            return fail_input(ret_code);
        }
        if (memchr(piped, '\0', size) != NULL) {
            cli_complain("found a NUL byte on standard input, expected text");
            free(piped);
            *ret_code = CLI_USAGE;
            return NULL;
        }
    }
    if (input != NULL && !is_dash && size > 0) {
        return join(input, piped, size, ret_code);
    }
    if (input != NULL && !is_dash) {
        free(piped);
        piped = strdup(input);
        *ret_code = piped != NULL ? CLI_OK : cli_fail_memory();
        return piped;
    }
    if (size == 0) {
        cli_complain("found no input, expected INPUT or something on standard input");
        free(piped);
        *ret_code = CLI_USAGE;
        return NULL;
    }
    return piped;
}

char *cli_read_input(const cli_arguments *arguments, cli_exit *ret_code)
{
    char *input = read_input(arguments, ret_code);
    if (input != NULL && !agt__utf8_is_valid(input, strlen(input))) {
        cli_complain("found an input that is not UTF-8, expected text");
        free(input);
        input = NULL;
        *ret_code = CLI_USAGE;
    }
    return input;
}

/* ---- before the run ----------------------------------------------------------------------- */

static void on_team_error(void *user_data, const agt_error *error)
{
    size_t *count = user_data;
    /* The first one is told with the result. */
    if ((*count)++ > 0) {
        cli_complain("%s", error->message);
    }
}

static cli_exit open_runtime(runner *self, const agt_value *prices)
{
    char store[CLI_PATH_BYTES], helper[CLI_PATH_BYTES];
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .service_name = "agent", .prices = prices);
    config.helper_path = cli_find_helper(helper);
    if (!cli_has(self->arguments, CLI_OPT_NO_STORE)) {
        cli_exit code = cli_find_store(self->arguments, true, store);
        if (code != CLI_OK) {
            return code;
        }
        config.store_path = store;
    }
    config.simulated = self->replay != NULL;
    config.seed = self->seed;
    agt_status status = agt_runtime_new(&config, &self->runtime, &self->result.error);
    if (status == AGT_OK && self->replay != NULL) {
        status = agt_replay_start(self->runtime, self->replay, &self->result.error);
    }
    return status == AGT_OK ? CLI_OK : CLI_CONFIG;
}

/* Everything is there that is needed for the run: record it, if that was asked for. */
static cli_exit open_recording(runner *self)
{
    const char *path = self->arguments->text[CLI_OPT_RECORD];
    agt_recording_config config = AGT_CONFIG(agt_recording_config, .about = self->about,
                                             .overwrite = cli_has(self->arguments, CLI_OPT_FORCE));
    if (path == NULL) {
        return CLI_OK;
    }
    agt_status status = agt_recording_start(self->runtime, path, &config, &self->result.error);
    return status == AGT_OK ? CLI_OK : CLI_CONFIG;
}

/* The conversation to go on with, if one was asked for. */
static cli_exit open_session(runner *self)
{
    const cli_arguments *arguments = self->arguments;
    bool is_last = cli_has(arguments, CLI_OPT_CONTINUE);
    if (!is_last && !cli_has(arguments, CLI_OPT_SESSION)) {
        return CLI_OK;
    }
    agt_session_config config =
        AGT_CONFIG(agt_session_config, .name = is_last ? "last" : arguments->text[CLI_OPT_SESSION],
                   .existing = is_last);
    agt_status status =
        agt_session_new(self->runtime, &config, &self->session, &self->result.error);
    if (status == AGT_E_NOT_FOUND) {
        cli_complain("there is no conversation to go on with: begin one with --session NAME");
        self->result.error.status = AGT_OK;
    }
    self->result.session = self->session;
    return status == AGT_OK ? CLI_OK : CLI_CONFIG;
}

/* Everything up to the start: what fails here was never run. */
static cli_exit prepare(runner *self, const char *input)
{
    const char *path = self->arguments->operands[0];
    agt_value *document = NULL, *prices = NULL;
    size_t errors = 0;
    if (agt_team_check(NULL, path, NULL, on_team_error, &errors, &document, &self->result.error) !=
        AGT_OK) {
        return CLI_CONFIG;
    }
    agt_status status = agt_team_get_pricing(NULL, document, &prices);
    if (status == AGT_OK && cli_has(self->arguments, CLI_OPT_RECORD)) {
        status =
            cli_recording_describe(self->arguments, document, input, &self->about, &self->seed);
    } else if (status == AGT_OK && self->replay != NULL) {
        cli_recording_compare(self->about, path, document);
    }
    agt_value_unref(document);
    if (status != AGT_OK) {
        agt_value_unref(prices);
        return cli_fail_memory();
    }
    cli_exit code = open_runtime(self, prices);
    agt_value_unref(prices);
    if (code != CLI_OK) {
        return code;
    }
    agt_team_config config =
        AGT_CONFIG(agt_team_config, .model = self->arguments->text[CLI_OPT_MODEL]);
    config.parallel_max = (uint32_t)self->arguments->number[CLI_OPT_PARALLEL];
    config.budget_nanousd = self->arguments->number[CLI_OPT_BUDGET];
    if (agt_team_load(self->runtime, path, &config, &self->team, &self->result.error) != AGT_OK) {
        return CLI_CONFIG;
    }
    self->result.team = self->team;
    code = open_session(self);
    return code == CLI_OK ? open_recording(self) : code;
}

/* Watch the run, if anybody wants to see it. */
static cli_exit open_display(runner *self, uint64_t now_ns)
{
    const cli_arguments *arguments = self->arguments;
    bool is_quiet = cli_has(arguments, CLI_OPT_QUIET);
    bool is_shown = !is_quiet && !cli_has(arguments, CLI_OPT_NO_PROGRESS);
    if (!is_shown && !cli_has(arguments, CLI_OPT_JSONL)) {
        return CLI_OK;
    }
    self->events = cli_events_new(agt_runtime_get_clock(self->runtime));
    if (self->events == NULL) {
        return cli_fail_memory();
    }
    agt_span_listener listener = cli_events_get_listener(self->events);
    if (agt_tracer_add_listener(agt_runtime_get_tracer(self->runtime), &listener) != AGT_OK) {
        return cli_fail_memory();
    }
    if (is_shown) {
        self->progress = cli_progress_new(&self->terminal, now_ns);
        return self->progress != NULL ? CLI_OK : cli_fail_memory();
    }
    return CLI_OK;
}

/* ---- the run ------------------------------------------------------------------------------ */

/* For drawing. */
static uint64_t now_ns(void)
{
    const agt_clock *clock = agt_clock_get_system();
    return clock->get_monotonic_ns(clock->ctx);
}

/* For what is told of the run: a recording has a time of its own. */
static uint64_t run_ns(const runner *self)
{
    const agt_clock *clock = agt_runtime_get_clock(self->runtime);
    return clock->get_monotonic_ns(clock->ctx);
}

/* On the loop thread. */
static void on_done(agt_task *task, void *user_data)
{
    const runner *self = user_data;
    uint64_t one = 1;
    ssize_t size = write(self->done, &one, sizeof(one));
    (void)task;
    (void)size;
}

static void take_events(runner *self)
{
    cli_event event;
    bool is_lines = cli_has(self->arguments, CLI_OPT_JSONL);
    while (self->events != NULL && cli_events_take(self->events, &event)) {
        if (self->progress != NULL) {
            cli_progress_add(self->progress, &event);
        }
        if (is_lines) {
            cli_event_print(&event, ++self->result.events);
        }
    }
    if (is_lines) {
        (void)fflush(stdout);
    }
}

/* A first signal asks the run to end; a second one ends everything. */
static void take_signal(runner *self)
{
    int signal = cli_signals_take(self->signals);
    if (signal == 0) {
        return;
    }
    if (self->progress != NULL) {
        cli_progress_clear(self->progress);
    }
    if (self->signal != 0) {
        _exit((int)cli_signals_exit_of(signal));
    }
    self->signal = signal;
    agt_cancel_request(self->cancel);
    if (!cli_has(self->arguments, CLI_OPT_QUIET)) {
        cli_complain("stopping; once more to stop at once");
    }
}

/* Wait until the task is done, showing what goes on meanwhile. */
static void watch(runner *self)
{
    struct pollfd files[] = {
        {.fd = self->done, .events = POLLIN},
        {.fd = self->signals, .events = POLLIN},
        {.fd = self->events != NULL ? cli_events_get_file(self->events) : -1, .events = POLLIN},
    };
    bool is_live = self->progress != NULL && self->terminal.can_move;
    uint64_t drawn_ns = now_ns(); /* what is over at once is not worth a flicker */
    for (;;) {
        if (is_live && now_ns() - drawn_ns >= FRAME_MS * UINT64_C(1000000)) {
            drawn_ns = now_ns();
            cli_terminal_measure(&self->terminal);
            cli_progress_draw(self->progress, drawn_ns);
        }
        int count = poll(files, 3, is_live ? FRAME_MS : -1);
        if (count < 0 && errno != EINTR) {
            return;
        }
        if (count > 0 && (files[1].revents & POLLIN) != 0) {
            take_signal(self);
        }
        take_events(self);
        if (count > 0 && (files[0].revents & POLLIN) != 0) {
            take_events(self);
            return;
        }
    }
}

/* Take the reply of a task that is done. */
static cli_exit take_reply(runner *self, agt_task *task)
{
    cli_result *result = &self->result;
    agt_error error = {0};
    agt_status status = agt_task_wait(task, AGT_MS_NONE);
    if (status == AGT_OK) {
        status = agt_task_get_reply(task, &result->reply);
    }
    if (status != AGT_OK) {
        cli_complain("the run ended without a reply: %s", agt_status_get_text(status));
        return CLI_FAILED;
    }
    status = agt_reply_get_error(result->reply, &error);
    if (status == AGT_OK) {
        return CLI_OK;
    }
    result->error = error;
    return self->signal != 0 ? cli_signals_exit_of(self->signal) : cli_exit_of(status);
}

/* A replay has no thread of its own: have it run, and tell what happens on the way. */
static void pump(runner *self, agt_task *task)
{
    while (agt_task_wait(task, SLICE_MS) == AGT_E_TIMEOUT) {
        take_events(self);
    }
    take_events(self);
}

/* Whether the recording is complete, or happened again. */
static cli_exit finish_recording(runner *self, cli_exit code)
{
    agt_error error = {0};
    if (self->replay != NULL && agt_replay_finish(self->runtime, &error) != AGT_OK) {
        self->result.error = error;
        return CLI_FAILED;
    }
    if (cli_has(self->arguments, CLI_OPT_RECORD) &&
        agt_recording_finish(self->runtime, &error) != AGT_OK) {
        cli_complain("%s", error.message);
        return code != CLI_OK ? code : CLI_PARTIAL;
    }
    return code;
}

static cli_exit run_team(runner *self, const char *input)
{
    agt_call_options options =
        AGT_CONFIG(agt_call_options, .cancel = self->cancel, .session = self->session);
    options.deadline_ms = (uint32_t)self->arguments->number[CLI_OPT_TIMEOUT];
    agt_task *task = NULL;
    uint64_t start_ns = run_ns(self);
    agt_status status = agt_team_run_start(self->team, input, &options, &task, &self->result.error);
    if (status != AGT_OK) {
        return cli_exit_of(status);
    }
    cli_exit code = CLI_FAILED;
    if (self->replay != NULL) {
        pump(self, task);
        code = take_reply(self, task);
    } else if (agt_task_on_done(task, on_done, self) == AGT_OK) {
        watch(self);
        code = take_reply(self, task);
    }
    const agt_clock *clock = agt_runtime_get_clock(self->runtime);
    self->result.duration_ns = run_ns(self) - start_ns;
    self->result.end_unix_ns = clock->get_unix_ns(clock->ctx);
    code = finish_recording(self, code);
    agt_task_unref(task);
    if (self->progress != NULL) {
        cli_progress_clear(self->progress);
    }
    return code;
}

/* With a team that is loaded: open what a run needs, and run. */
static cli_exit start(runner *self, const char *input)
{
    const agt_clock *clock = agt_runtime_get_clock(self->runtime);
    cli_exit code = open_display(self, now_ns());
    if (code != CLI_OK) {
        return code;
    }
    self->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->done < 0 || agt_cancel_new(self->runtime, &self->cancel) != AGT_OK) {
        return cli_fail_memory();
    }
    if (self->replay != NULL && !cli_has(self->arguments, CLI_OPT_QUIET)) {
        (void)fprintf(stderr, "%s\n", replay_banner);
    } else if (agt_team_is_simulated(self->team) && !cli_has(self->arguments, CLI_OPT_QUIET)) {
        (void)fprintf(stderr, "%s\n", banner);
    }
    if (cli_has(self->arguments, CLI_OPT_JSONL)) {
        self->result.events = 1;
        cli_event_print_start(self->team, clock->get_unix_ns(clock->ctx));
    }
    code = run_team(self, input);
    self->result.events_dropped = self->events != NULL ? cli_events_get_dropped(self->events) : 0;
    return code;
}

/* ---- after the run ------------------------------------------------------------------------ */

/* Close the runtime; what could not be kept is told, and shows in the exit code. */
static void close_runtime(runner *self)
{
    agt_error error = {0};
    cli_signals_close(self->signals);
    self->signals = -1;
    if (self->session != NULL && agt_session_get_status(self->session, &error) != AGT_OK) {
        cli_complain("the conversation could not be kept: %s", error.message);
        if (self->result.exit_code == CLI_OK) {
            self->result.exit_code = CLI_PARTIAL;
        }
    }
    if (self->runtime != NULL && agt_runtime_close(self->runtime, CLOSE_MS, &error) != AGT_OK) {
        cli_complain("%s", error.message);
        if (self->result.exit_code == CLI_OK) {
            self->result.exit_code = CLI_PARTIAL;
        }
    }
}

/* People get the answer at once; in JSON the exit code is part of it, so it has to be known. */
static cli_exit finish(runner *self)
{
    const cli_arguments *arguments = self->arguments;
    bool is_json = cli_has(arguments, CLI_OPT_JSON) || cli_has(arguments, CLI_OPT_JSONL);
    if (is_json) {
        close_runtime(self);
    }
    cli_exit printed = cli_result_print(&self->result, arguments, &self->terminal);
    if (!is_json) {
        close_runtime(self);
    }
    agt_reply_unref(self->result.reply);
    agt_session_unref(self->session);
    agt_team_free(self->team);
    agt_cancel_unref(self->cancel);
    agt_runtime_free(self->runtime);
    agt_value_unref(self->about);
    cli_progress_free(self->progress);
    cli_events_free(self->events);
    if (self->done >= 0) {
        (void)close(self->done);
    }
    return self->result.exit_code != CLI_OK ? self->result.exit_code : printed;
}

/* Whether the options about conversations and recordings fit together. */
static bool check_session(const cli_arguments *arguments)
{
    bool has_name = cli_has(arguments, CLI_OPT_SESSION);
    bool has_last = cli_has(arguments, CLI_OPT_CONTINUE);
    if (has_name && has_last) {
        cli_complain("found --session and --continue, expected one of them");
        return false;
    }
    if ((has_name || has_last) && cli_has(arguments, CLI_OPT_RECORD)) {
        cli_complain("found --%s and --record, expected one of them: a recording has no "
                     "conversations",
                     has_name ? "session" : "continue");
        return false;
    }
    if ((has_name || has_last) && cli_has(arguments, CLI_OPT_NO_STORE)) {
        cli_complain("found --%s and --no-store, expected one of them: a conversation is kept in "
                     "the store",
                     has_name ? "session" : "continue");
        return false;
    }
    return true;
}

cli_exit cli_run(const cli_arguments *arguments)
{
    runner self = {.arguments = arguments, .signals = -1, .done = -1};
    cli_exit code = CLI_OK;
    cli_terminal_init(&self.terminal, stderr, (cli_color)arguments->number[CLI_OPT_COLOR]);
    if (cli_has(arguments, CLI_OPT_JSON) && cli_has(arguments, CLI_OPT_JSONL)) {
        cli_complain("found --json and --jsonl, expected one of them");
        return CLI_USAGE;
    }
    if (!check_session(arguments)) {
        return CLI_USAGE;
    }
    char *input = cli_read_input(arguments, &code);
    if (input == NULL) {
        return code;
    }
    self.signals = cli_signals_open();
    if (self.signals < 0) {
        free(input);
        return CLI_FAILED;
    }
    code = prepare(&self, input);
    if (code == CLI_OK) {
        code = start(&self, input);
    }
    free(input);
    self.result.exit_code = code;
    return finish(&self);
}

cli_exit cli_run_again(const cli_arguments *arguments, const char *path, const agt_value *about,
                       uint64_t seed, const char *input)
{
    runner self = {.arguments = arguments, .signals = -1, .done = -1, .replay = path, .seed = seed};
    cli_terminal_init(&self.terminal, stderr, (cli_color)arguments->number[CLI_OPT_COLOR]);
    self.about = agt_value_ref(about);
    cli_exit code = prepare(&self, input);
    if (code == CLI_OK) {
        code = start(&self, input);
    }
    self.result.exit_code = code;
    return finish(&self);
}
