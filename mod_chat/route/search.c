/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.c - messages that have certain words, newest first.
 *
 * One way down the ids, in three parts: what chat-push has not put into the index
 * yet and a few hundred more are read one by one, which is soonest for words that
 * many messages have; then the index; then what is older than the index. Whether a
 * message matches is always said by pure/search.c, so an index that is behind, and
 * one that has words of a text that was changed, give no wrong answer. Messages that
 * were changed and are not indexed anew are looked at besides.
 *
 * A request looks for so long only; `next` is where to go on, also when nothing was
 * found until then.
 */
#include "handlers.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include <apr_time.h>

#include "auth.h"
#include "channel.h"
#include "fold.h"
#include "json.h"
#include "pace.h"
#include "reply.h"
#include "rows.h"
#include "seal.h"
#include "search.h"
#include "shape.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 50
#define LATE_MAX 1000        /* changed messages looked at besides */
#define FEW 250              /* conversations that are named to the index */
#define FIRST_ROWS 500       /* read before the index is asked */
#define BATCH_LEAST 64       /* rows of one statement */
#define BATCH_MOST 4096
#define SEGMENTS_MOST 64     /* named to the index; more are all of them */
#define SPAN_LEAST ((apr_int64_t)1 << CHAT_SEARCH_SEGMENT) /* ids of one part */
#define PART_SHORT apr_time_from_msec(10)
#define PART_LONG apr_time_from_msec(40)
/* When no more is begun; what is under way takes some tens of ms at most. */
#define LOOK_FOR apr_time_from_msec(120)

/* The columns of search_found behind the message's. */
enum { COL_TALK = CHAT_ROW_COLUMNS, COL_TITLE, COL_STATUS };

typedef struct {
    chat_request_t *q;
    chat_search_t asked;
    const chat_conversation_t *in; /* NULL: in all of theirs */
    apr_int64_t low, high;         /* what the index has: low < id <= high */
    apr_int64_t at;                /* ids from here on are done */
    int limit;
    apr_int64_t *found; /* newest first; one more than `limit` at most */
    int n;
    apr_int64_t *late; /* the same of the changed ones */
    int nlate;
    int moved; /* something has been looked at */
    apr_time_t until;
    apr_pool_t *p;    /* the request's */
    apr_pool_t *rows; /* of one statement */
} look_t;

static int enough(const look_t *look)
{
    return look->n > look->limit;
}

static int go_on(const look_t *look)
{
    return !enough(look) && (!look->moved || apr_time_now() < look->until);
}

/* What lies encrypted has no words here. */
static int matches(const look_t *look, const char *text,
                   chat_search_marks_t *marks)
{
    apr_size_t len = strlen(text);
    chat_sealed_t sealed;

    return !chat_sealed_parse(&sealed, text, len) &&
           chat_search_match(&look->asked, text, len, marks);
}

/* Look at rows. @param floor  ids from it on down are not ours; where we are when
 * there were no more rows than these. @param asked  rows that were asked for */
static void rows_take(look_t *look, const chat_db_result_t *res, int asked,
                      apr_int64_t floor)
{
    int n = chat_db_rows(res);

    for (int i = 0; i < n && !enough(look); i++) {
        const char *text = chat_db_get(res, i, 1);

        look->at = chat_db_get_int(res, i, 0, floor + 1);
        if (text != NULL && matches(look, text, NULL)) {
            look->found[look->n++] = look->at;
        }
    }
    if (n < asked && !enough(look)) {
        look->at = floor + 1;
    }
}

static apr_status_t run(look_t *look, const char *label,
                        const chat_db_value_t *args, int n, int asked,
                        apr_int64_t floor)
{
    chat_db_result_t *res;
    apr_status_t rv;

    apr_pool_clear(look->rows);
    rv = chat_db_query(&res, look->q->conf->db, label, args, n, look->rows);
    if (rv == APR_SUCCESS) {
        look->moved = 1;
        rows_take(look, res, asked, floor);
    }
    return rv;
}

/* --- one by one ----------------------------------------------------------- */

/* Down to `floor`, or so many rows. */
static apr_status_t scan(look_t *look, apr_int64_t floor, int most)
{
    apr_status_t rv = APR_SUCCESS;
    int batch = BATCH_LEAST;

    while (rv == APR_SUCCESS && look->at > floor + 1 && most > 0 &&
           go_on(look)) {
        int ask = batch < most ? batch : most;
        chat_db_value_t args[] = { chat_db_int(look->at), chat_db_int(floor),
                                   chat_db_int(ask),
                                   chat_auth_id(look->q->user->id),
                                   chat_db_int(look->q->user->staff) };

        if (look->in != NULL) {
            args[3] = chat_auth_id(look->in->id);
            rv = run(look, "search_scan_in", args, 4, ask, floor);
        }
        else {
            rv = run(look, "search_scan", args, 5, ask, floor);
        }
        most -= ask;
        batch = batch < BATCH_MOST ? batch * 4 : batch;
    }
    return rv;
}

/* --- by the index --------------------------------------------------------- */

/* One of several words that the index has besides those of the text. */
static const char *either(const look_t *look, const char *all,
                          const char *mark, const char *text)
{
    int fts5 = chat_db_engine(look->q->conf->db) == CHAT_DB_SQLITE;
    const char *quote = fts5 ? "\"" : "'";

    return apr_pstrcat(look->p, all != NULL ? all : "",
                       all != NULL ? fts5 ? " OR " : " | " : "", quote, mark,
                       text, quote, NULL);
}

/* Where to look, as an expression for the index; NULL: everywhere.
 * @param none  set when they have no conversation at all */
static apr_status_t within(const char **out, int *none, const look_t *look)
{
    chat_db_value_t args[] = { chat_auth_id(look->q->user->id),
                               chat_db_int(FEW + 1) };
    chat_db_result_t *res;
    apr_status_t rv;

    *none = 0;
    *out = NULL;
    if (look->in != NULL) {
        *out = either(look, NULL, CHAT_SEARCH_TALK, look->in->id);
        return APR_SUCCESS;
    }
    if (look->q->user->staff) {
        return APR_SUCCESS;
    }
    rv = chat_db_query(&res, look->q->conf->db, "search_mine", args, 2,
                       look->p);
    if (rv != APR_SUCCESS || chat_db_rows(res) > FEW) {
        return rv;
    }
    *none = chat_db_rows(res) == 0;
    for (int i = 0; i < chat_db_rows(res); i++) {
        *out = either(look, *out, CHAT_SEARCH_TALK, chat_db_get(res, i, 0));
    }
    return APR_SUCCESS;
}

/* What the index is asked for ids between two. PostgreSQL's reads all of a word's
 * messages before it gives one, so it is told which segments are meant. */
static const char *index_question(const look_t *look, const char *in,
                                  apr_int64_t low, apr_int64_t high)
{
    int fts5 = chat_db_engine(look->q->conf->db) == CHAT_DB_SQLITE;
    apr_int64_t first = low >> CHAT_SEARCH_SEGMENT;
    apr_int64_t last = high >> CHAT_SEARCH_SEGMENT;
    const char *segments = NULL;

    if (in != NULL) {
        in = apr_pstrcat(look->p, "(", in, ")", NULL);
    }
    if (fts5) {
        return chat_search_fts5(&look->asked, in, look->p);
    }
    if (last - first < SEGMENTS_MOST) {
        for (; first <= last; first++) {
            segments = either(look, segments, CHAT_SEARCH_PART,
                              apr_ltoa(look->p, (long)first));
        }
        in = apr_pstrcat(look->p, "(", segments, ")", in != NULL ? " & " : "",
                         in, NULL);
    }
    return chat_search_tsquery(&look->asked, in, look->p);
}

/* All of the index between low and look->at. */
static apr_status_t index_part(look_t *look, const char *in, apr_int64_t low)
{
    const char *question = index_question(look, in, low + 1, look->at - 1);
    apr_status_t rv = APR_SUCCESS;
    int ask = BATCH_LEAST;

    while (rv == APR_SUCCESS && look->at > low + 1 && go_on(look)) {
        chat_db_value_t args[] = { chat_db_int(look->at),
                                   chat_db_int(low),
                                   chat_db_int(ask),
                                   chat_auth_id(look->q->user->id),
                                   chat_db_int(look->q->user->staff),
                                   chat_db_text(question),
                                   chat_db_text(look->in != NULL ? look->in->id
                                                                 : NULL) };

        rv = run(look, "search_index", args, 7, ask, low);
        ask = ask < BATCH_MOST ? ask * 8 : ask;
    }
    return rv;
}

/* The next part: longer, while parts take next to nothing, and shorter when one took
 * long. */
static apr_int64_t next_span(apr_int64_t span, apr_time_t took)
{
    if (took < PART_SHORT) {
        return span * 4;
    }
    return took > PART_LONG && span > SPAN_LEAST ? span / 4 : span;
}

/* A part after the other: what is rare takes few statements, and of what is common
 * not much is read. */
static apr_status_t by_index(look_t *look)
{
    apr_int64_t span = SPAN_LEAST;
    const char *in;
    apr_status_t rv;
    int none;

    rv = within(&in, &none, look);
    if (none) {
        look->at = 1;
    }
    if (chat_db_engine(look->q->conf->db) == CHAT_DB_SQLITE) {
        span = look->high + 1;
    }
    while (rv == APR_SUCCESS && look->at > look->low + 1 && go_on(look)) {
        apr_int64_t low = look->at - span;
        apr_time_t begun = apr_time_now();

        rv = index_part(look, in, low > look->low ? low : look->low);
        span = next_span(span, apr_time_now() - begun);
    }
    return rv;
}

/* --- the way down --------------------------------------------------------- */

static apr_status_t state_read(look_t *look)
{
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, look->q->conf->db, "search_state", NULL, 0,
                       look->p);
    if (rv == APR_SUCCESS && chat_db_rows(res) > 0 &&
        chat_db_get_int(res, 0, 2, 0) == CHAT_FOLD_VERSION) {
        look->low = chat_db_get_int(res, 0, 0, 0);
        look->high = chat_db_get_int(res, 0, 1, 0);
    }
    return rv;
}

/* Those whose words in the index are not theirs any more. */
static apr_status_t late_read(look_t *look)
{
    chat_db_value_t args[] = { chat_db_int(look->at), chat_db_int(LATE_MAX),
                               chat_auth_id(look->q->user->id),
                               chat_db_int(look->q->user->staff),
                               chat_db_text(look->in != NULL ? look->in->id
                                                             : NULL) };
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, look->q->conf->db, "search_late", args, 5,
                       look->p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    look->late = apr_palloc(look->p, (apr_size_t)(chat_db_rows(res) + 1) *
                                         sizeof(*look->late));
    for (int i = 0; i < chat_db_rows(res); i++) {
        if (matches(look, chat_db_get(res, i, 1), NULL)) {
            look->late[look->nlate++] = chat_db_get_int(res, i, 0, 0);
        }
    }
    return APR_SUCCESS;
}

static apr_status_t all_parts(look_t *look)
{
    apr_status_t rv = late_read(look);

    if (rv == APR_SUCCESS && look->high > look->low) {
        rv = scan(look, look->high, APR_INT32_MAX);
        if (rv == APR_SUCCESS && look->at <= look->high + 1) {
            rv = scan(look, look->low, FIRST_ROWS);
        }
        if (rv == APR_SUCCESS) {
            rv = by_index(look);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = scan(look, 0, APR_INT32_MAX);
    }
    return rv;
}

/* --- the answer ----------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
    apr_int64_t x = *(const apr_int64_t *)a, y = *(const apr_int64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* Both lists as one, as far down as we have looked. @return how many to show */
static int merge(look_t *look, apr_int64_t **out)
{
    apr_int64_t *all = apr_palloc(look->p, (apr_size_t)(look->n + look->nlate +
                                                        1) *
                                               sizeof(*all));
    int n = 0, kept = 0;

    for (int i = 0; i < look->n; i++) {
        all[n++] = look->found[i];
    }
    for (int i = 0; i < look->nlate; i++) {
        if (look->late[i] >= look->at) {
            all[n++] = look->late[i];
        }
    }
    qsort(all, (size_t)n, sizeof(*all), newest_first);
    for (int i = 0; i < n; i++) {
        if (kept == 0 || all[i] != all[kept - 1]) {
            all[kept++] = all[i];
        }
    }
    *out = all;
    return kept;
}

static const char *result_json(const look_t *look, const chat_db_result_t *res,
                               int row, const chat_message_t *m)
{
    apr_pool_t *p = look->p;
    chat_search_marks_t marks;

    if (!matches(look, m->content, &marks)) {
        return NULL; /* changed since */
    }
    return apr_pstrcat(
        p, "{\"message\":", chat_rows_object(m, p),
        ",\"conversation\":{\"id\":", m->conversation, ",\"title\":",
        chat_shape_text(chat_db_get(res, row, COL_TITLE), p), ",\"status\":",
        chat_shape_text(chat_db_get(res, row, COL_STATUS), p),
        "},\"snippet\":", chat_search_snippet(m->content, &marks, p), "}", NULL);
}

/* The messages of these ids as `data`. */
static apr_status_t results(apr_array_header_t *data, const look_t *look,
                            const char *ids)
{
    chat_db_value_t arg = chat_db_text(ids);
    chat_db_result_t *res;
    chat_message_t *list;
    apr_status_t rv;
    int n;

    rv = chat_db_query(&res, look->q->conf->db, "search_found", &arg, 1,
                       look->p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    n = chat_db_rows(res);
    list = chat_rows_list(n, look->p);
    for (int i = 0; i < n; i++) {
        list[i] = chat_rows_message(res, i, 0, chat_db_get(res, i, COL_TALK));
    }
    rv = chat_rows_detail(look->q, list, n);
    for (int i = 0; rv == APR_SUCCESS && i < n; i++) {
        const char *one = result_json(look, res, i, &list[i]);

        if (one != NULL) {
            APR_ARRAY_PUSH(data, const char *) = one;
        }
    }
    return rv;
}

static int answer(look_t *look)
{
    apr_pool_t *p = look->p;
    apr_array_header_t *parts = apr_array_make(p, 8, sizeof(const char *));
    const char *ids = "", *next = "null";
    apr_int64_t *all;
    int n = merge(look, &all);
    int shown = n > look->limit ? look->limit : n;
    apr_status_t rv;

    for (int i = 0; i < shown; i++) {
        ids = apr_psprintf(p, "%s%s%" APR_INT64_T_FMT, ids, i > 0 ? "," : "",
                           all[i]);
    }
    if (n > shown) {
        next = apr_psprintf(p, "%" APR_INT64_T_FMT, all[shown - 1]);
    }
    else if (look->at > 1) {
        next = apr_psprintf(p, "%" APR_INT64_T_FMT, look->at);
    }
    if (shown > 0) {
        rv = results(parts, look, apr_pstrcat(p, "[", ids, "]", NULL));
        if (rv != APR_SUCCESS) {
            return chat_reply_failed(look->q, rv, "reading what was found");
        }
    }
    return chat_reply_list(look->q,
                           apr_pstrcat(p, "{\"data\":[",
                                       apr_array_pstrcat(p, parts, ','),
                                       "],\"next\":", next, "}", NULL));
}

/* --- the question --------------------------------------------------------- */

/* @return NULL, or the field that will not do */
static const char *fields(look_t *look, const char **why)
{
    const chat_form_t *query = &look->q->query;
    const char *q = chat_form_get(query, "q");
    const char *before = chat_form_get(query, "before");
    const char *limit = chat_form_get(query, "limit");
    apr_int64_t n = LIMIT_DEFAULT;

    *why = "must have a word to look for";
    switch (chat_search_parse(&look->asked, q != NULL ? q : "")) {
    case CHAT_SEARCH_OK:
        break;
    case CHAT_SEARCH_LONG:
        *why = "must not be longer than 200 characters or 16 words";
        return "q";
    case CHAT_SEARCH_EMPTY:
        return "q";
    }
    *why = "must be a whole number, at least 1";
    look->at = APR_INT64_MAX;
    if (before != NULL && before[0] != '\0' &&
        (!chat_form_number(&look->at, before) || look->at < 1)) {
        return "before";
    }
    if (limit != NULL && limit[0] != '\0' &&
        (!chat_form_number(&n, limit) || n < 1)) {
        return "limit";
    }
    look->limit = n > LIMIT_MAX ? LIMIT_MAX : (int)n;
    return NULL;
}

static int search(chat_request_t *q, const chat_conversation_t *in)
{
    look_t look = { .q = q, .in = in, .p = q->r->pool };
    const char *field, *why;
    apr_status_t rv;
    int answered;

    field = fields(&look, &why);
    if (field != NULL) {
        return chat_reply_invalid(q, field, why);
    }
    if (!chat_pace(q, CHAT_LIMIT_SEARCH, "too many searches, slow down",
                   &answered)) {
        return answered;
    }
    look.found = apr_palloc(look.p, ((apr_size_t)look.limit + 1) *
                                        sizeof(*look.found));
    look.until = apr_time_now() + LOOK_FOR;
    apr_pool_create(&look.rows, look.p);
    rv = state_read(&look);
    if (rv == APR_SUCCESS) {
        rv = all_parts(&look);
    }
    return rv == APR_SUCCESS ? answer(&look)
                             : chat_reply_failed(q, rv, "searching");
}

/* GET /chat/search - in all conversations that the caller may read, or in the one
 * of the field `conversation`. */
int chat_search_all(chat_request_t *q)
{
    const char *id = chat_form_get(&q->query, "conversation");
    const chat_conversation_t *in = NULL;
    apr_status_t rv;

    if (id != NULL && id[0] != '\0') {
        rv = chat_id_valid(id) ? chat_auth_conversation(&in, q, id)
                               : APR_SUCCESS;
        if (rv != APR_SUCCESS) {
            return chat_reply_failed(q, rv, "looking up a conversation");
        }
        if (in == NULL) {
            return chat_reply_error(q, HTTP_NOT_FOUND, "no such conversation");
        }
    }
    return search(q, in);
}

/* GET /chat/conversation/{id}/search */
int chat_search_in(chat_request_t *q)
{
    return search(q, q->conversation);
}
