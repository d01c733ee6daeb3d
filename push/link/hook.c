/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook.c - filters, the delay of leavings, batches and retries, see hook.h.
 */
#include "hook.h"
#include "hash.h"

#include <stdlib.h>
#include <string.h>

/* A coming and the leaving that it takes back. */
/* clang-format off */
static const struct {
    const char *name;
    push_hook_type_t other; /* of the pair; itself when it has none */
    int leaving;
} types[PUSH_HOOK_TYPES] = {
    [PUSH_HOOK_OCCUPIED] =     { "channel_occupied", PUSH_HOOK_VACATED,      0 },
    [PUSH_HOOK_VACATED] =      { "channel_vacated",  PUSH_HOOK_OCCUPIED,     1 },
    [PUSH_HOOK_ADDED] =        { "member_added",     PUSH_HOOK_REMOVED,      0 },
    [PUSH_HOOK_REMOVED] =      { "member_removed",   PUSH_HOOK_ADDED,        1 },
    [PUSH_HOOK_CLIENT_EVENT] = { "client_event",     PUSH_HOOK_CLIENT_EVENT, 0 },
    [PUSH_HOOK_CACHE_MISS] =   { "cache_miss",       PUSH_HOOK_CACHE_MISS,   0 },
    [PUSH_HOOK_COUNT] =        { "subscription_count", PUSH_HOOK_COUNT,      0 },
};
/* clang-format on */

const char *push_hook_name(push_hook_type_t type) { return types[type].name; }

int push_hook_known(const char *name)
{
    int i;

    for (i = 0; i < PUSH_HOOK_TYPES; i++) {
        if (!strcmp(types[i].name, name)) {
            return 1;
        }
    }
    return 0;
}

/* --- filters --- */

/* A receiver that names no type wants them all. */
static int named(const chat_webhook_t *hook, const char *name)
{
    const char *const *event = hook->events;

    if (*event == NULL) {
        return 1;
    }
    while (*event != NULL && strcmp(*event, name) != 0) {
        event++;
    }
    return *event != NULL;
}

int push_hook_wants(const chat_webhook_t *hook, push_hook_type_t type,
                    const char *channel, apr_size_t len)
{
    apr_size_t begin = hook->prefix ? strlen(hook->prefix) : 0;
    apr_size_t end = hook->suffix ? strlen(hook->suffix) : 0;

    if (begin > 0 && (begin > len || memcmp(channel, hook->prefix, begin))) {
        return 0;
    }
    if (end > 0 &&
        (end > len || memcmp(channel + len - end, hook->suffix, end))) {
        return 0;
    }
    return named(hook, types[type].name);
}

int push_hook_needed(const chat_app_t *app, push_hook_type_t type,
                     const char *channel, apr_size_t len)
{
    int i;

    for (i = 0; i < app->nwebhooks; i++) {
        if (push_hook_wants(&app->webhooks[i], type, channel, len) ||
            push_hook_wants(&app->webhooks[i], types[type].other, channel,
                            len)) {
            return 1;
        }
    }
    return 0;
}

/* --- an event --- */

static const char *keep(char **at, const char *text, apr_size_t len)
{
    char *to = *at;

    memcpy(to, text, len);
    *at += len;
    return to;
}

push_hook_event_t *push_hook_event(void *owner, push_hook_type_t type,
                                   const char *channel, apr_size_t len,
                                   const char *id, apr_size_t id_len,
                                   const push_text_t *json)
{
    push_hook_event_t *e = push_must(
        malloc(sizeof(*e) + len + id_len + json->len));
    char *at = (char *)(e + 1);

    memset(e, 0, sizeof(*e));
    e->owner = owner;
    e->type = type;
    e->channel = keep(&at, channel, len);
    e->channel_len = (apr_uint32_t)len;
    e->id = keep(&at, id, id_len);
    e->id_len = (apr_uint32_t)id_len;
    e->json = keep(&at, json->at, json->len);
    e->json_len = (apr_uint32_t)json->len;
    return e;
}

/* --- the hold --- */

/* Of whom an event is about; the two of a pair have the same. */
static apr_uint64_t hash_of(const push_hold_t *hold, const push_hook_event_t *e)
{
    apr_uint64_t h = hold->seed ^ (apr_uintptr_t)e->owner;

    h = push_hash_text(h, hold->seed, e->channel, e->channel_len);
    h = push_hash_text(h, hold->seed, e->id, e->id_len);
    return push_hash_fold(h ^ 0x9e3779b97f4a7c15u, hold->seed | 1);
}

static push_hook_event_t **chain_of(push_hold_t *hold, apr_uint64_t hash)
{
    return &hold->chains[(hash >> 32) & (PUSH_HOLD_CHAINS - 1)];
}

/* The waiting leaving of what has come, or NULL. */
static push_hook_event_t *leaving_of(push_hold_t *hold,
                                     const push_hook_event_t *e)
{
    push_hook_event_t *held = *chain_of(hold, e->hash);

    while (held != NULL &&
           (held->hash != e->hash || held->type != types[e->type].other ||
            held->owner != e->owner || held->channel_len != e->channel_len ||
            held->id_len != e->id_len ||
            memcmp(held->channel, e->channel, e->channel_len) != 0 ||
            memcmp(held->id, e->id, e->id_len) != 0)) {
        held = held->link;
    }
    return held;
}

static void hold_put(push_hold_t *hold, push_hook_event_t *e)
{
    push_hook_event_t **chain = chain_of(hold, e->hash);

    e->link = *chain;
    *chain = e;
    e->next = NULL;
    e->prev = hold->tail;
    *(hold->tail ? &hold->tail->next : &hold->head) = e;
    hold->tail = e;
    hold->n++;
}

static void hold_take(push_hold_t *hold, push_hook_event_t *e)
{
    push_hook_event_t **link = chain_of(hold, e->hash);

    while (*link != e) {
        link = &(*link)->link;
    }
    *link = e->link;
    *(e->prev ? &e->prev->next : &hold->head) = e->next;
    *(e->next ? &e->next->prev : &hold->tail) = e->prev;
    e->next = NULL;
    hold->n--;
}

push_hook_event_t *push_hold_pass(push_hold_t *hold, push_hook_event_t *e,
                                  apr_uint64_t now)
{
    push_hook_event_t *held;

    if (types[e->type].other == e->type) {
        return e;
    }
    e->hash = hash_of(hold, e);
    if (types[e->type].leaving) {
        e->due = now + PUSH_HOOK_DELAY;
        hold_put(hold, e);
        return NULL;
    }
    held = leaving_of(hold, e);
    if (held == NULL) {
        return e;
    }
    hold_take(hold, held);
    free(held);
    free(e);
    return NULL;
}

push_hook_event_t *push_hold_due(push_hold_t *hold, apr_uint64_t now)
{
    push_hook_event_t *e = hold->head;

    if (e == NULL || (e->due > now && hold->n <= PUSH_HOOK_HELD_MOST)) {
        return NULL;
    }
    hold_take(hold, e);
    return e;
}

apr_uint64_t push_hold_next(const push_hold_t *hold)
{
    return hold->head ? hold->head->due : PUSH_HOOK_NEVER;
}

void push_hold_clear(push_hold_t *hold)
{
    push_hook_event_t *e;

    while ((e = hold->head) != NULL) {
        hold_take(hold, e);
        free(e);
    }
}

/* --- the line of one receiver --- */

int push_line_add(push_line_t *line, const push_line_limits_t *limits,
                  const char *json, apr_size_t len, apr_uint64_t now)
{
    push_hook_item_t *item;

    if (line->n >= limits->events || line->bytes + len > limits->bytes) {
        return 0;
    }
    item = push_must(malloc(sizeof(*item) + len));
    item->next = NULL;
    item->since = now;
    item->len = len;
    memcpy(item->json, json, len);
    if (line->n == 0) {
        line->at = now + limits->gather;
    }
    *(line->tail ? &line->tail->next : &line->head) = item;
    line->tail = item;
    line->n++;
    line->bytes += len;
    if (line->batch == 0 && line->n >= limits->batch_events) {
        line->at = now;
    }
    return 1;
}

apr_uint64_t push_line_next(const push_line_t *line)
{
    return line->sending || line->n == 0 ? PUSH_HOOK_NEVER : line->at;
}

/* As many of the oldest as a request may have. */
static apr_uint32_t batch_size(const push_line_t *line,
                               const push_line_limits_t *limits)
{
    const push_hook_item_t *item = line->head;
    apr_size_t bytes = item->len;
    apr_uint32_t n = 1;

    for (item = item->next; item != NULL && n < limits->batch_events;
         item = item->next) {
        bytes += item->len;
        if (bytes > limits->batch_bytes) {
            break;
        }
        n++;
    }
    return n;
}

void push_line_begin(push_line_t *line, const push_line_limits_t *limits,
                     apr_uint64_t now, apr_uint64_t time_ms, push_text_t *body)
{
    const push_hook_item_t *item = line->head;
    apr_uint32_t i;

    if (line->batch == 0) {
        line->batch = batch_size(line, limits);
        line->tries = 0;
        line->first = now;
        line->time_ms = time_ms;
    }
    line->sending = 1;
    push_text_str(body, "{\"time_ms\":");
    push_text_num(body, line->time_ms);
    push_text_str(body, ",\"events\":[");
    for (i = 0; i < line->batch; i++, item = item->next) {
        push_text_add(body, ",", i > 0);
        push_text_add(body, item->json, item->len);
    }
    push_text_str(body, "]}");
}

static void pop(push_line_t *line)
{
    push_hook_item_t *item = line->head;

    line->head = item->next;
    if (line->head == NULL) {
        line->tail = NULL;
    }
    line->n--;
    line->bytes -= item->len;
    free(item);
}

/* The batch is over; what stands behind it has waited long enough. */
static apr_uint32_t batch_end(push_line_t *line, apr_uint64_t now)
{
    apr_uint32_t n = line->batch;
    apr_uint32_t i;

    for (i = 0; i < n; i++) {
        pop(line);
    }
    line->batch = 0;
    line->sending = 0;
    line->at = now;
    return n;
}

apr_uint32_t push_line_taken(push_line_t *line, apr_uint64_t now)
{
    return batch_end(line, now);
}

apr_uint32_t push_line_drop(push_line_t *line, apr_uint64_t now)
{
    return batch_end(line, now);
}

apr_uint32_t push_line_failed(push_line_t *line, apr_uint64_t now)
{
    apr_uint64_t pause = PUSH_HOOK_BACKOFF_MOST;
    apr_uint32_t n;

    if (line->tries < 6) {
        pause = (apr_uint64_t)PUSH_HOOK_BACKOFF << line->tries;
    }
    line->tries++;
    line->sending = 0;
    line->at = now + pause;
    if (line->at - line->first <= PUSH_HOOK_RETRY) {
        return 0;
    }
    n = batch_end(line, now);
    while (line->head != NULL && now - line->head->since >= PUSH_HOOK_RETRY) {
        pop(line);
        n++;
    }
    return n;
}

apr_uint32_t push_line_clear(push_line_t *line)
{
    apr_uint32_t n = line->n;

    while (line->head != NULL) {
        pop(line);
    }
    memset(line, 0, sizeof(*line));
    return n;
}
