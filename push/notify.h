/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - telling the supervisor how we are: systemd's notify protocol.
 *
 * A datagram to the socket that NOTIFY_SOCKET names, a path or, behind an '@',
 * an abstract name. Without that variable nothing is sent. No library is
 * needed for it, and a supervisor that does not listen is no trouble of ours.
 *
 * Source: sd_notify(3), "The protocol".
 */
#ifndef PUSH_NOTIFY_H
#define PUSH_NOTIFY_H

#include <apr.h>

/** Send "READY=1", "STATUS=…" or several of these, a line each. */
void push_notify(const char *state);

/** Have the supervisor keep a descriptor and give it to the next process.
 * @param name  at most 255 bytes, no colon */
void push_notify_store(int fd, const char *name);

/** "RELOADING=1" with the time, as Type=notify-reload wants it. */
void push_notify_reloading(void);

/**
 * Milliseconds after which the supervisor takes us for dead when no
 * "WATCHDOG=1" came; 0: it does not watch this process.
 */
apr_uint32_t push_notify_watchdog(void);

#endif
