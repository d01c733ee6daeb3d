/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwarded.c - addresses, networks and X-Forwarded-For, see forwarded.h.
 */
#include "forwarded.h"

#include <string.h>
#include <strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>

static const unsigned char mapped[12] = { 0, 0, 0, 0, 0,    0,
                                          0, 0, 0, 0, 0xff, 0xff };

#define MAPPED_BITS 96

static int is_ipv4(const push_ip_t *ip)
{
    return !memcmp(ip->at, mapped, sizeof(mapped));
}

/* An address alone, which inet_pton() wants terminated. */
static int bare_parse(push_ip_t *out, const char *text, apr_size_t len)
{
    char copy[PUSH_IP_TEXT];

    if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL) {
        return 0;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, out->at + sizeof(mapped)) == 1) {
        memcpy(out->at, mapped, sizeof(mapped));
        return 1;
    }
    return inet_pton(AF_INET6, copy, out->at) == 1 && push_ip_known(out);
}

/* Whether the text is what may follow an address: nothing, or a port. */
static int is_port(const char *text, apr_size_t len)
{
    apr_size_t i;

    for (i = 1; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
    }
    return len == 0 || (text[0] == ':' && len > 1 && len <= 6);
}

int push_ip_parse(push_ip_t *out, const char *text, apr_size_t len)
{
    const char *end = len > 0 && text[0] == '[' ? memchr(text, ']', len)
                                                : memchr(text, ':', len);
    apr_size_t at = end == NULL ? len : (apr_size_t)(end - text);

    if (len > 0 && text[0] == '[') {
        return end != NULL && memchr(text, ':', at) != NULL &&
               is_port(end + 1, len - at - 1) &&
               bare_parse(out, text + 1, at - 1);
    }
    /* One colon is the port's, more are IPv6's. */
    if (end != NULL && memchr(end + 1, ':', len - at - 1) == NULL) {
        return is_port(end, len - at) && bare_parse(out, text, at);
    }
    return bare_parse(out, text, len);
}

void push_ip_of(push_ip_t *out, const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    memset(out, 0, sizeof(*out));
    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof(in4));
        memcpy(out->at, mapped, sizeof(mapped));
        memcpy(out->at + sizeof(mapped), &in4.sin_addr, 4);
    }
    else if (address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof(in6));
        memcpy(out->at, &in6.sin6_addr, sizeof(out->at));
    }
}

int push_ip_known(const push_ip_t *ip)
{
    static const push_ip_t unknown;

    return memcmp(ip, &unknown, sizeof(unknown)) != 0;
}

void push_ip_text(const push_ip_t *ip, char out[PUSH_IP_TEXT])
{
    out[0] = '\0';
    if (is_ipv4(ip)) {
        inet_ntop(AF_INET, ip->at + sizeof(mapped), out, PUSH_IP_TEXT);
    }
    else if (push_ip_known(ip)) {
        inet_ntop(AF_INET6, ip->at, out, PUSH_IP_TEXT);
    }
}

apr_size_t push_ip_client(const push_ip_t *ip)
{
    return is_ipv4(ip) ? sizeof(ip->at) : 8;
}

/* The number of bits behind the slash; -1 when it is none. */
static int bits_parse(const char *text, apr_size_t len, int most)
{
    int bits = 0;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || i > 2) {
            return -1;
        }
        bits = bits * 10 + (text[i] - '0');
    }
    return len > 0 && bits <= most ? bits : -1;
}

int push_net_parse(push_net_t *out, const char *text, apr_size_t len)
{
    const char *slash = memchr(text, '/', len);
    apr_size_t at = slash == NULL ? len : (apr_size_t)(slash - text);
    int ipv4;

    if (!bare_parse(&out->ip, text, at)) {
        return 0;
    }
    out->bits = 128;
    if (slash != NULL) {
        ipv4 = memchr(text, ':', at) == NULL;
        out->bits = bits_parse(slash + 1, len - at - 1, ipv4 ? 32 : 128);
        if (out->bits < 0) {
            return 0;
        }
        out->bits += ipv4 ? MAPPED_BITS : 0;
    }
    return 1;
}

static int net_has(const push_net_t *net, const push_ip_t *ip)
{
    int whole = net->bits / 8;
    int rest = net->bits % 8;

    return !memcmp(net->ip.at, ip->at, (apr_size_t)whole) &&
           (rest == 0 ||
            (net->ip.at[whole] ^ ip->at[whole]) >> (8 - rest) == 0);
}

int push_nets_have(const push_nets_t *nets, const push_ip_t *ip)
{
    int i;

    if (!push_ip_known(ip)) {
        return nets->local;
    }
    for (i = 0; i < nets->n; i++) {
        if (net_has(&nets->list[i], ip)) {
            return 1;
        }
    }
    return 0;
}

static int is_blank(char c) { return c == ' ' || c == '\t'; }

int push_forwarded_line(push_ip_t *ip, const char *text, apr_size_t len,
                        const push_nets_t *trusted)
{
    apr_size_t begin, end, next;
    push_ip_t entry;

    for (;;) {
        for (begin = len; begin > 0 && text[begin - 1] != ','; begin--) {
        }
        next = begin;
        end = len;
        while (end > begin && is_blank(text[end - 1])) {
            end--;
        }
        while (begin < end && is_blank(text[begin])) {
            begin++;
        }
        if (begin < end) {
            if (!push_ip_parse(&entry, text + begin, end - begin)) {
                return 0;
            }
            *ip = entry;
            if (!push_nets_have(trusted, ip)) {
                return 0;
            }
        }
        if (next == 0) {
            return 1;
        }
        len = next - 1;
    }
}

void push_forwarded(push_ip_t *ip, const http_head_t *head,
                    const push_nets_t *trusted)
{
    static const char name[] = "X-Forwarded-For";
    int i;

    if (!push_nets_have(trusted, ip)) {
        return;
    }
    for (i = head->nheaders - 1; i >= 0; i--) {
        const http_header_t *h = &head->headers[i];

        if (h->name.len == sizeof(name) - 1 &&
            !strncasecmp(h->name.at, name, h->name.len) &&
            !push_forwarded_line(ip, h->value.at, h->value.len, trusted)) {
            return;
        }
    }
}
