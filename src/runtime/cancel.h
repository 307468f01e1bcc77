/* The inside of cancel tokens: who listens. */
#ifndef AGT_RUNTIME_CANCEL_H
#define AGT_RUNTIME_CANCEL_H

#include "agent_sdk/runtime.h"

/* One listener; embedded in what is to be cancelled. `notify` runs on whatever thread requests,
 * once, with the token's lock held: it may only post a job or set a flag. */
typedef struct agt__cancel_link agt__cancel_link;
struct agt__cancel_link {
    void (*notify)(agt__cancel_link *link);
    agt_cancel *cancel; /* referenced while linked; NULL otherwise */
    agt__cancel_link *next, *previous;
};

/** Listen; if the token was requested already, `notify` is called before this returns. */
void agt__cancel_listen(agt_cancel *cancel, agt__cancel_link *link);

/** Stop listening; afterwards `notify` is not running and will not be called. */
void agt__cancel_unlisten(agt__cancel_link *link);

/** A token without a runtime to go through. */
agt_status agt__cancel_new(const agt_allocator *allocator, agt_cancel **ret_cancel);

#endif
