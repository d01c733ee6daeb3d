/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - every answer that the routes table has an action for leaves an
 * entry in the audit log.
 *
 * The log's entries are one chain (common/audit_log.h), which a request cannot
 * wait for: all readers would stand in one queue. So an entry is first one
 * write() at the end of a spool file, which is the child's own:
 *
 *   request   line in the spool       some microseconds, no database
 *   leader    spools into the table   a thread, five times a second:
 *                                     one transaction for up to 500 entries
 *
 * Each child has such a thread; one of those that share ChatAuditSpool leads,
 * who holds the directory's lock. It takes in the spools of all children, of
 * dead ones too. How far it came is in the database, in the same transaction
 * (chat_audit_spools), so that no entry is lost or comes twice, whoever dies.
 *
 * What survives what: a killed child, a killed httpd or a database that is away
 * lose nothing; the entry was the kernel's before the answer left. A power cut
 * may take what the kernel had not written yet, some seconds; with ChatAudit
 * Strict nothing, since then each answer waits for the disk (those of one
 * moment share a wait), and what cannot be written down is answered 503.
 *
 * A spool belongs to its child, which holds a lock on it (flock); one without
 * and read to its end is removed.
 */
#ifndef CHAT_AUDIT_H
#define CHAT_AUDIT_H

#include "request.h"

typedef struct chat_audit_log_t chat_audit_log_t; /* one per child, directory */

/**
 * A child's way to the log; its thread is started.
 * @param dir  of the spools; made when missing
 * @param db   where they go
 * @param ring what entries are signed and the chain is sealed with; NULL: nothing
 * @param p    the child's pool; its end waits for the thread
 */
apr_status_t chat_audit_start(chat_audit_log_t **log, const char *dir,
                              chat_db_t *db, int strict,
                              const struct chat_keyring_t *ring, server_rec *s,
                              apr_pool_t *p);

/**
 * Write down how a request is answered, once, where its route has an action.
 * Called before the answer is sent.
 * @return 0 when it has to be written down and could not be: answer 503
 */
int chat_audit_answer(chat_request_t *q, int status);

#endif
