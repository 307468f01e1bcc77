/* Opening the store for reading; complaints are those of the library, with the path. */
#include "cli/history.h"
#include "cli/place.h"

cli_exit cli_open_history(const cli_arguments *arguments, agt_store **ret_store)
{
    char path[CLI_PATH_BYTES];
    agt_error error = {0};
    *ret_store = NULL;
    cli_exit code = cli_find_store(arguments, false, path);
    if (code != CLI_OK) {
        return code;
    }
    agt_status status = agt_store_open(NULL, path, ret_store, &error);
    if (status == AGT_E_NOT_FOUND && !cli_has(arguments, CLI_OPT_STORE)) {
        if (!cli_has(arguments, CLI_OPT_QUIET)) {
            cli_complain("nothing is kept yet: there is no %s", path);
        }
        return CLI_OK;
    }
    if (status != AGT_OK) {
        cli_complain("%s", error.message);
        return CLI_CONFIG;
    }
    return CLI_OK;
}

int64_t cli_int_of(const agt_value *object, const char *member, int64_t otherwise)
{
    int64_t number = 0;
    const agt_value *value = agt_value_get_member(object, member);
    return agt_value_get_int64(value, &number) == AGT_OK ? number : otherwise;
}

const char *cli_text_of(const agt_value *object, const char *member)
{
    const char *text = agt_value_get_string(agt_value_get_member(object, member), NULL);
    return text != NULL ? text : "";
}
