/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_look.h - what the parts of `chatctl audit` share: audit.c reads the
 * arguments, lists and purges; audit_verify.c follows the chain.
 */
#ifndef CTL_AUDIT_LOOK_H
#define CTL_AUDIT_LOOK_H

#include "audit_seal.h"
#include "session.h"

/* Arguments; NULL or 0: not given. */
typedef struct {
    ctl_target_t target;
    const char *user, *conversation, *action, *since, *until; /* list */
    const char *checkpoint; /* --since-checkpoint: a file */
    const char *out;        /* checkpoint --out: a file */
    const char *before;     /* purge --before: a time */
    apr_int64_t limit;      /* list */
    int json;               /* verify */
    const char *key;        /* --audit-key: a setting as ChatAuditKey has it */
    const chat_keyring_t *ring; /* of it; NULL: seals are not looked at */
} ctl_audit_t;

/* The columns of the statements that give entries. */
enum { AUDIT_SEQ, AUDIT_FIRST, AUDIT_HASH = AUDIT_FIRST + CHAT_AUDIT_FIELDS };

/** Follow the chain and say what is wrong with it. @return an exit status */
int ctl_audit_verify(ctl_session_t *s, const ctl_audit_t *a);

/** Print, or append to a file, where the chain is now. */
int ctl_audit_checkpoint(ctl_session_t *s, const ctl_audit_t *a);

#endif
