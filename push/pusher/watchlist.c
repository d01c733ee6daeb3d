/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchlist.c - a signed-in client is told which users of its list are online.
 *
 * A user is online while a connection is signed in as that user. For each user
 * there is a channel of our own: it knows how many such connections there are,
 * and whoever watches the user subscribes to it. The channel numbers its news
 * (hub.h), so a client that begins to watch is told the state once and every
 * change after it once, whatever the other loops do meanwhile.
 *
 * Source: Pusher Channels documents, "Watchlist events", and pusher:signin in
 * "Pusher Channels Protocol".
 */
#include "client_inside.h"
#include "server.h"

#include <string.h>
#include <apr_strings.h>

#define PREFIX (sizeof(PUSH_WATCH_CHANNEL) - 1)

/* The channel of a user, named in the loop's scratch pool. */
static void channel_of(push_name_t *name, push_conn_t *c, push_app_t *app,
                       const char *id, apr_size_t len)
{
    char *text = apr_palloc(push_loop_scratch(push_conn_loop(c)), PREFIX + len);

    memcpy(text, PUSH_WATCH_CHANNEL, PREFIX);
    memcpy(text + PREFIX, id, len);
    push_name_set(name, push_server.hubs, app, text, PREFIX + len, NULL);
}

void push_client_online(push_conn_t *c, push_client_t *me)
{
    const push_user_t *user = &me->login->user;
    push_name_t name;

    if (me->app->conf->watchlist) {
        channel_of(&name, c, me->app, user->id, user->id_len);
        push_hub_online(push_server.hubs, &name, 1);
        me->login->online = 1;
    }
}

void push_client_offline(push_conn_t *c, push_client_t *me)
{
    const push_user_t *user = &me->login->user;
    push_name_t name;

    if (me->login->online) {
        channel_of(&name, c, me->app, user->id, user->id_len);
        push_hub_online(push_server.hubs, &name, -1);
        me->login->online = 0;
    }
}

/* Begin to watch a user. Who cannot sign in is always offline.
 * @return 1 online, 0 offline, -1 when the list has named the user before */
static int watch(push_conn_t *c, push_client_t *me, const char *id,
                 apr_size_t len)
{
    push_name_t name;
    int online;

    if (!push_client_user_id(id, len)) {
        return 0;
    }
    channel_of(&name, c, me->app, id, len);
    online = push_hub_watch(push_server_hub(c), &name, &me->hub);
    me->login->watching += online >= 0;
    return online;
}

void push_client_watch(push_conn_t *c, push_client_t *me,
                       const scan_value_t *list)
{
    apr_size_t max = me->app->conf->max_watchlist;
    push_text_t ids[2] = { { NULL, 0, 0 }, { NULL, 0, 0 } }; /* offline, on */
    const char *at = NULL;
    const char *id;
    scan_value_t v;
    apr_size_t n = 0;
    apr_size_t len;
    int online;

    while (list->type == SCAN_ARRAY && scan_next(list, &at, &v)) {
        if (n++ == max) {
            push_client_send(
                c, me,
                pusher_error(
                    PUSHER_WATCHLIST, NULL,
                    apr_psprintf(push_loop_scratch(push_conn_loop(c)),
                                 "Watchlist limit exceeded: only the first "
                                 "%" APR_SIZE_T_FMT " user ids are accepted",
                                 max)));
            break;
        }
        id = v.type == SCAN_STRING ? push_client_text(c, &v) : v.at;
        len = v.type == SCAN_STRING ? v.size : v.len;
        online = watch(c, me, id, len);
        if (online >= 0) {
            push_text_add(&ids[online], ",", ids[online].len > 0);
            push_text_quote(&ids[online], id, len);
        }
    }
    if (ids[0].len > 0 || ids[1].len > 0) {
        push_client_send(c, me, pusher_watchlist(&ids[1], &ids[0]));
    }
    push_text_free(&ids[0]);
    push_text_free(&ids[1]);
}
