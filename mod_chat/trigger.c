/* SPDX-License-Identifier: Apache-2.0 */
/* trigger.c - client of chat-push's HTTP API; see trigger.h. */
#include "trigger.h"

#include <string.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <apr_time.h>
#include <curl/curl.h>

#include "channel.h"
#include "json.h"
#include "signature.h"

#define IDLE_MAX 32 /* handles kept; more are made and dropped under load */

struct chat_trigger_t {
    const chat_push_t *push;
    const char *base;           /* "http://host:port" */
    const char *path;           /* "/apps/{id}/events" */
    struct curl_slist *headers; /* shared by all handles, read-only */
    apr_thread_mutex_t *lock;   /* around the two below */
    CURL *idle[IDLE_MAX];       /* nidle of them */
    int nidle;
    apr_time_t rest_until; /* no try before; 0: all is well. Atomic */
};

static apr_status_t destroy(void *data)
{
    chat_trigger_t *t = data;

    while (t->nidle > 0) {
        curl_easy_cleanup(t->idle[--t->nidle]);
    }
    curl_slist_free_all(t->headers);
    curl_global_cleanup();
    return APR_SUCCESS;
}

apr_status_t chat_trigger_create(chat_trigger_t **out, const chat_push_t *push,
                                 apr_pool_t *p)
{
    chat_trigger_t *t = apr_pcalloc(p, sizeof(*t));
    int ipv6 = strchr(push->host, ':') != NULL;
    apr_status_t rv;

    t->push = push;
    t->base = apr_psprintf(p, ipv6 ? "http://[%s]:%d" : "http://%s:%d",
                           push->host, push->port);
    t->path = apr_pstrcat(p, "/apps/", push->app->id, "/events", NULL);
    rv = apr_thread_mutex_create(&t->lock, APR_THREAD_MUTEX_DEFAULT, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Plain http only: TLS is mod_ssl's to set up in this process. */
    if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
        return APR_EGENERAL;
    }
    /* An empty Expect keeps curl from waiting for 100 Continue. */
    t->headers = curl_slist_append(NULL, "Content-Type: application/json");
    t->headers = curl_slist_append(t->headers, "Expect:");
    apr_pool_cleanup_register(p, t, destroy, apr_pool_cleanup_null);
    *out = t;
    return APR_SUCCESS;
}

/* chat-push's answer is {}; nobody reads it. */
static size_t discard(char *bytes, size_t size, size_t n, void *data)
{
    (void)bytes;
    (void)data;
    return size * n;
}

static CURL *handle_create(const chat_trigger_t *t)
{
    CURL *curl = curl_easy_init();

    if (curl == NULL) {
        return NULL;
    }
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CHAT_TRIGGER_MS);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CHAT_TRIGGER_MS);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    return curl;
}

static CURL *handle_take(chat_trigger_t *t)
{
    CURL *curl = NULL;

    apr_thread_mutex_lock(t->lock);
    if (t->nidle > 0) {
        curl = t->idle[--t->nidle];
    }
    apr_thread_mutex_unlock(t->lock);
    return curl != NULL ? curl : handle_create(t);
}

static void handle_put(chat_trigger_t *t, CURL *curl)
{
    apr_thread_mutex_lock(t->lock);
    if (t->nidle < IDLE_MAX) {
        t->idle[t->nidle++] = curl;
        curl = NULL;
    }
    apr_thread_mutex_unlock(t->lock);
    if (curl != NULL) {
        curl_easy_cleanup(curl);
    }
}

/* {"name","channels","data","socket_id"}; data is a string that holds JSON. */
static const char *body_of(const char *event, const char *channel,
                           const char *data, const char *except, apr_pool_t *p)
{
    const char *socket = except == NULL
                             ? ""
                             : apr_pstrcat(
                                   p, ",\"socket_id\":",
                                   chat_json_quote(except, strlen(except), p),
                                   NULL);

    const char *id = chat_channel_id(channel, CHAT_CHANNEL_CONVERSATION);
    const char *other = id == NULL ? ""
                                   : apr_pstrcat(p,
                                                 ",\"" CHAT_CHANNEL_CONSULTATION,
                                                 id, "\"", NULL);

    return apr_pstrcat(
        p, "{\"name\":", chat_json_quote(event, strlen(event), p),
        ",\"channels\":[", chat_json_quote(channel, strlen(channel), p), other,
        "],\"data\":", chat_json_quote(data, strlen(data), p), socket, "}",
        NULL);
}

static apr_status_t post(chat_trigger_t *t, const char *url, const char *body,
                         const char **why, apr_pool_t *p)
{
    CURL *curl = handle_take(t);
    CURLcode result;
    long status = 0;

    if (curl == NULL) {
        *why = "no memory for a connection";
        return APR_ENOMEM;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL); /* it was the request's */
    handle_put(t, curl);
    if (result != CURLE_OK) {
        *why = curl_easy_strerror(result);
        return APR_EGENERAL;
    }
    if (status != 200) {
        *why = apr_psprintf(p, "it answered %ld", status);
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

apr_status_t chat_trigger_send(chat_trigger_t *t, const char *event,
                               const char *channel, const char *data,
                               const char *except, const char **why,
                               apr_pool_t *p)
{
    const chat_app_t *app = t->push->app;
    apr_time_t now = apr_time_now();
    apr_time_t rest = apr_time_from_msec(CHAT_TRIGGER_REST);
    apr_time_t until = __atomic_load_n(&t->rest_until, __ATOMIC_RELAXED);
    const char *body, *query;
    chat_signer_t *signer;
    apr_status_t rv;

    if (now < until && until - now <= rest) { /* the clock may step back */
        *why = "it did not answer a moment ago";
        return APR_EAGAIN;
    }
    rv = chat_signer_create(&signer, app->secrets[0], p);
    if (rv != APR_SUCCESS) {
        *why = "the request could not be signed";
        return rv;
    }
    body = body_of(event, channel, data, except, p);
    query = chat_sign_request(signer, app->key, "POST", t->path, body,
                              strlen(body), apr_time_sec(now), p);
    rv = post(t, apr_pstrcat(p, t->base, t->path, "?", query, NULL), body, why,
              p);
    __atomic_store_n(&t->rest_until, rv == APR_SUCCESS ? 0 : now + rest,
                     __ATOMIC_RELAXED);
    return rv;
}
