/*
 * An order for things that name each other, and the cycle if there is none.
 *
 * Depth first with a stack of our own (a file may chain thousands of tools): a member is put into
 * the order once everything it names is; one that is met again while it is still open closes a
 * cycle. Names that are not in the section are left out: others complain about them.
 */
#include "base/map.h"
#include "base/mem.h"
#include "team/team.h"

#include <stdio.h>
#include <string.h>

typedef struct frame {
    size_t member;
    size_t next; /* the item of its list to look at */
} frame;

typedef struct sorter {
    const agt__team_links *links;
    agt__map numbers; /* name → member number plus 1 */
    unsigned char *states;
    frame *stack;
    size_t depth;
    size_t *order;
    size_t ordered;
} sorter;

enum {
    STATE_NEW,
    STATE_OPEN,
    STATE_DONE
};

static size_t get_number(const sorter *self, const char *name)
{
    return (size_t)(uintptr_t)agt__map_get(&self->numbers, name) - 1;
}

static const char *get_name(const sorter *self, size_t member)
{
    return agt_value_get_key(self->links->section, member, NULL);
}

/* What member @member names as its @item-th; SIZE_MAX - 1 at the end, SIZE_MAX if unknown. */
static size_t get_link(const sorter *self, size_t member, size_t item)
{
    const agt_value *section = self->links->section;
    const agt_value *list =
        agt_value_get_member(agt_value_get_item(section, member), self->links->member);
    const char *open = self->links->open;
    if (list == NULL && open != NULL && strcmp(open, get_name(self, member)) == 0) {
        /* all others */
        return item >= agt_value_get_count(section) ? SIZE_MAX - 1
               : item == member                     ? SIZE_MAX
                                                    : item;
    }
    const char *name = item == 0 ? agt_value_get_string(list, NULL) : NULL;
    if (name == NULL) {
        if (item >= agt_value_get_count(list)) {
            return SIZE_MAX - 1;
        }
        name = agt_value_get_string(agt_value_get_item(list, item), NULL);
    }
    return name != NULL ? get_number(self, name) : SIZE_MAX;
}

static void write_cycle(const sorter *self, size_t again, char *cycle, size_t size)
{
    size_t first = 0, used = 0;
    while (self->stack[first].member != again) {
        first++;
    }
    cycle[0] = '\0';
    for (size_t i = first; i < self->depth && used < size; i++) {
        int count =
            snprintf(cycle + used, size - used, "%s → ", get_name(self, self->stack[i].member));
        used += count > 0 ? (size_t)count : 0;
    }
    if (used < size) {
        (void)snprintf(cycle + used, size - used, "%s", get_name(self, again));
    } else {
        (void)snprintf(cycle, size, "%s → … → %s", get_name(self, again), get_name(self, again));
    }
}

/* Put @member and all it names into the order. */
static agt_status visit(sorter *self, size_t member, char *cycle, size_t cycle_size,
                        size_t *ret_from, size_t *ret_item)
{
    self->stack[self->depth++] = (frame){member, 0};
    self->states[member] = STATE_OPEN;
    while (self->depth > 0) {
        frame *top = &self->stack[self->depth - 1];
        size_t link = get_link(self, top->member, top->next);
        if (link == SIZE_MAX - 1) {
            self->states[top->member] = STATE_DONE;
            self->order[self->ordered++] = top->member;
            self->depth--;
        } else if (link == SIZE_MAX || self->states[link] == STATE_DONE) {
            top->next++;
        } else if (self->states[link] == STATE_OPEN) {
            write_cycle(self, link, cycle, cycle_size);
            *ret_from = top->member;
            *ret_item = top->next;
            return AGT_E_CYCLE;
        } else {
            top->next++;
            self->states[link] = STATE_OPEN;
            self->stack[self->depth++] = (frame){link, 0};
        }
    }
    return AGT_OK;
}

static agt_status sort(sorter *self, size_t count, char *cycle, size_t cycle_size, size_t *ret_from,
                       size_t *ret_item)
{
    for (size_t i = 0; i < count; i++) {
        agt_status status =
            agt__map_add(&self->numbers, get_name(self, i), (void *)(uintptr_t)(i + 1));
        if (status != AGT_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (self->states[i] == STATE_NEW) {
            agt_status status = visit(self, i, cycle, cycle_size, ret_from, ret_item);
            if (status != AGT_OK) {
                return status;
            }
        }
    }
    return AGT_OK;
}

agt_status agt__team_sort(const agt_allocator *allocator, const agt__team_links *links,
                          size_t **ret_order, char *cycle, size_t cycle_size, size_t *ret_from,
                          size_t *ret_item)
{
    size_t count = agt_value_get_count(links->section);
    *ret_order = NULL;
    if (count == 0) {
        return AGT_OK;
    }
    sorter self = {.links = links};
    agt__map_init(&self.numbers, allocator);
    self.states = agt__calloc(allocator, count, 1);
    self.stack = agt__calloc(allocator, count, sizeof(*self.stack));
    self.order = agt__calloc(allocator, count, sizeof(*self.order));
    agt_status status = AGT_E_NOMEM;
    if (self.states != NULL && self.stack != NULL && self.order != NULL) {
        status = sort(&self, count, cycle, cycle_size, ret_from, ret_item);
    }
    agt__map_deinit(&self.numbers);
    agt__free(allocator, self.states);
    agt__free(allocator, self.stack);
    if (status == AGT_OK) {
        *ret_order = self.order;
    } else {
        agt__free(allocator, self.order);
    }
    return status;
}
