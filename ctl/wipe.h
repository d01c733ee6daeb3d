/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wipe.h - removing what was said, and keeping that something was.
 *
 * Of a message its row stays, with ids and times; text, files, earlier texts
 * and reactions go; of a plan its title, description and reason, of a
 * conversation title and description. Triggers tell the clients that are open, and empty the log
 * of events. The work is done in transactions of a few hundred messages, so
 * that people go on writing beside it; done again it finds nothing left.
 */
#ifndef CTL_WIPE_H
#define CTL_WIPE_H

#include "session.h"

typedef struct {
    const char *files; /* --files: where attachments are; NULL: not given */
    int dry;           /* --dry-run: count, change nothing */
    apr_int64_t messages; /* so far */
    apr_int64_t removed;  /* files so far */
    apr_int64_t plans;    /* plans whose words went so far; not counted dry */
} ctl_removal_t;

/**
 * Remove the content of a conversation.
 * @param author  of that user only; NULL: everybody's
 * @return CTL_OK, else said already
 */
int ctl_removal_remove(ctl_session_t *s, ctl_removal_t *c,
                       const char *conversation, const char *author);

/** Whether a conversation is on legal hold. @return CTL_OK, else said */
int ctl_removal_held(int *held, ctl_session_t *s, const char *conversation);

/** One entry of the audit log, in a transaction of its own. Likewise. */
int ctl_removal_note(ctl_session_t *s, const char *action,
                     const char *conversation, const char *object);

/** Where an attachment's file is, from p. @param end  "" or ".thumb" */
const char *ctl_removal_path(const char *files, const char *id,
                             const char *end, apr_pool_t *p);

#endif
