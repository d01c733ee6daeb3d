/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook.c - the sender of webhooks, see webhook.h.
 *
 * The inbox is the only thing that threads share: a list under a mutex held for
 * a few lines. The sender takes it whole, so whoever finds it empty wakes the
 * sender, and nobody else needs to. Everything below "the sender's thread" is
 * touched by that thread alone.
 *
 * A change of settings is an item of the inbox too. What it brings is a copy in
 * a pool of its own: the settings it was made from may go at any time.
 */
#include "webhook.h"
#include "address.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <curl/curl.h>

#define INBOX_EVENTS 100000 /* that wait for the sender */
#define INBOX_BYTES (64 << 20)
#define LINE_EVENTS 10000 /* that wait for a receiver */
#define LINE_BYTES (16 << 20)
#define BATCH_EVENTS 100 /* in one request */
#define BATCH_BYTES (256 << 10)
#define CONNECT_MS 5000
#define REQUEST_MS 10000 /* connecting and answering together */
#define REST_MS 60000    /* the sender's longest sleep */

/* One receiver. */
typedef struct receiver_t {
    struct receiver_t *next;    /* of its app, in the order of the settings */
    apr_pool_t *pool;           /* of hook */
    const chat_webhook_t *hook; /* ours */
    push_hooks_t *owner;
    int number; /* in its app's list, from 1: how the log names it */
    int gone;   /* not in the settings any more: freed when its line is empty */
    push_line_t line;
    CURL *curl;
    struct curl_slist *headers; /* of the request under way */
    push_text_t body;           /* the same */
    int refused;                /* its address is not allowed */
    int down;                   /* the log knows that it does not answer */
} receiver_t;

/* What an app's settings say to the sender. */
typedef struct {
    apr_pool_t *pool; /* all of this */
    const char *id;
    const char *key_header; /* X-Pusher-Key */
    chat_signer_t *signer;  /* of the first secret */
    receiver_t *list;       /* ready to be used, without curl */
} hooks_conf_t;

/* The receivers of one app. It is named by events, so it stays for as long as
 * one of them may be in the hold. */
struct push_hooks_t {
    push_hooks_t *next;
    push_webhooks_t *sender;
    hooks_conf_t *conf;   /* NULL: no change has come yet */
    receiver_t *list;     /* also those that are gone, until their end */
    apr_uint64_t removed; /* ms: when the app was removed; 0: it is there */
};

/* Other settings, as an item of the inbox. */
typedef struct {
    push_hook_event_t item;        /* first; its type is CHANGE */
    push_hooks_t *hooks;           /* NULL: those of the sender itself */
    hooks_conf_t *conf;            /* NULL: the app was removed */
    push_webhooks_conf_t settings; /* of the sender, when hooks is NULL */
} change_t;

#define CHANGE PUSH_HOOK_TYPES /* no type of an event */

struct push_webhooks_t {
    push_webhooks_conf_t conf;
    push_line_limits_t limits;
    push_hooks_t *apps; /* a list */
    CURLM *multi;
    push_hold_t *hold;
    pthread_t thread;
    int started;
    int stopping;         /* atomic */
    apr_uint64_t stop_at; /* when to give up then; set before `stopping` */
    pthread_mutex_t lock; /* of the inbox, the next four */
    push_hook_event_t *head;
    push_hook_event_t *tail;
    apr_size_t n;
    apr_size_t bytes;
    apr_uint64_t sent, failed, dropped, queued; /* atomic */
};

static apr_uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint64_t)ts.tv_sec * 1000 + (apr_uint64_t)ts.tv_nsec / 1000000;
}

static void count(apr_uint64_t *counter, apr_uint64_t n)
{
    __atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

/* --- the inbox --- */

/* Append, with the lock held. @return whether the sender must be woken */
static int inbox_append(push_webhooks_t *w, push_hook_event_t *e,
                        apr_size_t size)
{
    int first = w->head == NULL;

    *(first ? &w->head : &w->tail->next) = e;
    w->tail = e;
    w->n++;
    w->bytes += size;
    return first;
}

/* Take an event. @return as above */
static int inbox_add(push_webhooks_t *w, push_hook_event_t *e)
{
    apr_size_t size = sizeof(*e) + e->channel_len + e->id_len + e->json_len;
    int first;

    pthread_mutex_lock(&w->lock);
    if (w->n >= INBOX_EVENTS || w->bytes + size > INBOX_BYTES) {
        pthread_mutex_unlock(&w->lock);
        count(&w->dropped, 1);
        free(e);
        return 0;
    }
    first = inbox_append(w, e, size);
    pthread_mutex_unlock(&w->lock);
    return first;
}

static push_hook_event_t *inbox_take(push_webhooks_t *w)
{
    push_hook_event_t *list;

    pthread_mutex_lock(&w->lock);
    list = w->head;
    w->head = w->tail = NULL;
    w->n = 0;
    w->bytes = 0;
    pthread_mutex_unlock(&w->lock);
    return list;
}

/* --- what happens --- */

static void event_begin(push_text_t *json, push_hook_type_t type,
                        const char *name, apr_size_t len)
{
    push_text_str(json, "{\"name\":\"");
    push_text_str(json, push_hook_name(type));
    push_text_str(json, "\",\"channel\":");
    push_text_quote(json, name, len);
}

static void event_user(push_text_t *json, const push_user_t *user)
{
    push_text_str(json, ",\"user_id\":");
    push_text_add(json, user->json, user->json_len);
}

static void event_end(push_hooks_t *hooks, push_hook_type_t type,
                      const char *name, apr_size_t len, const push_user_t *user,
                      push_text_t *json)
{
    push_hook_event_t *e;

    push_text_str(json, "}");
    e = push_hook_event(hooks, type, name, len, user ? user->id : "",
                        user ? user->id_len : 0, json);
    push_text_free(json);
    if (inbox_add(hooks->sender, e)) {
        curl_multi_wakeup(hooks->sender->multi);
    }
}

/* Whether anybody is to be told. Names that begin with # are our own. */
static int wanted(const push_app_t *app, push_hook_type_t type,
                  const char *name, apr_size_t len)
{
    return app->hooks != NULL && name[0] != '#' &&
           push_hook_needed(app->conf, type, name, len);
}

void push_webhook_channel(push_app_t *app, push_hook_type_t type,
                          const char *name, apr_size_t len)
{
    push_text_t json = { NULL, 0, 0 };

    if (wanted(app, type, name, len)) {
        event_begin(&json, type, name, len);
        event_end(app->hooks, type, name, len, NULL, &json);
    }
}

void push_webhook_count(push_app_t *app, const char *name, apr_size_t len,
                        apr_uint32_t n)
{
    push_text_t json = { NULL, 0, 0 };

    if (wanted(app, PUSH_HOOK_COUNT, name, len)) {
        event_begin(&json, PUSH_HOOK_COUNT, name, len);
        push_text_str(&json, ",\"subscription_count\":");
        push_text_num(&json, n);
        event_end(app->hooks, PUSH_HOOK_COUNT, name, len, NULL, &json);
    }
}

void push_webhook_member(push_app_t *app, push_hook_type_t type,
                         const char *name, apr_size_t len,
                         const push_user_t *user)
{
    push_text_t json = { NULL, 0, 0 };

    if (wanted(app, type, name, len)) {
        event_begin(&json, type, name, len);
        event_user(&json, user);
        event_end(app->hooks, type, name, len, user, &json);
    }
}

void push_webhook_client_event(push_app_t *app, const char *name,
                               apr_size_t len, const scan_value_t *event,
                               const scan_value_t *data, const char *socket_id,
                               const push_user_t *user)
{
    push_text_t json = { NULL, 0, 0 };

    if (!wanted(app, PUSH_HOOK_CLIENT_EVENT, name, len)) {
        return;
    }
    event_begin(&json, PUSH_HOOK_CLIENT_EVENT, name, len);
    push_text_str(&json, ",\"event\":");
    push_text_add(&json, event->at, event->len);
    if (data->type == SCAN_STRING) {
        push_text_str(&json, ",\"data\":");
        push_text_add(&json, data->at, data->len);
    }
    else if (data->type != SCAN_ABSENT) {
        push_text_str(&json, ",\"data\":");
        push_text_quote(&json, data->at, data->len);
    }
    push_text_str(&json, ",\"socket_id\":\"");
    push_text_str(&json, socket_id);
    push_text_str(&json, "\"");
    if (user != NULL) {
        event_user(&json, user);
    }
    event_end(app->hooks, PUSH_HOOK_CLIENT_EVENT, name, len, NULL, &json);
}

/* --- the sender's thread --- */

static void say(const receiver_t *r, int trouble, const char *what)
{
    char line[256];

    apr_snprintf(line, sizeof(line), "webhook %d of app %s: %s", r->number,
                 r->owner->conf->id, what);
    r->owner->sender->conf.log(trouble, line);
}

/* Into the line of every receiver that wants it. The last events of a removed
 * app are for those it had; one that alone is gone gets nothing new. */
static void dispatch(push_webhooks_t *w, push_hook_event_t *e, apr_uint64_t now)
{
    push_hooks_t *owner = e->owner;
    receiver_t *r;

    for (r = owner->list; r != NULL; r = r->next) {
        if ((r->gone && owner->removed == 0) ||
            !push_hook_wants(r->hook, e->type, e->channel, e->channel_len)) {
            continue;
        }
        if (push_line_add(&r->line, &w->limits, e->json, e->json_len, now)) {
            count(&w->queued, 1);
        }
        else {
            count(&w->dropped, 1);
        }
    }
    free(e);
}

/* Where a connection goes, before it does. A name with several addresses is
 * tried at the next one. */
static curl_socket_t open_socket(void *baton, curlsocktype purpose,
                                 struct curl_sockaddr *to)
{
    receiver_t *r = baton;

    (void)purpose;
    if (!r->owner->sender->conf.allow_private &&
        !push_address_public(&to->addr, to->addrlen)) {
        r->refused = 1;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* The status says all that we want to know. */
static size_t ignore_answer(char *data, size_t size, size_t n, void *baton)
{
    (void)data;
    (void)baton;
    return size * n;
}

static void receiver_open(receiver_t *r)
{
    CURL *c = push_must(curl_easy_init());

    r->curl = c;
    curl_easy_setopt(c, CURLOPT_PRIVATE, r);
    curl_easy_setopt(c, CURLOPT_URL, r->hook->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)REQUEST_MS);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, r);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore_answer);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "chat-push");
}

static void header(receiver_t *r, const char *line)
{
    r->headers = push_must(curl_slist_append(r->headers, line));
}

static void headers_make(receiver_t *r)
{
    const char *const *custom = r->hook->headers;
    const chat_piece_t body = { r->body.at, r->body.len };
    char hex[CHAT_SIGNATURE_HEX];
    char line[128];

    for (; *custom != NULL; custom++) {
        header(r, *custom);
    }
    chat_sign(r->owner->conf->signer, hex, &body, 1);
    apr_snprintf(line, sizeof(line), "X-Pusher-Signature: %s", hex);
    header(r, line);
    header(r, r->owner->conf->key_header);
    header(r, "Content-Type: application/json");
    header(r, "Expect:");
}

static void request_begin(push_webhooks_t *w, receiver_t *r, apr_uint64_t now)
{
    push_line_begin(&r->line, &w->limits, now,
                    (apr_uint64_t)apr_time_as_msec(apr_time_now()), &r->body);
    headers_make(r);
    r->refused = 0;
    curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(r->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)r->body.len);
    curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, r->body.at);
    curl_multi_add_handle(w->multi, r->curl);
}

/* A receiver that stops answering, and one that answers again, is a line in the
 * log; what happens in between is not. */
static void receiver_state(receiver_t *r, CURLcode rc, long status)
{
    char what[160];

    if (rc == CURLE_OK && status / 100 == 2) {
        if (r->down) {
            say(r, 0, "takes events again");
        }
        r->down = 0;
        return;
    }
    if (r->down) {
        return;
    }
    r->down = 1;
    if (rc == CURLE_OK) {
        apr_snprintf(what, sizeof(what), "answered %ld, trying again", status);
    }
    else if (r->refused) {
        apr_snprintf(what, sizeof(what),
                     "its address is not public, and "
                     "webhooks.allowPrivateTargets is off");
    }
    else {
        apr_snprintf(what, sizeof(what), "%s, trying again",
                     curl_easy_strerror(rc));
    }
    say(r, 1, what);
}

static void request_end(push_webhooks_t *w, receiver_t *r, CURLcode rc)
{
    apr_uint64_t now = clock_ms();
    apr_uint32_t gone;
    long status = 0;

    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(w->multi, r->curl);
    curl_slist_free_all(r->headers);
    r->headers = NULL;
    push_text_free(&r->body);
    receiver_state(r, rc, status);
    if (rc == CURLE_OK && status / 100 == 2) {
        gone = push_line_taken(&r->line, now);
        count(&w->sent, gone);
    }
    else {
        gone = rc != CURLE_OK && r->refused ? push_line_drop(&r->line, now)
                                            : push_line_failed(&r->line, now);
        count(&w->failed, gone);
    }
    __atomic_sub_fetch(&w->queued, gone, __ATOMIC_RELAXED);
}

static void requests_end(push_webhooks_t *w)
{
    CURLMsg *m;
    void *r;
    int left;

    while ((m = curl_multi_info_read(w->multi, &left)) != NULL) {
        if (m->msg == CURLMSG_DONE) {
            CURLcode rc = m->data.result;

            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
            request_end(w, r, rc);
        }
    }
}

/* --- the sender's thread: other settings --- */

static void limits_set(push_webhooks_t *w)
{
    w->limits.batch_events = w->conf.batching ? BATCH_EVENTS : 1;
    w->limits.batch_bytes = BATCH_BYTES;
    w->limits.gather = w->conf.batching ? (apr_uint32_t)w->conf.gather_ms : 0;
    w->limits.events = LINE_EVENTS;
    w->limits.bytes = LINE_BYTES;
}

/* A receiver that waits for what never comes would wait in silence. */
static void types_check(const receiver_t *r)
{
    const char *const *event = r->hook->events;
    char what[160];

    for (; *event != NULL; event++) {
        if (!push_hook_known(*event)) {
            apr_snprintf(what, sizeof(what), "there are no events of type %s",
                         *event);
            say(r, 1, what);
        }
    }
}

static void receiver_free(receiver_t *r)
{
    if (r->curl != NULL) {
        curl_multi_remove_handle(r->owner->sender->multi, r->curl);
        curl_easy_cleanup(r->curl);
    }
    curl_slist_free_all(r->headers);
    push_text_free(&r->body);
    push_line_clear(&r->line);
    apr_pool_destroy(r->pool);
    free(r);
}

static void hooks_free(push_hooks_t *hooks)
{
    receiver_t *r;

    while ((r = hooks->list) != NULL) {
        hooks->list = r->next;
        receiver_free(r);
    }
    if (hooks->conf != NULL) {
        apr_pool_destroy(hooks->conf->pool);
    }
    free(hooks);
}

/* Take the receiver of a URL out of a list; NULL when there is none. */
static receiver_t *receiver_take(receiver_t **list, const char *url)
{
    receiver_t *r;

    for (; (r = *list) != NULL; list = &r->next) {
        if (!strcmp(r->hook->url, url)) {
            *list = r->next;
            return r;
        }
    }
    return NULL;
}

/* What waits in `old`, or is under way, goes on with the settings of `fresh`,
 * which is used up. */
static receiver_t *receiver_renew(receiver_t *old, receiver_t *fresh)
{
    apr_pool_destroy(old->pool);
    old->pool = fresh->pool;
    old->hook = fresh->hook;
    old->number = fresh->number;
    old->gone = 0;
    free(fresh);
    return old;
}

static void receivers_change(push_hooks_t *hooks, hooks_conf_t *conf)
{
    receiver_t *before = hooks->list;
    receiver_t **end = &hooks->list;
    receiver_t *r, *old;

    hooks->list = NULL;
    while ((r = conf->list) != NULL) {
        conf->list = r->next;
        types_check(r);
        old = receiver_take(&before, r->hook->url);
        r = old != NULL ? receiver_renew(old, r) : r;
        if (r->curl == NULL) {
            receiver_open(r);
        }
        r->next = NULL;
        *end = r;
        end = &r->next;
    }
    *end = before;
    for (r = before; r != NULL; r = r->next) {
        r->gone = 1;
    }
}

static void hooks_change(push_webhooks_t *w, push_hooks_t *hooks,
                         hooks_conf_t *conf, apr_uint64_t now)
{
    hooks_conf_t *before = hooks->conf;
    receiver_t *r;

    if (conf == NULL) {
        hooks->removed = now;
        for (r = hooks->list; r != NULL; r = r->next) {
            r->gone = 1;
        }
        return;
    }
    if (before == NULL) {
        hooks->next = w->apps;
        w->apps = hooks;
    }
    hooks->conf = conf;
    receivers_change(hooks, conf);
    if (before != NULL) {
        apr_pool_destroy(before->pool);
    }
}

static void change_take(push_webhooks_t *w, change_t *change, apr_uint64_t now)
{
    if (change->hooks != NULL) {
        hooks_change(w, change->hooks, change->conf, now);
    }
    else {
        w->conf.allow_private = change->settings.allow_private;
        w->conf.batching = change->settings.batching;
        w->conf.gather_ms = change->settings.gather_ms;
        limits_set(w);
    }
    free(change);
}

/* Whether the hold may still have an event of a removed app. */
static int held(const push_hooks_t *hooks, apr_uint64_t now)
{
    return hooks->removed != 0 && now <= hooks->removed + PUSH_HOOK_DELAY;
}

/* Free receivers that are gone and have got what waited for them. */
static void receivers_reap(push_webhooks_t *w, apr_uint64_t now)
{
    push_hooks_t **link = &w->apps;
    push_hooks_t *hooks;
    receiver_t **at, *r;

    while ((hooks = *link) != NULL) {
        at = &hooks->list;
        while ((r = *at) != NULL) {
            if (r->gone && r->line.n == 0 && !held(hooks, now)) {
                *at = r->next;
                receiver_free(r);
            }
            else {
                at = &r->next;
            }
        }
        if (hooks->removed != 0 && hooks->list == NULL && !held(hooks, now)) {
            *link = hooks->next;
            hooks_free(hooks);
        }
        else {
            link = &hooks->next;
        }
    }
}

/* --- the sender's thread: running --- */

static void take_events(push_webhooks_t *w, apr_uint64_t now)
{
    push_hook_event_t *e = inbox_take(w);
    push_hook_event_t *next;

    for (; e != NULL; e = next) {
        next = e->next;
        if (e->type == CHANGE) {
            change_take(w, (change_t *)(void *)e, now);
            continue;
        }
        e = push_hold_pass(w->hold, e, now);
        if (e != NULL) {
            dispatch(w, e, now);
        }
    }
    while ((e = push_hold_due(w->hold, now)) != NULL) {
        dispatch(w, e, now);
    }
}

static void requests_begin(push_webhooks_t *w, apr_uint64_t now)
{
    push_hooks_t *hooks;
    receiver_t *r;

    for (hooks = w->apps; hooks != NULL; hooks = hooks->next) {
        for (r = hooks->list; r != NULL; r = r->next) {
            if (push_line_next(&r->line) <= now) {
                request_begin(w, r, now);
            }
        }
    }
}

/* How long the sender may sleep, in ms: it is woken for new events, and libcurl
 * wakes for its own. */
static int rest(const push_webhooks_t *w)
{
    apr_uint64_t next = push_hold_next(w->hold);
    apr_uint64_t now = clock_ms();
    const push_hooks_t *hooks;
    const receiver_t *r;
    apr_uint64_t at;

    for (hooks = w->apps; hooks != NULL; hooks = hooks->next) {
        for (r = hooks->list; r != NULL; r = r->next) {
            at = push_line_next(&r->line);
            next = at < next ? at : next;
        }
    }
    if (__atomic_load_n(&w->stopping, __ATOMIC_ACQUIRE) && next > w->stop_at) {
        next = w->stop_at;
    }
    if (next <= now) {
        return 0;
    }
    return next - now < REST_MS ? (int)(next - now) : REST_MS;
}

/* Whether something is under way or about to be that may end in time. */
static int busy(const push_webhooks_t *w)
{
    const push_hooks_t *hooks;
    const receiver_t *r;

    for (hooks = w->apps; hooks != NULL; hooks = hooks->next) {
        for (r = hooks->list; r != NULL; r = r->next) {
            if (r->line.sending || (r->line.n > 0 && r->line.tries == 0)) {
                return 1;
            }
        }
    }
    return 0;
}

static int ended(push_webhooks_t *w, apr_uint64_t now)
{
    return __atomic_load_n(&w->stopping, __ATOMIC_ACQUIRE) &&
           (now >= w->stop_at || !busy(w));
}

static void *run(void *baton)
{
    push_webhooks_t *w = baton;
    apr_uint64_t now;
    int running;

    for (;;) {
        now = clock_ms();
        take_events(w, now);
        receivers_reap(w, now);
        if (ended(w, now)) {
            return NULL;
        }
        requests_begin(w, now);
        curl_multi_perform(w->multi, &running);
        requests_end(w);
        curl_multi_poll(w->multi, NULL, 0, rest(w), NULL);
    }
}

/* --- making and ending --- */

static apr_status_t sender_destroy(void *data)
{
    push_webhooks_t *w = data;
    push_hooks_t *hooks;

    take_events(w, clock_ms()); /* a change brings what must be freed */
    push_hold_clear(w->hold);
    free(w->hold);
    while ((hooks = w->apps) != NULL) {
        w->apps = hooks->next;
        hooks_free(hooks);
    }
    curl_multi_cleanup(w->multi);
    curl_global_cleanup();
    pthread_mutex_destroy(&w->lock);
    return APR_SUCCESS;
}

apr_status_t push_webhooks_create(push_webhooks_t **out,
                                  const push_webhooks_conf_t *conf,
                                  apr_pool_t *p)
{
    push_webhooks_t *w;

    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        return APR_EGENERAL;
    }
    w = apr_pcalloc(p, sizeof(*w));
    w->conf = *conf;
    limits_set(w);
    pthread_mutex_init(&w->lock, NULL);
    w->multi = push_must(curl_multi_init());
    w->hold = push_must(calloc(1, sizeof(*w->hold)));
    apr_pool_cleanup_register(p, w, sender_destroy, apr_pool_cleanup_null);
    *out = w;
    return apr_generate_random_bytes((unsigned char *)&w->hold->seed,
                                     sizeof(w->hold->seed));
}

/* --- changing --- */

static const char *const *texts_copy(const char *const *from, apr_pool_t *p)
{
    const char **list;
    apr_size_t n = 0;
    apr_size_t i;

    while (from[n] != NULL) {
        n++;
    }
    list = apr_pcalloc(p, (n + 1) * sizeof(*list));
    for (i = 0; i < n; i++) {
        list[i] = apr_pstrdup(p, from[i]);
    }
    return list;
}

static receiver_t *receiver_create(push_hooks_t *owner,
                                   const chat_webhook_t *from, int number)
{
    receiver_t *r = push_must(calloc(1, sizeof(*r)));
    chat_webhook_t *hook;

    apr_pool_create(&r->pool, NULL);
    hook = apr_pcalloc(r->pool, sizeof(*hook));
    hook->url = apr_pstrdup(r->pool, from->url);
    hook->prefix = apr_pstrdup(r->pool, from->prefix);
    hook->suffix = apr_pstrdup(r->pool, from->suffix);
    hook->events = texts_copy(from->events, r->pool);
    hook->headers = texts_copy(from->headers, r->pool);
    r->hook = hook;
    r->owner = owner;
    r->number = number;
    return r;
}

static apr_status_t conf_create(hooks_conf_t **out, push_hooks_t *hooks,
                                const chat_app_t *app)
{
    receiver_t **end;
    hooks_conf_t *conf;
    apr_status_t rv;
    apr_pool_t *p;
    int i;

    apr_pool_create(&p, NULL);
    conf = apr_pcalloc(p, sizeof(*conf));
    conf->pool = p;
    conf->id = apr_pstrdup(p, app->id);
    conf->key_header = apr_pstrcat(p, "X-Pusher-Key: ", app->key, NULL);
    rv = chat_signer_create(&conf->signer, app->secrets[0], p);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(p);
        return rv;
    }
    end = &conf->list;
    for (i = 0; i < app->nwebhooks; i++) {
        *end = receiver_create(hooks, &app->webhooks[i], i + 1);
        end = &(*end)->next;
    }
    *out = conf;
    return APR_SUCCESS;
}

/* Behind all events so far; no queue is too full for it. */
static void change_post(push_webhooks_t *w, push_hooks_t *hooks,
                        hooks_conf_t *conf,
                        const push_webhooks_conf_t *settings)
{
    change_t *change = push_must(calloc(1, sizeof(*change)));

    change->item.type = CHANGE;
    change->hooks = hooks;
    change->conf = conf;
    if (settings != NULL) {
        change->settings = *settings;
    }
    pthread_mutex_lock(&w->lock);
    inbox_append(w, &change->item, sizeof(*change));
    pthread_mutex_unlock(&w->lock);
    curl_multi_wakeup(w->multi);
}

apr_status_t push_webhooks_change(push_webhooks_t *w, push_app_t *app,
                                  const chat_app_t *conf)
{
    push_hooks_t *hooks = app->hooks;
    hooks_conf_t *copy = NULL;
    apr_status_t rv;

    if (hooks == NULL && (conf == NULL || conf->nwebhooks == 0)) {
        return APR_SUCCESS;
    }
    if (hooks == NULL) {
        hooks = push_must(calloc(1, sizeof(*hooks)));
        hooks->sender = w;
    }
    if (conf != NULL) {
        rv = conf_create(&copy, hooks, conf);
        if (rv != APR_SUCCESS) {
            if (app->hooks == NULL) {
                free(hooks);
            }
            return rv;
        }
    }
    app->hooks = conf != NULL ? hooks : NULL;
    change_post(w, hooks, copy, NULL);
    return APR_SUCCESS;
}

void push_webhooks_follow(push_webhooks_t *w, const push_webhooks_conf_t *conf)
{
    change_post(w, NULL, NULL, conf);
}

apr_status_t push_webhooks_start(push_webhooks_t *w)
{
    int rc = pthread_create(&w->thread, NULL, run, w);

    w->started = rc == 0;
    return rc == 0 ? APR_SUCCESS : APR_FROM_OS_ERROR(rc);
}

void push_webhooks_stop(push_webhooks_t *w, int ms)
{
    apr_uint64_t left;
    char line[96];

    if (!w->started) {
        return;
    }
    w->stop_at = clock_ms() + (apr_uint64_t)ms;
    __atomic_store_n(&w->stopping, 1, __ATOMIC_RELEASE);
    curl_multi_wakeup(w->multi);
    pthread_join(w->thread, NULL);
    w->started = 0;
    left = __atomic_load_n(&w->queued, __ATOMIC_RELAXED);
    if (left > 0) {
        apr_snprintf(line, sizeof(line),
                     "webhooks: %" APR_UINT64_T_FMT " events were not taken",
                     left);
        w->conf.log(1, line);
    }
}

void push_webhooks_counters(const push_webhooks_t *w,
                            push_webhooks_counters_t *out)
{
    out->sent = __atomic_load_n(&w->sent, __ATOMIC_RELAXED);
    out->failed = __atomic_load_n(&w->failed, __ATOMIC_RELAXED);
    out->dropped = __atomic_load_n(&w->dropped, __ATOMIC_RELAXED);
    out->queued = __atomic_load_n(&w->queued, __ATOMIC_RELAXED);
}
