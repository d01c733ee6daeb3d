/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_forwarded.c - lines of X-Forwarded-For, addresses and networks.
 *
 * Whatever the line says, the client is a trusted proxy or stands in the line
 * itself behind nothing but trusted ones; what is put before the line by a
 * stranger changes nothing once a stranger was found.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static char *joined(const char *before, const uint8_t *data, size_t size)
{
    size_t len = strlen(before);
    char *copy = malloc(len + size + 1); /* exact but for one: ASan watches */

    must(copy != NULL);
    memcpy(copy, before, len);
    memcpy(copy + len, data, size);
    return copy;
}

/* The client behind a proxy on this host. @return whether all was trusted */
static int client_of(push_ip_t *ip, const char *line, size_t len)
{
    static push_net_t list[2];
    static const push_nets_t trusted = { list, 2, 1 };

    must(push_net_parse(&list[0], "127.0.0.0/8", 11));
    must(push_net_parse(&list[1], "2001:db8::/32", 13));
    must(push_ip_parse(ip, "127.0.0.1", 9));
    return push_forwarded_line(ip, line, len, &trusted)
               ? push_nets_have(&trusted, ip)
               : -push_nets_have(&trusted, ip);
}

/* An address that is read is written and read as the same again. */
static void same_again(const char *text, size_t len)
{
    char out[PUSH_IP_TEXT];
    push_ip_t ip, again;
    push_net_t net;

    if (push_ip_parse(&ip, text, len)) {
        push_ip_text(&ip, out);
        must(push_ip_parse(&again, out, strlen(out)));
        must(!memcmp(&ip, &again, sizeof(ip)));
    }
    if (push_net_parse(&net, text, len)) {
        push_nets_t nets = { &net, 1, 0 };

        must(net.bits >= 0 && net.bits <= 128);
        must(push_nets_have(&nets, &net.ip));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char forged[] = "6.6.6.6, ";
    char *line = joined("", data, size);
    char *longer = joined(forged, data, size);
    push_ip_t ip, other;
    int all = client_of(&ip, line, size);

    must(push_ip_known(&ip));
    if (all == 0) { /* a stranger */
        must(client_of(&other, longer, size + sizeof(forged) - 1) == 0);
        must(!memcmp(&ip, &other, sizeof(ip)));
    }
    same_again(line, size);
    free(line);
    free(longer);
    return 0;
}
