/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - the database of a command, see session.h. */
#include "session.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before the database is closed. */
static apr_status_t give_back(void *conn)
{
    chat_db_release(conn);
    return APR_SUCCESS;
}

int ctl_session_open(ctl_session_t *s, const ctl_target_t *given, int writes,
                     const char *command, apr_pool_t *p)
{
    chat_db_conf_t conf = { .max = 2, .busy = apr_time_from_sec(30) };
    const char *why = NULL;
    int status = ctl_target(&conf.target, given, command, p);
    apr_status_t rv;

    if (status != CTL_OK) {
        return status;
    }
    memset(s, 0, sizeof(*s));
    s->p = p;
    s->who = ctl_whoever(p);
    apr_pool_create(&s->rows, p);
    if (chat_db_open(&s->db, &conf, &why, p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    s->engine = chat_db_engine(s->db);
    rv = writes ? chat_db_acquire_to_write(&s->conn, s->db)
                : chat_db_acquire(&s->conn, s->db);
    if (rv != APR_SUCCESS) {
        return ctl_db_fail(s->engine, NULL, rv);
    }
    apr_pool_pre_cleanup_register(p, s->conn, give_back);
    return CTL_OK;
}

apr_status_t ctl_session_run(chat_db_result_t **res, ctl_session_t *s,
                             const char *label, const chat_db_value_t *args,
                             int n)
{
    return chat_db_run(res, s->conn, label, args, n, s->rows);
}

int ctl_session_failed(const ctl_session_t *s, apr_status_t rv)
{
    return ctl_db_fail(s->engine, s->conn, rv);
}

chat_db_value_t ctl_id(const char *id)
{
    apr_size_t len = strlen(id);
    char *end;
    long long n = strtoll(id, &end, 10);

    return len > 0 && len < 19 && *end == '\0' && apr_isdigit(id[0]) &&
                   (id[0] != '0' || len == 1)
               ? chat_db_int(n)
               : chat_db_text(id);
}
