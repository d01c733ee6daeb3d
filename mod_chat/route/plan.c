/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.c - treatment plans: offered by the conversation's doctor, decided by
 * its patient. What a former doctor has offered, the one there is now and staff
 * take back.
 *
 * Who may is said here; whether the state allows it is said by the statement
 * that changes it, so that of two requests one wins (sql/statements/plan.sql).
 * Events and cards are written by triggers; chat-push only gets a hint to look.
 *
 * With ChatKeys title, description and reason lie sealed; the cards' sentences, which
 * triggers make, then leave the title out.
 */
#include "handlers.h"

#include <string.h>
#include <apr_strings.h>
#include <jansson.h>

#include "auth.h"
#include "chat_module.h"
#include "content.h"
#include "pace.h"
#include "message.h"
#include "plan.h"
#include "reply.h"
#include "sealing.h"
#include "secret.h"
#include "shape.h"
#include "wakeup.h"

APLOG_USE_MODULE(chat);

#define LIST_MAX 100 /* plans in one answer */
#define LIST_USUAL 50
#define LIST_FAR 100000 /* where a list may begin at most */

/* A plan and what the caller is to it. */
typedef struct {
    const char *id;
    const char *conversation; /* its id */
    const char *json; /* opened */
    const char *stored; /* as it lies */
    const char *status; /* as clients see it */
    const char *marked; /* as the row has it: "submitted" though it expired */
    int doctor;         /* the caller offers it */
    int patient;        /* the caller decides */
    int heir;           /* the caller takes back what a former doctor offered */
    int staff;          /* and does so as staff */
} found_t;

/* --- finding ----------------------------------------------------------------
 */

/* No statement of ours is wrong by itself: a site without plans has no table.
 */
static int refuse(chat_request_t *q, apr_status_t rv, const char *doing)
{
    if (rv == CHAT_DB_ESQL) {
        chat_reply_note(q, rv, doing);
        return chat_reply_error(q, HTTP_NOT_FOUND, "there are no plans here");
    }
    if (rv == CHAT_DB_ECONSTRAINT) {
        chat_reply_note(q, rv, doing);
        return chat_reply_error(q, HTTP_CONFLICT,
                                "the site's tables do not take this plan");
    }
    return chat_reply_failed(q, rv, doing);
}

/* The plan of an id, when it is one for the caller's eyes: members and staff
 * see what was offered, the doctor drafts as well.
 * @return APR_NOTFOUND when there is none */
static apr_status_t find(found_t *found, const chat_request_t *q,
                         const char *id)
{
    chat_db_value_t args[] = { chat_auth_id(id), chat_auth_id(q->user->id) };
    chat_db_result_t *res;
    apr_status_t rv;
    int member, offered, now, former;

    rv = chat_db_query(&res, q->conf->db, "plan_find", args, 2, q->r->pool);
    if (rv == CHAT_DB_EINPUT) {
        return APR_NOTFOUND; /* an id that cannot exist here */
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (chat_db_rows(res) == 0 || strcmp(chat_db_get(res, 0, 0), id) != 0) {
        return APR_NOTFOUND;
    }
    found->id = chat_db_get(res, 0, 0);
    found->stored = chat_db_get(res, 0, 1);
    found->json = chat_sealing_json(q, found->stored);
    found->conversation = chat_db_get(res, 0, 4);
    found->status = chat_db_get(res, 0, 2);
    found->marked = chat_db_get(res, 0, 3);
    member = chat_db_get_int(res, 0, 5, 0) != 0;
    offered = chat_db_get_int(res, 0, 6, 0) != 0;
    found->doctor = chat_db_get_int(res, 0, 7, 0) != 0;
    found->patient = chat_db_get_int(res, 0, 8, 0) != 0;
    now = chat_db_get_int(res, 0, 9, 0) != 0;
    former = chat_db_get_int(res, 0, 10, 0) != 0;
    found->staff = chat_auth_staff(q->conf, q->user->id, q->user->role,
                                   found->conversation, q->r->pool);
    found->heir = former && offered && (now || found->staff);
    return (member || found->staff) && (offered || found->doctor)
               ? APR_SUCCESS
               : APR_NOTFOUND;
}

/* The same of the path's id, or the answer to give. */
static int settle(found_t *found, chat_request_t *q, int *answer)
{
    apr_status_t rv = find(found, q, q->item);

    if (rv == APR_NOTFOUND) {
        *answer = chat_reply_error(q, HTTP_NOT_FOUND, "no such plan");
    }
    else if (rv != APR_SUCCESS) {
        *answer = refuse(q, rv, "finding a plan");
    }
    else {
        apr_cpystrn(q->id, found->conversation, sizeof(q->id)); /* for the audit log */
    }
    return rv == APR_SUCCESS;
}

static int reply_plan(chat_request_t *q, int status, const char *json)
{
    return chat_reply(q, status,
                      apr_pstrcat(q->r->pool, "{\"plan\":", json, "}", NULL));
}

/* 409, with the plan as it is. */
static int reply_conflict(chat_request_t *q, const found_t *found,
                          const char *why)
{
    return chat_reply(
        q, HTTP_CONFLICT,
        apr_pstrcat(q->r->pool, "{\"error\":", chat_shape_text(why, q->r->pool),
                    ",\"errors\":{},\"plan\":", found->json, "}", NULL));
}

/* Whether the caller does this too often; plans count as messages do. */
static int too_often(chat_request_t *q, int *answer)
{
    return !chat_pace(q, CHAT_LIMIT_SEND, "too many messages, slow down",
                      answer);
}

/* --- reading ----------------------------------------------------------------
 */

/* A number of the query. @return 0 when it is none within its bounds */
static int bounded(apr_int64_t *out, const chat_request_t *q, const char *name,
                   apr_int64_t least, apr_int64_t most)
{
    const char *text = chat_form_given(&q->query, name);

    return text == NULL ||
           (chat_form_number(out, text) && *out >= least && *out <= most);
}

/* GET /chat/conversation/{id}/plans - newest first. */
int chat_plan_list(chat_request_t *q)
{
    apr_int64_t limit = LIST_USUAL, offset = 0;
    apr_pool_t *p = q->r->pool;
    apr_array_header_t *parts;
    chat_db_result_t *res;
    chat_db_value_t args[4];
    apr_status_t rv;
    int n, more;

    if (!bounded(&limit, q, "limit", 1, LIST_MAX)) {
        return chat_reply_invalid(q, "limit", "must be 1 to 100");
    }
    if (!bounded(&offset, q, "offset", 0, LIST_FAR)) {
        return chat_reply_invalid(q, "offset", "must be 0 to 100000");
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_auth_id(q->user->id);
    args[2] = chat_db_int(limit + 1);
    args[3] = chat_db_int(offset);
    rv = chat_db_query(&res, q->conf->db, "plan_list", args, 4, p);
    if (rv != APR_SUCCESS) {
        return refuse(q, rv, "listing plans");
    }
    n = chat_db_rows(res);
    more = n > limit;
    n -= more;
    parts = apr_array_make(p, n, sizeof(const char *));
    for (int i = 0; i < n; i++) {
        APR_ARRAY_PUSH(parts, const char *) = chat_db_get(res, i, 0);
    }
    return chat_reply_list(
        q,
        apr_pstrcat(p, "{\"data\":[", apr_array_pstrcat(p, parts, ','),
                    "],\"has_more\":", more ? "true" : "false", "}", NULL));
}

/* GET /chat/plan/{id} */
int chat_plan_show(chat_request_t *q)
{
    found_t found;
    int answer;

    return settle(&found, q, &answer) ? reply_plan(q, HTTP_OK, found.json)
                                      : answer;
}

/* --- writing ----------------------------------------------------------------
 */

/* What is written in words, as it is to be stored; NULL and "" are nothing. */
static apr_status_t seal(const char **text, const chat_request_t *q,
                         chat_seal_kind_t kind, const char *conversation,
                         const char *name)
{
    chat_seal_about_t about = { kind, conversation, q->user->id, name };

    return *text == NULL || **text == '\0'
               ? APR_SUCCESS
               : chat_sealing_text(text, q, &about, *text);
}

/* Its title and description. All texts of a plan are sealed for one name, which
 * is random: so none of another plan passes for one of it. */
static apr_status_t seal_words(chat_plan_t *plan, const chat_request_t *q,
                               const char *conversation, const char *name)
{
    apr_status_t rv = seal(&plan->title, q, CHAT_SEAL_TITLE, conversation, name);

    return rv == APR_SUCCESS
               ? seal(&plan->description, q, CHAT_SEAL_DESCRIPTION, conversation,
                      name)
               : rv;
}

/* The name that the texts of a stored plan are sealed for, which is to be that
 * of the next one. @param json  as it is stored */
static const char *name_of(const chat_request_t *q, const char *json)
{
    static const char *const members[] = { "title", "description", "reason" };
    json_t *root = q->conf->keys != NULL ? json_loads(json, 0, NULL) : NULL;
    const char *name = NULL;

    for (int i = 0; root != NULL && name == NULL && i < 3; i++) {
        const char *text = json_string_value(json_object_get(root, members[i]));
        chat_sealed_t sealed;

        if (text != NULL && chat_sealed_parse(&sealed, text, strlen(text))) {
            name = apr_pstrdup(q->r->pool, sealed.name);
        }
    }
    json_decref(root);
    return name != NULL ? name : chat_secret_token(16, q->r->pool);
}

/* The values that a plan is made of, eight of them. */
static void plan_values(chat_db_value_t *args, const chat_plan_t *plan)
{
    args[0] = chat_db_text(plan->title);
    args[1] = chat_db_text(plan->description);
    args[2] = plan->price_cents >= 0 ? chat_db_int(plan->price_cents)
                                     : chat_db_null();
    args[3] = chat_db_text(plan->currency);
    args[4] = plan->duration_days > 0 ? chat_db_int(plan->duration_days)
                                      : chat_db_null();
    args[5] = plan->valid_days > 0 ? chat_db_int(plan->valid_days)
                                   : chat_db_null();
    args[6] = chat_db_text(plan->expires_at);
    args[7] = chat_db_int(plan->must_acknowledge);
}

/* `status`: draft, or submitted at once. @return NULL when it is neither */
static const char *first_status(const chat_request_t *q)
{
    const char *text = "draft";

    switch (chat_fields_text(&q->body, "status", &text)) {
    case CHAT_JSON_MISSING:
        return "draft";
    case CHAT_JSON_OK:
        return strcmp(text, "draft") == 0 || strcmp(text, "submitted") == 0
                   ? text
                   : NULL;
    case CHAT_JSON_TYPE:
        break;
    }
    return NULL;
}

/* @return 0 when it will not do; *id NULL when there is none */
static int client_id_read(const char **id, const chat_request_t *q)
{
    *id = NULL;
    switch (chat_fields_text(&q->body, "client_id", id)) {
    case CHAT_JSON_MISSING:
        *id = NULL;
        return 1;
    case CHAT_JSON_OK:
        return chat_client_id_valid(*id);
    case CHAT_JSON_TYPE:
        break;
    }
    return 0;
}

/* Nothing was inserted: a retry, another plan under a used client_id, or
 * somebody who is not the conversation's doctor. */
static int reply_again(chat_request_t *q, const char *client_id,
                       const char *digest)
{
    chat_db_value_t args[] = { chat_auth_id(q->conversation->id),
                               chat_auth_id(q->user->id),
                               chat_db_text(client_id) };
    chat_db_result_t *res;
    const char *first;
    found_t found;
    apr_status_t rv;
    int answer;

    rv = chat_db_query(&res, q->conf->db, "plan_sent", args, 3, q->r->pool);
    if (rv != APR_SUCCESS) {
        return refuse(q, rv, "finding a plan made before");
    }
    if (client_id == NULL || chat_db_rows(res) == 0) {
        if (chat_message_closed(q, &answer)) { /* a moment ago */
            return answer;
        }
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "only the doctor of the conversation offers "
                                "plans");
    }
    first = chat_db_get(res, 0, 1);
    rv = find(&found, q, chat_db_get(res, 0, 0));
    if (first == NULL || strcmp(first, digest) != 0 || rv == APR_NOTFOUND) {
        return chat_reply_error(q, HTTP_CONFLICT,
                                "another plan has this client_id");
    }
    return rv == APR_SUCCESS ? reply_plan(q, HTTP_CREATED, found.json)
                             : refuse(q, rv, "finding a plan made before");
}

/* POST /chat/conversation/{id}/plan - by its doctor, a draft or submitted at
 * once. */
int chat_plan_create(chat_request_t *q)
{
    const char *field, *why, *status, *client_id;
    char digest[CHAT_SHA256_HEX];
    chat_db_value_t args[14];
    chat_db_result_t *res;
    chat_plan_t plan;
    found_t found;
    apr_status_t rv;
    int answer;

    chat_plan_init(&plan);
    if (!chat_plan_read(&plan, &q->body, apr_time_now(), &field, &why,
                        q->r->pool)) {
        return chat_reply_invalid(q, field, why);
    }
    status = first_status(q);
    if (status == NULL) {
        return chat_reply_invalid(q, "status", "must be draft or submitted");
    }
    if (!client_id_read(&client_id, q)) {
        return chat_reply_invalid(q, "client_id",
                                  "must be 1 to 64 letters, digits, dots, "
                                  "colons, hyphens or underscores");
    }
    if (chat_message_closed(q, &answer) || too_often(q, &answer)) {
        return answer;
    }
    why = apr_pstrcat(q->r->pool, status, "|",
                      chat_plan_text(&plan, q->r->pool), NULL);
    chat_sha256_hex(digest, why, strlen(why));
    rv = seal_words(&plan, q, q->conversation->id,
                    chat_secret_token(16, q->r->pool));
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "storing a plan");
    }
    args[0] = chat_auth_id(q->conversation->id);
    args[1] = chat_auth_id(q->user->id);
    args[2] = chat_db_text(status);
    plan_values(args + 3, &plan);
    args[11] = chat_db_text(client_id);
    args[12] = chat_db_text(digest);
    args[13] = chat_db_text(q->conf->closed_list);
    rv = chat_db_query(&res, q->conf->db, "plan_insert", args, 14, q->r->pool);
    if (rv != APR_SUCCESS) {
        return refuse(q, rv, "storing a plan");
    }
    if (chat_db_rows(res) == 0) {
        return reply_again(q, client_id, digest);
    }
    chat_wakeup_send(q->conf->wakeup);
    rv = find(&found, q, chat_db_get(res, 0, 0));
    return rv == APR_SUCCESS ? reply_plan(q, HTTP_CREATED, found.json)
                             : refuse(q, rv, "reading a plan just stored");
}

/* PATCH /chat/plan/{id} - other words for a draft; what is not named stays. */
int chat_plan_edit(chat_request_t *q)
{
    const char *field, *why;
    chat_db_value_t args[10];
    chat_db_result_t *res;
    chat_plan_t plan;
    found_t found;
    apr_status_t rv;
    int answer;

    if (!settle(&found, q, &answer)) {
        return answer;
    }
    if (!found.doctor) {
        return chat_reply_error(q, HTTP_FORBIDDEN,
                                "only the plan's doctor changes it");
    }
    if (too_often(q, &answer)) {
        return answer;
    }
    if (strcmp(found.marked, "draft") != 0) {
        return reply_conflict(q, &found, "only a draft can be changed");
    }
    if (!chat_plan_load(&plan, found.json, q->r->pool)) {
        return chat_reply_failed(q, APR_EGENERAL, "reading a plan");
    }
    if (!chat_plan_read(&plan, &q->body, apr_time_now(), &field, &why,
                        q->r->pool)) {
        return chat_reply_invalid(q, field, why);
    }
    rv = seal_words(&plan, q, found.conversation, name_of(q, found.stored));
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, "changing a plan");
    }
    args[0] = chat_auth_id(found.id);
    args[1] = chat_auth_id(q->user->id);
    plan_values(args + 2, &plan);
    rv = chat_db_query(&res, q->conf->db, "plan_edit", args, 10, q->r->pool);
    if (rv != APR_SUCCESS) {
        return refuse(q, rv, "changing a plan");
    }
    if (!settle(&found, q, &answer)) {
        return answer;
    }
    return chat_db_rows(res) > 0
               ? reply_plan(q, HTTP_OK, found.json)
               : reply_conflict(q, &found, "only a draft can be changed");
}

/* --- changes of state
 * --------------------------------------------------------- */

/* How a state is come to. */
typedef struct {
    const char *label;  /* the statement */
    const char *status; /* what the plan is then; NULL: it stays what it is */
    const char *only;   /* what others are told */
    int patients;       /* 1: the patient does it, 0: the doctor */
    int heirs;          /* 1: also who has a former doctor's offers */
    int reason;         /* 1: a reason may be given */
    const char *doing;  /* for the log */
} step_t;

/* clang-format off */
static const step_t step_submit = {
    "plan_submit", "submitted", "only the plan's doctor submits it", 0, 0, 0, "submitting a plan" };
static const step_t step_accept = {
    "plan_accept", "accepted", "only the patient decides about a plan", 1, 0, 0, "accepting a plan" };
static const step_t step_reject = {
    "plan_reject", "rejected", "only the patient decides about a plan", 1, 0, 1, "rejecting a plan" };
static const step_t step_cancel = {
    "plan_cancel", "cancelled", "only the plan's doctor cancels it", 0, 1, 1, "cancelling a plan" };
static const step_t step_acknowledge = {
    "plan_acknowledge", NULL, "only the patient acknowledges a plan", 1, 0, 0, "acknowledging a plan" };
/* clang-format on */

/* Nothing was changed: because it is so already, or why not. `also`: another
 * plan was accepted meanwhile. */
static int reply_unchanged(chat_request_t *q, const found_t *found,
                           const step_t *step, int also)
{
    if (step->status == NULL || strcmp(found->status, step->status) == 0) {
        return reply_plan(q, HTTP_OK, found->json);
    }
    if (step == &step_submit && strcmp(found->status, "draft") == 0) {
        return reply_conflict(q, found, "the plan's expires_at is over");
    }
    return reply_conflict(
        q, found,
        also ? "another plan of this consultation is accepted"
             : apr_pstrcat(q->r->pool, "the plan is ", found->status, NULL));
}

/* Its time is over and nobody has marked it yet: done at once, for its event.
 */
static void expire(chat_request_t *q, const found_t *found)
{
    chat_db_result_t *res;
    apr_status_t rv;

    if (strcmp(found->status, "expired") != 0 ||
        strcmp(found->marked, "submitted") != 0) {
        return;
    }
    rv = chat_db_query(&res, q->conf->db, "plan_expire", NULL, 0, q->r->pool);
    if (rv != APR_SUCCESS) {
        chat_reply_note(q, rv, "marking plans that have expired");
    }
    else if (chat_db_rows(res) > 0) {
        chat_wakeup_send(q->conf->wakeup);
    }
}

/* Every decision about a plan passes here. */
static int take(chat_request_t *q, const step_t *step)
{
    const char *reason = NULL, *why;
    chat_db_value_t args[4];
    chat_db_result_t *res = NULL;
    found_t found;
    apr_status_t rv;
    int answer, also;

    if (!settle(&found, q, &answer)) {
        return answer;
    }
    if (!(step->patients ? found.patient : found.doctor) &&
        !(step->heirs && found.heir)) {
        return chat_reply_error(q, HTTP_FORBIDDEN, step->only);
    }
    if (step->reason &&
        !chat_plan_reason(&reason, &q->body, &why, q->r->pool)) {
        return chat_reply_invalid(q, "reason", why);
    }
    /* Submitting offers it, and nothing is offered where all is over. */
    if ((step == &step_submit && strcmp(found.status, "draft") == 0 &&
         chat_message_closed_in(q, found.conversation, &answer)) ||
        too_often(q, &answer)) {
        return answer;
    }
    rv = seal(&reason, q, CHAT_SEAL_REASON, found.conversation,
              name_of(q, found.stored));
    if (rv != APR_SUCCESS) {
        return chat_reply_failed(q, rv, step->doing);
    }
    args[0] = chat_auth_id(found.id);
    args[1] = chat_auth_id(q->user->id);
    args[2] = chat_db_text(step == &step_submit ? q->conf->closed_list : reason);
    args[3] = chat_db_int(found.staff);
    rv = chat_db_query(&res, q->conf->db, step->label, args,
                       step->heirs                              ? 4
                       : step->reason || step == &step_submit ? 3
                                                              : 2,
                       q->r->pool);
    also = rv == CHAT_DB_EUNIQUE;
    if (rv != APR_SUCCESS && !also) {
        return refuse(q, rv, step->doing);
    }
    if (!also && chat_db_rows(res) > 0) {
        chat_wakeup_send(q->conf->wakeup);
        return settle(&found, q, &answer) ? reply_plan(q, HTTP_OK, found.json)
                                          : answer;
    }
    if (!settle(&found, q, &answer)) {
        return answer;
    }
    expire(q, &found);
    if (step == &step_submit && strcmp(found.status, "draft") == 0 &&
        chat_message_closed_in(q, found.conversation, &answer)) {
        return answer; /* it was closed meanwhile */
    }
    return reply_unchanged(q, &found, step, also);
}

/* POST /chat/plan/{id}/submit - a draft is shown to the patient. */
int chat_plan_submit(chat_request_t *q) { return take(q, &step_submit); }

/* POST /chat/plan/{id}/accept */
int chat_plan_accept(chat_request_t *q) { return take(q, &step_accept); }

/* POST /chat/plan/{id}/reject - reason, if there is one. */
int chat_plan_reject(chat_request_t *q) { return take(q, &step_reject); }

/* POST /chat/plan/{id}/cancel - reason, if there is one. */
int chat_plan_cancel(chat_request_t *q) { return take(q, &step_cancel); }

/* POST /chat/plan/{id}/acknowledge - the patient has seen it. */
int chat_plan_acknowledge(chat_request_t *q)
{
    return take(q, &step_acknowledge);
}
