/*
 * Identifiers of runs: ULIDs, 48 bits of milliseconds and 80 random bits in Crockford's base 32, so
 * that they sort by time.
 */
#include "store/store.h"

void agt__store_make_run_id(uint64_t unix_ns, const uint8_t random[16],
                            char ret_id[AGT__RUN_ID_SIZE])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t unix_ms = unix_ns / 1000000u;
    for (int i = 9; i >= 0; i--) {
        ret_id[i] = digits[unix_ms & 31];
        unix_ms >>= 5;
    }
    for (int i = 0; i < 16; i++) {
        ret_id[10 + i] = digits[random[i] & 31];
    }
    ret_id[26] = '\0';
}
