/* The system's clocks: CLOCK_MONOTONIC for durations and deadlines, CLOCK_REALTIME for dates. */
#include "agent_sdk/base.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) {
        return 0; /* cannot happen for the two clocks used here */
    }
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t system_monotonic_ns(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t system_unix_ns(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

static const agt_clock system_clock = {system_monotonic_ns, system_unix_ns, NULL};

const agt_clock *agt_clock_get_system(void)
{
    return &system_clock;
}
