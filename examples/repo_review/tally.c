/*
 * Counting by name. An entry per occurrence is a few megabytes for the largest repositories, and
 * sorting them takes a fraction of the time that git needs to print them.
 */
#include "tally.h"

#include <stdlib.h>

void tally_add(tally *self, piece name, uint64_t added, uint64_t deleted)
{
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 256 : self->capacity * 2;
        tally_item *items = reallocarray(self->items, capacity, sizeof(*items));
        if (items == NULL) {
            self->is_out_of_memory = true;
            return;
        }
        self->items = items;
        self->capacity = capacity;
    }
    self->items[self->count++] = (tally_item){name, 1, added, deleted};
}

static int by_name(const void *a, const void *b)
{
    return compare_pieces(((const tally_item *)a)->name, ((const tally_item *)b)->name);
}

static int by_count(const void *a, const void *b)
{
    const tally_item *left = a, *right = b;
    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return by_name(a, b);
}

void tally_rank(tally *self)
{
    if (self->count == 0) {
        return;
    }
    qsort(self->items, self->count, sizeof(*self->items), by_name);
    size_t kept = 0;
    for (size_t i = 1; i < self->count; i++) {
        tally_item *last = &self->items[kept];
        if (by_name(last, &self->items[i]) == 0) {
            last->count += self->items[i].count;
            last->added += self->items[i].added;
            last->deleted += self->items[i].deleted;
        } else {
            self->items[++kept] = self->items[i];
        }
    }
    self->count = kept + 1;
    qsort(self->items, self->count, sizeof(*self->items), by_count);
}

void tally_free(tally *self)
{
    free(self->items);
    *self = (tally){0};
}
