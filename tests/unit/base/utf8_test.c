/*
 * UTF-8: every code point there and back, every pair and many triples of bytes against a slow
 * decoder, and pieces.
 */
#include "base/utf8.h"

#include "support/test.h"

#include <string.h>

/* Whether the bytes are UTF-8, by decoding and encoding again. */
static bool is_valid_slowly(const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        uint32_t code = 0;
        size_t length = bytes[at] < 0x80           ? 1
                        : (bytes[at] >> 5) == 0x06 ? 2
                        : (bytes[at] >> 4) == 0x0E ? 3
                        : (bytes[at] >> 3) == 0x1E ? 4
                                                   : 0;
        if (length == 0 || at + length > size) {
            return false;
        }
        code = length == 1 ? bytes[at] : bytes[at] & (0x7Fu >> length);
        for (size_t i = 1; i < length; i++) {
            if ((bytes[at + i] & 0xC0) != 0x80) {
                return false;
            }
            code = code << 6 | (bytes[at + i] & 0x3F);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
            return false;
        }
        at += length;
    }
    return true;
}

static bool is_valid_in_pieces(const uint8_t *bytes, size_t size)
{
    agt__utf8 utf8 = {0};
    for (size_t i = 0; i < size; i++) {
        if (utf8.left > 0) {
            if (!agt__utf8_continue(&utf8, bytes[i])) {
                return false;
            }
        } else if (bytes[i] >= 0x80 && !agt__utf8_begin(&utf8, bytes[i])) {
            return false;
        }
    }
    return utf8.left == 0;
}

static void check(const uint8_t *bytes, size_t size)
{
    bool expected = is_valid_slowly(bytes, size);
    assert_int_equal(agt__utf8_is_valid((const char *)bytes, size), expected);
    assert_int_equal(is_valid_in_pieces(bytes, size), expected);
}

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        size_t size = agt__utf8_write(bytes, code);
        bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        assert_int_equal(agt__utf8_is_valid(bytes, size), !surrogate);
        size_t read = 0;
        assert_int_equal(agt__utf8_read(bytes, &read), code);
        assert_int_equal(read, size);
        assert_int_equal(agt__utf8_count(bytes, size), 1);
        for (size_t cut = 1; cut < size; cut++) {
            assert_false(agt__utf8_is_valid(bytes, cut));
        }
    }
}

static void test_every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            uint8_t bytes[2] = {(uint8_t)first, (uint8_t)second};
            check(bytes, 1);
            check(bytes, 2);
        }
    }
}

static void test_the_edges_of_longer_ones(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                    0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                    0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFE, 0xFF};
    const size_t count = sizeof(edges);
    uint8_t bytes[4];
    for (size_t i = 0; i < count * count * count * count; i++) {
        bytes[0] = edges[i % count];
        bytes[1] = edges[i / count % count];
        bytes[2] = edges[i / count / count % count];
        bytes[3] = edges[i / count / count / count];
        check(bytes, 3);
        check(bytes, 4);
    }
}

/* The fast way over ASCII must see a byte at any place of any length. */
static void test_ascii_in_words(void **state)
{
    (void)state;
    char text[40];
    for (size_t size = 0; size < sizeof(text); size++) {
        memset(text, 'a', sizeof(text));
        assert_true(agt__utf8_is_valid(text, size));
        assert_ptr_equal(agt__utf8_skip_ascii(text, text + size), text + size);
        for (size_t at = 0; at < size; at++) {
            text[at] = (char)0xFF;
            assert_false(agt__utf8_is_valid(text, size));
            assert_ptr_equal(agt__utf8_skip_ascii(text, text + size), text + at);
            text[at] = 'a';
        }
    }
}

static void expect_read(const char *bytes, size_t available, uint32_t point, size_t size)
{
    uint32_t read;
    assert_int_equal(agt__utf8_read_any((const unsigned char *)bytes, available, &read), size);
    assert_int_equal(read, point);
}

static void test_reading_anything(void **state)
{
    (void)state;
    expect_read("a", 1, 'a', 1);
    expect_read("\0", 1, 0, 1);
    expect_read("\xC3\xA9", 2, 0xE9, 2);
    expect_read("\xE2\x82\xAC", 3, 0x20AC, 3);
    expect_read("\xF0\x9F\x98\x80", 4, 0x1F600, 4);
    expect_read("\xF4\x8F\xBF\xBF", 4, 0x10FFFF, 4);
    expect_read("\xC3\xA9", 1, 0xFFFD, 1);         /* cut */
    expect_read("\xE2\x82\xAC", 2, 0xFFFD, 1);     /* cut */
    expect_read("\xC3(", 2, 0xFFFD, 1);            /* not continued */
    expect_read("\x80", 1, 0xFFFD, 1);             /* not begun */
    expect_read("\xC0\x80", 2, 0xFFFD, 1);         /* overlong */
    expect_read("\xE0\x80\x80", 3, 0xFFFD, 1);     /* overlong */
    expect_read("\xED\xA0\x80", 3, 0xFFFD, 1);     /* a surrogate */
    expect_read("\xF4\x90\x80\x80", 4, 0xFFFD, 1); /* beyond the last one */
    expect_read("\xFF", 1, 0xFFFD, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading_anything),    cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_every_pair_of_bytes), cmocka_unit_test(test_the_edges_of_longer_ones),
        cmocka_unit_test(test_ascii_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
