/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwarded.h - whose connection it is when proxies stand before us.
 *
 * The peer of a socket is the client, unless it is a proxy that we trust: such
 * a one says in X-Forwarded-For whom it has the request from, behind what it
 * was told by its own client. So the list is read from its end: past every
 * trusted address, up to the first one that is not. What stands before that was
 * written by strangers and is not believed.
 *
 * Pure: no socket and no memory; the header comes from anybody.
 */
#ifndef PUSH_FORWARDED_H
#define PUSH_FORWARDED_H

#include <sys/socket.h>
#include <apr.h>

#include "http.h"

/* IPv6, or IPv4 as ::ffff:a.b.c.d; all zero: unknown, as of a Unix socket. */
typedef struct {
    unsigned char at[16];
} push_ip_t;

#define PUSH_IP_TEXT 46 /* bytes that every address fits in as text */

/* A network: the addresses that begin with the same bits. */
typedef struct {
    push_ip_t ip;
    int bits; /* 0..128 */
} push_net_t;

/* Who is believed. */
typedef struct {
    const push_net_t *list;
    int n;
    int local; /* peers without an address: Unix sockets */
} push_nets_t;

/**
 * Read an address: IPv4 or IPv6, the latter in brackets or not, maybe with a
 * port after it.
 * @return 1, or 0 when it is none
 */
int push_ip_parse(push_ip_t *out, const char *text, apr_size_t len);

/** The address of a socket's end; unknown for families without one. */
void push_ip_of(push_ip_t *out, const struct sockaddr *address);

int push_ip_known(const push_ip_t *ip);

/** As text, IPv4 in its own notation; "" for an unknown one. */
void push_ip_text(const push_ip_t *ip, char out[PUSH_IP_TEXT]);

/**
 * What is counted as one client: an IPv4 address, but a whole /64 of IPv6,
 * because that is what one household or phone has to choose from.
 * @return its bytes, at the beginning of ip
 */
apr_size_t push_ip_client(const push_ip_t *ip);

/** Read "address" or "address/bits". @return 1, or 0 when it is none */
int push_net_parse(push_net_t *out, const char *text, apr_size_t len);

/** Whether an address is trusted; an unknown one as nets->local says. */
int push_nets_have(const push_nets_t *nets, const push_ip_t *ip);

/**
 * Walk one line of X-Forwarded-For from its end.
 * @param ip  the address of whoever sent the line, which is trusted; then the
 *            client's as far as it is known. An entry that is no address ends
 *            the walk: who sent it is the client then
 * @return whether all of the line was trusted, so that an earlier line counts
 */
int push_forwarded_line(push_ip_t *ip, const char *text, apr_size_t len,
                        const push_nets_t *trusted);

/** The client of a request. @param ip  the peer; then the client */
void push_forwarded(push_ip_t *ip, const http_head_t *head,
                    const push_nets_t *trusted);

#endif
