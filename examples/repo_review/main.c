/*
 * repo_review - a team of agents reviews a Git repository.
 *
 *     repo_review [--slots N] [--budget USD] [--store FILE] [--team FILE] [REPOSITORY]
 *
 * The report is Markdown on standard output. On standard error: progress, if it is a terminal, then
 * the figures. Without --slots the review runs twice, with everything at once and with one tool at
 * a time, so that the speed-up is one that was measured.
 *
 * Where things are: main.c the command line; run.c one run; review.c the team's work; tools.c the
 * tools of the agents, facts_*.c, hotspots.c and risks.c their functions; git.c the child
 * processes; repository.c how a repository is opened without running anything of it; report*.c and
 * markdown.c the report; figures.c the figures.
 */
#include "figures.h"
#include "interrupt.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    EXIT_NOTHING = 1, /* there is nothing to review, or the review failed     */
    EXIT_USAGE = 2,   /* the command line is wrong; also: that is no repository */
    EXIT_CONFIG = 3,  /* the team file or the store is wrong                   */
    EXIT_PARTIAL = 8, /* a specialist could not say anything                   */
    PATH_BYTES = 4096,
    REPEATED_MAX = 6 /* words: three options and what was said to each */
};

static const char usage[] =
    "Usage: repo_review [OPTION]... [REPOSITORY]\n"
    "Review a Git repository (the current directory without an operand).\n"
    "\n"
    "  --slots N      run N tools at a time, 0 for no limit, and do not run a second time\n"
    "  --budget USD   what the tools may cost together (0.50)\n"
    "  --store FILE   keep the trace there (repo_review.db beside the program)\n"
    "  --team FILE    the team file, as docs/guide/team-files.md describes it\n";

typedef struct arguments {
    run_config config;
    bool is_single;                         /* --slots was given */
    const char *repeated[REPEATED_MAX + 1]; /* other options that were, for the figures */
    char store[PATH_BYTES], one_slot_store[PATH_BYTES];
} arguments;

/* Say what is wrong, and why if @why is not "". What is not ASCII stays; what a terminal would obey
 * does not, which are the control characters of ASCII and those that Unicode adds (C2 80 … C2 9F).
 */
static void complain(const char *what, const char *why)
{
    const char *const parts[] = {what, why[0] != '\0' ? ": " : "", why};
    unsigned char last = 0;
    (void)fputs("repo_review: ", stderr);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (const char *at = parts[i]; *at != '\0'; at++) {
            unsigned char c = (unsigned char)*at;
            bool is_control = c < 0x20 || c == 0x7F || (last == 0xC2 && c < 0xA0);
            (void)fputc(is_control ? '?' : c, stderr);
            last = c;
        }
    }
    (void)fputc('\n', stderr);
}

/* A reader of the report that has gone does not end the program: temporary files are removed. And
 * where a standard stream is closed the null device stands, opened the wrong way round, so that no
 * store and no pipe of a tool takes its place and gets what is meant for it. */
static void hold_streams(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++) {
        if (fcntl(file, F_GETFD) < 0 && errno == EBADF) {
            (void)open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

/* ---- the command line -------------------------------------------------------------------------
 */

static int fail_usage(const char *what, const char *found)
{
    complain(what, found);
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}

static bool read_slots(const char *text, uint32_t *ret_slots)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    *ret_slots = (uint32_t)number;
    return errno == 0 && *text != '-' && *text != '\0' && *end == '\0' && number <= 1024;
}

static bool read_money(const char *text, int64_t *ret_nanousd)
{
    char *end = NULL;
    double usd = strtod(text, &end);
    *ret_nanousd = (int64_t)(usd * 1e9 + 0.5);
    return *text != '\0' && *end == '\0' && usd > 0 && usd < 1e6;
}

/* Where the traces are kept: beside the program, if nobody says. */
static bool choose_stores(arguments *self, const char *name_given)
{
    static const char name[] = "repo_review.db";
    if (name_given != NULL) {
        (void)snprintf(self->store, sizeof(self->store), "%s", name_given);
    } else {
        ssize_t length =
            readlink("/proc/self/exe", self->store, sizeof(self->store) - sizeof(name));
        self->store[length > 0 ? length : 0] = '\0';
        char *end = strrchr(self->store, '/');
        memcpy(end != NULL ? end + 1 : self->store, name, sizeof(name));
    }
    self->config.store = self->store;
    int length =
        snprintf(self->one_slot_store, sizeof(self->one_slot_store), "%s.one-slot", self->store);
    return length > 0 && (size_t)length < sizeof(self->one_slot_store);
}

static void repeat(arguments *self, const char *option, const char *value)
{
    size_t count = 0;
    for (; self->repeated[count] != NULL; count += 2) {
        if (strcmp(self->repeated[count], option) == 0) {
            break; /* given twice: the last one counts */
        }
    }
    self->repeated[count] = option;
    self->repeated[count + 1] = value;
}

static const struct option options[] = {
    {"slots", required_argument, NULL, 's'}, {"budget", required_argument, NULL, 'b'},
    {"store", required_argument, NULL, 'o'}, {"team", required_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
};

/* 0, or the exit status; -1: go on. */
static int read_arguments(int argc, char **argv, arguments *self)
{
    const char *store = NULL;
    *self = (arguments){.config = {.team = REPO_REVIEW_TEAM, .budget_nanousd = 500000000}};
    for (int letter = 0; (letter = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (letter == 's') {
            self->is_single = true;
            if (!read_slots(optarg, &self->config.slots)) {
                return fail_usage("--slots: expected 0 to 1024, found", optarg);
            }
        } else if (letter == 'b') {
            if (!read_money(optarg, &self->config.budget_nanousd)) {
                return fail_usage("--budget: expected an amount of USD, found", optarg);
            }
            repeat(self, "--budget", optarg);
        } else if (letter == 'o') {
            store = optarg;
            repeat(self, "--store", optarg);
        } else if (letter == 't') {
            self->config.team = optarg;
            repeat(self, "--team", optarg);
        } else if (letter == 'h') {
            return fputs(usage, stdout) >= 0 && fflush(stdout) == 0 ? 0 : EXIT_NOTHING;
        } else {
            (void)fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (argc - optind > 1) {
        return fail_usage("expected one repository, found also", argv[optind + 1]);
    }
    self->config.path = optind < argc ? argv[optind] : ".";
    return choose_stores(self, store) ? -1 : fail_usage("--store: the name is too long", "");
}

/* ---- the work ---------------------------------------------------------------------------------
 */

/* The report, whole or not at all. */
static bool print_report(const run *done)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) {
        return false;
    }
    report_write(file, &done->repo, &done->found, done->trace);
    bool is_written = fclose(file) == 0 && fwrite(text, 1, size, stdout) == size;
    free(text);
    return fflush(stdout) == 0 && is_written;
}

static void print_figures(const arguments *given, const char *program, const run *done)
{
    const char *agent = getenv("AGENT_BIN");
    run_config slow = given->config;
    run one_slot = {0};
    agt_error err = {0};
    figures_config config = {.program = program,
                             .agent = agent != NULL ? agent : "agent",
                             .config = &given->config,
                             .options = given->repeated};
    slow.slots = 1;
    slow.store = given->one_slot_store;
    bool has_second = !given->is_single && run_review(&slow, &one_slot, &err) == AGT_OK &&
                      one_slot.state == REPOSITORY_OK;
    if (!given->is_single && !has_second && interrupt_get_signal() == 0) {
        complain("there is no second run to compare with", err.message);
    } else if (has_second && !agt_value_equals(done->found.facts, one_slot.found.facts)) {
        complain("the two runs did not find the same", "");
    }
    figures_write(stderr, &config, done, has_second ? &one_slot : NULL);
    run_free(&one_slot);
}

static int exit_status_of(const run *done)
{
    return report_is_complete(&done->found) ? EXIT_SUCCESS : EXIT_PARTIAL;
}

static int run_and_print(const arguments *given, const char *program, run *done)
{
    agt_error err = {0};
    agt_status ran = run_review(&given->config, done, &err);
    if (interrupt_get_signal() != 0) {
        return EXIT_NOTHING;
    }
    if (ran != AGT_OK) {
        complain(err.message[0] != '\0' ? err.message : agt_status_get_text(ran), "");
        return EXIT_CONFIG;
    }
    if (done->state != REPOSITORY_OK) {
        complain(err.message, "");
        return done->state == REPOSITORY_NONE ? EXIT_USAGE : EXIT_NOTHING;
    }
    if (!print_report(done) && errno != EPIPE) { /* a reader that has gone has seen enough */
        complain("the report cannot be written", strerror(errno));
        return EXIT_NOTHING;
    }
    print_figures(given, program, done);
    return exit_status_of(done);
}

int main(int argc, char **argv)
{
    arguments given;
    run done = {0};
    hold_streams();
    int status = read_arguments(argc, argv, &given);
    if (status < 0 && !interrupt_begin()) {
        complain("cannot wait for signals", "");
        status = EXIT_NOTHING;
    }
    if (status < 0) {
        (void)fprintf(stderr, "%s\n", REPORT_BANNER);
        status = run_and_print(&given, argv[0], &done);
    }
    run_free(&done);
    interrupt_end();
    return status;
}
