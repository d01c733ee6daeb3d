/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.h - the door through httpd: clients' sockets that mod_chat hands over.
 *
 * A SEQPACKET socket with a name in the file system. httpd's children connect
 * to it and each connection, a link, carries the messages of common/handoff.h:
 * we answer what is asked, and a descriptor that comes becomes a connection of
 * one of the loops, in turn, with the head it was read from as its first input.
 *
 * What a message says of a client is believed, user id included. So the name's
 * mode and directory say who can connect, and of these only root, our own user
 * and members of the group that the name belongs to are listened to.
 *
 * It all runs on the first loop's thread. Who asks and gets no answer knows
 * that this loop does not turn.
 */
#ifndef PUSH_ADOPT_H
#define PUSH_ADOPT_H

#include "conn.h"
#include "handoff.h"

typedef struct push_adopt_t push_adopt_t;

/**
 * Open the door. Before the loops run; it ends with p.
 * @param conns  who gets the connections, one per loop
 * @param n      how many
 * @param path   absolute, at most 107 bytes
 * @param mode   of the name, as 0660
 * @param log    told of links that are refused or broken (trouble: 1)
 * @param why    a sentence for the operator when not APR_SUCCESS
 */
apr_status_t push_adopt_open(push_adopt_t **adopt, push_conns_t *const *conns,
                             int n, const char *path, int mode,
                             void (*log)(int trouble, const char *line),
                             const char **why, apr_pool_t *p);

/** Who hears whose socket one is (a NOTE), on the first loop. Before the loops
 * run. */
void push_adopt_on_note(push_adopt_t *adopt,
                        void (*fn)(const chat_handoff_note_t *note));

/** Take what has been given already, then nothing more; connections stay. Any
 * thread, once, while the loops run. */
void push_adopt_close(push_adopt_t *adopt);

#endif
