/* Finding the end of a run of plain characters in a JSON string, eight bytes at a time. */
#ifndef AGT_BASE_JSON_SCAN_H
#define AGT_BASE_JSON_SCAN_H

#include <stdint.h>
#include <string.h>

#define AGT__EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/** High bits of bytes that are ", \, below 0x20 or above 0x7F, or @extra. Right up to the first. */
static inline uint64_t agt__json_special(uint64_t word, uint8_t extra)
{
    uint64_t quote = word ^ AGT__EACH_BYTE(0x22);
    uint64_t backslash = word ^ AGT__EACH_BYTE(0x5C);
    uint64_t other = word ^ AGT__EACH_BYTE(extra);
    uint64_t found = (quote - AGT__EACH_BYTE(1)) | (backslash - AGT__EACH_BYTE(1)) |
                     (other - AGT__EACH_BYTE(1)) | (word - AGT__EACH_BYTE(0x20)) | word;
    return found & AGT__EACH_BYTE(0x80);
}

/**
 * The first byte from @at that is ", \, below 0x20 or above 0x7F, or @extra; @end if there is none.
 *
 * @extra  a constant: one more byte to stop at, or '"' for none
 */
static inline const char *agt__json_skip_plain(const char *at, const char *end, uint8_t extra)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t found = agt__json_special(word, extra);
        if (found != 0) {
            return at + (__builtin_ctzll(found) >> 3);
        }
        at += 8;
    }
#endif
    while (at < end) {
        uint8_t byte = (uint8_t)*at;
        if (byte < 0x20 || byte > 0x7F || byte == '"' || byte == '\\' || byte == extra) {
            break;
        }
        at++;
    }
    return at;
}

#endif
