/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access_log.h - what access logs hear of the chat's URLs: no query.
 *
 * Their queries hold what people search for, signatures of links to files and
 * whatever a client thinks it must send with a socket; httpd's usual formats
 * (%r, %q) would keep all that in files that many read. A site cannot forget
 * it: the query is taken off before any log sees the request, whatever its
 * format. Runs on the worker's thread, after the answer.
 */
#ifndef CHAT_ACCESS_LOG_H
#define CHAT_ACCESS_LOG_H

#include <httpd.h>

/**
 * Hook log_transaction, before those who write: take the query off a request
 * for a URL of the chat or for a WebSocket, and off those it was redirected to.
 * @return DECLINED: the others go on
 */
int chat_access_log_redact(request_rec *r);

#endif
