/*
 * Team documents: any bytes as YAML (an even first byte) or JSON (an odd one). Whatever was read
 * has a place for each of its parts, and its own JSON reads back as the same value by both readers.
 * What is refused names a line and a column.
 */
#include "team/document.h"

#include "agent_sdk/team.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Every part has a node of its kind, where the walk along the value expects it. */
static const agt__node *walk(const agt_value *value, const agt__node *node, const agt__node *end)
{
    static const agt__node_kind kinds[] = {
        [AGT_VALUE_ARRAY] = AGT__NODE_ARRAY, [AGT_VALUE_OBJECT] = AGT__NODE_OBJECT};
    agt_value_kind kind = agt_value_get_kind(value);
    require(node < end);
    require(node->line > 0 && node->column > 0);
    require(node->kind == (kind >= AGT_VALUE_ARRAY ? kinds[kind] : AGT__NODE_SCALAR));
    const agt__node *next = node + 1;
    for (size_t i = 0; i < agt_value_get_count(value); i++) {
        if (kind == AGT_VALUE_OBJECT) {
            require(next < end && next->kind == AGT__NODE_KEY);
            next++;
        }
        next = walk(agt_value_get_item(value, i), next, end);
    }
    require(next == node + node->nodes);
    return next;
}

static void read_back(const agt_value *value, const char *name)
{
    agt_value *json = NULL, *again = NULL;
    size_t length = 0;
    require(agt_value_to_json(NULL, value, AGT_JSON_ASCII, &json) == AGT_OK);
    const char *text = agt_value_get_string(json, &length);
    /* In YAML, \u escapes cannot write what needs two of them, and a key has at most 1,024
     * characters. */
    bool is_json = strcmp(name, "x.json") == 0;
    if (is_json ||
        (length < 1000 && strstr(text, "\\ud8") == NULL && strstr(text, "\\u0000") == NULL &&
         strstr(text, "\\ud9") == NULL && strstr(text, "\\uda") == NULL &&
         strstr(text, "\\udb") == NULL && strstr(text, "<<") == NULL)) {
        require(agt_team_parse(NULL, name, text, length, &again, NULL) == AGT_OK);
        require(agt_value_equals(value, again));
        agt_value_unref(again);
    }
    agt_value_unref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *name = data[0] % 2 == 0 ? "x.yaml" : "x.json";
    agt_error error = {0};
    agt__document document;
    /* A copy of exactly that size: reading beyond it is seen. */
    char *text = malloc(size > 1 ? size - 1 : 1);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    agt__document_init(&document, NULL);
    agt_status status = agt__document_parse(&document, name, text, size - 1, &error);
    free(text);
    if (status == AGT_OK) {
        const agt__node *end = document.nodes + document.count;
        require(walk(document.value, document.nodes, end) == end);
        read_back(document.value, "x.json");
        read_back(document.value, "x.yaml");
    } else {
        require(status == error.status);
        require(error.line > 0 && error.column > 0);
        require(strncmp(error.message, name, strlen(name)) == 0);
    }
    agt__document_deinit(&document);
    return 0;
}
