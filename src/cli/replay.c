/*
 * agent replay: a recorded run again; and what `agent run --record` puts into the head of a
 * recording for it.
 *
 *     {"command": "run", "team": path, "hash": of the team file as a value, "input", "model",
 *      "base_url", "system", "parallel", "budget_nanousd", "timeout_ms"}
 *
 * Without a team file "team" and "hash" are null, and "model" was asked.
 *
 * The team file itself is not kept: it may have headers and variables that are nobody's business.
 * Nor need it be the same: what matters is whether requests are, and those say where they differ.
 */
#include "cli/recording.h"
#include "cli/run.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

enum {
    HASH_BYTES = 32,
    HASH_TEXT_BYTES = 2 * HASH_BYTES + 1
};

static agt_status write_hash(const agt_value *document, char text[HASH_TEXT_BYTES])
{
    uint8_t hash[HASH_BYTES];
    agt_status status = agt_value_hash(document, hash);
    for (size_t i = 0; status == AGT_OK && i < HASH_BYTES; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
    }
    return status;
}

static void add_text(agt_value_builder *builder, const char *key, const char *text)
{
    agt_value_builder_key(builder, key);
    if (text != NULL) {
        agt_value_builder_string(builder, text);
    } else {
        agt_value_builder_null(builder);
    }
}

static void add_number(agt_value_builder *builder, const char *key, int64_t number)
{
    agt_value_builder_key(builder, key);
    agt_value_builder_int64(builder, number);
}

agt_status cli_recording_describe(const cli_arguments *arguments, const cli_question *question,
                                  const agt_value *document, const char *input,
                                  agt_value **ret_about, uint64_t *ret_seed)
{
    char hash[HASH_TEXT_BYTES] = "";
    agt_value_builder *builder = NULL;
    const agt_random *random = agt_random_get_system();
    uint64_t seed = 0;
    agt_status status = random->fill(random->ctx, &seed, sizeof(seed));
    if (status == AGT_OK && document != NULL) {
        status = write_hash(document, hash);
    }
    if (status == AGT_OK) {
        status = agt_value_builder_new(NULL, &builder);
    }
    if (status != AGT_OK) {
        return status;
    }
    char *path = question->team != NULL ? realpath(question->team, NULL) : NULL;
    agt_value_builder_begin_object(builder);
    add_text(builder, "command", "run");
    add_text(builder, "team", path != NULL ? path : question->team);
    add_text(builder, "hash", document != NULL ? hash : NULL);
    add_text(builder, "input", input);
    add_text(builder, "model", question->model);
    add_text(builder, "base_url", question->base_url);
    add_text(builder, "system", arguments->text[CLI_OPT_SYSTEM]);
    add_number(builder, "parallel", arguments->number[CLI_OPT_PARALLEL]);
    add_number(builder, "budget_nanousd", arguments->number[CLI_OPT_BUDGET]);
    add_number(builder, "timeout_ms", arguments->number[CLI_OPT_TIMEOUT]);
    agt_value_builder_end(builder);
    free(path);
    status = agt_value_builder_finish(builder, ret_about, NULL);
    agt_value_builder_free(builder);
    *ret_seed = seed != 0 ? seed : 1; /* 0 would be none */
    return status;
}

static const char *text_of(const agt_value *object, const char *key)
{
    return agt_value_get_string(agt_value_get_member(object, key), NULL);
}

static int64_t number_of(const agt_value *object, const char *key)
{
    int64_t number = 0;
    return agt_value_get_int64(agt_value_get_member(object, key), &number) == AGT_OK ? number : 0;
}

void cli_recording_compare(const agt_value *about, const char *path, const agt_value *document)
{
    char hash[HASH_TEXT_BYTES];
    const char *recorded = text_of(about, "hash");
    if (recorded != NULL && write_hash(document, hash) == AGT_OK && strcmp(hash, recorded) != 0) {
        cli_complain("%s has changed since it was recorded", path);
    }
}

static cli_exit replay(const cli_arguments *arguments, const agt_value *head)
{
    const agt_value *about = agt_value_get_member(head, "about");
    cli_question question = {.model = text_of(about, "model"),
                             .base_url = text_of(about, "base_url")};
    const char *input = text_of(about, "input"), *command = text_of(about, "command");
    uint64_t seed = 0;
    question.team = arguments->operand_count > 1 ? arguments->operands[1] : text_of(about, "team");
    bool has_model = question.model != NULL && strchr(question.model, '/') != NULL;
    if ((question.team == NULL && !has_model) || input == NULL || command == NULL ||
        strcmp(command, "run") != 0 ||
        agt_value_get_uint64(agt_value_get_member(head, "seed"), &seed) != AGT_OK) {
        cli_complain("%s was not recorded by 'agent run --record'", arguments->operands[0]);
        return CLI_CONFIG;
    }
    /* As the command line was then; how it is told is said by the one of today. */
    cli_arguments then = *arguments;
    then.text[CLI_OPT_NO_STORE] = "";
    then.text[CLI_OPT_SYSTEM] = text_of(about, "system");
    then.number[CLI_OPT_PARALLEL] = number_of(about, "parallel");
    then.number[CLI_OPT_BUDGET] = number_of(about, "budget_nanousd");
    then.number[CLI_OPT_TIMEOUT] = number_of(about, "timeout_ms");
    cli_speaker speaker = {
        .replay = arguments->operands[0], .seed = seed, .about = agt_value_ref(about)};
    return cli_run_again(&then, &question, &speaker, input);
}

cli_exit cli_replay(const cli_arguments *arguments)
{
    agt_value *head = NULL;
    agt_error error = {0};
    if (cli_has(arguments, CLI_OPT_JSON) && cli_has(arguments, CLI_OPT_JSONL)) {
        cli_complain("found --json and --jsonl, expected one of them");
        return CLI_USAGE;
    }
    if (agt_recording_get_head(NULL, arguments->operands[0], &head, &error) != AGT_OK) {
        cli_complain("%s", error.message);
        return CLI_CONFIG;
    }
    cli_exit code = replay(arguments, head);
    agt_value_unref(head);
    return code;
}
