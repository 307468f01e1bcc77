/*
 * The tables of the command line: options, verbs, exit codes, variables. Everything else about the
 * command line (the parser, help, completion, the manual page) is made of them.
 */
#include "cli/verbs.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const cli_option options[CLI_OPT_COUNT] = {
    [CLI_OPT_JSON] =
        {"json", 0, CLI_KIND_FLAG, NULL, NULL, NULL,
         "Print one JSON object instead of text; docs/guide/command.md has its shape."},
    [CLI_OPT_JSONL] = {"jsonl", 0, CLI_KIND_FLAG, NULL, NULL, NULL,
                       "Print one JSON object a line for each event while the team works; the last "
                       "one is what --json prints."},
    [CLI_OPT_PARALLEL] = {"parallel", 'j', CLI_KIND_COUNT, "N", NULL, "AGENT_PARALLEL",
                          "Run at most N calls at a time."},
    [CLI_OPT_BUDGET] = {"budget", 'b', CLI_KIND_MONEY, "USD", NULL, "AGENT_BUDGET",
                        "Spend at most that much: a call that could exceed it is not made."},
    [CLI_OPT_TIMEOUT] = {"timeout", 't', CLI_KIND_DURATION, "DURATION", NULL, "AGENT_TIMEOUT",
                         "Stop after that time: 250ms, 5s, 2m, 1h."},
    [CLI_OPT_MODEL] = {"model", 'm', CLI_KIND_TEXT, "MODEL", NULL, "AGENT_MODEL",
                       "The model for all agents: PROVIDER/NAME, such as openai/gpt-5, or the name "
                       "of one in the team file. The variable, if it is PROVIDER/NAME, only counts "
                       "where no team file says which."},
    [CLI_OPT_PROMPT] = {"prompt", 'p', CLI_KIND_TEXT, "TEXT", NULL, NULL,
                        "What to do with what is piped in."},
    [CLI_OPT_SYSTEM] = {"system", 0, CLI_KIND_TEXT, "TEXT", NULL, NULL,
                        "The instructions of the model, without a team file."},
    [CLI_OPT_BASE_URL] = {"base-url", 0, CLI_KIND_TEXT, "URL", NULL, NULL,
                          "Where the server is, instead of where it usually is."},
    [CLI_OPT_STORE] = {"store", 's', CLI_KIND_FILE, "FILE", NULL, "AGENT_STORE",
                       "Keep and read runs, traces and costs in FILE, not in "
                       "$XDG_DATA_HOME/agent/agent.db."},
    [CLI_OPT_NO_STORE] = {"no-store", 0, CLI_KIND_FLAG, NULL, NULL, NULL,
                          "Keep nothing of this run."},
    [CLI_OPT_RECORD] = {"record", 0, CLI_KIND_FILE, "FILE", NULL, NULL,
                        "Keep all that models and tools are given and give in FILE, for 'agent "
                        "replay'. It has prompts and results as they are, and no keys."},
    [CLI_OPT_FORCE] = {"force", 0, CLI_KIND_FLAG, NULL, NULL, NULL,
                       "Overwrite a recording that is there already."},
    [CLI_OPT_BY] = {"by", 0, CLI_KIND_CHOICE, "WHAT", "agent|model|run|day", NULL,
                    "One line for each agent, model, run or day (UTC); agent without it."},
    [CLI_OPT_RUN] = {"run", 'r', CLI_KIND_TEXT, "ID", NULL, NULL,
                     "Only of this run: an id, the beginning of one, or last."},
    [CLI_OPT_SINCE] = {"since", 0, CLI_KIND_DURATION, "DURATION", NULL, NULL,
                       "Only what happened in the last DURATION, such as 24h."},
    [CLI_OPT_LIMIT] = {"limit", 'n', CLI_KIND_COUNT, "N", NULL, NULL,
                       "Show the newest N; 20 without it."},
    [CLI_OPT_SESSION] = {"session", 'S', CLI_KIND_TEXT, "NAME", NULL, NULL,
                         "Go on with the conversation of that name, or begin it; it is kept in the "
                         "store."},
    [CLI_OPT_CONTINUE] = {"continue", 'c', CLI_KIND_FLAG, NULL, NULL, NULL,
                          "Go on with the conversation that was used last."},
    [CLI_OPT_MAN] = {"man", 0, CLI_KIND_FLAG, NULL, NULL, NULL, "Print the manual page, in roff."},
    [CLI_OPT_COLOR] = {"color", 0, CLI_KIND_CHOICE, "WHEN", "auto|always|never", NULL,
                       "Color and other emphasis: auto (on a terminal), always or never."},
    [CLI_OPT_QUIET] = {"quiet", 'q', CLI_KIND_FLAG, NULL, NULL, NULL,
                       "Say nothing on standard error but what went wrong."},
    [CLI_OPT_NO_PROGRESS] = {"no-progress", 0, CLI_KIND_FLAG, NULL, NULL, NULL,
                             "Do not show what is going on."},
    [CLI_OPT_HELP] = {"help", 'h', CLI_KIND_FLAG, NULL, NULL, NULL, "Show this help."},
    [CLI_OPT_VERSION] = {"version", 'V', CLI_KIND_FLAG, NULL, NULL, NULL, "Show the version."},
};

static const cli_option_id common_options[] = {CLI_OPT_COLOR, CLI_OPT_QUIET, CLI_OPT_HELP,
                                               CLI_OPT_VERSION};

static const cli_option_id run_options[] = {
    CLI_OPT_MODEL,    CLI_OPT_PROMPT,  CLI_OPT_SYSTEM,   CLI_OPT_BASE_URL,
    CLI_OPT_JSON,     CLI_OPT_JSONL,   CLI_OPT_BUDGET,   CLI_OPT_TIMEOUT,
    CLI_OPT_PARALLEL, CLI_OPT_SESSION, CLI_OPT_CONTINUE, CLI_OPT_STORE,
    CLI_OPT_NO_STORE, CLI_OPT_RECORD,  CLI_OPT_FORCE,    CLI_OPT_NO_PROGRESS};
static const cli_option_id replay_options[] = {CLI_OPT_JSON, CLI_OPT_JSONL, CLI_OPT_NO_PROGRESS};
static const cli_option_id models_options[] = {CLI_OPT_JSON, CLI_OPT_BASE_URL, CLI_OPT_TIMEOUT};
static const cli_option_id list_options[] = {CLI_OPT_JSON, CLI_OPT_STORE, CLI_OPT_LIMIT};
static const cli_option_id show_options[] = {CLI_OPT_JSON, CLI_OPT_STORE};
static const cli_option_id store_options[] = {CLI_OPT_STORE};
static const cli_option_id cost_options[] = {CLI_OPT_JSON, CLI_OPT_STORE, CLI_OPT_BY, CLI_OPT_RUN,
                                             CLI_OPT_SINCE};
static const cli_option_id json_options[] = {CLI_OPT_JSON};
static const cli_option_id help_options[] = {CLI_OPT_MAN};

static const cli_verb verbs[] = {
    {"run", "[TEAM] [INPUT]", "Have a team, or a model, answer",
     "Reads the team file TEAM (YAML or JSON), gives INPUT to its lead and prints the answer. "
     "Without a team file it asks one model:\n"
     "    git diff | agent run -m openai/gpt-5 -p \"Review it.\"\n"
     "Which model that is say --model, AGENT_MODEL, or the line \"model: PROVIDER/NAME\" in "
     "$XDG_CONFIG_HOME/agent/config.yaml; 'agent models' lists them. A single operand is a team "
     "file if there is a file of that name, or if it ends in .yaml, .yml or .json.\n"
     "INPUT \"-\" is standard input; what is piped into the command is appended to any other "
     "INPUT, or to the text of --prompt, which stands for it.\n"
     "With --session or --continue the answer goes on with what was said in earlier runs.\n"
     "Standard output carries the answer and nothing else: as it is written, on a terminal and "
     "where a model answers without a team. What is going on is shown on standard error: live on "
     "a terminal, as plain lines otherwise.\n"
     "What is said on the command line counts before the environment, that before the file.",
     run_options, COUNT(run_options), 0, 2, true, cli_run},
    {"replay", "FILE [TEAM]", "Run again what was recorded",
     "Runs the team, or model, again as 'agent run --record FILE' recorded it: with the same input "
     "and options, and with the recorded answers instead of models and tools, which are not called "
     "and need no keys. What is printed is what was printed then, also by --jsonl.\n"
     "A request that is another one than then ends the run, with where it differs. TEAM is the "
     "team "
     "file, if it is not where it was.",
     replay_options, COUNT(replay_options), 1, 2, true, cli_replay},
    {"trace ls", "", "List runs, the newest first",
     "Lists the runs in the store: when, how long, how they ended, tokens and money.", list_options,
     COUNT(list_options), 0, 0, false, cli_trace_ls},
    {"trace show", "[ID]", "Show what happened in a run",
     "Shows a run as a tree: agents, model requests and tools, with a bar for when each worked, "
     "tokens and money. What made the run as long as it was, the critical path, is marked.\n"
     "ID is that of a run or trace, the beginning of one, or last (without it: last).",
     show_options, COUNT(show_options), 0, 1, false, cli_trace_show},
    {"session ls", "", "List sessions, those used last first",
     "Lists the conversations in the store: who answered last, how many turns and bytes.",
     list_options, COUNT(list_options), 0, 0, false, cli_session_ls},
    {"session show", "[NAME]", "Show a conversation",
     "Prints what was said in a session, turn by turn.\n"
     "NAME is its name, its id, the beginning of one, or last (without it: last).",
     show_options, COUNT(show_options), 0, 1, false, cli_session_show},
    {"session rm", "NAME", "Remove a conversation",
     "Removes a session from the store, with all that was said in it; traces and costs of its runs "
     "stay. NAME is its name, its id, the beginning of one, or last.",
     store_options, COUNT(store_options), 1, 1, false, cli_session_rm},
    {"costs", "", "Show what was spent",
     "Adds up tokens and money in the store. Money of simulated models is shown by itself and is "
     "no part of the total. \"+?\" says that some calls had no known price: the total is a lower "
     "bound.",
     cost_options, COUNT(cost_options), 0, 0, false, cli_costs},
    {"models", "[PROVIDER]", "List providers, or the models of one",
     "Without PROVIDER: the providers of models that are known, the variable with the key of each "
     "and whether it is set, and where requests go. With PROVIDER: asks it for its models, and "
     "says "
     "which have a known price.\n"
     "A model is named PROVIDER/NAME elsewhere, as in 'agent run --model'.",
     models_options, COUNT(models_options), 0, 1, false, cli_models},
    {"tools", "[TEAM]", "List the tools of a team",
     "Lists the tools in the team file TEAM (team.yaml without it): kind, effect, timeout, what "
     "they depend on and who uses them.",
     json_options, COUNT(json_options), 0, 1, true, cli_tools},
    {"validate", "TEAM", "Check a team file",
     "Checks the team file TEAM without running anything, and prints every error with file, line, "
     "column, what was found and what was expected. Keys of models need not be there: which are "
     "missing is a warning.",
     json_options, COUNT(json_options), 1, 1, true, cli_validate},
    {"init", "[DIRECTORY]", "Begin with a team that works",
     "Writes team.yaml and script.yaml into DIRECTORY (here without it): a small team with a "
     "scripted model, to run and to change. Files that are there are never overwritten.",
     NULL, 0, 0, 1, true, cli_init},
    {"completion", "SHELL", "Print a completion script",
     "Prints a script that completes commands, options and files. SHELL is bash, zsh or fish:\n"
     "    agent completion bash > ~/.local/share/bash-completion/completions/agent",
     NULL, 0, 1, 1, false, cli_completion},
    {"version", "", "Show the version", "Prints the version of the command and of the library.",
     json_options, COUNT(json_options), 0, 0, false, cli_version},
    {"help", "[COMMAND]", "Show help", "Shows help on a command, or on all of them.", help_options,
     COUNT(help_options), 0, 2, false, cli_help},
};

static const char *const exit_codes[][2] = {
    {"0", "All went well."},
    {"1", "The run finished, but it failed."},
    {"2", "The command line is wrong."},
    {"3", "A file, the store or a setting is wrong: nothing was run."},
    {"4", "A provider or the network failed, after retries."},
    {"5", "A budget or another limit was reached."},
    {"6", "It took too long."},
    {"7", "A policy or a person said no."},
    {"8", "There is a result, but not all of it, or it could not be kept."},
    {"129", "Its terminal was closed (SIGHUP)."},
    {"130", "Interrupted (SIGINT)."},
    {"143", "Terminated (SIGTERM)."},
};

static const char *const variables[][2] = {
    {"AGENT_PARALLEL, AGENT_BUDGET, AGENT_TIMEOUT, AGENT_MODEL, AGENT_STORE",
     "What the options of these names say, if they are not given."},
    {"OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY ...",
     "Keys of providers; 'agent models' names the variable of each, and says whether it is set. "
     "OPENAI_BASE_URL and ANTHROPIC_BASE_URL: where their servers are."},
    {"AGENT_HELPER",
     "The program that supervises tools, if it is neither beside the command nor where it was "
     "installed."},
    {"XDG_DATA_HOME", "Where the store is: $XDG_DATA_HOME/agent/agent.db; ~/.local/share without "
                      "it."},
    {"CURL_CA_BUNDLE, SSL_CERT_FILE",
     "A file of certificates (PEM): who signs those of https servers; the first that is set "
     "counts."},
    {"http_proxy, https_proxy, no_proxy",
     "The proxy for HTTP requests, and the hosts that are reached without one."},
    {"XDG_CONFIG_HOME", "Where the settings are: $XDG_CONFIG_HOME/agent/config.yaml; ~/.config "
                        "without it."},
    {"NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS, CI",
     "NO_COLOR (not empty): no color. CLICOLOR_FORCE (not 0): color without a terminal. TERM=dumb: "
     "neither color nor moving lines. COLUMNS: the width. CI (not empty): no moving lines."},
};

const cli_option *cli_get_option(cli_option_id id)
{
    return &options[id];
}

const cli_verb *cli_get_verbs(size_t *ret_count)
{
    *ret_count = COUNT(verbs);
    return verbs;
}

const cli_option_id *cli_get_common_options(size_t *ret_count)
{
    *ret_count = COUNT(common_options);
    return common_options;
}

const char *const (*cli_get_exit_codes(size_t *ret_count))[2]
{
    *ret_count = COUNT(exit_codes);
    return exit_codes;
}

const char *const (*cli_get_variables(size_t *ret_count))[2]
{
    *ret_count = COUNT(variables);
    return variables;
}
