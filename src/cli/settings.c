/*
 * The settings of a user, $XDG_CONFIG_HOME/agent/config.yaml: YAML, checked against a schema. They
 * count last: behind the command line, the environment and team files. Keys do not stand there.
 */
#include "cli/settings.h"

#include "agent_sdk/schema.h"
#include "agent_sdk/team.h"
#include "cli/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SETTINGS_BYTES_MAX = 64 * 1024
};

static const char schema_text[] =
    "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
    "\"model\": {\"type\": \"string\", \"pattern\": \"^[a-z-]+/.\"},"
    "\"base_url\": {\"type\": \"string\", \"pattern\": \"^https?://.\"}}}";

/* The name of the file; false if there is no place for one. */
static bool find_file(char path[CLI_PATH_BYTES])
{
    const char *folder = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
    bool has_folder = folder != NULL && folder[0] == '/';
    if (!has_folder && (home == NULL || home[0] != '/')) {
        return false;
    }
    int length = snprintf(path, CLI_PATH_BYTES, "%s%s/agent/config.yaml",
                          has_folder ? folder : home, has_folder ? "" : "/.config");
    return length > 0 && length < CLI_PATH_BYTES;
}

static cli_exit check(const char *path, const agt_value *document)
{
    agt_value *text = NULL, *place = NULL;
    agt_schema *schema = NULL;
    agt_error error = {0};
    cli_exit code = CLI_CONFIG;
    agt_status status =
        agt_json_parse(NULL, schema_text, sizeof(schema_text) - 1, NULL, &text, &error);
    if (status == AGT_OK) {
        status = agt_schema_new(NULL, text, &schema, &error);
    }
    if (status == AGT_OK) {
        status = agt_schema_check(schema, document, &place, &error);
    }
    if (status == AGT_OK) {
        code = CLI_OK;
    } else if (status == AGT_E_NOMEM) {
        code = cli_fail_memory();
    } else {
        cli_complain("%s: %s; it may say \"model: PROVIDER/NAME\" and \"base_url: URL\"", path,
                     error.message);
    }
    agt_schema_unref(schema);
    agt_value_unref(place);
    agt_value_unref(text);
    return code;
}

/* The text of the file, to be freed; NULL: none, after a complaint unless there is no file. */
static char *read_file(const char *path, size_t *ret_size, cli_exit *ret_code)
{
    char why[128];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *ret_code = CLI_OK;
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return NULL;
    }
    char *text = file >= 0 ? cli_read_all(file, SETTINGS_BYTES_MAX, ret_size) : NULL;
    if (text == NULL) {
        *ret_code = CLI_CONFIG;
        cli_complain("cannot read %s: %s", path, strerror_r(errno, why, sizeof(why)));
    }
    if (file >= 0) {
        (void)close(file);
    }
    return text;
}

cli_exit cli_settings_read(cli_settings *settings)
{
    char path[CLI_PATH_BYTES];
    size_t size = 0;
    cli_exit code = CLI_OK;
    agt_error error = {0};
    memset(settings, 0, sizeof(*settings));
    char *text = find_file(path) ? read_file(path, &size, &code) : NULL;
    if (text == NULL) {
        return code;
    }
    if (agt_team_parse(NULL, path, text, size, &settings->document, &error) != AGT_OK) {
        cli_complain("%s", error.message);
        code = CLI_CONFIG;
    } else if (agt_value_get_kind(settings->document) != AGT_VALUE_NULL) {
        code = check(path, settings->document);
    }
    free(text);
    if (code == CLI_OK) {
        const agt_value *document = settings->document;
        settings->model = agt_value_get_string(agt_value_get_member(document, "model"), NULL);
        settings->base_url = agt_value_get_string(agt_value_get_member(document, "base_url"), NULL);
    } else {
        cli_settings_deinit(settings);
    }
    return code;
}

void cli_settings_deinit(cli_settings *settings)
{
    agt_value_unref(settings->document);
    memset(settings, 0, sizeof(*settings));
}
