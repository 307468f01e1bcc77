/*
 * The ledger: totals, totals per agent, and the lines that are not stored yet.
 *
 * Totals are added up before any memory is asked for: they are exact whatever happens. An agent's
 * totals need a record the first time, and a line needs one each; where there is no memory for
 * those the caller is told. Lines wait in a list without a limit, because money that was spent must
 * not disappear from the books: each takes some 250 bytes, and the exporter empties the list a few
 * times a second.
 *
 * One lock for everything: a line is added once per model call, which takes a thousand times
 * longer.
 */
#include "base/assert.h"
#include "base/config.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "telemetry/money.h"
#include "telemetry/tracer.h"

#include <pthread.h>
#include <string.h>

/* What one agent has cost; `name` is the key in the map. */
typedef struct agent_costs {
    agt_costs costs;
    char name[];
} agent_costs;

struct agt_cost_tracker {
    const agt_allocator *allocator;
    agt__consumer consumer;
    pthread_mutex_t mutex; /* guards everything below */
    agt_costs total;
    agt__map agents; /* -> agent_costs */
    agt__cost_line *first;
    agt__cost_line **last; /* where the next line's address goes */
};

agt_status agt__cost_tracker_new(const agt_allocator *allocator, agt_cost_tracker **ret_costs)
{
    agt_cost_tracker *costs = agt__calloc(allocator, 1, sizeof(*costs));
    if (costs == NULL) {
        return AGT_E_NOMEM;
    }
    if (pthread_mutex_init(&costs->mutex, NULL) != 0) {
        agt__free(allocator, costs);
        return AGT_E_NOMEM;
    }
    costs->allocator = allocator;
    costs->total.struct_size = sizeof(costs->total);
    costs->last = &costs->first;
    agt__map_init(&costs->agents, allocator);
    *ret_costs = costs;
    return AGT_OK;
}

void agt__cost_tracker_free(agt_cost_tracker *costs)
{
    if (costs == NULL) {
        return;
    }
    agt__cost_tracker_free_lines(costs, costs->first);
    for (size_t i = 0; i < costs->agents.count; i++) {
        agt__free(costs->allocator, costs->agents.entries[i].value);
    }
    agt__map_deinit(&costs->agents);
    (void)pthread_mutex_destroy(&costs->mutex);
    agt__free(costs->allocator, costs);
}

void agt__cost_tracker_set_consumer(agt_cost_tracker *costs, agt__consumer consumer)
{
    costs->consumer = consumer;
}

/* ---- totals -----------------------------------------------------------------------------------
 */

static uint64_t known(int64_t tokens)
{
    return tokens > 0 ? (uint64_t)tokens : 0;
}

static void add_to(agt_costs *costs, const agt_cost_entry *entry)
{
    uint64_t input = known(entry->usage.input_tokens);
    uint64_t output = known(entry->usage.output_tokens);
    bool priced = entry->cost_nanousd != AGT_NANOUSD_UNKNOWN;
    if (entry->simulated) {
        costs->simulated_calls++;
        costs->simulated_tokens += input + output;
        if (priced) {
            costs->simulated_nanousd =
                agt__add_clamped(costs->simulated_nanousd, entry->cost_nanousd);
        }
        return;
    }
    costs->calls++;
    costs->input_tokens += input;
    costs->output_tokens += output;
    costs->total_tokens += input + output;
    if (priced) {
        costs->total_nanousd = agt__add_clamped(costs->total_nanousd, entry->cost_nanousd);
    } else {
        costs->unpriced_calls++;
    }
}

/* The record of @name, new if need be; NULL if there is no memory. The lock is held. */
static agent_costs *get_agent(agt_cost_tracker *costs, const char *name)
{
    agent_costs *agent = agt__map_get(&costs->agents, name);
    if (agent != NULL) {
        return agent;
    }
    size_t size = strlen(name) + 1;
    agent = agt__calloc(costs->allocator, 1, sizeof(*agent) + size);
    if (agent == NULL) {
        return NULL;
    }
    agent->costs.struct_size = sizeof(agent->costs);
    memcpy(agent->name, name, size);
    if (agt__map_add(&costs->agents, agent->name, agent) != AGT_OK) {
        agt__free(costs->allocator, agent);
        return NULL;
    }
    return agent;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

/* Copy @text to @*at, which moves on; NULL stays NULL. */
static const char *copy_text(char **at, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    char *copy = *at;
    size_t size = strlen(text) + 1;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static size_t get_text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

/* A line with @entry and its texts in one piece of memory. */
static agt__cost_line *make_line(const agt_allocator *allocator, const agt_cost_entry *entry)
{
    size_t texts = get_text_size(entry->agent) + get_text_size(entry->provider) +
                   get_text_size(entry->model) + get_text_size(entry->conversation);
    agt__cost_line *line = agt__alloc(allocator, sizeof(*line) + texts);
    if (line != NULL) {
        char *at = (char *)(line + 1);
        line->next = NULL;
        line->entry = *entry;
        line->entry.agent = copy_text(&at, entry->agent);
        line->entry.provider = copy_text(&at, entry->provider);
        line->entry.model = copy_text(&at, entry->model);
        line->entry.conversation = copy_text(&at, entry->conversation);
    }
    return line;
}

agt_status agt_cost_tracker_add(agt_cost_tracker *costs, const agt_cost_entry *entry)
{
    agt_cost_entry own;
    if (costs == NULL || entry == NULL) {
        return AGT_E_INVALID;
    }
    agt_status status = agt__config_read(&own, sizeof(own), entry, NULL);
    if (status != AGT_OK) {
        return status;
    }
    agt__cost_line *line = make_line(costs->allocator, &own);
    agent_costs *agent = NULL;
    (void)pthread_mutex_lock(&costs->mutex);
    add_to(&costs->total, &own);
    if (own.agent != NULL) {
        agent = get_agent(costs, own.agent);
        if (agent != NULL) {
            add_to(&agent->costs, &own);
        }
    }
    bool is_first = line != NULL && costs->first == NULL;
    if (line != NULL) {
        *costs->last = line;
        costs->last = &line->next;
    }
    (void)pthread_mutex_unlock(&costs->mutex);
    if (is_first && costs->consumer.wake != NULL) {
        costs->consumer.wake(costs->consumer.user_data, false);
    }
    return line != NULL && (own.agent == NULL || agent != NULL) ? AGT_OK : AGT_E_NOMEM;
}

void agt_cost_tracker_get_costs(agt_cost_tracker *costs, agt_costs *ret_costs)
{
    agt_costs total = {.struct_size = sizeof(total)};
    if (costs != NULL) {
        (void)pthread_mutex_lock(&costs->mutex);
        total = costs->total;
        (void)pthread_mutex_unlock(&costs->mutex);
    }
    agt__report_write(ret_costs, &total, sizeof(total));
}

agt_status agt_cost_tracker_get_agent_costs(agt_cost_tracker *costs, const char *agent,
                                            agt_costs *ret_costs)
{
    agt_costs total = {.struct_size = sizeof(total)};
    if (costs == NULL || agent == NULL) {
        return AGT_E_NOT_FOUND;
    }
    (void)pthread_mutex_lock(&costs->mutex);
    const agent_costs *found = agt__map_get(&costs->agents, agent);
    if (found != NULL) {
        total = found->costs;
    }
    (void)pthread_mutex_unlock(&costs->mutex);
    if (found == NULL) {
        return AGT_E_NOT_FOUND;
    }
    agt__report_write(ret_costs, &total, sizeof(total));
    return AGT_OK;
}

agt__cost_line *agt__cost_tracker_take_lines(agt_cost_tracker *costs)
{
    (void)pthread_mutex_lock(&costs->mutex);
    agt__cost_line *lines = costs->first;
    costs->first = NULL;
    costs->last = &costs->first;
    (void)pthread_mutex_unlock(&costs->mutex);
    return lines;
}

bool agt__cost_tracker_has_lines(agt_cost_tracker *costs)
{
    (void)pthread_mutex_lock(&costs->mutex);
    bool has_lines = costs->first != NULL;
    (void)pthread_mutex_unlock(&costs->mutex);
    return has_lines;
}

void agt__cost_tracker_free_lines(agt_cost_tracker *costs, agt__cost_line *lines)
{
    while (lines != NULL) {
        agt__cost_line *next = lines->next;
        agt__free(costs->allocator, lines);
        lines = next;
    }
}

void agt__cost_tracker_return_lines(agt_cost_tracker *costs, agt__cost_line *lines)
{
    if (lines == NULL) {
        return;
    }
    agt__cost_line *last = lines;
    while (last->next != NULL) {
        last = last->next;
    }
    (void)pthread_mutex_lock(&costs->mutex);
    last->next = costs->first;
    if (costs->first == NULL) {
        costs->last = &last->next;
    }
    costs->first = lines;
    (void)pthread_mutex_unlock(&costs->mutex);
}
