/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_verify.c - whether the audit log is what was written into it.
 *
 * Each entry's hash is computed again from the one before it. What that shows:
 * a changed field, an entry that is missing between others, entries that
 * changed places. What is missing at the end shows against chat_audit_head, and
 * against a checkpoint also when that was changed as well: who may write all of
 * the database can make the whole chain anew, but not the file with checkpoints
 * that is kept on another machine; nor, without the key, the seals that httpd
 * adds where there is ChatAuditKey (common/audit_seal.h).
 */
#include "audit_look.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define PAGE 1000
#define SEAL_LATE apr_time_from_sec(600)
#define SAY_MOST 20 /* findings; the rest is counted */

/* A look at the log. */
typedef struct {
    ctl_session_t *s;
    int json;
    json_t *findings; /* texts */
    int found;        /* also those that are not told */
    apr_int64_t last; /* the head's number … */
    const char *hash; /* … and hash */
    apr_int64_t purged;      /* the last entry that was purged */
    const char *purged_hash;
    int purge_said;          /* an entry in the chain says so */
    apr_int64_t entries;     /* looked at */
    const chat_keyring_t *ring; /* NULL: seals are not looked at */
    apr_int64_t seals;       /* good ones */
    apr_int64_t sealed;      /* the last of them, 0: none */
    apr_int64_t unsigned_;   /* entries that came without a signature */
    apr_int64_t unremembered; /* times the writer began without its memory */
    char waiting[CHAT_AUDIT_TIME]; /* when the first entry behind it was */
} look_t;

static void find(look_t *v, apr_int64_t seq, const char *what)
{
    if (v->found++ < SAY_MOST) {
        json_array_append_new(v->findings,
                              json_sprintf("entry %lld: %s", (long long)seq,
                                           what));
    }
}

/* --- checkpoints ------------------------------------------------------------- */

static int checkpoint_read(apr_int64_t *seq, const char **hash,
                           const char *text)
{
    json_t *c = json_loads(text, 0, NULL);
    const json_t *n = json_object_get(c, "seq");
    const char *h = json_string_value(json_object_get(c, "hash"));
    static char kept[CHAT_SHA256_HEX];
    int good = json_is_integer(n) && h != NULL && strlen(h) == 64;

    if (good) {
        *seq = json_integer_value(n);
        apr_cpystrn(kept, h, sizeof(kept));
        *hash = kept;
    }
    json_decref(c);
    return good;
}

/* The last line of the file. */
static int checkpoint_load(apr_int64_t *seq, const char **hash,
                           const char *path)
{
    FILE *f = fopen(path, "r");
    char line[512], last[512] = "";

    if (f == NULL) {
        return ctl_fail("%s cannot be read", path);
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == '{') {
            apr_cpystrn(last, line, sizeof(last));
        }
    }
    fclose(f);
    return checkpoint_read(seq, hash, last)
               ? CTL_OK
               : ctl_fail("%s: its last line is no checkpoint", path);
}

int ctl_audit_checkpoint(ctl_session_t *s, const ctl_audit_t *a)
{
    char at[CHAT_AUDIT_TIME];
    chat_db_result_t *res;
    FILE *f = stdout;
    apr_status_t rv = ctl_session_run(&res, s, "audit_state", NULL, 0);
    int good;

    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    chat_audit_time(at, apr_time_now());
    if (a->out != NULL) {
        f = fopen(a->out, "a");
    }
    if (f == NULL) {
        return ctl_fail("%s cannot be written", a->out);
    }
    good = fprintf(f, "{\"seq\":%s,\"hash\":\"%s\",\"at\":\"%s\"}\n",
                   chat_db_get(res, 0, 0), chat_db_get(res, 0, 1), at) > 0;
    if (f != stdout) {
        good = fclose(f) == 0 && good;
    }
    return good ? CTL_OK : ctl_fail("the checkpoint cannot be written");
}

/* --- the chain --------------------------------------------------------------- */

static void purge_note(look_t *v, const chat_audit_entry_t *e)
{
    const char *wanted = apr_psprintf(v->s->rows, "%" APR_INT64_T_FMT " %s",
                                      v->purged, v->purged_hash);

    if (strcmp(e->field[CHAT_AUDIT_ACTION], "audit.purge") == 0 &&
        strcmp(e->field[CHAT_AUDIT_OBJECT], wanted) == 0) {
        v->purge_said = 1;
    }
}

/* What only who has the key could have written. @param previous  the hash that
 * it stands on */
static void seal_look(look_t *v, apr_int64_t n, const char *previous,
                      const chat_audit_entry_t *e)
{
    const char *action = e->field[CHAT_AUDIT_ACTION];
    const char *object = e->field[CHAT_AUDIT_OBJECT];

    if (strcmp(action, "audit.sealed") != 0) {
        v->unsigned_ += strcmp(action, "audit.unsigned") == 0;
        v->unremembered += strcmp(action, "audit.unremembered") == 0;
        if (strcmp(action, "audit.damaged") == 0 &&
            (strncmp(object, "seal ", 5) == 0 ||
             strncmp(object, "the file ", 9) == 0)) {
            find(v, n, apr_psprintf(v->s->rows, "httpd missed %s then: the log "
                                    "before it was changed", object));
        }
        if (v->waiting[0] == '\0') {
            apr_cpystrn(v->waiting, e->field[CHAT_AUDIT_AT],
                        sizeof(v->waiting));
        }
        return;
    }
    switch (chat_audit_seal_check(object, v->ring, n, previous)) {
    case CHAT_AUDIT_SEAL_GOOD:
        v->seals++;
        v->sealed = n;
        v->waiting[0] = '\0';
        break;
    case CHAT_AUDIT_SEAL_UNKNOWN:
        find(v, n, "it is sealed with a key that is not in the file");
        break;
    case CHAT_AUDIT_SEAL_FORGED:
        find(v, n, "its seal is not one of the key: the log before it was made "
                   "anew");
        break;
    }
}

/* One row. @param seq, previous  the last good ones; moved on */
static void entry_look(look_t *v, const chat_db_result_t *res, int row,
                       apr_int64_t *seq, char previous[CHAT_SHA256_HEX])
{
    apr_int64_t n = chat_db_get_int(res, row, AUDIT_SEQ, 0);
    const char *hash = chat_db_get(res, row, AUDIT_HASH);
    char right[CHAT_SHA256_HEX];
    chat_audit_entry_t e;

    for (int i = 0; i < CHAT_AUDIT_FIELDS; i++) {
        e.field[i] = chat_db_get(res, row, AUDIT_FIRST + i);
    }
    if (n != *seq + 1) {
        find(v, *seq + 1,
             n - *seq > 2 ? "it is missing, and more behind it"
                          : "it is missing");
    }
    else {
        chat_audit_hash(right, previous, n, &e);
        if (strcmp(right, hash) != 0) {
            find(v, n, "it is not what was written, or stands elsewhere");
        }
    }
    purge_note(v, &e);
    if (v->ring != NULL) {
        seal_look(v, n, previous, &e);
    }
    *seq = n;
    apr_cpystrn(previous, hash, CHAT_SHA256_HEX);
    v->entries++;
}

/* All entries behind one, up to the head's. */
static apr_status_t chain_look(look_t *v, apr_int64_t *seq,
                               char previous[CHAT_SHA256_HEX])
{
    int n = PAGE;

    while (n == PAGE && *seq < v->last) {
        chat_db_value_t args[] = { chat_db_int(*seq), chat_db_int(PAGE) };
        chat_db_result_t *res;
        apr_status_t rv = ctl_session_run(&res, v->s, "audit_page", args, 2);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        n = chat_db_rows(res);
        for (int i = 0; i < n && *seq < v->last; i++) {
            entry_look(v, res, i, seq, previous);
        }
        apr_pool_clear(v->s->rows);
    }
    return APR_SUCCESS;
}

/* Begin at a checkpoint: its entry has to be there, with its hash. */
static apr_status_t checkpoint_look(look_t *v, apr_int64_t seq,
                                    const char *hash)
{
    chat_db_value_t args[] = { chat_db_int(seq - 1), chat_db_int(1) };
    chat_db_result_t *res;
    apr_status_t rv;

    if (seq == 0) {
        return APR_SUCCESS;
    }
    rv = ctl_session_run(&res, v->s, "audit_page", args, 2);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (seq > v->last || chat_db_get_int(res, 0, AUDIT_SEQ, 0) != seq) {
        find(v, seq, "a checkpoint knows it, and it is not there");
    }
    else if (strcmp(chat_db_get(res, 0, AUDIT_HASH), hash) != 0) {
        find(v, seq, "a checkpoint has another hash: the log was made anew");
    }
    return APR_SUCCESS;
}

/* Entries behind the last seal: httpd seals within ten seconds while it runs. */
static void end_look(look_t *v)
{
    char old[CHAT_AUDIT_TIME];

    chat_audit_time(old, apr_time_now() - SEAL_LATE);
    if (v->entries > 0 && v->waiting[0] != '\0' &&
        strcmp(v->waiting, old) < 0) {
        find(v, v->sealed + 1,
             "it and all behind it are not sealed, though older than ten "
             "minutes");
    }
}

/* What the seals are worth, for people. */
static void seals_say(const look_t *v)
{
    ctl_say("%" APR_INT64_T_FMT " seals of the key, the last is entry "
            "%" APR_INT64_T_FMT "; %" APR_INT64_T_FMT
            " entries behind it are not proved yet",
            v->seals, v->sealed, v->last - v->sealed);
    if (v->unsigned_ > 0) {
        ctl_say("%" APR_INT64_T_FMT
                " entries came without a signature (audit.unsigned before each)",
                v->unsigned_);
    }
    if (v->unremembered > 0) {
        ctl_say("%" APR_INT64_T_FMT " times httpd began without a memory of its "
                "last seal (audit.unremembered): what was behind it may be "
                "missing",
                v->unremembered);
    }
}

static json_t *seals_json(const look_t *v)
{
    return v->ring == NULL
               ? json_null()
               : json_pack("{s:I, s:I, s:I, s:I, s:I}", "good",
                           (json_int_t)v->seals, "last",
                           (json_int_t)v->sealed, "behind",
                           (json_int_t)(v->last - v->sealed), "unsigned",
                           (json_int_t)v->unsigned_, "unremembered",
                           (json_int_t)v->unremembered);
}

static int look_end(look_t *v, apr_int64_t first)
{
    json_t *text;
    size_t i;

    if (v->json) {
        ctl_json_line(json_pack("{s:b, s:I, s:I, s:I, s:s, s:i, s:O, s:o}",
                                "intact",
                                v->found == 0, "first", (json_int_t)first,
                                "last", (json_int_t)v->last, "entries",
                                (json_int_t)v->entries, "hash", v->hash,
                                "found", v->found, "findings", v->findings,
                                "seals", seals_json(v)));
        return v->found == 0 ? CTL_OK : CTL_FAILED;
    }
    json_array_foreach(v->findings, i, text) {
        ctl_say("%s", json_string_value(text));
    }
    if (v->found > 0) {
        return ctl_fail("the audit log is not intact: %d findings", v->found);
    }
    ctl_say("the audit log is intact: %" APR_INT64_T_FMT
            " entries looked at, up to %" APR_INT64_T_FMT ", hash %s",
            v->entries, v->last, v->hash);
    if (v->ring != NULL) {
        seals_say(v);
    }
    return CTL_OK;
}

static int look_all(look_t *v, ctl_session_t *s, const ctl_audit_t *a)
{
    char previous[CHAT_SHA256_HEX];
    apr_int64_t seq, first;
    chat_db_result_t *res;
    const char *hash;
    apr_status_t rv;

    rv = chat_db_run(&res, s->conn, "audit_state", NULL, 0, s->p);
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    v->last = chat_db_get_int(res, 0, 0, 0);
    v->hash = chat_db_rows(res) > 0 ? chat_db_get(res, 0, 1) : "";
    seq = v->purged = chat_db_get_int(res, 0, 2, 0);
    hash = v->purged_hash = chat_db_rows(res) > 0 ? chat_db_get(res, 0, 3) : "";
    if (chat_db_rows(res) == 0) {
        find(v, 0, "chat_audit_head is empty");
    }
    if (a->checkpoint != NULL) {
        if (checkpoint_load(&seq, &hash, a->checkpoint) != CTL_OK) {
            return CTL_FAILED;
        }
        if (seq < v->purged) {
            return ctl_fail("entry %" APR_INT64_T_FMT
                            " of the checkpoint has been purged since: verify "
                            "from the beginning",
                            seq);
        }
        rv = checkpoint_look(v, seq, hash);
    }
    first = seq + 1;
    apr_cpystrn(previous, hash, sizeof(previous));
    if (rv == APR_SUCCESS) {
        rv = chain_look(v, &seq, previous);
    }
    if (rv != APR_SUCCESS) {
        return ctl_session_failed(s, rv);
    }
    if (seq < v->last) {
        find(v, seq + 1, "it and all behind it are missing");
    }
    else if (seq == v->last && strcmp(previous, v->hash) != 0) {
        find(v, seq, "chat_audit_head has another hash");
    }
    if (a->checkpoint == NULL && v->purged > 0 && !v->purge_said) {
        find(v, v->purged, "it and all before it are gone without an entry "
                           "that says so");
    }
    if (v->ring != NULL) {
        end_look(v);
    }
    return look_end(v, first);
}

int ctl_audit_verify(ctl_session_t *s, const ctl_audit_t *a)
{
    look_t v = { .s = s, .json = a->json, .ring = a->ring };
    int end;

    v.findings = json_array();
    end = look_all(&v, s, a);
    json_decref(v.findings);
    return end;
}
