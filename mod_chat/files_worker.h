/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_worker.h - chat-files: started, kept alive and ended by httpd's parent.
 *
 * One process for each directory of ChatFiles. It is httpd's User from its first
 * instruction. The socket it answers on belongs to the parent and stays open
 * over restarts of httpd and of chat-files, so whoever asks meanwhile waits
 * instead of being refused. A graceful restart ends the process, which loses
 * nothing by that (checkup.h), and starts one with the new settings.
 */
#ifndef CHAT_FILES_WORKER_H
#define CHAT_FILES_WORKER_H

#include <httpd.h>

#include "files_ask.h"

/** Start what is to run; post_config, in the parent. Hosts with equal
 * directories share a process. */
apr_status_t chat_files_workers_start(server_rec *first, apr_pool_t *p);

/** Start those again that died too soon to be started at once; monitor hook. */
int chat_files_workers_monitor(apr_pool_t *p, server_rec *s);

#endif
