/*
 * The table of addresses that a request on behalf of a stranger must not reach (server-side request
 * forgery): the special-purpose registries of IANA for IPv4 and IPv6. For IPv6 the default is
 * "private": only 2000::/3 is handed out to the public, and a few blocks within it are special.
 *
 * Stateless; any thread.
 */
#include "net/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct block4 {
    uint32_t prefix;
    int bits;
} block4;

static const block4 private4[] = {
    {0x00000000, 8},  /* 0.0.0.0/8          this network               */
    {0x0A000000, 8},  /* 10.0.0.0/8         private                    */
    {0x64400000, 10}, /* 100.64.0.0/10      carrier-grade NAT          */
    {0x7F000000, 8},  /* 127.0.0.0/8        loopback                   */
    {0xA9FE0000, 16}, /* 169.254.0.0/16     link-local; cloud metadata */
    {0xAC100000, 12}, /* 172.16.0.0/12      private                    */
    {0xC0000000, 24}, /* 192.0.0.0/24       protocol assignments       */
    {0xC0000200, 24}, /* 192.0.2.0/24       documentation              */
    {0xC0586300, 24}, /* 192.88.99.0/24     6to4 relays, withdrawn     */
    {0xC0A80000, 16}, /* 192.168.0.0/16     private                    */
    {0xC6120000, 15}, /* 198.18.0.0/15      benchmarks                 */
    {0xC6336400, 24}, /* 198.51.100.0/24    documentation              */
    {0xCB007100, 24}, /* 203.0.113.0/24     documentation              */
    {0xE0000000, 3},  /* 224.0.0.0/3        multicast, reserved        */
};

typedef struct block6 {
    uint8_t prefix[16];
    int bits;
} block6;

/* Within 2000::/3. */
static const block6 private6[] = {
    {{0x20, 0x01, 0x00}, 23},       /* 2001::/23      protocol assignments, Teredo */
    {{0x20, 0x01, 0x0D, 0xB8}, 32}, /* 2001:db8::/32  documentation                */
    {{0x3F, 0xFF}, 20},             /* 3fff::/20      documentation                */
};

static const block6 public6 = {{0x20}, 3};

/* Blocks that contain an IPv4 address, and where: what counts is that address. */
typedef struct embedding {
    block6 block;
    int at;
} embedding;

static const embedding embeddings[] = {
    {{{0}, 96}, 12},                                        /* ::/96 compatible  */
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96}, 12}, /* ::ffff:0:0/96     */
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0}, 96}, 12}, /* ::ffff:0:0:0/96   */
    {{{0x00, 0x64, 0xFF, 0x9B}, 96}, 12},                   /* 64:ff9b::/96 NAT64 */
    {{{0x20, 0x02}, 16}, 2},                                /* 2002::/16 6to4    */
};

static bool is_private4(uint32_t address)
{
    for (size_t i = 0; i < sizeof(private4) / sizeof(private4[0]); i++) {
        uint32_t mask = UINT32_MAX << (32 - private4[i].bits);
        if ((address & mask) == private4[i].prefix) {
            return true;
        }
    }
    return false;
}

static bool is_within(const uint8_t *address, const block6 *block)
{
    int bytes = block->bits / 8;
    int rest = block->bits % 8;
    if (memcmp(address, block->prefix, (size_t)bytes) != 0) {
        return false;
    }
    uint8_t mask = (uint8_t)(0xFF00 >> rest);
    return rest == 0 || (address[bytes] & mask) == block->prefix[bytes];
}

static uint32_t read4(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_private6(const uint8_t *address)
{
    for (size_t i = 0; i < sizeof(embeddings) / sizeof(embeddings[0]); i++) {
        if (is_within(address, &embeddings[i].block)) {
            /* :: and ::1 are among these: 0.0.0.0/8 is private. */
            return is_private4(read4(address + embeddings[i].at));
        }
    }
    for (size_t i = 0; i < sizeof(private6) / sizeof(private6[0]); i++) {
        if (is_within(address, &private6[i])) {
            return true;
        }
    }
    return !is_within(address, &public6);
}

bool agt__address_is_private(const struct sockaddr *address, socklen_t size)
{
    if (address->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return is_private4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof(in));
        return is_private6(in.sin6_addr.s6_addr);
    }
    return true;
}
