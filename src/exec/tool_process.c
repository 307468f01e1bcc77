/*
 * Programs as tools: a child process per attempt, through the agt_io of the runtime.
 *
 * At registration everything is copied and the arguments are parsed, so that a mistake in a
 * template is found before anything runs. An attempt fills the template in, starts the process,
 * hands over its input and collects its output; on_exit, which comes once when the process and all
 * its descendants are gone, makes the result. Being cancelled means to have the process killed and
 * to wait for that: the call is settled when nothing of it runs any more.
 *
 * The record of an attempt (process_run) lives from the start to on_exit. An agt_io may call
 * on_exit from within process_write, process_close_input or process_kill: while its input is handed
 * over (`is_fed`) a record that is over stays until that is done.
 *
 * Threads: registration on any; the rest on the loop.
 */
#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "exec/argument.h"
#include "exec/executor.h"
#include "exec/tool_output.h"
#include "net/process.h"
#include "telemetry/semconv.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN                   "exec/process"
#define OUTPUT_BYTES_MAX_DEFAULT ((size_t)8 * 1024 * 1024)
#define TRACEPARENT              "TRACEPARENT="

typedef struct process_tool {
    agt_tool tool;            /* first */
    agt__argument *arguments; /* of argv */
    size_t argument_count;
    char **env; /* NULL-terminated */
    size_t env_count;
    char *cwd; /* NULL = the host's */
    agt_process_limits limits;
    agt_process_config config; /* all but argv and env, which are made for each attempt */
    agt_process_format input, output;
    uint64_t ok_exit_statuses;
} process_tool;

typedef struct process_run {
    agt_tool_call *call;
    const process_tool *tool; /* the attempt has a reference */
    const agt_io *io;
    agt_process *process;
    agt__buffer output;
    char last_line[256]; /* of stderr */
    agt_status failure;  /* ours: the process was killed for it */
    bool is_truncated;   /* it wrote more than it may */
    bool is_fed;         /* its input is being handed over */
    bool is_over;        /* freed, but for that */
} process_run;

static const process_tool *tool_of(const agt_tool_call *call)
{
    return (const process_tool *)(const void *)agt__tool_call_get_operation(call);
}

/* ---- what a process leaves ----------------------------------------------------------------- */

/* The last line of @bytes that is not blank. */
static void keep_last_line(char *target, size_t size, const char *bytes, size_t count)
{
    static const char blank[] = " \t\r\n";
    while (count > 0 && memchr(blank, bytes[count - 1], sizeof(blank) - 1) != NULL) {
        count--;
    }
    size_t begin = count;
    while (begin > 0 && bytes[begin - 1] != '\n') {
        begin--;
    }
    size_t length = count - begin < size - 1 ? count - begin : size - 1;
    memcpy(target, bytes + begin, length);
    target[length] = '\0';
    for (size_t i = 0; i < length; i++) { /* a NUL would end it early */
        target[i] = target[i] != '\0' ? target[i] : ' ';
    }
}

static agt_status fail_signal(const process_run *run, const agt_process_exit *exit, agt_error *err)
{
    const char *name = run->tool->tool.name;
    const agt_process_limits *limits = &run->tool->limits;
    bool has_line = run->last_line[0] != '\0';
    agt_status status;
    if (exit->killed && exit->signal == SIGXFSZ) {
        status = agt__error_set(err, AGT_E_LIMIT, ORIGIN,
                                "\"%s\" wrote a file of more than %llu bytes and was stopped", name,
                                (unsigned long long)limits->file_bytes);
    } else if (exit->killed && limits->cpu_seconds != 0 && limits->cpu_seconds != UINT64_MAX &&
               (exit->signal == SIGXCPU || exit->signal == SIGKILL)) {
        status = agt__error_set(err, AGT_E_LIMIT, ORIGIN,
                                "\"%s\" computed for more than %llu s and was stopped", name,
                                (unsigned long long)limits->cpu_seconds);
    } else {
        const char *word = sigabbrev_np(exit->signal);
        status = agt__error_set(err, AGT_E_PROCESS, ORIGIN, "\"%s\" was ended by signal %d%s%s%s%s",
                                name, exit->signal, word != NULL ? " SIG" : "",
                                word != NULL ? word : "", has_line ? ": " : "", run->last_line);
    }
    if (err != NULL) {
        err->cause = -exit->signal;
    }
    return status;
}

static bool is_ok_status(const process_tool *tool, int32_t exit_status)
{
    uint64_t ok = tool->ok_exit_statuses != 0 ? tool->ok_exit_statuses : 1;
    return exit_status >= 0 && exit_status < 64 && ((ok >> exit_status) & 1) != 0;
}

/* AGT_OK if the process did its work. */
static agt_status judge_exit(const process_run *run, const agt_process_exit *exit, agt_error *err)
{
    const process_tool *tool = run->tool;
    const char *name = tool->tool.name;
    if (run->failure == AGT_E_LIMIT) {
        return agt__error_set(err, AGT_E_LIMIT, ORIGIN,
                              "the input of \"%s\" is too large to be handed over", name);
    }
    if (run->failure != AGT_OK) {
        (void)agt__error_set(err, run->failure, ORIGIN, "\"%s\": %s", name,
                             agt_status_get_text(run->failure));
        return run->failure;
    }
    if (exit->output_truncated || run->is_truncated) {
        return agt__error_set(err, AGT_E_LIMIT, ORIGIN,
                              "\"%s\" wrote more than %zu bytes and was stopped", name,
                              tool->config.output_bytes_max);
    }
    if (exit->signal != 0) {
        return fail_signal(run, exit, err);
    }
    if (is_ok_status(tool, exit->exit_status)) {
        return AGT_OK;
    }
    (void)agt__error_set(err, AGT_E_PROCESS, ORIGIN, "\"%s\" exited with status %d%s%s", name,
                         exit->exit_status, run->last_line[0] != '\0' ? ": " : "", run->last_line);
    err->cause = exit->exit_status;
    return AGT_E_PROCESS;
}

static agt_status read_output(const process_run *run, agt_value **ret_value, agt_error *err)
{
    const agt_allocator *allocator = run->tool->tool.operation.allocator;
    const char *name = run->tool->tool.name;
    switch (run->tool->output) {
    case AGT_PROCESS_JSON:
        if (run->output.size == 0) {
            return agt__error_set(err, AGT_E_SYNTAX, ORIGIN,
                                  "\"%s\" wrote nothing where JSON was expected", name);
        }
        return agt__tool_read_json(allocator, &run->output, "output", name, ret_value, err);
    case AGT_PROCESS_TEXT:
        return agt__tool_read_text(allocator, &run->output, ret_value, err);
    case AGT_PROCESS_NONE:
        break;
    }
    return AGT_OK;
}

static void describe_exit(const process_run *run, const agt_process_exit *exit)
{
    agt_span *span = agt__tool_call_get_open_span(run->call);
    if (span == NULL) {
        return;
    }
    if (exit->signal != 0) {
        agt__span_set_int(span, AGT__ATTR_EXIT_SIGNAL, exit->signal);
    } else {
        agt__span_set_int(span, AGT__ATTR_EXIT_STATUS, exit->exit_status);
    }
    agt__span_set_int(span, AGT__ATTR_PROCESS_USER_US, (int64_t)exit->user_us);
    agt__span_set_int(span, AGT__ATTR_PROCESS_SYSTEM_US, (int64_t)exit->system_us);
    agt__span_set_int(span, AGT__ATTR_PROCESS_MEMORY, (int64_t)exit->memory_bytes);
    if (exit->descendants_killed > 0) {
        agt__span_set_int(span, AGT__ATTR_PROCESS_DESCENDANTS, (int64_t)exit->descendants_killed);
    }
}

/* ---- while it runs ------------------------------------------------------------------------- */

static void free_run(process_run *run)
{
    if (run->is_fed) {
        run->is_over = true;
        return;
    }
    agt__buffer_deinit(&run->output);
    agt__free(run->tool->tool.operation.allocator, run);
}

static void on_output(void *user_data, const void *bytes, size_t size)
{
    process_run *run = user_data;
    agt_status before = run->output.status;
    agt__buffer_add(&run->output, bytes, size);
    if (before == AGT_OK && run->output.status != AGT_OK) {
        run->is_truncated = run->output.status == AGT_E_LIMIT;
        run->failure = run->is_truncated ? run->failure : AGT_E_NOMEM;
        run->io->process_kill(run->io->ctx, run->process);
    }
}

static void on_error(void *user_data, const void *bytes, size_t size)
{
    process_run *run = user_data;
    keep_last_line(run->last_line, sizeof(run->last_line), bytes, size);
}

static void on_exit_of(void *user_data, const agt_process_exit *exit, const agt_error *err)
{
    process_run *run = user_data;
    agt_tool_call *call = run->call;
    agt_value *output = NULL;
    agt_error failure;
    agt_status status;
    if (err != NULL) {
        failure = *err;
        status = err->status != AGT_OK ? err->status : AGT_E_PROCESS;
    } else {
        describe_exit(run, exit);
        status = judge_exit(run, exit, &failure);
        if (status == AGT_OK) {
            status = read_output(run, &output, &failure);
        }
    }
    if (status != AGT_OK) {
        agt__tool_call_take_error(call, &failure);
    }
    free_run(run);
    agt__tool_call_complete(call, status, output);
}

static const agt_process_handler handler = {on_output, on_error, on_exit_of};
static const agt_process_handler handler_without_output = {NULL, on_error, on_exit_of};

/* ---- starting ------------------------------------------------------------------------------ */

/* What an attempt hands over; freed when the process has started. */
typedef struct start_plan {
    agt__buffer text;     /* the arguments, each with its NUL  */
    const char **strings; /* argv and env, each with its NULL  */
    size_t env_at;        /* where env begins */
    char traceparent[sizeof(TRACEPARENT) + AGT_TRACEPARENT_SIZE];
    agt__buffer input;
} start_plan;

static void deinit_plan(start_plan *plan, const agt_allocator *allocator)
{
    agt__buffer_deinit(&plan->text);
    agt__buffer_deinit(&plan->input);
    agt__free(allocator, plan->strings);
}

/* Whether the text of an argument, which begins at @begin, is data that looks like an option. */
static bool is_forged_option(const agt__argument *argument, const agt__buffer *text, size_t begin)
{
    return agt__argument_begins_with_member(argument) && text->size > begin &&
           text->bytes[begin] == '-';
}

/* Fill in the arguments; @offsets says where each begins, SIZE_MAX for one that is left out. */
static agt_status write_arguments(const process_tool *tool, const agt_value *input,
                                  agt__buffer *text, size_t *offsets, agt_error *err)
{
    for (size_t i = 0; i < tool->argument_count; i++) {
        const agt__argument *argument = &tool->arguments[i];
        size_t begin = text->size;
        offsets[i] = SIZE_MAX;
        if (agt__argument_is_left_out(argument, input)) {
            continue;
        }
        agt_status status = agt__argument_write(argument, input, AGT__ARGUMENT_PLAIN, text, err);
        if (status != AGT_OK) {
            return status;
        }
        if (is_forged_option(argument, text, begin)) {
            return agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                                  "argument %zu of \"%s\" would begin with '-': %.80s", i,
                                  tool->tool.name, text->bytes + begin);
        }
        agt__buffer_add_char(text, '\0');
        offsets[i] = begin;
    }
    return text->status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

static agt_status plan_arguments(start_plan *plan, const process_tool *tool, const agt_value *input,
                                 agt_error *err)
{
    const agt_allocator *allocator = tool->tool.operation.allocator;
    size_t *offsets = agt__alloc(allocator, tool->argument_count * sizeof(*offsets));
    /* argv and its NULL, env, one more variable, and its NULL */
    size_t count = tool->argument_count + 1 + tool->env_count + 2;
    plan->strings = agt__calloc(allocator, count, sizeof(*plan->strings));
    agt_status status = AGT_OK;
    if (offsets == NULL || plan->strings == NULL) {
        status = agt__error_nomem(err, ORIGIN);
    } else {
        status = write_arguments(tool, input, &plan->text, offsets, err);
    }
    size_t used = 0;
    for (size_t i = 0; status == AGT_OK && i < tool->argument_count; i++) {
        if (offsets[i] != SIZE_MAX) {
            plan->strings[used++] = plan->text.bytes + offsets[i];
        }
    }
    plan->env_at = used + 1;
    agt__free(allocator, offsets);
    return status;
}

/* The environment of the tool, with the span of the call in it: what the program traces is part of
 * the same trace. */
static void plan_environment(start_plan *plan, const process_tool *tool, const agt_tool_call *call)
{
    const char **env = plan->strings + plan->env_at;
    const size_t name = sizeof(TRACEPARENT) - 1;
    agt_span_context span = agt_tool_call_get_span(call);
    memcpy(plan->traceparent, TRACEPARENT, name);
    agt_span_context_to_traceparent(&span, plan->traceparent + name);
    bool traced = plan->traceparent[name] != '\0';
    for (size_t i = 0; i < tool->env_count; i++) {
        if (!traced || strncmp(tool->env[i], TRACEPARENT, name) != 0) {
            *env++ = tool->env[i];
        }
    }
    if (traced) {
        *env = plan->traceparent;
    }
}

static agt_status plan_input(start_plan *plan, const process_tool *tool, const agt_value *input,
                             agt_error *err)
{
    const agt_value *text = input;
    size_t size;
    switch (tool->input) {
    case AGT_PROCESS_JSON:
        agt__json_write(&plan->input, input, AGT_JSON_COMPACT);
        agt__buffer_add_char(&plan->input, '\n');
        break;
    case AGT_PROCESS_TEXT:
        if (agt_value_get_kind(input) == AGT_VALUE_OBJECT) {
            text = agt_value_get_member(input, "text");
        }
        if (agt_value_get_kind(text) != AGT_VALUE_STRING) {
            return agt__error_set(err, AGT_E_REJECTED, ORIGIN,
                                  "\"%s\" reads text: its input is a string, or has a string "
                                  "member \"text\"",
                                  tool->tool.name);
        }
        const char *bytes = agt_value_get_string(text, &size);
        agt__buffer_add(&plan->input, bytes, size);
        break;
    case AGT_PROCESS_NONE:
        break;
    }
    return plan->input.status == AGT_OK ? AGT_OK : agt__error_nomem(err, ORIGIN);
}

/* Hand the input over. The process may end meanwhile. */
static void feed(process_run *run, const agt__buffer *input)
{
    const agt_io *io = run->io;
    run->is_fed = true;
    if (input->size > 0) {
        agt_status status = io->process_write(io->ctx, run->process, input->bytes, input->size);
        if (status != AGT_OK && !run->is_over) {
            run->failure = status;
            io->process_kill(io->ctx, run->process);
        }
    }
    if (!run->is_over) {
        io->process_close_input(io->ctx, run->process);
    }
    run->is_fed = false;
    if (run->is_over) {
        free_run(run);
    }
}

static agt_status run_plan(agt_tool_call *call, const start_plan *plan, agt_error *err)
{
    const process_tool *tool = tool_of(call);
    const agt_allocator *allocator = tool->tool.operation.allocator;
    process_run *run = agt__calloc(allocator, 1, sizeof(*run));
    if (run == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    run->call = call;
    run->tool = tool;
    run->io = agt__tool_call_get_runtime(call)->io;
    agt__buffer_init(&run->output, allocator, tool->config.output_bytes_max);
    agt_process_config config = tool->config;
    config.argv = plan->strings;
    config.env = plan->strings + plan->env_at;
    config.cwd = tool->cwd;
    config.limits = &tool->limits;
    agt_status status = run->io->process_start(
        run->io->ctx, &config,
        tool->output == AGT_PROCESS_NONE ? &handler_without_output : &handler, run, &run->process,
        err);
    if (status != AGT_OK) {
        free_run(run);
        return status;
    }
    agt__tool_call_set_state(call, run);
    feed(run, &plan->input);
    return AGT_OK;
}

static agt_status check_io(const agt_tool_call *call, agt_error *err)
{
    const agt_runtime *runtime = agt__tool_call_get_runtime(call);
    if (runtime->io != NULL && runtime->io->process_start != NULL) {
        return AGT_OK;
    }
    return agt__error_set(err, AGT_E_UNSUPPORTED, ORIGIN,
                          "\"%s\" is a program, and this runtime has no processes: a simulated one "
                          "needs an agt_io that answers for them",
                          tool_of(call)->tool.name);
}

static agt_status start_process(agt_tool_call *call, agt_value **ret_output, bool *ret_pending)
{
    (void)ret_output;
    const process_tool *tool = tool_of(call);
    const agt_allocator *allocator = tool->tool.operation.allocator;
    const agt_value *input = agt_tool_call_get_input(call);
    agt_error err = {.status = AGT_OK};
    start_plan plan = {.strings = NULL};
    agt__buffer_init(&plan.text, allocator, 0);
    agt__buffer_init(&plan.input, allocator, 0);
    agt_status status = check_io(call, &err);
    if (status == AGT_OK) {
        status = plan_arguments(&plan, tool, input, &err);
    }
    if (status == AGT_OK) {
        status = plan_input(&plan, tool, input, &err);
    }
    if (status == AGT_OK) {
        plan_environment(&plan, tool, call);
        status = run_plan(call, &plan, &err);
    }
    deinit_plan(&plan, allocator);
    *ret_pending = status == AGT_OK;
    if (status != AGT_OK) {
        agt__tool_call_take_error(call, &err);
    }
    return status;
}

static bool cancel_process(agt_tool_call *call)
{
    process_run *run = agt__tool_call_get_state(call);
    run->io->process_kill(run->io->ctx, run->process);
    return true; /* the end comes with on_exit */
}

/* ---- registering --------------------------------------------------------------------------- */

static void destroy_process(agt__operation *operation)
{
    process_tool *tool = (process_tool *)(void *)operation;
    const agt_allocator *allocator = operation->allocator;
    for (size_t i = 0; i < tool->argument_count; i++) {
        agt__argument_deinit(&tool->arguments[i], allocator);
    }
    for (size_t i = 0; i < tool->env_count; i++) {
        agt__wipe(tool->env[i], strlen(tool->env[i])); /* environments hold keys */
        agt__free(allocator, tool->env[i]);
    }
    agt__free(allocator, tool->arguments);
    agt__free(allocator, tool->env);
    agt__free(allocator, tool->cwd);
    agt__tool_deinit(&tool->tool);
    agt__free(allocator, tool);
}

static void define_process(const agt__operation *operation, agt__buffer *text)
{
    const process_tool *tool = (const process_tool *)(const void *)operation;
    for (size_t i = 0; i < tool->argument_count; i++) {
        agt__argument_define(&tool->arguments[i], text);
    }
    agt__buffer_add_text(text, tool->cwd != NULL ? tool->cwd : "");
}

static const agt__operation_table process_table = {
    .kind = "process",
    .define = define_process,
    .start = start_process,
    .cancel = cancel_process,
    .estimate = agt__tool_estimate,
    .finish = agt__tool_finish,
    .destroy = destroy_process,
};

static agt_status copy_arguments(process_tool *tool, const char *const *argv, agt_error *err)
{
    const agt_allocator *allocator = tool->tool.operation.allocator;
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    tool->arguments = agt__calloc(allocator, count, sizeof(*tool->arguments));
    if (tool->arguments == NULL) {
        return agt__error_nomem(err, ORIGIN);
    }
    for (; tool->argument_count < count; tool->argument_count++) {
        agt_error detail;
        agt_status status = agt__argument_parse(&tool->arguments[tool->argument_count], allocator,
                                                argv[tool->argument_count], &detail);
        if (status == AGT_E_NOMEM) {
            return agt__error_nomem(err, ORIGIN);
        }
        if (status != AGT_OK) {
            return agt__error_set(err, status, ORIGIN, "argument %zu of tool \"%s\": %s",
                                  tool->argument_count, tool->tool.name, detail.message);
        }
    }
    if (!agt__argument_is_literal(&tool->arguments[0])) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "tool \"%s\": which program runs cannot be part of the input: \"%s\"",
                              tool->tool.name, argv[0]);
    }
    return AGT_OK;
}

static agt_status add_variable(process_tool *tool, char *variable)
{
    if (variable == NULL) {
        return AGT_E_NOMEM;
    }
    tool->env[tool->env_count++] = variable;
    return AGT_OK;
}

/* What a process gets that is given no environment: see agt_process_config. */
static agt_status copy_default_environment(process_tool *tool)
{
    const agt_allocator *allocator = tool->tool.operation.allocator;
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < AGT__PROCESS_DEFAULT_VARIABLES; i++) {
        const char *name = agt__process_get_default_variable(i);
        const char *value = secure_getenv(name);
        if (value == NULL) {
            continue;
        }
        size_t size = strlen(name) + 1 + strlen(value) + 1;
        char *variable = agt__alloc(allocator, size);
        if (variable != NULL) {
            (void)snprintf(variable, size, "%s=%s", name, value);
        }
        status = add_variable(tool, variable);
    }
    return status;
}

static agt_status copy_environment(process_tool *tool, const char *const *env)
{
    const agt_allocator *allocator = tool->tool.operation.allocator;
    size_t count = AGT__PROCESS_DEFAULT_VARIABLES;
    for (count = env != NULL ? 0 : count; env != NULL && env[count] != NULL;) {
        count++;
    }
    tool->env = agt__calloc(allocator, count + 1, sizeof(*tool->env));
    if (tool->env == NULL) {
        return AGT_E_NOMEM;
    }
    if (env == NULL) {
        return copy_default_environment(tool);
    }
    agt_status status = AGT_OK;
    for (size_t i = 0; status == AGT_OK && i < count; i++) {
        status = add_variable(tool, agt__strdup(allocator, env[i]));
    }
    return status;
}

static agt_status init_process(agt_tool *base, const void *ctx, agt_error *err)
{
    process_tool *tool = (process_tool *)(void *)base;
    const agt_process_tool *given = ctx;
    const agt_process_config *process = &given->process;
    agt_status status = agt__config_read(&tool->limits, sizeof(tool->limits), process->limits, err);
    if (status == AGT_OK) {
        status = copy_arguments(tool, process->argv, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    if (copy_environment(tool, process->env) != AGT_OK) {
        return agt__error_nomem(err, ORIGIN);
    }
    if (process->cwd != NULL) {
        tool->cwd = agt__strdup(base->operation.allocator, process->cwd);
        if (tool->cwd == NULL) {
            return agt__error_nomem(err, ORIGIN);
        }
    }
    tool->config = *process;
    if (tool->config.output_bytes_max == 0) {
        tool->config.output_bytes_max =
            base->output_bytes_max != 0 ? base->output_bytes_max : OUTPUT_BYTES_MAX_DEFAULT;
    }
    tool->input = (agt_process_format)given->input;
    tool->output = (agt_process_format)given->output;
    tool->ok_exit_statuses = given->ok_exit_statuses;
    return AGT_OK;
}

static bool is_format(int32_t format)
{
    return format >= AGT_PROCESS_JSON && format <= AGT_PROCESS_NONE;
}

/* @own: a copy of @process with all members that this library knows. */
static agt_status read_process(agt_process_tool *own, const agt_process_tool *process,
                               const char *name, agt_error *err)
{
    agt_status status = agt__config_read(own, sizeof(*own), process, err);
    if (status != AGT_OK) {
        return status;
    }
    /* It is part of the tool's struct, whose size says it all. */
    own->process.struct_size = sizeof(own->process);
    const char *const *argv = own->process.argv;
    if (argv == NULL || argv[0] == NULL || argv[0][0] == '\0') {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "tool \"%s\" names no program to run",
                              name != NULL ? name : "?");
    }
    if (!is_format(own->input) || !is_format(own->output)) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "input or output of tool \"%s\" is no agt_process_format",
                              name != NULL ? name : "?");
    }
    return AGT_OK;
}

agt_status agt_executor_register_process(agt_executor *executor, const char *name,
                                         const agt_process_tool *process,
                                         const agt_tool_config *config, agt_error *err)
{
    agt_process_tool own;
    agt_tool_config tool_config;
    agt_status status = read_process(&own, process, name, err);
    if (status == AGT_OK) {
        status = agt__config_read(&tool_config, sizeof(tool_config), config, err);
    }
    if (status != AGT_OK) {
        return status;
    }
    tool_config.mode = AGT_TOOL_ASYNC; /* a process needs no thread */
    return agt__executor_add_tool(executor, name, sizeof(process_tool), &process_table,
                                  &tool_config, init_process, &own, err);
}
