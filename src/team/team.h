/* Parts of the room that its files share: checking and building what a team file says. */
#ifndef AGT_TEAM_TEAM_H
#define AGT_TEAM_TEAM_H

#include "agent_sdk/team.h"
#include "team/document.h"

enum {
    AGT__TEAM_VERSION = 1,
    AGT__TEAM_POINTER_BYTES = 320, /* room for a JSON Pointer to any member of a checked file */
    AGT__TEAM_ERRORS_MAX = 50,     /* reported of one file                                   */
};

/* ---- units (units.c) ------------------------------------------------------------------------ */

/** The milliseconds of a duration, text or number; AGT_MS_NONE for "none", 0 for NULL. */
AGT_MUST_CHECK agt_status agt__team_read_duration(const agt_value *value, uint32_t *ret_ms);
/** The nano-dollars of an amount of USD, text or number; 0 for NULL. */
AGT_MUST_CHECK agt_status agt__team_read_money(const agt_value *value, int64_t *ret_nanousd);
/** The bytes of a size, text or number; 0 for NULL. */
AGT_MUST_CHECK agt_status agt__team_read_size(const agt_value *value, uint64_t *ret_bytes);
/** A count that the schema has checked; 0 for NULL. */
uint32_t agt__team_read_count(const agt_value *value);
/** An object {attempts, delay, …}. */
AGT_MUST_CHECK agt_status agt__team_read_retry(const agt_value *value, agt_retry *ret_retry);

/* ---- errors (explain.c) --------------------------------------------------------------------- */

/** The text of the schema of team files, and its size. */
extern const char agt__team_schema_text[];
extern const size_t agt__team_schema_size;

/**
 * Say what a schema refused: the place in the file, what was found there and what was expected, in
 * the words of the schema (x-expected), with a suggestion for a name that is not known.
 *
 * @param pointer  to the part of the document that was refused
 * @param cause    what the schema said, for what has no better words here
 * @return the status of @cause
 */
agt_status agt__team_explain(const agt__document *document, const agt_value *schema,
                             const char *pointer, const agt_error *cause, agt_error *err);

/** @value in a few words: a scalar as JSON, cut; else what kind it is. */
void agt__team_describe(const agt_allocator *allocator, const agt_value *value, char *target,
                        size_t size);

/** A JSON Pointer before a message: "tools.churn.command[0]: "; "" for the whole document. */
void agt__team_write_path(const char *pointer, char *target, size_t size);

/** Append a step to a JSON Pointer, escaped, cut to fit. */
void agt__team_append_step(char *pointer, size_t size, const char *key);

/** Write the pointer to member @key of the part at @prefix; AGT__TEAM_POINTER_BYTES of room. */
void agt__team_join(char *target, const char *prefix, const char *key);

/* ---- order (order.c) ------------------------------------------------------------------------ */

/* Which names in a section of a document name others of it: tools by depends_on, agents by
 * delegates, models by fallback. */
typedef struct agt__team_links {
    const agt_value *section; /* object of objects                                           */
    const char *member;       /* array of names, or one name                                 */
    const char *open;         /* who names all others without such a member; NULL = nobody   */
} agt__team_links;

/**
 * An order in which everything stands behind what it names.
 *
 * @param ret_order  numbers of members; yours, for agt__free(); NULL if there are none
 * @param cycle      room for a message; on AGT_E_CYCLE "a → b → a"
 * @param ret_from   on AGT_E_CYCLE: the member whose list closes the cycle, and
 * @param ret_item   the number of the name in that list
 * @return AGT_OK; AGT_E_CYCLE; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__team_sort(const agt_allocator *allocator,
                                         const agt__team_links *links, size_t **ret_order,
                                         char *cycle, size_t cycle_size, size_t *ret_from,
                                         size_t *ret_item);

/* ---- checking (check.c) --------------------------------------------------------------------- */

/* A check of one document: where errors go. */
typedef struct agt__team_check {
    const agt__document *document;
    agt_executor *executor; /* of the program; NULL = none             */
    void (*on_error)(void *user_data, const agt_error *error);
    void *user_data;
    agt_error first; /* status 0: nothing was wrong so far      */
    size_t count;
} agt__team_check;

/** Check everything; AGT_OK, or what the first error says, which is in check->first. */
AGT_MUST_CHECK agt_status agt__team_check_all(agt__team_check *check);

/** Add an error about the part at @pointer; always the key of it if it has one. */
void agt__team_report(agt__team_check *check, agt_status status, const char *pointer,
                      const char *format, ...) AGT_PRINTF(4, 5);
/** The same about its value. */
void agt__team_report_value(agt__team_check *check, agt_status status, const char *pointer,
                            const char *format, ...) AGT_PRINTF(4, 5);

/** Before the schema: providers that are not there, and keys that must not be (check_models.c). */
void agt__team_check_providers(agt__team_check *check);
/** Behind the schema: what one model says. */
AGT_MUST_CHECK agt_status agt__team_check_model(agt__team_check *check, const char *prefix,
                                                const agt_value *model);

/** Report the durations among @members of @object that are out of range; @members ends with
 * NULL. */
void agt__team_check_durations(agt__team_check *check, const char *prefix, const agt_value *object,
                               const char *const *members);
/** The same of its member "retry". */
void agt__team_check_retry(agt__team_check *check, const char *prefix, const agt_value *object);
/** Report the texts of an object whose ${NAME} are wrong, or, if @must_be_set, not set. */
AGT_MUST_CHECK agt_status agt__team_check_variables(agt__team_check *check, const char *prefix,
                                                    const agt_value *texts, bool must_be_set);

/** The references between models, tools, agents and the team (check_names.c). */
AGT_MUST_CHECK agt_status agt__team_check_names(agt__team_check *check);

/** The agent that gets the input: named, or the only one; NULL if nothing says. */
const char *agt__team_get_lead(const agt_value *document);

/* ---- the caller's environment (environment.c) ----------------------------------------------- */

/**
 * Append @text with ${NAME} and ${NAME:-otherwise} replaced; `$$` is a dollar sign.
 *
 * @param ret_name  on AGT_E_NOT_FOUND: the variable that is not set, cut to fit
 * @return AGT_OK; AGT_E_NOT_FOUND; AGT_E_SYNTAX for a brace that is not closed or a bad name
 */
AGT_MUST_CHECK agt_status agt__team_expand(const char *text, agt__buffer *target, char *ret_name,
                                           size_t name_size);

/**
 * The headers in @headers with their variables.
 *
 * @param texts        to be initialised and kept by the caller as long as the headers are used
 * @param ret_headers  yours, for agt__free(); NULL if there are none. Set on failure, too
 * @param ret_name     as above; 128 bytes of room
 * @return as above
 */
AGT_MUST_CHECK agt_status agt__team_expand_headers(const agt_allocator *allocator,
                                                   const agt_value *headers, agt__buffer *texts,
                                                   agt_kv **ret_headers, char *ret_name);

/* ---- building (build*.c) -------------------------------------------------------------------- */

struct agt_team {
    const agt_allocator *allocator;
    agt_runtime *runtime;
    char *name;
    char *folder; /* of the file: what relative paths begin with; "" = here   */
    agt_executor *executor;
    agt_pool *pool;
    agt_model **models; /* as in the file; NULL if nobody uses it. Or the one for all */
    size_t model_count;
    agt_agent **agents; /* as in the file; NULL while it is not built               */
    size_t agent_count;
    agt_agent *lead; /* borrowed from agents                                     */
    int64_t budget_nanousd;
    uint32_t timeout_ms;
    bool is_simulated;
};

/** @path as the file means it: relative to the file. NULL if there is no memory. */
char *agt__team_resolve(const agt_team *team, const char *path);

/** Register the tools and their dependencies. */
AGT_MUST_CHECK agt_status agt__team_build_tools(agt_team *team, const agt__document *document,
                                                agt_error *err);
/** Make the models that somebody uses: fallbacks before those that name them. */
AGT_MUST_CHECK agt_status agt__team_build_models(agt_team *team, const agt__document *document,
                                                 const agt_team_config *config, agt_error *err);
/** The model of an agent whose file names @name (NULL: the only one); borrowed. */
agt_model *agt__team_get_model(const agt_team *team, const agt__document *document,
                               const agt_team_config *config, const char *name);
/** Make the agents: delegates before those that name them. */
AGT_MUST_CHECK agt_status agt__team_build_agents(agt_team *team, const agt__document *document,
                                                 const agt_team_config *config, agt_error *err);

/** Put the place of the part at @pointer before what @cause says. @return its status */
agt_status agt__team_wrap(const agt__document *document, const char *pointer,
                          const agt_error *cause, agt_error *err);

#endif
