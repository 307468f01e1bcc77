/*
 * A conversation over several runs: each agent that is given the session goes on with it. It is
 * kept in a store, so the program may end in between; here the runtime does.
 *
 * The model is scripted: nothing is sent anywhere.
 */
#include <agent_sdk/agents.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT "{\"version\": 1, \"rules\": [{\"text\": \"You said: {{input}}\"}]}"

/* One run of its own: a runtime, an agent, one question to the session of that name. */
static agt_status ask(const char *store, const char *name, const char *query, agt_error *err)
{
    agt_runtime_config config =
        AGT_CONFIG(agt_runtime_config, .simulated = true, .store_path = store);
    agt_session_config which = AGT_CONFIG(agt_session_config, .name = name);
    agt_agent_config agent_config = AGT_CONFIG(agt_agent_config, .name = "listener");
    agt_call_options options = AGT_CONFIG(agt_call_options, .run_name = "talk");
    agt_runtime *runtime = NULL;
    agt_agent *agent = NULL;
    agt_reply *reply = NULL;
    agt_value *script = NULL, *messages = NULL;
    agt_status status = agt_json_parse(NULL, SCRIPT, strlen(SCRIPT), NULL, &script, err);
    status = status ? status : agt_runtime_new(&config, &runtime, err);
    status = status ? status : agt_model_new_scripted(runtime, script, &agent_config.model, err);
    status = status ? status : agt_agent_new(runtime, &agent_config, &agent, err);
    status = status ? status : agt_session_new(runtime, &which, &options.session, err);
    status = status ? status : agt_agent_execute(agent, query, &options, &reply, err);
    status = status ? status : agt_session_get_status(options.session, err);
    status = status ? status : agt_session_get_messages(options.session, &messages);
    if (status == AGT_OK) {
        printf("%s (%zu messages)\n", agt_reply_get_text(reply), agt_value_get_count(messages));
    }
    agt_value_unref(messages);
    agt_reply_unref(reply);
    agt_session_unref(options.session);
    agt_agent_unref(agent);
    agt_model_unref(agent_config.model);
    agt_runtime_free(runtime);
    agt_value_unref(script);
    return status;
}

int main(int argc, char **argv)
{
    agt_error err = {0};
    const char *store = argc > 1 ? argv[1] : "session.db";
    if (ask(store, "diary", "It rains.", &err) || ask(store, "diary", "It still rains.", &err)) {
        fprintf(stderr, "session: %s\n", err.message);
        return 1;
    }
    return 0;
}
