/*
 * One run with its spans, as a tree that was flattened: parents before children, siblings by start.
 *
 * Two passes within one read transaction. The first takes only rows and identifiers and finds the
 * order; the second reads the spans themselves in that order. A span whose parent is not in the
 * store (it has only just begun, it was dropped, it is in another process) counts as a root. Spans
 * that were seen running and have not ended are in a table of their own and have no end. A damaged
 * store may hold circles; what hangs in one is appended at the end, nothing is visited twice.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "store/database.h"

#include <stdlib.h>
#include <string.h>

static const char origin[] = "store";

enum {
    SPANS_MAX = 1 << 24
};

#define NONE SIZE_MAX

/* A span in the first pass, in the order of starts. */
typedef struct node {
    int64_t row;
    uint64_t id, parent_id; /* parent_id 0 = none */
    size_t parent, first_child, last_child, next_sibling;
    bool is_open; /* has no row, but a line among the open ones */
    bool is_done;
} node;

/* To find a span by its identifier: sorted by it. */
typedef struct entry {
    uint64_t id;
    size_t index;
} entry;

typedef struct tree {
    const agt_allocator *allocator;
    node *nodes;
    size_t count, capacity;
    entry *entries;
} tree;

static void free_tree(tree *own)
{
    agt__free(own->allocator, own->nodes);
    agt__free(own->allocator, own->entries);
}

/* ---- first pass -------------------------------------------------------------------------------
 */

static uint64_t get_id(sqlite3_stmt *row, int column)
{
    uint64_t id = 0;
    const void *bytes = sqlite3_column_blob(row, column);
    if (bytes != NULL && sqlite3_column_bytes(row, column) == sizeof(id)) {
        memcpy(&id, bytes, sizeof(id));
    }
    return id;
}

#define NODES                                                                                      \
    "SELECT row, span_id, parent_span_id, start_unix_ns, end_unix_ns FROM span "                   \
    "WHERE trace_id = ?1"
#define OPEN_NODES                                                                                 \
    " UNION ALL SELECT NULL, span_id, parent_span_id, start_unix_ns, 9223372036854775807 "         \
    "FROM open_span WHERE trace_id = ?1 ORDER BY 4, 5 DESC, 1"

static agt_status read_nodes(agt_store *store, const uint8_t trace_id[16], tree *own,
                             agt_error *err)
{
    sqlite3_stmt *statement = NULL;
    agt_status status = agt__store_prepare(
        store, store->version < 2 ? NODES " ORDER BY 4, 5 DESC, 1" : NODES OPEN_NODES, &statement,
        err);
    if (status != AGT_OK) {
        return status;
    }
    (void)sqlite3_bind_blob(statement, 1, trace_id, 16, SQLITE_STATIC);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && status == AGT_OK) {
        status = agt__array_reserve(own->allocator, &own->nodes, &own->capacity, own->count,
                                    sizeof(node), SPANS_MAX);
        if (status == AGT_OK) {
            own->nodes[own->count++] =
                (node){.row = sqlite3_column_int64(statement, 0),
                       .id = get_id(statement, 1),
                       .parent_id = get_id(statement, 2),
                       .is_open = sqlite3_column_type(statement, 0) == SQLITE_NULL,
                       .parent = NONE,
                       .first_child = NONE,
                       .last_child = NONE,
                       .next_sibling = NONE};
        }
    }
    if (status != AGT_OK) {
        status = agt__error_set(err, status, origin, "the run has too many spans for memory");
    } else if (result != SQLITE_DONE) {
        status = agt__store_fail(store, result, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static int compare_entries(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

static agt_status link_nodes(tree *own, agt_error *err)
{
    if (own->count == 0) {
        return AGT_OK;
    }
    own->entries = agt__calloc(own->allocator, own->count, sizeof(entry));
    if (own->entries == NULL) {
        return agt__error_nomem(err, origin);
    }
    for (size_t i = 0; i < own->count; i++) {
        own->entries[i] = (entry){own->nodes[i].id, i};
    }
    qsort(own->entries, own->count, sizeof(entry), compare_entries);
    for (size_t i = 0; i < own->count; i++) {
        const entry wanted = {own->nodes[i].parent_id, 0};
        const entry *found = wanted.id != 0 ? bsearch(&wanted, own->entries, own->count,
                                                      sizeof(entry), compare_entries)
                                            : NULL;
        if (found == NULL) {
            continue;
        }
        node *parent = &own->nodes[found->index];
        own->nodes[i].parent = found->index;
        if (parent->first_child == NONE) {
            parent->first_child = i;
        } else {
            own->nodes[parent->last_child].next_sibling = i;
        }
        parent->last_child = i;
    }
    return AGT_OK;
}

/* ---- second pass ------------------------------------------------------------------------------
 */

/* The attributes as they were: what is in them came from outside. */
static agt_status add_attributes(agt_store *store, agt_value_builder *builder, sqlite3_stmt *row,
                                 agt_error *err)
{
    const agt_json_config config =
        AGT_CONFIG(agt_json_config, .tainted = true, .duplicates = AGT_JSON_DUPLICATES_LAST);
    const char *text = (const char *)sqlite3_column_text(row, 8);
    size_t length = (size_t)sqlite3_column_bytes(row, 8);
    agt_value *attributes = NULL;
    agt_status status = agt_json_parse(store->allocator, text != NULL ? text : "", length, &config,
                                       &attributes, NULL);
    if (status == AGT_E_NOMEM) {
        return agt__error_nomem(err, origin);
    }
    if (status != AGT_OK) {
        return agt__error_set(err, AGT_E_SYNTAX, origin,
                              "store %s is damaged: attributes of a span are no JSON", store->path);
    }
    agt__builder_add_value(builder, "attributes", attributes);
    agt_value_unref(attributes);
    return AGT_OK;
}

static agt_status add_span(agt_store *store, agt_value_builder *builder, sqlite3_stmt *row,
                           agt_error *err)
{
    agt_value_builder_begin_object(builder);
    agt__store_add_hex(builder, "span_id", row, 0, 8);
    agt__store_add_hex(builder, "parent_span_id", row, 1, 8);
    agt__store_add_text(store->allocator, builder, "name", row, 2);
    agt__builder_add_int64(builder, "kind", sqlite3_column_int64(row, 3));
    agt__builder_add_int64(builder, "start_unix_ns", sqlite3_column_int64(row, 4));
    if (sqlite3_column_type(row, 5) == SQLITE_NULL) {
        agt__builder_add_value(builder, "end_unix_ns", agt_value_null());
    } else {
        agt__builder_add_int64(builder, "end_unix_ns", sqlite3_column_int64(row, 5));
    }
    agt__builder_add_bool(builder, "error", sqlite3_column_int64(row, 6) != 0);
    agt__store_add_text(store->allocator, builder, "message", row, 7);
    agt_status status = add_attributes(store, builder, row, err);
    agt__builder_add_int64(builder, "dropped_attributes", sqlite3_column_int64(row, 9));
    agt_value_builder_end(builder);
    return status;
}

/* The statements of the second pass, and what they fill. */
typedef struct reading {
    agt_store *store;
    agt_value_builder *builder;
    sqlite3_stmt *by_row;
    sqlite3_stmt *open_by_id; /* NULL in version 1 */
} reading;

static agt_status add_row(const reading *self, const node *from, agt_error *err)
{
    sqlite3_stmt *statement = from->is_open ? self->open_by_id : self->by_row;
    if (from->is_open) {
        (void)sqlite3_bind_blob(statement, 2, &from->id, sizeof(from->id), SQLITE_TRANSIENT);
    } else {
        (void)sqlite3_bind_int64(statement, 1, from->row);
    }
    int result = sqlite3_step(statement);
    agt_status status =
        result == SQLITE_ROW
            ? add_span(self->store, self->builder, statement, err)
            : agt__store_fail(self->store, result == SQLITE_DONE ? SQLITE_CORRUPT : result, err);
    (void)sqlite3_reset(statement);
    return status;
}

/* The first node from @index on, along the siblings, that was not visited. */
static size_t skip_done(const tree *own, size_t index)
{
    while (index != NONE && own->nodes[index].is_done) {
        index = own->nodes[index].next_sibling;
    }
    return index;
}

/* The node @root and all below it, each before what is below it. */
static agt_status add_subtree(const reading *self, tree *own, size_t root, agt_error *err)
{
    size_t at = root;
    for (;;) {
        own->nodes[at].is_done = true;
        agt_status status = add_row(self, &own->nodes[at], err);
        if (status != AGT_OK) {
            return status;
        }
        size_t next = skip_done(own, own->nodes[at].first_child);
        while (next == NONE && at != root) { /* up, to where something is left */
            next = skip_done(own, own->nodes[at].next_sibling);
            at = own->nodes[at].parent;
        }
        if (next == NONE) {
            return AGT_OK;
        }
        at = next;
    }
}

static agt_status add_spans(agt_store *store, agt_value_builder *builder,
                            const uint8_t trace_id[16], tree *own, agt_error *err)
{
    reading self = {.store = store, .builder = builder};
    agt_status status = agt__store_prepare(
        store,
        "SELECT span_id, parent_span_id, name, kind, start_unix_ns, end_unix_ns, error, message, "
        "attributes, dropped_attributes FROM span WHERE row = ?",
        &self.by_row, err);
    if (status == AGT_OK && store->version >= 2) {
        status = agt__store_prepare(
            store,
            "SELECT span_id, parent_span_id, name, kind, start_unix_ns, NULL, 0, '', '{}', 0 "
            "FROM open_span WHERE trace_id = ?1 AND span_id = ?2",
            &self.open_by_id, err);
        (void)sqlite3_bind_blob(self.open_by_id, 1, trace_id, 16, SQLITE_STATIC);
    }
    for (int circles = 0; circles < 2; circles++) {
        for (size_t i = 0; status == AGT_OK && i < own->count; i++) {
            if (!own->nodes[i].is_done && (circles == 1 || own->nodes[i].parent == NONE)) {
                status = add_subtree(&self, own, i, err);
            }
        }
    }
    (void)sqlite3_finalize(self.by_row);
    (void)sqlite3_finalize(self.open_by_id);
    return status;
}

/* ---- the run ----------------------------------------------------------------------------------
 */

#define HEAD(writer)                                                                               \
    "SELECT " AGT__STORE_RUN_COLUMNS(writer) " FROM run r, (SELECT " AGT__STORE_COST_SUMS          \
                                             " FROM cost WHERE trace_id = ?2) c WHERE r.row = ?1"

static agt_status add_head(agt_store *store, agt_value_builder *builder, int64_t row,
                           const uint8_t trace_id[16], agt_error *err)
{
    sqlite3_stmt *statement = NULL;
    agt_status status = agt__store_prepare(
        store, store->version < 2 ? HEAD("NULL") : HEAD("r.writer"), &statement, err);
    if (status != AGT_OK) {
        return status;
    }
    (void)sqlite3_bind_int64(statement, 1, row);
    (void)sqlite3_bind_blob(statement, 2, trace_id, 16, SQLITE_STATIC);
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        agt__store_add_run(store, builder, statement);
    } else {
        status = agt__store_fail(store, result == SQLITE_DONE ? SQLITE_CORRUPT : result, err);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static agt_status build_run(agt_store *store, agt_value_builder *builder, const char *id,
                            agt_error *err)
{
    tree own = {.allocator = store->allocator};
    uint8_t trace_id[16];
    int64_t row = 0;
    agt_status status = agt__store_find_run(store, id, &row, trace_id, err);
    agt_value_builder_begin_object(builder);
    if (status == AGT_OK) {
        status = add_head(store, builder, row, trace_id, err);
    }
    if (status == AGT_OK) {
        status = read_nodes(store, trace_id, &own, err);
    }
    if (status == AGT_OK) {
        status = link_nodes(&own, err);
    }
    agt_value_builder_key(builder, "spans");
    agt_value_builder_begin_array(builder);
    if (status == AGT_OK) {
        status = add_spans(store, builder, trace_id, &own, err);
    }
    agt_value_builder_end(builder);
    agt_value_builder_end(builder);
    free_tree(&own);
    return status;
}

agt_status agt_store_get_run(agt_store *store, const char *id, agt_value **ret_run, agt_error *err)
{
    if (store == NULL) {
        return agt__error_set(err, AGT_E_INVALID, origin, "no store");
    }
    agt_value_builder *builder = NULL;
    if (agt_value_builder_new(store->allocator, &builder) != AGT_OK) {
        return agt__error_nomem(err, origin);
    }
    agt_status status = agt__store_find_dead(store, err);
    if (status == AGT_OK) {
        status = agt__store_execute(store, "BEGIN", err);
    }
    if (status == AGT_OK) {
        status = build_run(store, builder, id, err);
        (void)sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
    }
    if (status == AGT_OK) {
        status = agt_value_builder_finish(builder, ret_run, err);
    }
    agt_value_builder_free(builder);
    return status;
}
