/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_log.h - the audit log's table: entries are numbered, chained, added.
 *
 * chat_audit_head has one row: number and hash of the last entry. Whoever adds
 * holds that row's lock (SQLite: the writer's), so entries of all processes
 * and hosts make one chain; that is why they come in batches and never from a
 * request (mod_chat/audit.h).
 */
#ifndef CHAT_AUDIT_LOG_H
#define CHAT_AUDIT_LOG_H

#include "audit_entry.h"
#include "db.h"

/**
 * Add entries behind the last one, in the transaction that is open.
 * @param entries  their fields are those of chat_audit_line(), in order
 * @param p        for what is bound; may be cleared afterwards
 */
apr_status_t chat_audit_append(chat_db_conn_t *conn,
                               const chat_audit_entry_t *entries, int n,
                               apr_pool_t *p);

/** Add one entry of chatctl's, likewise: no address, no request.
 * @param who  the operating system's name of who runs it */
apr_status_t chat_audit_note(chat_db_conn_t *conn, const char *who,
                             const char *action, const char *conversation,
                             const char *object, apr_pool_t *p);

#endif
