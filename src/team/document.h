/*
 * A text that was read, YAML or JSON: its value, and where each part of it stands.
 *
 * The nodes lie in one array in the order of the text (preorder); a node knows how many nodes it
 * and its parts are, so that the next sibling is found without pointers. The members of an object
 * are a KEY node each, followed by the node of the value. A part that an alias stands for has its
 * nodes twice: the first of the copy stands where the alias stands, the others where they were
 * written.
 */
#ifndef AGT_TEAM_DOCUMENT_H
#define AGT_TEAM_DOCUMENT_H

#include "agent_sdk/value.h"
#include "base/buffer.h"

/* Limits of a document; each of them is an error with line and column. */
enum {
    AGT__DOCUMENT_DEPTH_MAX = 64,
    AGT__DOCUMENT_NODES_MAX = 100 * 1000, /* aliases count what they stand for */
    AGT__DOCUMENT_BYTES_MAX = 8 * 1024 * 1024,
    AGT__DOCUMENT_TEXTS_BYTES_MAX = 16 * 1024 * 1024, /* scalars, those of aliases again */
    AGT__DOCUMENT_ALIASES_MAX = 1000,                 /* also of anchors */
};

typedef enum agt__node_kind {
    AGT__NODE_SCALAR,
    AGT__NODE_ARRAY,
    AGT__NODE_OBJECT,
    AGT__NODE_KEY,
} agt__node_kind;

/* How the text of a scalar becomes a value. */
typedef enum agt__scalar {
    AGT__SCALAR_PLAIN, /* as the core schema says */
    AGT__SCALAR_TEXT,
    AGT__SCALAR_NULL, /* the tags of the core schema */
    AGT__SCALAR_BOOL,
    AGT__SCALAR_INT,
    AGT__SCALAR_FLOAT,
} agt__scalar;

typedef struct agt__node {
    uint32_t line, column; /* from 1, in characters                          */
    uint32_t nodes;        /* it and its parts                               */
    uint16_t kind;         /* agt__node_kind                                 */
    uint16_t scalar;       /* agt__scalar                                    */
    size_t text;           /* of a scalar or key: where in `texts`; YAML only */
    size_t length;
} agt__node;

typedef struct agt__document {
    const agt_allocator *allocator;
    char *name;       /* of the file, for messages                            */
    agt_value *value; /* NULL until it was read                               */
    agt__node *nodes;
    size_t count, capacity;
    agt__buffer texts; /* each followed by a NUL that does not count            */
} agt__document;

/** An empty document; to be deinitialised in any case. */
void agt__document_init(agt__document *document, const agt_allocator *allocator);
void agt__document_deinit(agt__document *document);

/**
 * Read @text: strict JSON if @name ends in ".json", else YAML.
 *
 * @return AGT_OK; AGT_E_SYNTAX or AGT_E_LIMIT, `err` with line and column; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__document_parse(agt__document *document, const char *name,
                                              const char *text, size_t length, agt_error *err);

/**
 * The same with the contents of a file.
 *
 * @return also AGT_E_NOT_FOUND; AGT_E_IO, `cause` being errno
 */
AGT_MUST_CHECK agt_status agt__document_read(agt__document *document, const char *path,
                                             agt_error *err);

/** Which place of a part is meant. */
typedef enum agt__place {
    AGT__PLACE_VALUE, /* where its value begins                       */
    AGT__PLACE_KEY,   /* the key it has in its object, if it has one  */
} agt__place;

/**
 * Where the part that a JSON Pointer names stands. Of a part that is not there: where the innermost
 * part stands that is.
 *
 * @return the node; NULL if the document has none
 */
const agt__node *agt__document_find(const agt__document *document, const char *pointer,
                                    agt__place place);

/** Fill in @err: "NAME:LINE:COLUMN: what @format says", and answer @status. */
agt_status agt__document_fail(const agt__document *document, uint32_t line, uint32_t column,
                              agt_error *err, agt_status status, const char *format, ...)
    AGT_PRINTF(6, 7);

/** Add a node with nothing but its place; AGT_E_LIMIT says so in @err. For the two readers. */
AGT_MUST_CHECK agt_status agt__document_add(agt__document *document, agt__node_kind kind,
                                            uint32_t line, uint32_t column, agt_error *err);

/** The nodes and the value of a YAML text; see agt__document_parse(). */
AGT_MUST_CHECK agt_status agt__yaml_read(agt__document *document, const char *text, size_t length,
                                         agt_error *err);

/** The value of the nodes that agt__yaml_read() has found. */
AGT_MUST_CHECK agt_status agt__yaml_build(agt__document *document, agt_error *err);

/** The nodes of a JSON text that agt_json_parse() has accepted. */
AGT_MUST_CHECK agt_status agt__json_locate(agt__document *document, const char *text, size_t length,
                                           agt_error *err);

#endif
