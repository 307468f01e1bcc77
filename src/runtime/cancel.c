/*
 * Cancel tokens: a flag and a list of listeners under one mutex. The flag is set before listeners
 * are told and never cleared; a listener that comes later is told at once.
 */
#include "runtime/cancel.h"

#include "base/assert.h"
#include "base/mem.h"
#include "runtime/runtime.h"

#include <pthread.h>
#include <stdatomic.h>

struct agt_cancel {
    const agt_allocator *allocator;
    _Atomic uint32_t refs;
    _Atomic bool requested;
    pthread_mutex_t mutex;
    agt__cancel_link *links;
};

agt_status agt__cancel_new(const agt_allocator *allocator, agt_cancel **ret_cancel)
{
    agt_cancel *cancel = agt__calloc(allocator, 1, sizeof(*cancel));
    if (cancel == NULL) {
        return AGT_E_NOMEM;
    }
    if (pthread_mutex_init(&cancel->mutex, NULL) != 0) {
        agt__free(allocator, cancel);
        return AGT_E_NOMEM;
    }
    cancel->allocator = allocator;
    atomic_init(&cancel->refs, 1);
    atomic_init(&cancel->requested, false);
    *ret_cancel = cancel;
    return AGT_OK;
}

agt_status agt_cancel_new(agt_runtime *runtime, agt_cancel **ret_cancel)
{
    if (runtime == NULL || ret_cancel == NULL) {
        return AGT_E_INVALID;
    }
    return agt__cancel_new(runtime->allocator, ret_cancel);
}

agt_cancel *agt_cancel_ref(agt_cancel *cancel)
{
    if (cancel != NULL) {
        atomic_fetch_add_explicit(&cancel->refs, 1, memory_order_relaxed);
    }
    return cancel;
}

void agt_cancel_unref(agt_cancel *cancel)
{
    if (cancel == NULL || atomic_fetch_sub_explicit(&cancel->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    AGT_ASSERT(cancel->links == NULL); /* every link holds a reference */
    (void)pthread_mutex_destroy(&cancel->mutex);
    agt__free(cancel->allocator, cancel);
}

void agt_cancel_request(agt_cancel *cancel)
{
    if (cancel == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&cancel->mutex);
    if (!atomic_exchange_explicit(&cancel->requested, true, memory_order_seq_cst)) {
        for (agt__cancel_link *link = cancel->links; link != NULL; link = link->next) {
            link->notify(link);
        }
    }
    (void)pthread_mutex_unlock(&cancel->mutex);
}

bool agt_cancel_is_requested(const agt_cancel *cancel)
{
    return cancel != NULL && atomic_load_explicit(&cancel->requested, memory_order_acquire);
}

void agt__cancel_listen(agt_cancel *cancel, agt__cancel_link *link)
{
    AGT_ASSERT(link->cancel == NULL);
    link->cancel = agt_cancel_ref(cancel);
    (void)pthread_mutex_lock(&cancel->mutex);
    link->previous = NULL;
    link->next = cancel->links;
    if (link->next != NULL) {
        link->next->previous = link;
    }
    cancel->links = link;
    if (atomic_load_explicit(&cancel->requested, memory_order_relaxed)) {
        link->notify(link);
    }
    (void)pthread_mutex_unlock(&cancel->mutex);
}

void agt__cancel_unlisten(agt__cancel_link *link)
{
    agt_cancel *cancel = link->cancel;
    if (cancel == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&cancel->mutex);
    if (link->previous != NULL) {
        link->previous->next = link->next;
    } else {
        cancel->links = link->next;
    }
    if (link->next != NULL) {
        link->next->previous = link->previous;
    }
    (void)pthread_mutex_unlock(&cancel->mutex);
    link->cancel = NULL;
    agt_cancel_unref(cancel);
}
