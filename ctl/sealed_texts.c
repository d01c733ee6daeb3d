/* SPDX-License-Identifier: Apache-2.0 */
/* sealed_texts.c - see sealed_texts.h. */
#include "sealed_texts.h"

#include <apr_strings.h>
#include <openssl/crypto.h>

#include <string.h>

#define BATCH 200 /* rows of one transaction */

/* The columns: what the next page begins behind, the row's id, who wrote it,
 * what its name is made of, the text. */
enum { COL_KEY, COL_ID, COL_AUTHOR, COL_NAME, COL_TEXT };

typedef struct {
    const char *what;  /* for people */
    const char *label; /* the rows; `set` seals one */
    const char *set;
    chat_seal_kind_t kind;
    int own; /* the adaptation may lack the table */
} kind_t;

/* clang-format off */
static const kind_t kinds[] = {
    { "message",                    "texts_messages",     "text_message",     CHAT_SEAL_MESSAGE,     0 },
    { "what was said before edit",  "texts_edits",        "text_edit",        CHAT_SEAL_MESSAGE,     0 },
    { "held message",               "texts_held",         "text_held",        CHAT_SEAL_MESSAGE,     0 },
    { "title of plan",              "texts_titles",       "text_title",       CHAT_SEAL_TITLE,       1 },
    { "description of plan",        "texts_descriptions", "text_description", CHAT_SEAL_DESCRIPTION, 1 },
    { "reason of plan",             "texts_reasons",      "text_reason",      CHAT_SEAL_REASON,      1 },
    { "title of conversation",      "texts_subject",      "text_subject",     CHAT_SEAL_SUBJECT,     0 },
    { "name of file",               "texts_names",        NULL,               CHAT_SEAL_FILENAME,    0 },
};
/* clang-format on */
#define NKINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

/* One kind of a conversation's. */
typedef struct {
    ctl_texts_t *t;
    const kind_t *kind;
    const char *conversation;
    char newest[CHAT_SEAL_KEY_ID]; /* the key's id; only to write */
} pass_t;

/* Of a plan the name is that of a text of it which is sealed, else made of its
 * id. */
static void name_of(char name[CHAT_SEAL_NAME], const pass_t *pass,
                    const char *from, const char *id)
{
    int plan = pass->kind->own;
    chat_sealed_t sealed;

    if (plan && from != NULL &&
        chat_sealed_parse(&sealed, from, strlen(from))) {
        apr_cpystrn(name, sealed.name, CHAT_SEAL_NAME);
        return;
    }
    from = plan ? apr_pstrcat(pass->t->s->rows, "plan ", id, NULL) : from;
    chat_seal_name(name, from, from != NULL ? strlen(from) : 0);
}

/* Where a row's text stands. */
static chat_seal_about_t about_of(char name[CHAT_SEAL_NAME], const pass_t *pass,
                                  const chat_db_result_t *res, int row)
{
    const char *author = chat_db_get(res, row, COL_AUTHOR);

    name_of(name, pass, chat_db_get(res, row, COL_NAME),
            chat_db_get(res, row, COL_ID));
    return (chat_seal_about_t){ pass->kind->kind, pass->conversation,
                                author != NULL ? author : "", name };
}

/* Seal it, unless somebody has changed the row meanwhile. */
static apr_status_t put(const pass_t *pass, const chat_seal_about_t *about,
                        const char *id, const char *was, const char *plain)
{
    ctl_texts_t *t = pass->t;
    const char *sealed = NULL, *why = "";
    chat_db_value_t args[3];
    apr_status_t rv = chat_keys_seal(&sealed, t->keys,
                                     ctl_id(pass->conversation), about, plain,
                                     &why, t->s->rows);

    if (rv != APR_SUCCESS) {
        ctl_fail("%s", why);
        return rv;
    }
    args[0] = ctl_id(id);
    args[1] = chat_db_text(sealed);
    args[2] = chat_db_text(was);
    t->sealed++;
    return ctl_session_run(NULL, t->s, pass->kind->set, args, 3);
}

static void shut(const pass_t *pass, const char *id, const char *why)
{
    pass->t->shut++;
    ctl_fail("%s %s of conversation %s: %s", pass->kind->what, id,
             pass->conversation, why);
}

static apr_status_t row_take(const pass_t *pass, const chat_db_result_t *res,
                             int row)
{
    ctl_texts_t *t = pass->t;
    const char *id = chat_db_get(res, row, COL_ID), *why = NULL;
    const char *text = chat_db_get(res, row, COL_TEXT), *plain;
    char name[CHAT_SEAL_NAME];
    chat_seal_about_t about = about_of(name, pass, res, row), where = about;
    int write = t->write && pass->kind->set != NULL;
    chat_sealed_t sealed;

    if (!chat_sealed_parse(&sealed, text, strlen(text))) {
        t->clear++;
        return write && t->open ? put(pass, &about, id, text, text)
                                : APR_SUCCESS;
    }
    /* Who decided is not in a plan's row. */
    if (about.kind == CHAT_SEAL_REASON || about.kind == CHAT_SEAL_FILENAME) {
        where.author = NULL;
        about.author = sealed.author;
    }
    plain = chat_keys_open(t->keys, text, &where, &why, t->s->rows);
    if (why != NULL) {
        shut(pass, id, why);
        return APR_SUCCESS;
    }
    if (!write || strcmp(sealed.key_id, pass->newest) == 0) {
        t->before++;
        return APR_SUCCESS;
    }
    return put(pass, &about, id, text, plain);
}

/* Rows in one transaction, which says that it changes nothing for anybody. */
static apr_status_t rows_take(const pass_t *pass, const chat_db_result_t *res)
{
    ctl_session_t *s = pass->t->s;
    int write = pass->t->write;
    apr_status_t rv = write ? chat_db_begin(s->conn) : APR_SUCCESS;

    if (rv == APR_SUCCESS && write) {
        rv = ctl_session_run(NULL, s, "resealing_begins", NULL, 0);
    }
    for (int i = 0; rv == APR_SUCCESS && i < chat_db_rows(res); i++) {
        rv = row_take(pass, res, i);
    }
    if (rv == APR_SUCCESS && write) {
        rv = ctl_session_run(NULL, s, "resealing_ends", NULL, 0);
    }
    if (write && rv == APR_SUCCESS) {
        return chat_db_commit(s->conn);
    }
    if (write) {
        chat_db_rollback(s->conn);
    }
    return rv;
}

static int pass_make(pass_t *pass)
{
    ctl_session_t *s = pass->t->s;
    const char *last = "0";
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *page;
    int n = BATCH;

    apr_pool_create(&page, s->p);
    while (rv == APR_SUCCESS && n == BATCH) {
        chat_db_value_t args[] = { ctl_id(pass->conversation), ctl_id(last),
                                   chat_db_int(BATCH) };
        chat_db_result_t *res;

        apr_pool_clear(s->rows);
        rv = chat_db_run(&res, s->conn, pass->kind->label, args, 3, page);
        if (rv == CHAT_DB_ESQL && pass->kind->own) {
            rv = APR_SUCCESS; /* no such table here */
            break;
        }
        n = rv == APR_SUCCESS ? chat_db_rows(res) : 0;
        if (n > 0) {
            rv = rows_take(pass, res);
            last = apr_pstrdup(s->p, chat_db_get(res, n - 1, COL_KEY));
        }
        apr_pool_clear(page);
    }
    apr_pool_destroy(page);
    return rv == APR_SUCCESS ? CTL_OK : ctl_session_failed(s, rv);
}

/* Made now when there is none: a transaction is no place for it. */
static int newest_find(pass_t *pass)
{
    unsigned char key[CHAT_SEAL_KEY];
    const char *why = "";
    apr_status_t rv = chat_keys_newest(key, pass->newest, pass->t->keys,
                                       ctl_id(pass->conversation),
                                       pass->conversation, &why,
                                       pass->t->s->p);

    OPENSSL_cleanse(key, sizeof(key));
    return rv == APR_SUCCESS ? CTL_OK : ctl_fail("%s", why);
}

int ctl_texts(ctl_texts_t *t, const char *conversation)
{
    pass_t pass = { .t = t, .conversation = conversation };
    int status = t->write ? newest_find(&pass) : CTL_OK;

    for (int i = 0; status == CTL_OK && i < NKINDS; i++) {
        pass.kind = &kinds[i];
        status = pass_make(&pass);
    }
    return status;
}
