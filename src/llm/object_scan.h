/* Where an object ends in JSON text that is still coming. */
#ifndef AGT_LLM_OBJECT_SCAN_H
#define AGT_LLM_OBJECT_SCAN_H

#include "agent_sdk/base.h"

/* How far a text has been looked at; all zero at the beginning. */
typedef struct agt__object_scan {
    size_t at, depth;
    bool in_string, escaped;
    bool whole;  /* an object began and ended           */
    bool broken; /* something is outside of that object */
} agt__object_scan;

/** Whether @text, which begins with what was looked at before, is one whole object and white space
 * around it. Brackets are counted, nothing else is checked. Every byte is looked at once. */
bool agt__object_scan_is_whole(agt__object_scan *self, const char *text, size_t size);

#endif
