/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - the fields of a connection's lines, see trace.h.
 *
 * Bytes are asked of the kernel (TCP_INFO) when a line is written, so that no
 * connection keeps a counter for it.
 */
#include "trace.h"
#include "log.h"
#include "person.h"

#include <netinet/in.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS PUSH_IP_TEXT

/* Fields as they are put together. */
typedef struct {
    push_log_field_t list[PUSH_LOG_FIELDS];
    int n;
    char address[ADDRESS];
    char socket_id[PUSH_SOCKET_ID_MAX];
} fields_t;

static void number(fields_t *f, const char *key, apr_uint64_t value)
{
    f->list[f->n++] = (push_log_field_t){ key, NULL, value };
}

/* An empty text is no field. */
static void text(fields_t *f, const char *key, const char *value)
{
    if (value[0] != '\0') {
        f->list[f->n++] = (push_log_field_t){ key, value, 0 };
    }
}

static void who(fields_t *f, const push_conn_t *c, const push_app_t *app)
{
    f->n = 0;
    number(f, "loop", (apr_uint64_t)push_loop_index(push_conn_loop(c)));
    number(f, "conn", push_conn_id(c));
    if (app != NULL) {
        text(f, "app", app->conf->id);
    }
    push_conn_address(c, f->address);
    text(f, "address", f->address);
}

static void socket_id(fields_t *f, const push_client_t *me)
{
    if (me->app != NULL) {
        push_client_socket_id(f->socket_id, me);
        text(f, "socket_id", f->socket_id);
    }
}

static void bytes(fields_t *f, push_conn_t *c)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    if (getsockopt(push_conn_fd(c), IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
        number(f, "bytes_in", info.tcpi_bytes_received);
        number(f, "bytes_out", info.tcpi_bytes_acked);
    }
}

void push_trace_opened(push_conn_t *c, const push_client_t *me)
{
    fields_t f;

    if (!push_log_on(PUSH_LOG_DEBUG) || me->app->hidden) {
        return;
    }
    who(&f, c, me->app);
    socket_id(&f, me);
    number(&f, "protocol", me->protocol);
    if (push_person_user(me) != NULL) {
        text(&f, "user", push_person_user(me));
    }
    push_log_client(PUSH_LOG_DEBUG, "opened", f.list, f.n);
}

void push_trace_unbelieved(const push_conn_t *c, const push_client_t *me)
{
    fields_t f;

    if (push_log_on(PUSH_LOG_INFO)) {
        who(&f, c, me->app);
        socket_id(&f, me);
        push_log_client(PUSH_LOG_INFO,
                        "an identity in a header is not believed", f.list, f.n);
    }
}

/* Whether an end is worth a look: the client broke a rule or could not keep
 * up. Phones that vanish and servers that restart are daily life. */
static int is_trouble(push_end_t why, int code)
{
    return why == PUSH_END_SLOW || why == PUSH_END_ERROR || code == 1002 ||
           code == 1003 || (code >= 1007 && code < 4200) || code == 4301;
}

void push_trace_closed(push_conn_t *c, const push_client_t *me, push_end_t why,
                       int code)
{
    push_log_level_t level = is_trouble(why, code) ? PUSH_LOG_INFO
                                                   : PUSH_LOG_DEBUG;
    fields_t f;

    if (!push_log_on(level) || (me->app != NULL && me->app->hidden)) {
        return;
    }
    who(&f, c, me->app);
    socket_id(&f, me);
    number(&f, "code", (apr_uint64_t)code);
    text(&f, "reason", push_end_name(why));
    if (me->app != NULL) {
        number(&f, "seconds",
               push_loop_seconds(push_conn_loop(c)) - me->opened);
    }
    bytes(&f, c);
    push_log_client(level, me->app != NULL ? "closed" : "refused", f.list, f.n);
}

void push_trace_request(push_conn_t *c, const push_app_t *app, int status,
                        const char *why)
{
    fields_t f;

    if (!push_log_on(PUSH_LOG_INFO)) {
        return;
    }
    who(&f, c, app);
    number(&f, "status", (apr_uint64_t)status);
    text(&f, "why", why);
    push_log_client(PUSH_LOG_INFO, "request refused", f.list, f.n);
}

#define DOOR_SECONDS 60 /* between two lines of one app and reason */

/* Whether this one gets a line. Loops may be a second apart. */
static int door_turn(push_door_told_t *told, apr_uint32_t now)
{
    apr_uint32_t said = __atomic_load_n(&told->said, __ATOMIC_RELAXED);

    return push_log_on(PUSH_LOG_DEBUG) ||
           ((said == 0 || (apr_int32_t)(now - said) >= DOOR_SECONDS) &&
            __atomic_compare_exchange_n(&told->said, &said, now, 0,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void push_trace_door(push_conn_t *c, push_app_t *app, push_door_t door,
                     int status, const char *why, const char *origin)
{
    push_door_told_t *told = &app->told[door];
    apr_uint32_t since;
    fields_t f;

    if (!push_log_on(PUSH_LOG_INFO)) {
        return;
    }
    if (!door_turn(told, push_loop_seconds(push_conn_loop(c)) + 1)) {
        __atomic_fetch_add(&told->since, 1, __ATOMIC_RELAXED);
        return;
    }
    since = __atomic_exchange_n(&told->since, 0, __ATOMIC_RELAXED);
    who(&f, c, app);
    number(&f, "status", (apr_uint64_t)status);
    text(&f, "why", why);
    if (origin != NULL) {
        text(&f, "origin", origin);
    }
    if (since > 0) {
        number(&f, "untold", since);
    }
    push_log_client(PUSH_LOG_INFO, "request refused", f.list, f.n);
}
