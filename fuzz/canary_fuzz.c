/*
 * canary_fuzz.c - a target with a bug, to prove that the fuzzers find bugs.
 *
 * It reads one byte past the input when that begins with "bug!". Coverage guides libFuzzer to those
 * four bytes within a second; AddressSanitizer sees the read. The harness fails when it does not.
 * Outside the `fuzz` preset the input is never found, because nothing looks for it.
 */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 4 && data[0] == 'b' && data[1] == 'u' && data[2] == 'g' && data[3] == '!') {
        volatile uint8_t past = data[size];
        (void)past;
    }
    return 0;
}
