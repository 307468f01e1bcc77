/*
 * The tools of a team file, registered with the executor.
 *
 * The file was checked before, so what is read here has the right shape; what may still go wrong is
 * memory, and what only the executor knows (a brace in an argument that means nothing, a name that
 * the program took): its words are put behind the place in the file.
 */
#include "base/error.h"
#include "base/mem.h"
#include "team/team.h"

#include <stdlib.h>
#include <string.h>

#define ORIGIN "team/file"

/* What a tool's configuration borrows while it is registered. */
typedef struct scratch {
    const agt_allocator *allocator;
    agt__buffer texts;   /* strings, one after the other, each with its NUL              */
    const char **argv;   /* into the document, or program                                 */
    char **env;          /* into texts                                                    */
    agt_kv *headers;     /* into texts                                                    */
    char *program, *cwd; /* resolved paths; NULL = as the file has it                     */
    agt_process_limits limits;
} scratch;

static void scratch_init(scratch *self, const agt_allocator *allocator)
{
    memset(self, 0, sizeof(*self));
    self->allocator = allocator;
    agt__buffer_init(&self->texts, allocator, 0);
}

static void scratch_deinit(scratch *self)
{
    agt__free(self->allocator, self->argv);
    agt__free(self->allocator, self->env);
    agt__free(self->allocator, self->headers);
    agt__free(self->allocator, self->program);
    agt__free(self->allocator, self->cwd);
    agt__buffer_deinit(&self->texts);
}

static const char *text_of(const agt_value *object, const char *member)
{
    return agt_value_get_string(agt_value_get_member(object, member), NULL);
}

/* The number of the text of @member among @words; 0 if it is not there. */
static int32_t index_of(const agt_value *object, const char *member, const char *const *words)
{
    const char *text = text_of(object, member);
    for (int32_t i = 0; text != NULL && words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            return i;
        }
    }
    return 0;
}

/* Append "NAME=" (if there is a name), @text with its variables, and a NUL. */
static agt_status add_expanded(scratch *self, const char *name, const char *text)
{
    char missing[64];
    if (name != NULL) {
        agt__buffer_add_text(&self->texts, name);
        agt__buffer_add_char(&self->texts, '=');
    }
    agt_status status = agt__team_expand(text, &self->texts, missing, sizeof(missing));
    agt__buffer_add_char(&self->texts, '\0');
    return status == AGT_OK ? self->texts.status : status;
}

/* ---- programs ----------------------------------------------------------------------------- */

/* A program with a slash in its name is a path, and that begins at the file. */
static agt_status build_argv(const agt_team *team, scratch *self, const agt_value *command)
{
    size_t count = agt_value_get_count(command);
    self->argv = agt__calloc(self->allocator, count + 1, sizeof(*self->argv));
    if (self->argv == NULL) {
        return AGT_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        self->argv[i] = agt_value_get_string(agt_value_get_item(command, i), NULL);
    }
    if (strchr(self->argv[0], '/') != NULL) {
        self->program = agt__team_resolve(team, self->argv[0]);
        if (self->program == NULL) {
            return AGT_E_NOMEM;
        }
        self->argv[0] = self->program;
    }
    return AGT_OK;
}

/* The few variables that every tool gets, then those of the file, which may replace them. */
static agt_status build_env(scratch *self, const agt_value *variables)
{
    static const char *const passed[] = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"};
    enum {
        PASSED = sizeof(passed) / sizeof(passed[0])
    };
    size_t count = agt_value_get_count(variables), used = 0, texts = 0;
    if (variables == NULL) {
        return AGT_OK;
    }
    self->env = agt__calloc(self->allocator, count + PASSED + 1, sizeof(*self->env));
    if (self->env == NULL) {
        return AGT_E_NOMEM;
    }
    agt_status status = AGT_OK;
    for (size_t i = 0; i < PASSED && status == AGT_OK; i++) {
        const char *value = secure_getenv(passed[i]);
        if (value != NULL && agt_value_get_member(variables, passed[i]) == NULL) {
            agt__buffer_add_format(&self->texts, "%s=%s", passed[i], value);
            agt__buffer_add_char(&self->texts, '\0');
            texts++;
        }
    }
    for (size_t i = 0; i < count && status == AGT_OK; i++) {
        status = add_expanded(self, agt_value_get_key(variables, i, NULL),
                              agt_value_get_string(agt_value_get_item(variables, i), NULL));
        texts++;
    }
    if (status != AGT_OK || self->texts.status != AGT_OK) {
        return status != AGT_OK ? status : self->texts.status;
    }
    /* The buffer moves while it grows: pointers are taken when it is complete. */
    for (char *at = self->texts.bytes; used < texts; at += strlen(at) + 1) {
        self->env[used++] = at;
    }
    return AGT_OK;
}

static agt_status build_limits(scratch *self, const agt_value *limits, agt_process_config *process)
{
    self->limits.struct_size = sizeof(self->limits);
    uint64_t output = 0, errors = 0, cpu = 0;
    agt_status status =
        agt__team_read_size(agt_value_get_member(limits, "memory"), &self->limits.memory_bytes);
    if (status == AGT_OK) {
        status = agt__team_read_size(agt_value_get_member(limits, "file_size"),
                                     &self->limits.file_bytes);
    }
    if (status == AGT_OK) {
        status = agt__team_read_size(agt_value_get_member(limits, "output"), &output);
    }
    if (status == AGT_OK) {
        status = agt__team_read_size(agt_value_get_member(limits, "errors"), &errors);
    }
    if (agt_value_get_uint64(agt_value_get_member(limits, "cpu"), &cpu) == AGT_OK) {
        self->limits.cpu_seconds = cpu;
    }
    self->limits.files_max = agt__team_read_count(agt_value_get_member(limits, "files"));
    self->limits.processes_max = agt__team_read_count(agt_value_get_member(limits, "processes"));
    process->limits = &self->limits;
    process->output_bytes_max = (size_t)output;
    process->error_bytes_max = (size_t)errors;
    return status;
}

static uint64_t read_exit_statuses(const agt_value *list)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < agt_value_get_count(list); i++) {
        uint64_t exit_status = 0;
        if (agt_value_get_uint64(agt_value_get_item(list, i), &exit_status) == AGT_OK &&
            exit_status < 64) {
            bits |= UINT64_C(1) << exit_status;
        }
    }
    return bits;
}

static agt_status build_process(agt_team *team, scratch *self, const char *name,
                                const agt_value *tool, const agt_tool_config *config,
                                agt_error *err)
{
    static const char *const formats[] = {"json", "text", "none", NULL};
    agt_process_tool process = AGT_CONFIG(agt_process_tool);
    process.process.struct_size = sizeof(process.process);
    agt_status status = build_argv(team, self, agt_value_get_member(tool, "command"));
    if (status == AGT_OK) {
        status = build_env(self, agt_value_get_member(tool, "env"));
    }
    if (status == AGT_OK) {
        status = build_limits(self, agt_value_get_member(tool, "limits"), &process.process);
    }
    if (status == AGT_OK) {
        status =
            agt__team_read_duration(agt_value_get_member(tool, "grace"), &process.process.grace_ms);
    }
    const char *cwd = text_of(tool, "cwd");
    if (status == AGT_OK && cwd != NULL) {
        self->cwd = agt__team_resolve(team, cwd);
        status = self->cwd != NULL ? AGT_OK : AGT_E_NOMEM;
    }
    if (status != AGT_OK) {
        return status == AGT_E_NOMEM
                   ? agt__error_nomem(err, ORIGIN)
                   : agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    process.process.argv = self->argv;
    process.process.env = (const char *const *)self->env;
    process.process.cwd = self->cwd;
    process.input = index_of(tool, "input", formats);
    process.output = index_of(tool, "output", formats);
    process.ok_exit_statuses = read_exit_statuses(agt_value_get_member(tool, "ok_exit"));
    return agt_executor_register_process(team->executor, name, &process, config, err);
}

/* ---- endpoints ---------------------------------------------------------------------------- */

/* What is said about requests, besides where they go. */
static agt_status read_request(const agt_value *http, agt_http_request *request)
{
    uint64_t bytes = 0;
    request->redirects_max = agt__team_read_count(agt_value_get_member(http, "redirects_max"));
    request->deny_private_addresses =
        !agt_value_get_bool(agt_value_get_member(http, "private_addresses"), true);
    agt_status status = agt__team_read_size(agt_value_get_member(http, "response_max"), &bytes);
    request->response_bytes_max = (size_t)bytes;
    if (status == AGT_OK) {
        status = agt__team_read_duration(agt_value_get_member(http, "connect_timeout"),
                                         &request->connect_timeout_ms);
    }
    if (status == AGT_OK) {
        status = agt__team_read_duration(agt_value_get_member(http, "idle_timeout"),
                                         &request->idle_timeout_ms);
    }
    if (request->idle_timeout_ms == AGT_MS_NONE) {
        request->idle_timeout_ms = 0; /* which is how a request says it */
    }
    return status;
}

static agt_status build_http(agt_team *team, scratch *self, const char *name, const agt_value *tool,
                             const agt_tool_config *config, agt_error *err)
{
    const agt_value *http = agt_value_get_member(tool, "http");
    const agt_value *headers = agt_value_get_member(http, "headers");
    agt_http_tool endpoint = AGT_CONFIG(agt_http_tool);
    char missing[128];
    agt_status status =
        agt__team_expand_headers(self->allocator, headers, &self->texts, &self->headers, missing);
    if (status == AGT_OK) {
        status = read_request(http, &endpoint.request);
    }
    if (status != AGT_OK) {
        return status == AGT_E_NOMEM
                   ? agt__error_nomem(err, ORIGIN)
                   : agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    endpoint.request.struct_size = sizeof(endpoint.request);
    endpoint.request.url = text_of(http, "url");
    endpoint.request.method = text_of(http, "method");
    endpoint.request.headers = self->headers;
    endpoint.request.headers_count = agt_value_get_count(headers);
    return agt_executor_register_http(team->executor, name, &endpoint, config, err);
}

/* ---- all of them -------------------------------------------------------------------------- */

static agt_status build_tool(agt_team *team, const char *name, const agt_value *tool,
                             agt_error *err)
{
    static const char *const effects[] = {"effect", "pure", "idempotent", NULL};
    agt_tool_config config =
        AGT_CONFIG(agt_tool_config, .description = text_of(tool, "description"),
                   .input_schema = agt_value_get_member(tool, "input_schema"),
                   .effect = index_of(tool, "effect", effects));
    agt_status status =
        agt__team_read_duration(agt_value_get_member(tool, "timeout"), &config.timeout_ms);
    if (status == AGT_OK) {
        status = agt__team_read_money(agt_value_get_member(tool, "cost"), &config.cost_nanousd);
    }
    if (status != AGT_OK) {
        return agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    agt_retry retry;
    const agt_value *again = agt_value_get_member(tool, "retry");
    if (again != NULL) {
        status = agt__team_read_retry(again, &retry);
        config.retry = &retry;
    }
    if (status != AGT_OK) {
        return agt__error_set(err, status, ORIGIN, "%s", agt_status_get_text(status));
    }
    scratch room;
    scratch_init(&room, team->allocator);
    status = agt_value_get_member(tool, "http") != NULL
                 ? build_http(team, &room, name, tool, &config, err)
                 : build_process(team, &room, name, tool, &config, err);
    scratch_deinit(&room);
    return status;
}

static agt_status add_dependencies(agt_team *team, const agt__document *document,
                                   const agt_value *tools, agt_error *err)
{
    for (size_t i = 0; i < agt_value_get_count(tools); i++) {
        const char *name = agt_value_get_key(tools, i, NULL);
        const agt_value *needs = agt_value_get_member(agt_value_get_item(tools, i), "depends_on");
        for (size_t j = 0; j < agt_value_get_count(needs); j++) {
            agt_error cause = {0};
            agt_status status = agt_executor_add_dependency(
                team->executor, name, agt_value_get_string(agt_value_get_item(needs, j), NULL),
                &cause);
            if (status != AGT_OK) {
                char pointer[AGT__TEAM_POINTER_BYTES];
                agt__team_join(pointer, "/tools", name);
                return agt__team_wrap(document, pointer, &cause, err);
            }
        }
    }
    return AGT_OK;
}

agt_status agt__team_build_tools(agt_team *team, const agt__document *document, agt_error *err)
{
    const agt_value *tools = agt_value_get_member(document->value, "tools");
    for (size_t i = 0; i < agt_value_get_count(tools); i++) {
        agt_error cause = {0};
        const char *name = agt_value_get_key(tools, i, NULL);
        agt_status status = build_tool(team, name, agt_value_get_item(tools, i), &cause);
        if (status == AGT_E_NOMEM) {
            return agt__error_nomem(err, ORIGIN);
        }
        if (status != AGT_OK) {
            char pointer[AGT__TEAM_POINTER_BYTES];
            agt__team_join(pointer, "/tools", name);
            return agt__team_wrap(document, pointer, &cause, err);
        }
    }
    return add_dependencies(team, document, tools, err);
}
