/* SPDX-License-Identifier: Apache-2.0 */
/* message_files.c - messages with files; see message_files.h. */
#include "message_files.h"

#include <string.h>
#include <apr_strings.h>

#include "attachment.h"
#include "auth.h"
#include "checkup.h"
#include "json.h"
#include "reply.h"
#include "rows.h"
#include "sealing.h"
#include "upload.h"
#include "wakeup.h"

static int has_files(const chat_request_t *q)
{
    return q->upload != NULL && q->upload->files->nelts > 0;
}

/* --- which files -----------------------------------------------------------------
 */

static int named_before(const json_t *list, size_t i, const char *id)
{
    while (i-- > 0) {
        if (strcmp(json_string_value(json_array_get(list, i)), id) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *chat_message_files(const char **files, const chat_request_t *q)
{
    const json_t *list = q->body.object != NULL
                             ? json_object_get(q->body.object, "attachments")
                             : NULL;
    const char *json = "[";

    *files = has_files(q) ? "" : NULL;
    if (list == NULL || json_is_null(list) ||
        (json_is_array(list) && json_array_size(list) == 0)) {
        return NULL;
    }
    if (!json_is_array(list) ||
        json_array_size(list) > (size_t)q->conf->files.most) {
        return apr_psprintf(q->r->pool, "must be a list of at most %d ids",
                            (int)q->conf->files.most);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(list, i));

        if (id == NULL || !chat_checkup_id_valid(id, strlen(id)) ||
            named_before(list, i, id)) {
            return "must be a list of ids of files, each once";
        }
        json = apr_pstrcat(q->r->pool, json, i > 0 ? ",\"" : "\"", id, "\"",
                           NULL);
    }
    *files = apr_pstrcat(q->r->pool, json, "]", NULL);
    return NULL;
}

/* --- what they are --------------------------------------------------------------------
 */

/* image: all are; voice: one recording; file: anything. */
static int type_fits(const char *type, const apr_array_header_t *list)
{
    for (int i = 0; i < list->nelts; i++) {
        const chat_attachment_t *a = &APR_ARRAY_IDX(list, i, chat_attachment_t);

        if ((strcmp(type, "image") == 0 && strcmp(a->kind, "image") != 0) ||
            (strcmp(type, "voice") == 0 &&
             (list->nelts != 1 || strcmp(a->kind, "voice") != 0))) {
            return 0;
        }
    }
    return 1;
}

/* The type that is kept: what the sender said, or what the files are. */
static const char *type_of(const char *type, const apr_array_header_t *list)
{
    return type != NULL               ? type
           : type_fits("image", list) ? "image"
           : type_fits("voice", list) ? "voice"
                                      : "file";
}

/* --- a retry ----------------------------------------------------------------------------
 */

apr_status_t chat_message_files_same(int *same, const chat_request_t *q,
                                     const chat_draft_t *draft,
                                     const char *sent)
{
    chat_db_value_t arg = chat_db_text(sent);
    const apr_array_header_t *files;
    chat_db_result_t *res;
    apr_status_t rv;

    if (draft->files == NULL || sent == NULL || !has_files(q)) {
        *same = draft->files == NULL || sent == NULL
                    ? draft->files == sent
                    : strcmp(draft->files, sent) == 0;
        return APR_SUCCESS;
    }
    files = q->upload->files;
    rv = chat_db_query(&res, q->conf->db, "attachments_hashes", &arg, 1,
                       q->r->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *same = chat_db_rows(res) == files->nelts;
    for (int i = 0; *same && i < files->nelts; i++) {
        const char *was = chat_db_get(res, i, 0);

        *same = was != NULL &&
                strcmp(was, APR_ARRAY_IDX(files, i, chat_upload_file_t *)
                                ->store->sha256) == 0;
    }
    return APR_SUCCESS;
}

/* 202: it will be sent when its files have been looked at. */
static int reply_held(chat_request_t *q, const chat_draft_t *draft)
{
    apr_pool_t *p = q->r->pool;

    return chat_reply(q, HTTP_ACCEPTED,
                      apr_pstrcat(p, "{\"message\":null,\"status\":\"pending\","
                                     "\"client_id\":",
                                  chat_shape_text(draft->client_id, p), "}",
                                  NULL));
}

/* Whether a message of this client_id is held. @return 1: *answer is the answer */
static int held_before(chat_request_t *q, const chat_draft_t *draft, int *answer)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_auth_id(q->user->id),
                               chat_db_text(draft->client_id) };
    chat_seal_about_t about = chat_sealing_own(q, CHAT_SEAL_MESSAGE,
                                               draft->client_id);
    chat_db_result_t *res;
    apr_status_t rv;
    int same = 0;

    rv = chat_db_query(&res, q->conf->db, "held_find", args, 3, q->r->pool);
    if (rv == APR_SUCCESS && chat_db_rows(res) == 0) {
        return 0;
    }
    if (rv == APR_SUCCESS) {
        rv = chat_message_files_same(&same, q, draft, chat_db_get(res, 0, 3));
    }
    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "finding a message sent before");
        return 1;
    }
    same = same &&
           strcmp(chat_sealing_open(q, &about, chat_db_get(res, 0, 0)),
                  draft->content) == 0 &&
           chat_db_get_int(res, 0, 2, 0) == draft->reply_to;
    *answer = same ? reply_held(q, draft)
                   : chat_reply_error(q, HTTP_CONFLICT,
                                      "another message has this client_id");
    return 1;
}

/* Whether it is a repeat of a message that is there, or on its way: 1 with
 * *answer. */
static int repeated(chat_request_t *q, const chat_draft_t *draft, int *answer)
{
    return draft->client_id != NULL && (held_before(q, draft, answer) ||
                                        chat_message_before(q, draft, answer));
}

#define NOT_SENT_YET "must name files that were not sent yet"

/* --- sending -------------------------------------------------------------------------------
 */

/* Those named in the request. @return 0: refused with *answer */
static int find_named(apr_array_header_t **list, chat_request_t *q,
                      const chat_draft_t *draft, int *answer)
{
    chat_db_value_t args[] = { chat_db_text(draft->files),
                               chat_auth_id(q->user->id),
                               chat_auth_id(q->conversation->id) };
    const json_t *ids = json_object_get(q->body.object, "attachments");
    chat_db_result_t *res;
    apr_status_t rv;

    rv = chat_db_query(&res, q->conf->db, "attachments_unsent", args, 3,
                       q->r->pool);
    if (rv != APR_SUCCESS) {
        *answer = chat_reply_failed(q, rv, "finding the files of a message");
        return 0;
    }
    if ((size_t)chat_db_rows(res) != json_array_size(ids)) {
        if (repeated(q, draft, answer)) {
            return 0; /* the first of it took them meanwhile */
        }
        *answer = chat_reply_invalid(q, "attachments",
                                     "must name files of yours that were "
                                     "uploaded to this conversation and not "
                                     "sent yet");
        return 0;
    }
    *list = apr_array_make(q->r->pool, chat_db_rows(res),
                           sizeof(chat_attachment_t));
    for (int i = 0; i < chat_db_rows(res); i++) {
        APR_ARRAY_PUSH(*list, chat_attachment_t) = chat_attachment_of(res, i);
    }
    return 1;
}

/* Those that came with it. Likewise. */
static int keep_new(apr_array_header_t **list, chat_request_t *q,
                    const chat_draft_t *draft, int *answer)
{
    int voice = draft->type != NULL && strcmp(draft->type, "voice") == 0;
    apr_status_t rv = chat_attachment_keep(list, q, voice);

    if (rv == APR_SUCCESS) {
        return 1;
    }
    *answer = rv == CHAT_DB_ECONSTRAINT
                  ? chat_reply_field(q, "files", CHAT_QUOTA_SENTENCE)
                  : chat_reply_failed(q, rv, "keeping uploaded files");
    return 0;
}

/* Have all looked at. @return the worst state: infected, failed, pending, clean */
static const char *check_all(chat_request_t *q, apr_array_header_t *list)
{
    apr_time_t until = apr_time_now() + q->conf->files.wait;
    const char *worst = "clean";

    for (int i = 0; i < list->nelts; i++) {
        chat_attachment_t *a = &APR_ARRAY_IDX(list, i, chat_attachment_t);
        apr_interval_time_t wait = until - apr_time_now();
        apr_status_t rv = chat_attachment_check(a, q->conf, wait > 0 ? wait : 0,
                                                q->r->pool);

        if (rv != APR_SUCCESS) {
            chat_reply_note(q, rv, "writing down what a file is");
        }
        if (strcmp(a->state, "infected") == 0 ||
            strcmp(a->state, "failed") == 0) {
            return a->state;
        }
        if (strcmp(a->state, "clean") != 0) {
            worst = "pending";
        }
    }
    return worst;
}

/* Not to be sent. What came with the request goes with it; files that were
 * uploaded before stay, so that their state can be asked for. */
static int reject(chat_request_t *q, const apr_array_header_t *list,
                  const char *state)
{
    if (has_files(q)) {
        chat_attachment_undo(q, list);
    }
    return chat_reply_field(q, has_files(q) ? "files" : "attachments",
                            strcmp(state, "infected") == 0
                                ? "A file is infected; nothing was sent."
                                : "A file could not be checked; nothing was "
                                  "sent.");
}

/* The row of a message that waits. Its files are locked first: of two messages
 * that name one, the second sees the first.
 * @return CHAT_DB_ECONSTRAINT when another message has one of the files, or this
 *         one is held already */
static apr_status_t hold_row(chat_db_conn_t *conn, chat_db_value_t values[7],
                             int files, apr_pool_t *p)
{
    chat_db_value_t which[] = { values[6], values[1], values[0] };
    chat_db_result_t *res;
    apr_status_t rv = chat_db_run(NULL, conn, "attachments_lock", which, 1, p);

    if (rv == APR_SUCCESS) {
        rv = chat_db_run(&res, conn, "attachments_unsent", which, 3, p);
    }
    if (rv == APR_SUCCESS && chat_db_rows(res) != files) {
        return CHAT_DB_ECONSTRAINT;
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_run(&res, conn, "held_insert", values, 7, p);
    }
    return rv == APR_SUCCESS && chat_db_rows(res) == 0 ? CHAT_DB_ECONSTRAINT
                                                       : rv;
}

static apr_status_t hold_alone(chat_request_t *q, chat_db_value_t values[7],
                               int files)
{
    chat_db_conn_t *conn;
    apr_status_t rv = chat_db_acquire_to_write(&conn, q->conf->db);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = chat_db_begin(conn);
    if (rv == APR_SUCCESS) {
        rv = hold_row(conn, values, files, q->r->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_commit(conn);
    }
    else {
        chat_db_rollback(conn);
    }
    chat_db_release(conn);
    return rv;
}

static int hold(chat_request_t *q, const chat_draft_t *draft,
                const char *stored, const apr_array_header_t *list)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_auth_id(q->user->id),
                               chat_db_text(stored),
                               chat_db_text(draft->type),
                               chat_db_text(draft->client_id),
                               draft->reply_to != 0
                                   ? chat_db_int(draft->reply_to)
                                   : chat_db_null(),
                               chat_db_text(draft->files) };
    apr_status_t rv = hold_alone(q, args, list->nelts);
    int answer;

    if (rv == APR_SUCCESS) {
        return reply_held(q, draft);
    }
    if (has_files(q)) {
        chat_attachment_undo(q, list);
    }
    if (rv != CHAT_DB_ECONSTRAINT) {
        return chat_reply_failed(q, rv, "holding a message");
    }
    if (repeated(q, draft, &answer)) {
        return answer;
    }
    return chat_reply_invalid(q, "attachments", NOT_SENT_YET);
}

/* The message's row, which takes its files: all of them or none. */
static apr_status_t insert(chat_db_result_t **res, chat_request_t *q,
                           const chat_draft_t *draft, const char *stored,
                           int files)
{
    chat_db_value_t args[CHAT_DRAFT_VALUES], id;
    chat_db_result_t *count;
    chat_db_conn_t *conn;
    apr_status_t rv = chat_db_acquire_to_write(&conn, q->conf->db);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    chat_message_values(args, q, draft, stored);
    rv = chat_db_begin(conn);
    if (rv == APR_SUCCESS) {
        rv = chat_db_run(res, conn, "message_insert", args, CHAT_DRAFT_VALUES,
                         q->r->pool);
    }
    if (rv == APR_SUCCESS && chat_db_rows(*res) > 0) {
        id = chat_auth_id(chat_db_get(*res, 0, CHAT_ROW_ID));
        rv = chat_db_run(&count, conn, "attachments_sent", &id, 1, q->r->pool);
        if (rv == APR_SUCCESS && chat_db_get_int(count, 0, 0, 0) != files) {
            rv = CHAT_DB_ECONSTRAINT; /* another message was faster */
        }
    }
    if (rv == APR_SUCCESS) {
        rv = chat_db_commit(conn);
    }
    else {
        chat_db_rollback(conn);
    }
    chat_db_release(conn);
    return rv;
}

int chat_message_send_files(chat_request_t *q, const chat_draft_t *given)
{
    chat_draft_t draft = *given;
    apr_array_header_t *list;
    chat_db_result_t *res;
    const char *state, *stored;
    chat_seal_about_t about;
    chat_message_t m;
    apr_status_t rv;
    int answer;

    if (q->conf->files.dir == NULL) {
        return chat_reply_error(q, HTTP_NOT_FOUND, "no files are taken here");
    }
    if (repeated(q, &draft, &answer)) {
        return answer;
    }
    draft.client_id = chat_sealing_client_id(q, draft.client_id);
    about = chat_sealing_own(q, CHAT_SEAL_MESSAGE, draft.client_id);
    rv = chat_sealing_text(&stored, q, &about, draft.content);
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "storing a message with files");
    }
    if (!(has_files(q) ? keep_new(&list, q, &draft, &answer)
                       : find_named(&list, q, &draft, &answer))) {
        return answer;
    }
    draft.type = type_of(draft.type, list);
    if (!type_fits(draft.type, list)) {
        if (has_files(q)) {
            chat_attachment_undo(q, list);
        }
        return chat_reply_invalid(q, "type", "does not fit the files");
    }
    if (has_files(q)) {
        draft.files = chat_attachment_ids(list, q->r->pool);
    }
    state = check_all(q, list);
    if (strcmp(state, "pending") == 0) {
        return hold(q, &draft, stored, list);
    }
    if (strcmp(state, "clean") != 0) {
        return reject(q, list, state);
    }
    rv = insert(&res, q, &draft, stored, list->nelts);
    if (rv != APR_SUCCESS || chat_db_rows(res) == 0) {
        if (has_files(q)) {
            chat_attachment_undo(q, list);
        }
        if (rv == CHAT_DB_ECONSTRAINT && repeated(q, given, &answer)) {
            return answer;
        }
        return rv == APR_SUCCESS ? chat_message_again(q, given)
               : rv == CHAT_DB_ECONSTRAINT
                   ? chat_reply_invalid(q, "attachments", NOT_SENT_YET)
                   : chat_reply_failed(q, rv, "storing a message with files");
    }
    chat_wakeup_send(q->conf->wakeup);
    m = chat_rows_message(res, 0, 0, q->conversation->id_json);
    return chat_message_sent(q, &m);
}
