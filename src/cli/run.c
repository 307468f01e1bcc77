/*
 * agent run: one run of a team, or of one model.
 *
 * The main thread waits for four things at once: spans of the run (to draw and print), what the
 * agent says, the end of the run, and signals. A first SIGINT or SIGTERM cancels the run, which
 * ends soon with what it has; a second one ends the process at once. The library's own threads
 * never see a signal.
 */
#include "cli/run.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/speaker.h"
#include "cli/verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
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
    cli_speaker speaker;
    agt_cancel *cancel;
    cli_events *events;     /* spans                                                         */
    agt_events *told;       /* what the agent says; NULL = only its answer is shown          */
    cli_progress *progress; /* NULL = not shown */
    cli_stream stream;
    int signals; /* descriptors; -1 = none */
    int done;
    int signal; /* that came first; 0 = none */
    cli_result result;
} runner;

/* ---- before the run ----------------------------------------------------------------------- */

/* Watch the run, if anybody wants to see it. */
static cli_exit open_display(runner *self, uint64_t now_ns)
{
    const cli_arguments *arguments = self->arguments;
    bool is_quiet = cli_has(arguments, CLI_OPT_QUIET);
    bool is_shown = !is_quiet && !cli_has(arguments, CLI_OPT_NO_PROGRESS);
    if (!is_shown && !cli_has(arguments, CLI_OPT_JSONL)) {
        return CLI_OK;
    }
    self->events = cli_events_new(agt_runtime_get_clock(self->speaker.runtime));
    if (self->events == NULL) {
        return cli_fail_memory();
    }
    agt_span_listener listener = cli_events_get_listener(self->events);
    if (agt_tracer_add_listener(agt_runtime_get_tracer(self->speaker.runtime), &listener) !=
        AGT_OK) {
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
    const agt_clock *clock = agt_runtime_get_clock(self->speaker.runtime);
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

/* Show what the agent says; on a terminal it takes the place of the live lines. */
static void take_told(runner *self)
{
    agt_event *event = NULL;
    while (self->told != NULL && agt_events_next(self->told, 0, &event) == AGT_OK) {
        bool is_text = agt_event_get_kind(event) == AGT_EVENT_TEXT;
        if (is_text && self->stream.is_terminal && self->progress != NULL) {
            cli_progress_clear(self->progress);
        }
        cli_stream_take(&self->stream, event);
        agt_event_unref(event);
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
    if (self->stream.is_terminal && self->stream.is_speaking) {
        (void)fputc('\n', stderr);
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

static int get_told_file(runner *self)
{
    int file = -1;
    return self->told != NULL && agt_events_get_fd(self->told, &file, NULL) == AGT_OK ? file : -1;
}

/* Wait until the task is done, showing what goes on meanwhile. */
static void watch(runner *self)
{
    struct pollfd files[] = {
        {.fd = self->done, .events = POLLIN},
        {.fd = self->signals, .events = POLLIN},
        {.fd = self->events != NULL ? cli_events_get_file(self->events) : -1, .events = POLLIN},
        {.fd = get_told_file(self), .events = POLLIN},
    };
    bool is_live = self->progress != NULL && self->terminal.can_move;
    uint64_t drawn_ns = now_ns(); /* what is over at once is not worth a flicker */
    for (;;) {
        bool is_busy = self->stream.is_terminal && self->stream.is_speaking;
        if (is_live && !is_busy && now_ns() - drawn_ns >= FRAME_MS * UINT64_C(1000000)) {
            drawn_ns = now_ns();
            cli_terminal_measure(&self->terminal);
            cli_progress_draw(self->progress, drawn_ns);
        }
        int count = poll(files, 4, is_live ? FRAME_MS : -1);
        if (count < 0 && errno != EINTR) {
            return;
        }
        if (count > 0 && (files[1].revents & POLLIN) != 0) {
            take_signal(self);
        }
        take_events(self);
        take_told(self);
        if (count > 0 && (files[0].revents & POLLIN) != 0) {
            take_events(self);
            take_told(self);
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
        take_told(self);
    }
    take_events(self);
    take_told(self);
}

/* Whether the recording is complete, or happened again. */
static cli_exit finish_recording(runner *self, cli_exit code)
{
    agt_error error = {0};
    if (self->speaker.replay != NULL &&
        agt_replay_finish(self->speaker.runtime, &error) != AGT_OK) {
        self->result.error = error;
        return CLI_FAILED;
    }
    if (cli_has(self->arguments, CLI_OPT_RECORD) &&
        agt_recording_finish(self->speaker.runtime, &error) != AGT_OK) {
        cli_complain("%s", error.message);
        return code != CLI_OK ? code : CLI_PARTIAL;
    }
    return code;
}

/* Whether the answer is shown as it is written: not where something else is printed, nor into a
 * pipe what a team says before it has come to its answer. */
static bool is_streamed(const runner *self)
{
    const cli_arguments *arguments = self->arguments;
    return !cli_has(arguments, CLI_OPT_JSON) && !cli_has(arguments, CLI_OPT_JSONL) &&
           !self->speaker.is_typed && (self->stream.is_terminal || self->speaker.team == NULL);
}

static cli_exit ask(runner *self, const char *input)
{
    agt_call_options options = AGT_CONFIG(agt_call_options, .cancel = self->cancel);
    options.deadline_ms = (uint32_t)self->arguments->number[CLI_OPT_TIMEOUT];
    agt_task *task = NULL;
    uint64_t start_ns = run_ns(self);
    bool streams = is_streamed(self);
    agt_status status = cli_speaker_ask(&self->speaker, input, &options,
                                        streams ? &self->told : NULL, &task, &self->result.error);
    if (status != AGT_OK) {
        return cli_exit_of(status);
    }
    self->result.stream = streams ? &self->stream : NULL;
    cli_exit code = CLI_FAILED;
    if (self->speaker.replay != NULL) {
        pump(self, task);
        code = take_reply(self, task);
    } else if (agt_task_on_done(task, on_done, self) == AGT_OK) {
        watch(self);
        code = take_reply(self, task);
    }
    const agt_clock *clock = agt_runtime_get_clock(self->speaker.runtime);
    self->result.duration_ns = run_ns(self) - start_ns;
    self->result.end_unix_ns = clock->get_unix_ns(clock->ctx);
    code = finish_recording(self, code);
    agt_task_unref(task);
    if (self->progress != NULL) {
        cli_progress_clear(self->progress);
    }
    return code;
}

/* With somebody to ask: open what a run needs, and run. */
static cli_exit start(runner *self, const char *input)
{
    const agt_clock *clock = agt_runtime_get_clock(self->speaker.runtime);
    cli_exit code = open_display(self, now_ns());
    if (code != CLI_OK) {
        return code;
    }
    self->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->done < 0 || agt_cancel_new(self->speaker.runtime, &self->cancel) != AGT_OK) {
        return cli_fail_memory();
    }
    if (self->speaker.replay != NULL && !cli_has(self->arguments, CLI_OPT_QUIET)) {
        (void)fprintf(stderr, "%s\n", replay_banner);
    } else if (self->speaker.is_simulated && !cli_has(self->arguments, CLI_OPT_QUIET)) {
        (void)fprintf(stderr, "%s\n", banner);
    }
    if (cli_has(self->arguments, CLI_OPT_JSONL)) {
        self->result.events = 1;
        cli_event_print_start(self->speaker.name, self->speaker.is_simulated,
                              clock->get_unix_ns(clock->ctx));
    }
    code = ask(self, input);
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
    if (self->speaker.session != NULL &&
        agt_session_get_status(self->speaker.session, &error) != AGT_OK) {
        cli_complain("the conversation could not be kept: %s", error.message);
        if (self->result.exit_code == CLI_OK) {
            self->result.exit_code = CLI_PARTIAL;
        }
    }
    if (self->speaker.runtime != NULL &&
        agt_runtime_close(self->speaker.runtime, CLOSE_MS, &error) != AGT_OK) {
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
    agt_events_free(self->told);
    agt_cancel_unref(self->cancel);
    cli_speaker_free(&self->speaker);
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

/* Everything, once it is known what is asked. */
static cli_exit run(runner *self, const cli_question *question, const char *input)
{
    cli_stream_init(&self->stream);
    cli_exit code =
        cli_speaker_open(&self->speaker, self->arguments, question, input, &self->result.error);
    self->result.team = self->speaker.name;
    self->result.is_simulated = self->speaker.is_simulated;
    self->result.session = self->speaker.session;
    if (code == CLI_OK) {
        code = start(self, input);
    }
    self->result.exit_code = code;
    return finish(self);
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
    cli_question question;
    code = cli_question_read(&question, arguments, true);
    char *input = code == CLI_OK ? cli_question_get_input(&question, &code) : NULL;
    if (input == NULL) {
        cli_question_deinit(&question);
        return code;
    }
    self.signals = cli_signals_open();
    if (self.signals < 0) {
        cli_question_deinit(&question);
        free(input);
        return CLI_FAILED;
    }
    code = run(&self, &question, input);
    free(input);
    cli_question_deinit(&question);
    return code;
}

cli_exit cli_run_again(const cli_arguments *arguments, const cli_question *question,
                       const cli_speaker *speaker, const char *input)
{
    runner self = {.arguments = arguments, .signals = -1, .done = -1, .speaker = *speaker};
    cli_terminal_init(&self.terminal, stderr, (cli_color)arguments->number[CLI_OPT_COLOR]);
    return run(&self, question, input);
}
