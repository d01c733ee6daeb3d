/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint.c - questions to auth endpoints, see endpoint.h.
 *
 * The inbox is all that threads share: a list under a mutex held for a few
 * lines. The thread takes from it as many as may be under way.
 */
#include "endpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <apr_strings.h>
#include <curl/curl.h>

#include "text.h"

#define AT_ONCE 64 /* requests under way */
#define CONNECT_MS 2000
#define REST_MS 60000  /* the thread's longest sleep */
#define WAITING_MS 100 /* the same while a question waits for its turn */
#define LINE 300       /* bytes of a log line */

/* One request under way; a list. */
typedef struct request_t request_t;
struct request_t {
    request_t *next, *prev;
    push_endpoint_ask_t *ask;
    CURL *curl;
    struct curl_slist *headers;
    push_text_t form; /* what is sent */
    push_text_t body; /* what came */
};

struct push_endpoint_t {
    CURLM *multi;
    apr_pool_t *scratch; /* of an answer; the thread's */
    pthread_t thread;
    int started;
    void (*log)(int trouble, const char *line);
    int away;             /* that an endpoint cannot say has been said */
    request_t *requests;  /* under way */
    int active;           /* of these */
    pthread_mutex_t lock; /* around the rest */
    push_endpoint_ask_t *first, *last;
    int n;
    int stopping;
};

static apr_uint64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (apr_uint64_t)ts.tv_sec * 1000 + (apr_uint64_t)ts.tv_nsec / 1000000;
}

/* --- what a socket showed ------------------------------------------------- */

static apr_size_t shown_bytes; /* of all; atomic */

/* A value that could be read as two headers is none. */
static int value_clean(push_value_t v)
{
    apr_size_t i;

    for (i = 0; v.at != NULL && i < v.len; i++) {
        if ((unsigned char)v.at[i] < ' ' && v.at[i] != '\t') {
            return 0;
        }
    }
    return 1;
}

static const char *value_keep(char **at, push_value_t v)
{
    char *kept = *at;

    if (v.at == NULL) {
        return NULL;
    }
    memcpy(kept, v.at, v.len);
    kept[v.len] = '\0';
    *at += v.len + 1;
    return kept;
}

push_shown_t *push_shown_create(push_value_t cookie, push_value_t authorization,
                                push_value_t origin)
{
    const apr_size_t len = (cookie.at ? cookie.len + 1 : 0) +
                           (authorization.at ? authorization.len + 1 : 0) +
                           (origin.at ? origin.len + 1 : 0);
    push_shown_t *shown;
    char *at;

    if ((cookie.at == NULL && authorization.at == NULL) ||
        len > PUSH_SHOWN_MOST || !value_clean(cookie) ||
        !value_clean(authorization) || !value_clean(origin)) {
        return NULL;
    }
    if (__atomic_add_fetch(&shown_bytes, len, __ATOMIC_RELAXED) >
        PUSH_SHOWN_ALL) {
        __atomic_sub_fetch(&shown_bytes, len, __ATOMIC_RELAXED);
        return NULL;
    }
    shown = push_must(malloc(sizeof(*shown) + len));
    shown->refs = 1;
    shown->size = len;
    at = shown->bytes;
    shown->cookie = value_keep(&at, cookie);
    shown->authorization = value_keep(&at, authorization);
    shown->origin = value_keep(&at, origin);
    return shown;
}

push_shown_t *push_shown_retain(push_shown_t *shown)
{
    __atomic_add_fetch(&shown->refs, 1, __ATOMIC_RELAXED);
    return shown;
}

void push_shown_release(push_shown_t *shown)
{
    if (shown != NULL &&
        __atomic_sub_fetch(&shown->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        __atomic_sub_fetch(&shown_bytes, shown->size, __ATOMIC_RELAXED);
        explicit_bzero(shown->bytes, shown->size);
        free(shown);
    }
}

/* --- XSRF-TOKEN ----------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decode up to the cookie's end. @return 0: that is no header value */
static int xsrf_decode(char *out, const char *at, const char *end)
{
    int c;

    while (at < end && *at != ';') {
        c = (unsigned char)*at++;
        if (c == '%') {
            if (end - at < 2 || hex_digit(at[0]) < 0 || hex_digit(at[1]) < 0) {
                return 0;
            }
            c = hex_digit(at[0]) * 16 + hex_digit(at[1]);
            at += 2;
        }
        if (c <= ' ' || c >= 127) {
            return 0;
        }
        *out++ = (char)c;
    }
    *out = '\0';
    return 1;
}

int push_endpoint_xsrf(char *out, const char *cookie, apr_size_t len)
{
    static const char name[] = "XSRF-TOKEN=";
    const apr_size_t skip = sizeof(name) - 1;
    const char *end = cookie + len;
    const char *at = cookie;

    while (at != NULL && (apr_size_t)(end - at) > skip) {
        if (memcmp(at, name, skip) == 0) {
            return xsrf_decode(out, at + skip, end) && out[0] != '\0';
        }
        at = memchr(at, ';', (apr_size_t)(end - at));
        while (at != NULL && at < end && (*at == ';' || *at == ' ')) {
            at++;
        }
    }
    return 0;
}

/* --- the inbox ------------------------------------------------------------ */

int push_endpoint_ask(push_endpoint_t *e, push_endpoint_ask_t *ask)
{
    int taken;

    ask->next = NULL;
    ask->since = clock_ms();
    pthread_mutex_lock(&e->lock);
    taken = !e->stopping && e->n < PUSH_ENDPOINT_MOST;
    if (taken) {
        *(e->first != NULL ? &e->last->next : &e->first) = ask;
        e->last = ask;
        e->n++;
    }
    pthread_mutex_unlock(&e->lock);
    if (taken) {
        curl_multi_wakeup(e->multi);
    }
    return taken;
}

/* The oldest question that waits, NULL: none, or it is time to end. */
static push_endpoint_ask_t *inbox_take(push_endpoint_t *e)
{
    push_endpoint_ask_t *ask;

    pthread_mutex_lock(&e->lock);
    ask = e->stopping ? NULL : e->first;
    if (ask != NULL) {
        e->first = ask->next;
        e->n--;
    }
    pthread_mutex_unlock(&e->lock);
    return ask;
}

static int inbox_waits(push_endpoint_t *e, apr_uint64_t *since)
{
    int waits;

    pthread_mutex_lock(&e->lock);
    waits = e->first != NULL;
    if (waits) {
        *since = e->first->since;
    }
    pthread_mutex_unlock(&e->lock);
    return waits;
}

static int stopping(push_endpoint_t *e)
{
    int is;

    pthread_mutex_lock(&e->lock);
    is = e->stopping;
    pthread_mutex_unlock(&e->lock);
    return is;
}

/* --- the thread ----------------------------------------------------------- */

static void answer_post(push_endpoint_ask_t *ask)
{
    push_loop_post(ask->loop, &ask->task);
}

static void unknown_post(push_endpoint_ask_t *ask)
{
    ask->answer.verdict = PUSH_VERDICT_UNKNOWN;
    answer_post(ask);
}

/* Where the host of a URL begins, behind a name and a password. */
static const char *host_of(const char *url)
{
    const char *from = strstr(url, "://");
    const char *at = from != NULL
                         ? memrchr(from + 3, '@', strcspn(from + 3, "/?#"))
                         : NULL;

    return at != NULL ? at + 1 : url;
}

/* That questions get no answer is one line, and that they do again another. */
static void tell(push_endpoint_t *e, const push_endpoint_ask_t *ask,
                 const char *why)
{
    char line[LINE];

    if (ask->answer.verdict != PUSH_VERDICT_UNKNOWN) {
        if (e->away) {
            e->log(0, "authEndpoint: answers again");
        }
        e->away = 0;
        return;
    }
    if (!e->away) {
        e->away = 1;
        apr_snprintf(line, sizeof(line),
                     "authEndpoint %s cannot say who may join a channel: %s",
                     host_of(ask->url), why);
        e->log(1, line);
    }
}

static size_t body_add(char *data, size_t size, size_t n, void *baton)
{
    request_t *r = baton;

    if (r->body.len + size * n > PUSH_VERDICT_BODY) {
        return 0; /* CURLE_WRITE_ERROR */
    }
    push_text_add(&r->body, data, size * n);
    return size * n;
}

static void header(request_t *r, const char *name, const char *value)
{
    push_text_t line = { NULL, 0, 0 };

    push_text_str(&line, name);
    push_text_str(&line, ": ");
    push_text_str(&line, value);
    push_text_add(&line, "", 1);
    r->headers = push_must(curl_slist_append(r->headers, line.at));
    explicit_bzero(line.at, line.len);
    push_text_free(&line);
}

static void headers_make(request_t *r)
{
    const push_shown_t *shown = r->ask->shown;
    char *xsrf;

    header(r, "Accept", "application/json");
    header(r, "Content-Type", "application/x-www-form-urlencoded");
    header(r, "X-Requested-With", "XMLHttpRequest");
    header(r, CHAT_VOUCH_QUESTION, r->ask->question);
    r->headers = push_must(curl_slist_append(r->headers, "Expect:"));
    if (shown->authorization != NULL) {
        header(r, "Authorization", shown->authorization);
    }
    if (shown->origin != NULL) {
        header(r, "Origin", shown->origin);
    }
    if (shown->cookie != NULL) {
        header(r, "Cookie", shown->cookie);
        xsrf = push_must(malloc(strlen(shown->cookie) + 1));
        if (push_endpoint_xsrf(xsrf, shown->cookie, strlen(shown->cookie))) {
            header(r, "X-XSRF-TOKEN", xsrf);
        }
        explicit_bzero(xsrf, strlen(shown->cookie) + 1);
        free(xsrf);
    }
}

/* The alphabets of both values leave '=', ',', ';' and '@' to be escaped. */
static void form_add(push_text_t *form, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    char escaped[3] = { '%' };

    for (; *value != '\0'; value++) {
        if (strchr("=,;@%&+", *value) != NULL) {
            escaped[1] = hex[(unsigned char)*value >> 4];
            escaped[2] = hex[*value & 15];
            push_text_add(form, escaped, 3);
        }
        else {
            push_text_add(form, value, 1);
        }
    }
}

static void request_free(push_endpoint_t *e, request_t *r)
{
    struct curl_slist *h = r->headers;

    if (r->prev != NULL) {
        r->prev->next = r->next;
    }
    else {
        e->requests = r->next;
    }
    if (r->next != NULL) {
        r->next->prev = r->prev;
    }
    e->active--;
    curl_multi_remove_handle(e->multi, r->curl);
    curl_easy_cleanup(r->curl);
    for (; h != NULL; h = h->next) {
        explicit_bzero(h->data, strlen(h->data));
    }
    curl_slist_free_all(r->headers);
    push_text_free(&r->form);
    push_text_free(&r->body);
    free(r);
}

static void request_begin(push_endpoint_t *e, push_endpoint_ask_t *ask,
                          long left_ms)
{
    request_t *r = push_must(calloc(1, sizeof(*r)));
    CURL *c = push_must(curl_easy_init());

    r->ask = ask;
    r->curl = c;
    r->next = e->requests;
    if (r->next != NULL) {
        r->next->prev = r;
    }
    e->requests = r;
    e->active++;
    headers_make(r);
    push_text_str(&r->form, "socket_id=");
    form_add(&r->form, ask->socket_id);
    push_text_str(&r->form, "&channel_name=");
    form_add(&r->form, ask->channel);
    curl_easy_setopt(c, CURLOPT_PRIVATE, r);
    curl_easy_setopt(c, CURLOPT_URL, ask->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, left_ms);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, body_add);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "chat-push");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->form.len);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->form.at);
    curl_multi_add_handle(e->multi, c);
}

static void request_end(push_endpoint_t *e, request_t *r, CURLcode rc)
{
    push_endpoint_ask_t *ask = r->ask;
    char why[64];
    long status = 0;

    ask->answer.verdict = PUSH_VERDICT_UNKNOWN;
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    if (rc == CURLE_OK) {
        push_verdict_read(&ask->answer, status,
                          r->body.len > 0 ? r->body.at : "", r->body.len,
                          e->scratch);
        apr_pool_clear(e->scratch);
    }
    apr_snprintf(why, sizeof(why), "it answered %ld", status);
    tell(e, ask, rc == CURLE_OK ? why : curl_easy_strerror(rc));
    request_free(e, r);
    answer_post(ask);
}

static void requests_end(push_endpoint_t *e)
{
    CURLMsg *m;
    void *r;
    int left;

    while ((m = curl_multi_info_read(e->multi, &left)) != NULL) {
        if (m->msg == CURLMSG_DONE) {
            CURLcode rc = m->data.result;

            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
            request_end(e, r, rc);
        }
    }
}

/* Questions whose time has passed in the queue are answered, the others asked
 * while there is room. */
static void requests_begin(push_endpoint_t *e)
{
    push_endpoint_ask_t *ask;
    apr_uint64_t since = 0, age;

    while (inbox_waits(e, &since)) {
        age = clock_ms() - since;
        if (age < PUSH_ENDPOINT_MS && e->active >= AT_ONCE) {
            return;
        }
        ask = inbox_take(e);
        if (ask == NULL) {
            return;
        }
        if (age < PUSH_ENDPOINT_MS) {
            request_begin(e, ask, (long)(PUSH_ENDPOINT_MS - age));
        }
        else {
            unknown_post(ask);
        }
    }
}

static void *run(void *baton)
{
    push_endpoint_t *e = baton;
    apr_uint64_t since;
    sigset_t all;
    int running;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!stopping(e)) {
        requests_begin(e);
        curl_multi_perform(e->multi, &running);
        requests_end(e);
        if (e->active < AT_ONCE && inbox_waits(e, &since)) {
            continue;
        }
        curl_multi_poll(e->multi, NULL, 0,
                        inbox_waits(e, &since) ? WAITING_MS : REST_MS, NULL);
    }
    while (e->requests != NULL) {
        push_endpoint_ask_t *ask = e->requests->ask;

        request_free(e, e->requests);
        unknown_post(ask);
    }
    return NULL;
}

void push_endpoint_stop(push_endpoint_t *e)
{
    push_endpoint_ask_t *ask, *after;

    pthread_mutex_lock(&e->lock);
    e->stopping = 1;
    ask = e->first;
    e->first = NULL;
    e->n = 0;
    pthread_mutex_unlock(&e->lock);
    for (; ask != NULL; ask = after) {
        after = ask->next;
        unknown_post(ask);
    }
    if (e->started) {
        curl_multi_wakeup(e->multi);
        pthread_join(e->thread, NULL);
        e->started = 0;
    }
}

static apr_status_t endpoint_cleanup(void *baton)
{
    push_endpoint_t *e = baton;

    push_endpoint_stop(e);
    curl_multi_cleanup(e->multi);
    curl_global_cleanup();
    apr_pool_destroy(e->scratch);
    return APR_SUCCESS;
}

apr_status_t push_endpoint_create(push_endpoint_t **out,
                                  void (*log)(int trouble, const char *line),
                                  apr_pool_t *p)
{
    push_endpoint_t *e = apr_pcalloc(p, sizeof(*e));
    apr_status_t rv;

    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        return APR_EGENERAL;
    }
    e->log = log;
    pthread_mutex_init(&e->lock, NULL);
    /* An allocator of its own: the thread meets nobody at its lock. */
    rv = apr_pool_create_unmanaged_ex(&e->scratch, NULL, NULL);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    e->multi = push_must(curl_multi_init());
    curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)AT_ONCE);
    apr_pool_pre_cleanup_register(p, e, endpoint_cleanup);
    *out = e;
    return APR_SUCCESS;
}

apr_status_t push_endpoint_start(push_endpoint_t *e)
{
    int rc = pthread_create(&e->thread, NULL, run, e);

    e->started = rc == 0;
    return rc;
}
