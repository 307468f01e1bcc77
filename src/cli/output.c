/*
 * Complaints, exit codes, and standard output.
 *
 * Complaints quote names and texts of others (file names, messages of tools), so they are cleaned
 * of control characters before they reach a terminal. SIGPIPE is ignored: a reader that has gone
 * away shows as EPIPE, and is a reason to stop quietly. To know it from a full disk, standard
 * output is a stream of our own that remembers the error.
 */
#include "cli/cli.h"
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    COMPLAINT_BYTES = 2048,
    READ_BYTES = 64 * 1024,
    OUTPUT_BYTES = 32 * 1024
};

cli_exit cli_exit_of(agt_status status)
{
    switch (status) {
    case AGT_OK:
        return CLI_OK;
    case AGT_E_NETWORK:
    case AGT_E_HTTP:
    case AGT_E_MODEL:
    case AGT_E_RATE_LIMITED:
    case AGT_E_BREAKER_OPEN:
        return CLI_NETWORK;
    case AGT_E_BUDGET_DENIED:
    case AGT_E_LIMIT:
        return CLI_LIMIT;
    case AGT_E_TIMEOUT:
        return CLI_TIMEOUT;
    case AGT_E_DENIED:
        return CLI_DENIED;
    case AGT_E_PARTIAL:
        return CLI_PARTIAL;
    case AGT_E_CANCELLED:
        return CLI_SIGINT;
    default:
        return CLI_FAILED;
    }
}

void cli_write_code(char target[CLI_CODE_BYTES], agt_status status)
{
    const char *name = agt_status_get_name(status);
    size_t length = 0;
    name = strncmp(name, "AGT_E_", 6) == 0 ? name + 6 : "ok";
    for (; *name != '\0' && length + 1 < CLI_CODE_BYTES; name++) {
        target[length++] = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
    }
    target[length] = '\0';
}

void cli_complain(const char *format, ...)
{
    char text[COMPLAINT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)fflush(stdout);
    (void)fputs("agent: ", stderr);
    cli_write_clean(stderr, text, strlen(text), CLI_CLEAN_LINE);
    (void)fputc('\n', stderr);
}

cli_exit cli_fail(const agt_error *err)
{
    cli_complain("%s", err->message);
    return cli_exit_of(err->status);
}

cli_exit cli_fail_memory(void)
{
    cli_complain("out of memory");
    return CLI_FAILED;
}

/* Write what stdio hands over, and remember why the first failure failed: stdio does not. */
static ssize_t write_output(void *cookie, const char *bytes, size_t size)
{
    int *failure = cookie;
    for (size_t at = 0; at < size && *failure == 0;) {
        ssize_t count = write(STDOUT_FILENO, bytes + at, size - at);
        if (count < 0 && errno != EINTR) {
            *failure = errno;
        }
        at += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)size;
}

/* The first failure of standard output: an errno; 0 = none. The one variable of the command. */
static int output_failure;

/* What a closed standard stream leaves free would be taken by the next file that is opened: a store
 * or a pipe of a tool would get what is meant for standard error. The null device stands there
 * instead, opened the wrong way round, so that its use fails as that of a closed one (EBADF). */
static void hold_streams(void)
{
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++) {
        if (fcntl(file, F_GETFD) < 0 && errno == EBADF) {
            (void)open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

void cli_open_output(void)
{
    hold_streams();
    cookie_io_functions_t functions = {.write = write_output};
    FILE *stream = fopencookie(&output_failure, "w", functions);
    if (stream != NULL) {
        (void)setvbuf(stream, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, OUTPUT_BYTES);
        stdout = stream;
    }
}

bool cli_output_is_gone(void)
{
    return output_failure != 0;
}

cli_exit cli_finish_output(cli_exit code)
{
    (void)fflush(stdout);
    if (output_failure == 0 || output_failure == EPIPE) {
        return code;
    }
    char text[128];
    cli_complain("cannot write to standard output: %s",
                 strerror_r(output_failure, text, sizeof(text)));
    return code == CLI_OK ? CLI_FAILED : code;
}

cli_exit cli_print_json(const agt_value *value, bool is_pretty)
{
    agt_value *text = NULL;
    if (agt_value_to_json(NULL, value, is_pretty ? AGT_JSON_PRETTY : AGT_JSON_COMPACT, &text) !=
        AGT_OK) {
        return cli_fail_memory();
    }
    size_t length = 0;
    const char *bytes = agt_value_get_string(text, &length);
    (void)fwrite(bytes, 1, length, stdout);
    (void)fputc('\n', stdout);
    agt_value_unref(text);
    return CLI_OK;
}

char *cli_read_all(int file, size_t bytes_max, size_t *ret_size)
{
    char *bytes = NULL;
    size_t size = 0, capacity = 0;
    for (;;) {
        if (capacity - size < READ_BYTES + 1) {
            size_t grown = capacity == 0 ? (size_t)2 * READ_BYTES : capacity * 2;
            char *moved = realloc(bytes, grown);
            if (moved == NULL) {
                free(bytes);
                errno = 0;
                return NULL;
            }
            bytes = moved;
            capacity = grown;
        }
        ssize_t count = read(file, bytes + size, READ_BYTES);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        size += count > 0 ? (size_t)count : 0;
        if (count < 0 || size > bytes_max) {
            int number = count < 0 ? errno : EFBIG;
            free(bytes);
            errno = number;
            return NULL;
        }
        if (count == 0) {
            bytes[size] = '\0';
            *ret_size = size;
            return bytes;
        }
    }
}
