/* SPDX-License-Identifier: Apache-2.0 */
/* audit_log.c - adding to the audit log's table, see audit_log.h. */
#include "audit_log.h"

#include <string.h>
#include <apr_strings.h>

/* seq and TAB before a line, TAB and hash behind it. */
#define ROW_MORE (20 + 1 + 1 + CHAT_SHA256_HEX)

/* SQLite: one row. */
static apr_status_t insert_row(chat_db_conn_t *conn, apr_int64_t seq,
                               const chat_audit_entry_t *e, const char *hash,
                               apr_pool_t *p)
{
    chat_db_value_t args[CHAT_AUDIT_FIELDS + 2];

    args[0] = chat_db_int(seq);
    for (int i = 0; i < CHAT_AUDIT_FIELDS; i++) {
        args[1 + i] = chat_db_text(e->field[i] != NULL ? e->field[i] : "");
    }
    args[CHAT_AUDIT_FIELDS + 1] = chat_db_text(hash);
    return chat_db_run(NULL, conn, "audit_insert", args, CHAT_AUDIT_FIELDS + 2,
                       p);
}

/* PostgreSQL: a row of the text that audit_insert takes apart. */
static char *row_text(char *to, apr_int64_t seq, const chat_audit_entry_t *e,
                      const char *hash)
{
    to += apr_snprintf(to, 22, "%" APR_INT64_T_FMT "\t", seq);
    to += chat_audit_line(to, e);
    to[-1] = '\t';
    memcpy(to, hash, CHAT_SHA256_HEX - 1);
    to += CHAT_SHA256_HEX - 1;
    *to++ = '\n';
    return to;
}

static apr_status_t head_read(apr_int64_t *seq, char hash[CHAT_SHA256_HEX],
                              chat_db_conn_t *conn, apr_pool_t *p)
{
    chat_db_result_t *res;
    apr_status_t rv = chat_db_run(&res, conn, "audit_head", NULL, 0, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (chat_db_rows(res) != 1 || chat_db_get(res, 0, 1) == NULL) {
        return CHAT_DB_ECONSTRAINT; /* somebody took the row away */
    }
    *seq = chat_db_get_int(res, 0, 0, 0);
    apr_cpystrn(hash, chat_db_get(res, 0, 1), CHAT_SHA256_HEX);
    return APR_SUCCESS;
}

apr_status_t chat_audit_append(chat_db_conn_t *conn,
                               const chat_audit_entry_t *entries, int n,
                               apr_pool_t *p)
{
    int together = chat_db_has("audit_insert_rows", chat_db_engine_of(conn));
    char hash[CHAT_SHA256_HEX];
    chat_db_value_t args[2];
    char *text = NULL, *to = NULL;
    apr_int64_t seq = 0;
    apr_status_t rv;

    rv = head_read(&seq, hash, conn, p);
    if (together) {
        text = to = apr_palloc(p, (apr_size_t)n * (CHAT_AUDIT_LINE + ROW_MORE));
    }
    for (int i = 0; rv == APR_SUCCESS && i < n; i++) {
        char next[CHAT_SHA256_HEX];

        chat_audit_hash(next, hash, ++seq, &entries[i]);
        memcpy(hash, next, sizeof(hash));
        if (together) {
            to = row_text(to, seq, &entries[i], hash);
        }
        else {
            rv = insert_row(conn, seq, &entries[i], hash, p);
        }
    }
    if (rv == APR_SUCCESS && together && n > 0) {
        to[-1] = '\0';
        args[0] = chat_db_text(text);
        rv = chat_db_run(NULL, conn, "audit_insert_rows", args, 1, p);
    }
    if (rv == APR_SUCCESS) {
        args[0] = chat_db_int(seq);
        args[1] = chat_db_text(hash);
        rv = chat_db_run(NULL, conn, "audit_head_move", args, 2, p);
    }
    return rv;
}

apr_status_t chat_audit_note(chat_db_conn_t *conn, const char *who,
                             const char *action, const char *conversation,
                             const char *object, apr_pool_t *p)
{
    char at[CHAT_AUDIT_TIME], line[CHAT_AUDIT_LINE + 1];
    chat_audit_entry_t e = { { NULL } };
    apr_size_t len;

    chat_audit_time(at, apr_time_now());
    e.field[CHAT_AUDIT_AT] = at;
    e.field[CHAT_AUDIT_VIA] = "chatctl";
    e.field[CHAT_AUDIT_ACTION] = action;
    e.field[CHAT_AUDIT_CONVERSATION] = conversation;
    e.field[CHAT_AUDIT_OBJECT] = object;
    e.field[CHAT_AUDIT_AGENT] = who;
    e.field[CHAT_AUDIT_STATUS] = "200";
    /* As it would come from a spool: what is stored is what is hashed. */
    len = chat_audit_line(line, &e);
    if (!chat_audit_parse(&e, line, len - 1)) {
        return APR_EINVAL;
    }
    return chat_audit_append(conn, &e, 1, p);
}
