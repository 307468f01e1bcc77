/*
 * UTF-8 by the table in section 3.9 of the Unicode standard: the first byte says how many bytes
 * follow and, for four first bytes, narrows the range of the second one (that is what rules out
 * surrogates, overlong forms and what lies beyond U+10FFFF). The checker is a struct of three
 * bytes, so that a text may be checked in pieces that are split inside a character.
 *
 * ASCII, the common case, is skipped eight bytes at a time.
 */
#include "base/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

bool agt__utf8_begin(agt__utf8 *utf8, uint8_t byte)
{
    if (byte < 0xC2 || byte > 0xF4) {
        return false;
    }
    utf8->left = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    utf8->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    utf8->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return true;
}

bool agt__utf8_continue(agt__utf8 *utf8, uint8_t byte)
{
    if (byte < utf8->low || byte > utf8->high) {
        return false;
    }
    utf8->left--;
    utf8->low = 0x80;
    utf8->high = 0xBF;
    return true;
}

const char *agt__utf8_skip_ascii(const char *bytes, const char *end)
{
    while (end - bytes >= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof(word));
        if ((word & HIGH_BITS) != 0) {
            break;
        }
        bytes += 8;
    }
    while (bytes < end && (uint8_t)*bytes < 0x80) {
        bytes++;
    }
    return bytes;
}

bool agt__utf8_is_valid(const char *bytes, size_t size)
{
    const char *end = bytes + size;
    while ((bytes = agt__utf8_skip_ascii(bytes, end)) < end) {
        agt__utf8 utf8;
        if (!agt__utf8_begin(&utf8, (uint8_t)*bytes++)) {
            return false;
        }
        while (utf8.left > 0) {
            if (bytes == end || !agt__utf8_continue(&utf8, (uint8_t)*bytes++)) {
                return false;
            }
        }
    }
    return true;
}

size_t agt__utf8_write(char *target, uint32_t code)
{
    if (code < 0x80) {
        target[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        target[0] = (char)(0xC0 | (code >> 6));
        target[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        target[0] = (char)(0xE0 | (code >> 12));
        target[1] = (char)(0x80 | ((code >> 6) & 0x3F));
        target[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    target[0] = (char)(0xF0 | (code >> 18));
    target[1] = (char)(0x80 | ((code >> 12) & 0x3F));
    target[2] = (char)(0x80 | ((code >> 6) & 0x3F));
    target[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

uint32_t agt__utf8_read(const char *bytes, size_t *ret_size)
{
    const uint8_t *b = (const uint8_t *)bytes;
    if (b[0] < 0x80) {
        *ret_size = 1;
        return b[0];
    }
    if (b[0] < 0xE0) {
        *ret_size = 2;
        return ((uint32_t)(b[0] & 0x1F) << 6) | (b[1] & 0x3F);
    }
    if (b[0] < 0xF0) {
        *ret_size = 3;
        return ((uint32_t)(b[0] & 0x0F) << 12) | ((uint32_t)(b[1] & 0x3F) << 6) | (b[2] & 0x3F);
    }
    *ret_size = 4;
    return ((uint32_t)(b[0] & 0x07) << 18) | ((uint32_t)(b[1] & 0x3F) << 12) |
           ((uint32_t)(b[2] & 0x3F) << 6) | (b[3] & 0x3F);
}

size_t agt__utf8_read_any(const unsigned char *bytes, size_t available, uint32_t *ret_code)
{
    agt__utf8 utf8;
    size_t size = 1;
    if (bytes[0] >= 0x80) {
        bool is_valid = agt__utf8_begin(&utf8, bytes[0]);
        while (is_valid && utf8.left > 0) {
            is_valid = size < available && agt__utf8_continue(&utf8, bytes[size++]);
        }
        if (!is_valid) {
            *ret_code = AGT__UTF8_REPLACEMENT;
            return 1;
        }
    }
    *ret_code = agt__utf8_read((const char *)bytes, &size);
    return size;
}

size_t agt__utf8_count(const char *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += ((uint8_t)bytes[i] & 0xC0) != 0x80;
    }
    return count;
}
