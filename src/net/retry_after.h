/* The header Retry-After: how long a server wants to be left alone. */
#ifndef AGT_NET_RETRY_AFTER_H
#define AGT_NET_RETRY_AFTER_H

#include "agent_sdk/base.h"

/**
 * Milliseconds from a Retry-After header (RFC 9110, 10.2.3): a number of seconds, of which a
 * fraction is accepted, or a date in the one format that servers may send.
 *
 * @param unix_ns  now, for dates
 * @return 0 if the text is neither; at least 1 otherwise, also for a date that has passed
 */
uint32_t agt__http_read_retry_after(const char *text, uint64_t unix_ns);

/** Days from 1970-01-01 to a date of the Gregorian calendar, from that day on. */
uint64_t agt__days_since_epoch(uint32_t year, uint32_t month, uint32_t day);

#endif
