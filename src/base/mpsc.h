/*
 * A queue that any thread may push to and one thread drains: how work reaches the loop.
 *
 * Nodes are embedded in what is queued; pushing is one compare-and-swap and never fails. Draining
 * takes everything at once, in the order of pushing.
 */
#ifndef AGT_BASE_MPSC_H
#define AGT_BASE_MPSC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct agt__mpsc_node {
    struct agt__mpsc_node *next;
} agt__mpsc_node;

typedef struct agt__mpsc {
    _Atomic(agt__mpsc_node *) head; /* the newest; the list runs from new to old */
} agt__mpsc;

/** Add @node. @return true if the queue was empty: the consumer may need waking. @threads any */
static inline bool agt__mpsc_push(agt__mpsc *queue, agt__mpsc_node *node)
{
    agt__mpsc_node *head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    do {
        node->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&queue->head, &head, node, memory_order_seq_cst,
                                                    memory_order_relaxed));
    return head == NULL;
}

/** Take all, oldest first; NULL if there is none. @threads the consumer */
static inline agt__mpsc_node *agt__mpsc_take_all(agt__mpsc *queue)
{
    if (atomic_load_explicit(&queue->head, memory_order_relaxed) == NULL) {
        return NULL;
    }
    agt__mpsc_node *node = atomic_exchange_explicit(&queue->head, NULL, memory_order_seq_cst);
    agt__mpsc_node *oldest = NULL;
    while (node != NULL) {
        agt__mpsc_node *next = node->next;
        node->next = oldest;
        oldest = node;
        node = next;
    }
    return oldest;
}

/** Whether nothing is queued. @threads any */
static inline bool agt__mpsc_is_empty(agt__mpsc *queue)
{
    return atomic_load_explicit(&queue->head, memory_order_seq_cst) == NULL;
}

#endif
