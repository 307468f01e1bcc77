/*
 * The public face of team files that nothing runs for: the schema, parsing, checking, prices.
 */
#include "base/error.h"
#include "team/team.h"

#include <string.h>

#define ORIGIN "team/file"

agt_status agt_team_get_schema(const agt_allocator *allocator, agt_value **ret_schema)
{
    if (ret_schema == NULL) {
        return AGT_E_INVALID;
    }
    return agt_json_parse(allocator, agt__team_schema_text, agt__team_schema_size, NULL, ret_schema,
                          NULL);
}

agt_status agt_team_parse(const agt_allocator *allocator, const char *name, const char *text,
                          size_t length, agt_value **ret_document, agt_error *err)
{
    if (name == NULL || (text == NULL && length > 0) || ret_document == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN,
                              "name, text and ret_document must not be NULL");
    }
    agt__document document;
    agt__document_init(&document, allocator);
    agt_status status = agt__document_parse(&document, name, text, length, err);
    if (status == AGT_OK) {
        *ret_document = agt_value_ref(document.value);
    }
    agt__document_deinit(&document);
    return status;
}

agt_status agt_team_check(const agt_allocator *allocator, const char *path, agt_executor *executor,
                          agt_team_error_fn on_error, void *user_data, agt_value **ret_document,
                          agt_error *err)
{
    if (path == NULL) {
        return agt__error_set(err, AGT_E_INVALID, ORIGIN, "path must not be NULL");
    }
    agt__document document;
    agt__document_init(&document, allocator);
    agt_error error = {0};
    agt_status status = agt__document_read(&document, path, &error);
    if (status != AGT_OK) {
        if (on_error != NULL) {
            on_error(user_data, &error);
        }
    } else {
        agt__team_check check = {.document = &document,
                                 .executor = executor,
                                 .on_error = on_error,
                                 .user_data = user_data};
        status = agt__team_check_all(&check);
        error = check.first;
    }
    if (status == AGT_E_NOMEM) {
        (void)agt__error_nomem(&error, ORIGIN);
    }
    if (status == AGT_OK && ret_document != NULL) {
        *ret_document = agt_value_ref(document.value);
    }
    if (status != AGT_OK && err != NULL) {
        *err = error;
    }
    agt__document_deinit(&document);
    return status;
}

agt_status agt_team_get_pricing(const agt_allocator *allocator, const agt_value *document,
                                agt_value **ret_prices)
{
    const agt_value *models = agt_value_get_member(document, "pricing");
    agt_value_builder *builder = NULL;
    if (ret_prices == NULL) {
        return AGT_E_INVALID;
    }
    if (models == NULL) {
        *ret_prices = NULL;
        return AGT_OK;
    }
    agt_status status = agt_value_builder_new(allocator, &builder);
    if (status != AGT_OK) {
        return status;
    }
    agt_value_builder_begin_object(builder);
    agt_value_builder_key(builder, "version");
    agt_value_builder_int64(builder, 1);
    agt_value_builder_key(builder, "models");
    agt_value_builder_value(builder, models);
    agt_value_builder_end(builder);
    status = agt_value_builder_finish(builder, ret_prices, NULL);
    agt_value_builder_free(builder);
    return status;
}
