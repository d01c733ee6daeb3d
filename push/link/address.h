/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h - which addresses are on the public internet.
 *
 * Whoever may name a URL for us to call must not reach what only we can reach:
 * our own host, the network behind it, a cloud's metadata service. The address
 * is judged and not the name, because a name may mean another address each time
 * it is asked for.
 *
 * Source: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
 */
#ifndef PUSH_ADDRESS_H
#define PUSH_ADDRESS_H

#include <sys/socket.h>

/** Whether an address is public; 0 for every family but IPv4 and IPv6. */
int push_address_public(const struct sockaddr *address, socklen_t len);

#endif
