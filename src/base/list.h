/*
 * A doubly linked ring with a sentinel: linking and unlinking need no look at the list, so an item
 * can leave whatever list it is in. Items embed an agt__link.
 */
#ifndef AGT_BASE_LIST_H
#define AGT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct agt__link {
    struct agt__link *next, *previous; /* both NULL while in no list */
} agt__link;

/** An empty list: a sentinel that points at itself. */
static inline void agt__list_init(agt__link *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool agt__list_is_empty(const agt__link *list)
{
    return list->next == list;
}

/** Add @item at the end of @list. */
static inline void agt__list_add(agt__link *list, agt__link *item)
{
    item->next = list;
    item->previous = list->previous;
    list->previous->next = item;
    list->previous = item;
}

/** Take @item out of its list; nothing happens if it is in none. */
static inline void agt__list_remove(agt__link *item)
{
    if (item->next != NULL) {
        item->next->previous = item->previous;
        item->previous->next = item->next;
        item->next = NULL;
        item->previous = NULL;
    }
}

/** The first item; NULL if there is none. */
static inline agt__link *agt__list_first(const agt__link *list)
{
    return list->next != list ? list->next : NULL;
}

#endif
