/*
 * What the files that check values share. schema_check.c has the passes and the rules about single
 * values, schema_objects.c, schema_arrays.c and schema_choice.c the others, schema_trace.c keeps
 * track of where a check is and what it found, schema_report.c puts that into words.
 */
#ifndef AGT_BASE_SCHEMA_CHECK_H
#define AGT_BASE_SCHEMA_CHECK_H

#include "base/schema_tree.h"

/* One step from a value to a part of it. */
typedef struct schema_step {
    const char *key; /* NULL for an item of an array */
    size_t length;
    size_t index;
} schema_step;

/* What does not fit. Everything is borrowed but `path` and `owned`. */
typedef struct schema_problem {
    const schema_node *node; /* the schema that is not met                                   */
    const schema_rule *rule; /* the rule of it; NULL if it allows nothing                    */
    const agt_value *value;  /* the part that does not fit                                   */
    const char *name;        /* of the property that is missing, unknown or asked for        */
    size_t name_length;
    const char *cause; /* the property because of which `name` is asked for                  */
    size_t cause_length;
    size_t first, second; /* items or alternatives, by number                                */
    size_t alternatives;  /* it is the closest of so many; 0 = there were none               */
    const schema_node *alternative; /* that one                                             */
    bool is_name;        /* `value` is the name of the last step                            */
    bool is_tag;         /* a member whose value tells alternatives apart                   */
    bool is_plain;       /* every alternative asks for another type or choice               */
    bool is_one_missing; /* every alternative asks for a property that is missing           */
    agt_value *owned;
    schema_step *path;
    size_t path_count;
} schema_problem;

/* The resources on the way to the node that is being checked, for $dynamicRef. */
typedef struct schema_scope {
    const struct schema_scope *outer;
    uint32_t resource;
} schema_scope;

/* Where the second pass is, and what it found last. */
typedef struct schema_trace {
    schema_step *path;
    size_t path_count, path_capacity;
    uint32_t alternatives; /* how many of them are open */
    schema_problem problem;
} schema_trace;

typedef struct schema_check {
    const agt_schema *schema;
    schema_trace *trace; /* NULL: nobody wants to know why */
    const schema_scope *scope;
    uint64_t work; /* what is left of it */
    uint32_t depth;
    agt_status status; /* not AGT_OK: the check is given up, whatever is answered */
} schema_check;

/* Which items or members of a value have been looked at. */
typedef struct schema_marks {
    uint64_t *words; /* or `few` */
    uint64_t few;
    size_t count;
} schema_marks;

/* ---- schema_check.c: checking nodes -------------------------------------------------------- */

/** Count work; false once there is none left. */
bool agt__schema_spend(schema_check *c, uint64_t work);

/** Whether @value fits @node. @param seen  marks of @value, or NULL if nobody asks for them */
bool agt__schema_check_node(schema_check *c, const schema_node *node, const agt_value *value,
                            schema_marks *seen);

/** Check a part of a value: the member @key, or the item @index if that is NULL. */
bool agt__schema_check_part(schema_check *c, const schema_node *node, const agt_value *part,
                            const char *key, size_t length, size_t index);

/** Check without telling why not. */
bool agt__schema_check_quietly(schema_check *c, const schema_node *node, const agt_value *value,
                               schema_marks *seen);

/** Check with marks of its own, which are added to @seen only if the value fits. */
bool agt__schema_check_apart(schema_check *c, const schema_node *node, const agt_value *value,
                             schema_marks *seen);

/** Whether @pattern is found in @text. */
bool agt__schema_match(schema_check *c, const agt__pattern *pattern, const char *text,
                       size_t length);

/* ---- schema_trace.c: where, and what ------------------------------------------------------- */

/** Give back what @problem owns; it is empty afterwards. */
void agt__schema_clear_problem(const schema_check *c, schema_problem *problem);

/** Write down what does not fit. @return for further detail; NULL if nobody wants to know */
schema_problem *agt__schema_note(schema_check *c, const schema_node *node, const schema_rule *rule,
                                 const agt_value *value);

/** The same without further detail. @return false */
bool agt__schema_fail(schema_check *c, const schema_node *node, const schema_rule *rule,
                      const agt_value *value);

/** Step to a part of the value, and back. */
void agt__schema_step_in(schema_check *c, const char *key, size_t length, size_t index);
void agt__schema_step_out(schema_check *c);

/** Marks for the parts of @value; false if there is no memory. */
bool agt__schema_open_marks(schema_check *c, schema_marks *seen, const agt_value *value);
void agt__schema_close_marks(const schema_check *c, schema_marks *seen);

/** Mark part @index; @seen may be NULL. */
void agt__schema_mark(schema_marks *seen, size_t index);
bool agt__schema_is_marked(const schema_marks *seen, size_t index);

/** Add the marks of @more, which are about the same value; @seen may be NULL. */
void agt__schema_add_marks(schema_marks *seen, const schema_marks *more);

/* ---- rules about objects, arrays and alternatives ------------------------------------------ */

/** Whether @value, of the kind that @rule of @node is about, meets it. */
bool agt__schema_check_required(schema_check *c, const schema_node *node, const schema_rule *rule,
                                const agt_value *value);
bool agt__schema_check_dependent_required(schema_check *c, const schema_node *node,
                                          const schema_rule *rule, const agt_value *value);
bool agt__schema_check_property_names(schema_check *c, const schema_rule *rule,
                                      const agt_value *value);
bool agt__schema_check_members(schema_check *c, const schema_node *node, const schema_rule *rule,
                               const agt_value *value, schema_marks *seen);
bool agt__schema_check_dependent_schemas(schema_check *c, const schema_rule *rule,
                                         const agt_value *value, schema_marks *seen);
bool agt__schema_check_unevaluated_properties(schema_check *c, const schema_node *node,
                                              const schema_rule *rule, const agt_value *value,
                                              schema_marks *seen);
bool agt__schema_check_unique(schema_check *c, const schema_node *node, const schema_rule *rule,
                              const agt_value *value);
bool agt__schema_check_items(schema_check *c, const schema_node *node, const schema_rule *rule,
                             const agt_value *value, schema_marks *seen);
bool agt__schema_check_contains(schema_check *c, const schema_node *node, const schema_rule *rule,
                                const agt_value *value, schema_marks *seen);
bool agt__schema_check_unevaluated_items(schema_check *c, const schema_node *node,
                                         const schema_rule *rule, const agt_value *value,
                                         schema_marks *seen);
bool agt__schema_check_any_of(schema_check *c, const schema_node *node, const schema_rule *rule,
                              const agt_value *value, schema_marks *seen);
bool agt__schema_check_one_of(schema_check *c, const schema_node *node, const schema_rule *rule,
                              const agt_value *value, schema_marks *seen);

/** Look at the members that tell alternatives apart, before all else; see schema_choice.c. */
bool agt__schema_check_tags(schema_check *c, const schema_node *node, const agt_value *value);

/* ---- schema_report.c: words ---------------------------------------------------------------- */

/**
 * Say what the problem is: `/limits/steps: expected an integer, found the string "ten"`.
 *
 * @return AGT_E_SCHEMA
 */
agt_status agt__schema_report(const schema_problem *problem, agt_error *err);

/** The place of the problem as a JSON Pointer. */
AGT_MUST_CHECK agt_status agt__schema_report_place(const agt_allocator *allocator,
                                                   const schema_problem *problem,
                                                   agt_value **ret_place);

#endif
