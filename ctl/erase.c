/* SPDX-License-Identifier: Apache-2.0 */
/*
 * erase.c - chatctl erase: a person's right to be forgotten.
 *
 * What they wrote goes, and who they were: texts, files, earlier texts,
 * reactions, name, e-mail address, password, log-ins. The skeleton stays: rows,
 * ids, times, and the audit log, which knows them by their id alone. What
 * others wrote to a patient goes with --whole.
 *
 * Each step can be done again, so an erasure that was interrupted is finished
 * by the same command.
 */
#include "wipe.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define COMMAND "erase"
#define NOBODY "Erased person"

static const char help[] =
    "usage: chatctl erase --user WHO [OPTION...]\n"
    "                     (--database TARGET | --config FILE)\n"
    "\n"
    "Remove what a person wrote (messages, words of plans, titles of their\n"
    "consultations), their files and reactions, and their name, e-mail\n"
    "address, password, log-ins and tokens. Rows, ids, times and the audit log "
    "stay.\n"
    "Refused while one of their conversations is on legal hold. May be run "
    "again.\n"
    "\n"
    "  --user WHO         an e-mail address or an id\n"
    "  --whole            also what others wrote in conversations of which the\n"
    "                     person is the patient\n"
    "  --except-held      leave conversations on hold, and the person's name, "
    "as\n"
    "                     they are, and erase the rest\n"
    "  --dry-run          count, change nothing\n"
    "  --files DIR        where attachments are (ChatFiles)\n"
    "  --database TARGET  sqlite:/path/file.db or postgresql://...\n"
    "  --config FILE      take database.url of chat-push's settings\n"
    "  --json             print one JSON object\n"
    "\n"
    "Exit status: 0 done, 1 failed or refused, 2 wrong arguments.\n";

typedef struct {
    ctl_target_t given;
    const char *who;
    ctl_removal_t content;
    int whole, except_held, json;
    const char *id;                    /* of the person */
    apr_array_header_t *conversations; /* const char *: theirs */
    apr_array_header_t *patient_of;    /* of these, for --whole */
    int held;                          /* how many are on hold */
} erase_t;

/* --- whom, and what is in the way --------------------------------------------- */

static int person_find(ctl_session_t *s, erase_t *o)
{
    chat_db_value_t arg = chat_db_text(o->who);
    chat_db_result_t *res;
    apr_status_t rv = chat_db_run(&res, s->conn, "ctl_user", &arg, 1, s->p);

    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    if (chat_db_rows(res) == 0) {
        return ctl_fail("nobody has the e-mail address or the id '%s'", o->who);
    }
    o->id = chat_db_get(res, 0, 0);
    return CTL_OK;
}

static int ids_read(apr_array_header_t **to, ctl_session_t *s,
                    const char *label, const char *user)
{
    chat_db_value_t arg = ctl_id(user);
    chat_db_result_t *res;
    apr_status_t rv = chat_db_run(&res, s->conn, label, &arg, 1, s->p);

    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    *to = apr_array_make(s->p, chat_db_rows(res), sizeof(const char *));
    for (int i = 0; i < chat_db_rows(res); i++) {
        APR_ARRAY_PUSH(*to, const char *) = chat_db_get(res, i, 0);
    }
    return CTL_OK;
}

/* Those on hold leave the list. */
static int holds_take_out(ctl_session_t *s, erase_t *o,
                          apr_array_header_t *list)
{
    int kept = 0;

    for (int i = 0; i < list->nelts; i++) {
        const char *id = APR_ARRAY_IDX(list, i, const char *);
        int held;

        if (ctl_removal_held(&held, s, id) != CTL_OK) {
            return CTL_FAILED;
        }
        if (!held) {
            APR_ARRAY_IDX(list, kept++, const char *) = id;
            continue;
        }
        o->held++;
        if (!o->except_held) {
            ctl_fail("conversation %s is on legal hold: release it, or say "
                     "--except-held",
                     id);
        }
    }
    list->nelts = kept;
    return CTL_OK;
}

/* --- doing it ------------------------------------------------------------------- */

static int contents_remove(ctl_session_t *s, erase_t *o)
{
    chat_db_value_t author = ctl_id(o->id);
    chat_db_result_t *res;
    apr_status_t rv;
    int i;

    for (i = 0; i < o->conversations->nelts; i++) {
        if (ctl_removal_remove(s, &o->content,
                               APR_ARRAY_IDX(o->conversations, i, const char *),
                               o->id) != CTL_OK) {
            return CTL_FAILED;
        }
    }
    if (!o->content.dry) {
        rv = ctl_session_run(&res, s, "care_alone", &author, 1);
        if (rv != APR_SUCCESS) {
            return ctl_session_failed(s, rv);
        }
        o->content.messages += chat_db_rows(res);
    }
    for (i = 0; o->whole && i < o->patient_of->nelts; i++) {
        if (ctl_removal_remove(s, &o->content,
                               APR_ARRAY_IDX(o->patient_of, i, const char *),
                               NULL) != CTL_OK) {
            return CTL_FAILED;
        }
    }
    return CTL_OK;
}

/* Names in the log of events, where it may still be told. */
static int names_remove(ctl_session_t *s, const erase_t *o)
{
    static const char *const places[] = { "message,user", "user",
                                          "message,reply_to,user" };
    int n = 3 * o->conversations->nelts;

    for (int i = 0; i < n; i++) {
        chat_db_value_t args[] = {
            ctl_id(APR_ARRAY_IDX(o->conversations, i / 3, const char *)),
            s->engine == CHAT_DB_SQLITE ? ctl_id(o->id) : chat_db_text(o->id),
            chat_db_text(NOBODY), chat_db_text(places[i % 3])
        };
        apr_status_t rv = ctl_session_run(NULL, s, "care_event_names", args, 4);

        if (rv != APR_SUCCESS) {
            return ctl_session_failed(s, rv);
        }
        apr_pool_clear(s->rows);
    }
    return CTL_OK;
}

/* Who they were, their log-ins, and the entry that says it was done. */
static int person_remove(ctl_session_t *s, const erase_t *o)
{
    const char *mark = chat_secret_token(12, s->p);
    chat_db_value_t args[] = { ctl_id(o->id), chat_db_text(NOBODY),
                               chat_db_text(apr_pstrcat(s->p, "erased-", mark,
                                                        "@erased.invalid",
                                                        NULL)),
                               chat_db_text("*") };
    int adapted = 0;
    apr_status_t rv;

    if (mark == NULL) {
        return ctl_fail("the system gives no random numbers");
    }
    if (ctl_adapted(&adapted, s->db, s->p) != CTL_OK) {
        return CTL_FAILED;
    }
    rv = chat_db_begin(s->conn);
    if (rv == APR_SUCCESS) {
        /* What fails is remembered, and the commit says it. */
        if (o->held == 0) { /* first, for events of the rest show the name */
            ctl_session_run(NULL, s,
                            adapted ? "care_person_adapted" : "care_person",
                            args, 4);
        }
        ctl_session_run(NULL, s, "care_tokens", args, 1);
        ctl_session_run(NULL, s, "care_sessions", args, 1);
        ctl_session_run(NULL, s, "care_reactions_of", args, 1);
        chat_audit_note(s->conn, s->who, "erase", "",
                        apr_psprintf(s->rows, "user %.64s%s", o->id,
                                     o->held > 0 ? ", except what is on hold"
                                                 : ""),
                        s->rows);
        rv = chat_db_commit(s->conn);
    }
    return rv == APR_SUCCESS ? CTL_OK : ctl_session_failed(s, rv);
}

static int report(const erase_t *o)
{
    if (o->json) {
        ctl_json_line(json_pack("{s:b, s:s, s:I, s:I, s:I, s:i}", "dry_run",
                                o->content.dry, "user", o->id, "messages",
                                (json_int_t)o->content.messages, "files",
                                (json_int_t)o->content.removed, "plans",
                                (json_int_t)o->content.plans, "held",
                                o->held));
        return CTL_OK;
    }
    ctl_say("%s: %" APR_INT64_T_FMT " messages, %" APR_INT64_T_FMT
            " files of user %s%s",
            o->content.dry ? "would erase" : "erased", o->content.messages,
            o->content.removed, o->id,
            o->held > 0 ? "; what is on hold stays, and the name" : "");
    return CTL_OK;
}

static int erase(ctl_session_t *s, erase_t *o)
{
    if (person_find(s, o) != CTL_OK ||
        ids_read(&o->conversations, s, "care_conversations", o->id) != CTL_OK ||
        ids_read(&o->patient_of, s, "care_patient_of", o->id) != CTL_OK ||
        holds_take_out(s, o, o->conversations) != CTL_OK) {
        return CTL_FAILED;
    }
    if (o->held > 0 && !o->except_held) {
        return CTL_FAILED; /* said already */
    }
    if (holds_take_out(s, &(erase_t){ .except_held = 1 }, o->patient_of) !=
            CTL_OK ||
        contents_remove(s, o) != CTL_OK) {
        return CTL_FAILED;
    }
    if (!o->content.dry && (person_remove(s, o) != CTL_OK ||
                            (o->held == 0 && names_remove(s, o) != CTL_OK))) {
        return CTL_FAILED;
    }
    return report(o);
}

int ctl_erase(int argc, const char *const *argv, apr_pool_t *p)
{
    erase_t o = { .json = 0 };
    ctl_opt_t opts[] = { { "user", &o.who, NULL, NULL },
                         { "whole", NULL, &o.whole, NULL },
                         { "except-held", NULL, &o.except_held, NULL },
                         { "dry-run", NULL, &o.content.dry, NULL },
                         { "files", &o.content.files, NULL, NULL },
                         { "database", &o.given.database, NULL, NULL },
                         { "config", &o.given.config, NULL, NULL },
                         { "json", NULL, &o.json, NULL },
                         { NULL, NULL, NULL, NULL } };
    ctl_session_t s;
    ctl_words_t words;
    int done = 0;
    int status = ctl_options(&words, &done, opts, COMMAND, help, argc, argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    if (o.who == NULL || words.n > 0) {
        return ctl_usage(COMMAND, "say --user WHO, and no other words");
    }
    if (ctl_directory(o.content.files, COMMAND, "--files") != CTL_OK) {
        return CTL_USAGE;
    }
    status = ctl_session_open(&s, &o.given, !o.content.dry, COMMAND, p);
    return status == CTL_OK ? erase(&s, &o) : status;
}
