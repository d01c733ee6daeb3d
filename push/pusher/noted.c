/* SPDX-License-Identifier: Apache-2.0 */
/* noted.c - a note on its way to its socket; see noted.h. */
#include "noted.h"

#include <stdlib.h>
#include <string.h>

#include "client_inside.h"
#include "person.h"
#include "server.h"

/* A note on its way to the loop of its socket. */
typedef struct {
    push_task_t task;
    apr_uint64_t number;
    chat_identity_t who;
    push_conn_t *found;
} noted_t;

static void look(push_conn_t *c, void *baton)
{
    noted_t *n = baton;
    push_client_t *me = push_conn_client(c);

    if (me->app == push_server.chat && me->hub.number == n->number) {
        n->found = c;
    }
}

static void run(push_loop_t *loop, push_task_t *task)
{
    noted_t *n = (noted_t *)(void *)task;

    push_conns_each(push_server.conns[push_loop_index(loop)], PUSH_CONN_OPEN,
                    look, n);
    if (n->found != NULL) {
        push_person_note(n->found, push_conn_client(n->found), &n->who);
    }
    free(n);
}

void push_noted(const chat_handoff_note_t *note)
{
    const apr_uint64_t number = push_client_number(note->socket,
                                                   strlen(note->socket));
    noted_t *n;

    if (number == 0 || push_server.chat == NULL) {
        return;
    }
    n = push_must(calloc(1, sizeof(*n)));
    n->task.run = run;
    n->number = number;
    n->who = note->identity;
    push_loop_post(push_server.loops[number % (apr_uint64_t)push_server.nloops],
                   &n->task);
}
