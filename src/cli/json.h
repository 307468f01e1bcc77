/* Members of JSON objects, a line each. */
#ifndef AGT_CLI_JSON_H
#define AGT_CLI_JSON_H

#include "agent_sdk/telemetry.h"
#include "cli/cli.h"

/** Add a member to the object that is open; NULL adds null. */
void cli_json_text(agt_value_builder *builder, const char *key, const char *text);
void cli_json_int(agt_value_builder *builder, const char *key, int64_t number);
void cli_json_count(agt_value_builder *builder, const char *key, uint64_t number);
void cli_json_bool(agt_value_builder *builder, const char *key, bool flag);
void cli_json_value(agt_value_builder *builder, const char *key, const agt_value *value);

/** Add "<prefix>_nanousd" as a number and "<prefix>_usd" as an exact decimal; null if unknown. */
void cli_json_money(agt_value_builder *builder, const char *prefix, int64_t nanousd);

/** Add an identifier in hexadecimal digits; null if it is all zero. */
void cli_json_hex(agt_value_builder *builder, const char *key, const uint8_t *bytes, size_t size);

/** Finish, print, free the builder. */
cli_exit cli_json_print(agt_value_builder *builder, bool is_pretty);

#endif
