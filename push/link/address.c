/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.c - addresses that are not for everybody, see address.h.
 */
#include "address.h"

#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>

/* Blocks of IPv4 that are not the public internet. */
/* clang-format off */
static const struct {
    unsigned net;
    int bits;
} blocks[] = {
    { 0x00000000, 8 },  /* 0.0.0.0: this host */
    { 0x0a000000, 8 },  /* 10.0.0.0: private */
    { 0x64400000, 10 }, /* 100.64.0.0: a provider's own */
    { 0x7f000000, 8 },  /* 127.0.0.0: loopback */
    { 0xa9fe0000, 16 }, /* 169.254.0.0: link-local, metadata services */
    { 0xac100000, 12 }, /* 172.16.0.0: private */
    { 0xc0000000, 24 }, /* 192.0.0.0: protocol assignments */
    { 0xc0000200, 24 }, /* 192.0.2.0: documentation */
    { 0xc0a80000, 16 }, /* 192.168.0.0: private */
    { 0xc6120000, 15 }, /* 198.18.0.0: benchmarks */
    { 0xc6336400, 24 }, /* 198.51.100.0: documentation */
    { 0xcb007100, 24 }, /* 203.0.113.0: documentation */
    { 0xe0000000, 3 },  /* 224.0.0.0 and above: multicast, reserved */
};
/* clang-format on */

static int public_4(unsigned address)
{
    unsigned i;

    for (i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        if ((address ^ blocks[i].net) >> (32 - blocks[i].bits) == 0) {
            return 0;
        }
    }
    return 1;
}

static unsigned embedded(const unsigned char *at)
{
    return (unsigned)at[0] << 24 | (unsigned)at[1] << 16 |
           (unsigned)at[2] << 8 | at[3];
}

/* Public IPv6 is 2000::/3; within it tunnels hide an IPv4 address, and NAT64
 * and mapped addresses are one. */
static int public_6(const unsigned char a[16])
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0,    0,
                                              0, 0, 0, 0, 0xff, 0xff };
    static const unsigned char nat64[12] = { 0, 0x64, 0xff, 0x9b };
    static const unsigned char teredo[4] = { 0x20, 0x01, 0, 0 };
    static const unsigned char documents[4] = { 0x20, 0x01, 0x0d, 0xb8 };

    if (!memcmp(a, mapped, sizeof(mapped)) ||
        !memcmp(a, nat64, sizeof(nat64))) {
        return public_4(embedded(a + 12));
    }
    if (a[0] == 0x20 && a[1] == 0x02) {
        return public_4(embedded(a + 2)); /* 6to4 */
    }
    return (a[0] & 0xe0) == 0x20 && memcmp(a, teredo, sizeof(teredo)) != 0 &&
           memcmp(a, documents, sizeof(documents)) != 0;
}

int push_address_public(const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET && len >= sizeof(in4)) {
        memcpy(&in4, address, sizeof(in4));
        return public_4(ntohl(in4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6 && len >= sizeof(in6)) {
        memcpy(&in6, address, sizeof(in6));
        return public_6(in6.sin6_addr.s6_addr);
    }
    return 0;
}
