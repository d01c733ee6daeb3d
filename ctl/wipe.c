/* SPDX-License-Identifier: Apache-2.0 */
/* wipe.c - removing what was said, see wipe.h. */
#include "wipe.h"

#include <apr_file_io.h>
#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BATCH 200      /* messages or files of one transaction */
#define BATCH_LOG 2000 /* events looked at by one statement */

const char *ctl_removal_path(const char *files, const char *id,
                             const char *end, apr_pool_t *p)
{
    return apr_psprintf(p, "%s/%.2s/%s%s", files, id, id, end);
}

int ctl_removal_held(int *held, ctl_session_t *s, const char *conversation)
{
    chat_db_value_t arg = chat_db_text(conversation);
    chat_db_result_t *res;
    apr_status_t rv = ctl_session_run(&res, s, "care_held", &arg, 1);

    *held = rv == APR_SUCCESS && chat_db_rows(res) > 0;
    return rv == APR_SUCCESS ? CTL_OK : ctl_session_failed(s, rv);
}

int ctl_removal_note(ctl_session_t *s, const char *action,
                     const char *conversation, const char *object)
{
    apr_status_t rv = chat_db_begin(s->conn);

    if (rv == APR_SUCCESS) {
        chat_audit_note(s->conn, s->who, action, conversation, object, s->rows);
        rv = chat_db_commit(s->conn);
    }
    return rv == APR_SUCCESS ? CTL_OK : ctl_session_failed(s, rv);
}

/* Whether an id can be a file's: it becomes part of a path. */
static int id_good(const char *id)
{
    return strlen(id) >= 2 && strspn(id, "0123456789abcdef") == strlen(id);
}

static int file_remove(const char *path)
{
    return unlink(path) == 0 || errno == ENOENT
               ? CTL_OK
               : ctl_fail("%s cannot be removed: %s", path, strerror(errno));
}

/* The bytes first: what fails between is found again by its row. */
static int attachment_remove(ctl_session_t *s, const ctl_removal_t *c,
                             const char *id)
{
    chat_db_value_t arg = chat_db_text(id);
    apr_status_t rv;

    if (id_good(id) &&
        (file_remove(ctl_removal_path(c->files, id, "", s->rows)) != CTL_OK ||
         file_remove(ctl_removal_path(c->files, id, ".thumb", s->rows)) !=
             CTL_OK)) {
        return CTL_FAILED;
    }
    rv = ctl_session_run(NULL, s, "care_file_gone", &arg, 1);
    return rv == APR_SUCCESS ? CTL_OK : ctl_session_failed(s, rv);
}

static int attachments_remove(ctl_session_t *s, ctl_removal_t *c,
                              chat_db_value_t args[3])
{
    int n = BATCH;

    while (n == BATCH) {
        chat_db_result_t *res;
        apr_status_t rv = ctl_session_run(&res, s, "care_files", args, 3);

        if (rv != APR_SUCCESS) {
            return ctl_session_failed(s, rv);
        }
        n = chat_db_rows(res);
        c->removed += n;
        if (c->dry) {
            return CTL_OK;
        }
        if (n > 0 && c->files == NULL) {
            return ctl_fail("there are files to remove: say with --files where "
                            "they are (ChatFiles of httpd's configuration)");
        }
        for (int i = 0; i < n; i++) {
            if (attachment_remove(s, c, chat_db_get(res, i, 0)) != CTL_OK) {
                return CTL_FAILED;
            }
        }
        apr_pool_clear(s->rows);
    }
    return CTL_OK;
}

/* What another program has noted of its files. */
static apr_status_t paths_empty(ctl_session_t *s, chat_db_value_t args[2])
{
    chat_db_result_t *res;
    apr_status_t rv = ctl_session_run(&res, s, "care_has_paths", NULL, 0);

    if (rv == APR_SUCCESS && chat_db_get_int(res, 0, 0, 0) == 2) {
        rv = ctl_session_run(NULL, s, "care_paths", args, 2);
    }
    return rv;
}

/* What the log tells of these messages, part by part. */
static apr_status_t log_empty(ctl_session_t *s, const chat_db_value_t args[2])
{
    apr_int64_t at = 0; /* behind which event */
    apr_status_t rv;

    for (;;) {
        chat_db_value_t part[] = { args[0], chat_db_int(at),
                                   chat_db_int(BATCH_LOG) };
        chat_db_value_t scrub[] = { args[0], args[1], chat_db_int(at),
                                    chat_db_int(0) };
        chat_db_result_t *res;
        apr_int64_t end;

        rv = ctl_session_run(&res, s, "care_scrub_end", part, 3);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        end = chat_db_get_int(res, 0, 0, 0);
        apr_pool_clear(s->rows);
        if (end == 0) {
            return APR_SUCCESS;
        }
        scrub[3] = chat_db_int(end);
        rv = ctl_session_run(NULL, s, "care_scrub", scrub, 4);
        if (rv == APR_SUCCESS) {
            rv = ctl_session_run(NULL, s, "care_scrub_quotes", scrub, 4);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        at = end;
    }
}

/* Some messages, in a transaction of their own.
 * @param after  behind which id; afterwards the last one of these
 * @param n      how many */
static apr_status_t batch_empty(ctl_session_t *s, const chat_db_value_t args[3],
                                apr_int64_t *after, int *n)
{
    chat_db_value_t all[] = { args[0], args[1], args[2], chat_db_int(*after) };
    chat_db_result_t *res = NULL;
    apr_status_t rv = chat_db_begin(s->conn);

    *n = 0;
    if (rv == APR_SUCCESS) {
        rv = ctl_session_run(NULL, s, "care_quiet", NULL, 0);
    }
    if (rv == APR_SUCCESS) {
        rv = ctl_session_run(&res, s, "care_empty", all, 4);
    }
    if (rv == APR_SUCCESS) {
        rv = ctl_session_run(NULL, s, "care_loud", NULL, 0);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_commit(s->conn);
    }
    else {
        chat_db_rollback(s->conn);
    }
    for (int i = 0; rv == APR_SUCCESS && i < chat_db_rows(res); i++) {
        apr_int64_t id = chat_db_get_int(res, i, 0, 0);

        *after = id > *after ? id : *after;
    }
    *n = rv == APR_SUCCESS ? chat_db_rows(res) : 0;
    apr_pool_clear(s->rows);
    return rv;
}

/* All of them; a second time through finds what came by late. */
static apr_status_t rows_empty(ctl_session_t *s, ctl_removal_t *c,
                               const chat_db_value_t args[3])
{
    apr_status_t rv = APR_SUCCESS;

    for (int round = 0; round < 2; round++) {
        apr_int64_t after = 0;
        int n = BATCH;

        while (rv == APR_SUCCESS && n == BATCH) {
            rv = batch_empty(s, args, &after, &n);
            c->messages += n;
        }
    }
    return rv;
}

/* The log goes first, so that whoever breaks this off and does it again has not
 * left anything there; and once more from its beginning, for what was written
 * meanwhile, also by edits into what was there. */
static int messages_empty(ctl_session_t *s, ctl_removal_t *c,
                          chat_db_value_t args[3])
{
    apr_status_t rv = ctl_session_run(NULL, s, "care_waiting", args, 2);

    if (rv == APR_SUCCESS) {
        rv = log_empty(s, args);
    }
    if (rv == APR_SUCCESS) {
        rv = rows_empty(s, c, args);
    }
    if (rv == APR_SUCCESS) {
        rv = log_empty(s, args);
    }
    if (rv == APR_SUCCESS && s->engine == CHAT_DB_PGSQL) {
        rv = paths_empty(s, args);
    }
    if (rv == APR_SUCCESS) {
        rv = ctl_session_run(NULL, s, "care_edits", args, 2);
    }
    if (rv == APR_SUCCESS) {
        rv = ctl_session_run(NULL, s, "care_reactions", args, 2);
    }
    return rv == APR_SUCCESS ? CTL_OK : ctl_session_failed(s, rv);
}

/* SQLite: what chat_words_erase does on PostgreSQL, in one transaction. */
static apr_status_t words_one_by_one(ctl_session_t *s, ctl_removal_t *c,
                                     chat_db_value_t args[2])
{
    static const struct {
        const char *label;
        int values, plans;
    } steps[] = { { "care_plan_words", 2, 1 }, { "care_plan_reasons", 2, 0 },
                  { "resealing_begins", 0, 0 }, { "care_cards", 1, 0 },
                  { "resealing_ends", 0, 0 },  { "care_plan_events", 1, 0 },
                  { "care_card_events", 1, 0 }, { "care_quote_events", 1, 0 },
                  { "care_subject", 2, 0 },    { "care_subject_events", 1, 0 } };
    apr_status_t rv = chat_db_begin(s->conn);

    for (apr_size_t i = 0;
         rv == APR_SUCCESS && i < sizeof(steps) / sizeof(steps[0]); i++) {
        chat_db_result_t *res = NULL;

        rv = ctl_session_run(&res, s, steps[i].label, args, steps[i].values);
        if (rv == APR_SUCCESS && steps[i].plans) {
            c->plans += chat_db_rows(res);
        }
    }
    if (rv != APR_SUCCESS) {
        chat_db_rollback(s->conn);
        return rv;
    }
    return chat_db_commit(s->conn);
}

/* Words that are in no message: of plans, and of the conversation itself. */
static int words_remove(ctl_session_t *s, ctl_removal_t *c,
                        chat_db_value_t args[2], const char *author)
{
    /* The function takes the author as text. */
    chat_db_value_t texts[] = { args[0], author != NULL ? chat_db_text(author)
                                                        : chat_db_null() };
    chat_db_result_t *res;
    apr_status_t rv;

    if (s->engine == CHAT_DB_SQLITE) {
        rv = words_one_by_one(s, c, args);
    }
    else {
        rv = ctl_session_run(&res, s, "care_words", texts, 2);
        c->plans += rv == APR_SUCCESS ? chat_db_get_int(res, 0, 0, 0) : 0;
    }
    apr_pool_clear(s->rows);
    return rv == APR_SUCCESS ? CTL_OK : ctl_session_failed(s, rv);
}

int ctl_removal_remove(ctl_session_t *s, ctl_removal_t *c,
                       const char *conversation, const char *author)
{
    /* They outlive the batches. */
    chat_db_value_t args[] = { ctl_id(apr_pstrdup(s->p, conversation)),
                               author != NULL ? ctl_id(author)
                                              : chat_db_null(),
                               chat_db_int(BATCH) };
    chat_db_result_t *res;
    apr_status_t rv;

    if (attachments_remove(s, c, args) != CTL_OK) {
        return CTL_FAILED;
    }
    if (!c->dry) {
        return messages_empty(s, c, args) == CTL_OK
                   ? words_remove(s, c, args, author)
                   : CTL_FAILED;
    }
    rv = ctl_session_run(&res, s, "care_count", args, 2);
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    c->messages += chat_db_get_int(res, 0, 0, 0);
    return CTL_OK;
}
