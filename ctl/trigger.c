/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.c - chatctl trigger: an event by Pusher's signed HTTP API, as any
 * server SDK sends it (Pusher Channels documents, "HTTP API reference", POST
 * events).
 */
#include "app.h"
#include "options.h"
#include "signature.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND "trigger"
#define DATA_MAX                                                               \
    (1024 * 1024)       /* bytes read from stdin; the app's limit is lower */
#define ANSWER_MAX 8192 /* bytes of the answer that are kept */
#define SECONDS 10L

static const char help[] =
    "usage: chatctl trigger CHANNEL... --event NAME [OPTION...] --config FILE\n"
    "\n"
    "Send an event to channels, by chat-push's signed HTTP API. It is in no "
    "log: who is\n"
    "not subscribed right now will not hear of it.\n"
    "\n"
    "  --event NAME       the event's name\n"
    "  --data JSON        its data; - reads it from stdin; {}\n"
    "  --socket-id ID     this socket does not get it\n"
    "  --config FILE      chat-push's settings: address, app, key and secret\n"
    "  --app ID           which app of theirs; the first\n"
    "  --url URL          where chat-push is, else as the settings say\n"
    "  --cafile FILE      authorities (PEM) to trust with https beside the "
    "system's\n"
    "  --json             print chat-push's answer\n"
    "\n"
    "Exit status: 0 chat-push took it, 1 it did not, 2 wrong arguments.\n";

typedef struct {
    const char *event, *data, *socket, *config, *app_id, *url, *cafile;
    int json;
    ctl_words_t channels;
    const chat_app_t *app;
    const char *unix_path; /* where it listens, when it has no port; or NULL */
    apr_pool_t *p;
} trigger_t;

/* What came back. */
typedef struct {
    char text[ANSWER_MAX + 1];
    apr_size_t len;
} answer_t;

/* --- what is said --- */

static int stdin_read(const char **text, apr_pool_t *p)
{
    char *all = apr_palloc(p, DATA_MAX + 1);
    apr_size_t len = fread(all, 1, DATA_MAX + 1, stdin);

    if (len > DATA_MAX) {
        return ctl_fail("more than %d bytes came on stdin", DATA_MAX);
    }
    all[len] = '\0';
    *text = all;
    return CTL_OK;
}

/* The body of the request: data is a text that holds JSON.
 * @param body  from the pool */
static int body_make(const char **body, const trigger_t *t)
{
    const char *data = t->data != NULL ? t->data : "{}";
    json_t *value, *names, *root;
    char *text;
    int status;

    if (!strcmp(data, "-") && (status = stdin_read(&data, t->p)) != CTL_OK) {
        return status;
    }
    value = json_loads(data, JSON_DECODE_ANY, NULL);
    if (value == NULL) {
        return ctl_usage(COMMAND, "--data is no JSON: a text is \"in quotes\"");
    }
    json_decref(value);
    names = json_array();
    for (int i = 0; i < t->channels.n; i++) {
        json_array_append_new(names, json_string(t->channels.word[i]));
    }
    root = json_pack("{s:s, s:o, s:s}", "name", t->event, "channels", names,
                     "data", data);
    if (root != NULL && t->socket != NULL) {
        json_object_set_new(root, "socket_id", json_string(t->socket));
    }
    text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (text == NULL) {
        return ctl_usage(COMMAND, "channels, event and data are UTF-8");
    }
    *body = apr_pstrdup(t->p, text);
    free(text);
    return CTL_OK;
}

/* --- whom --- */

static const char *text_of(const json_t *root, const char *name, apr_pool_t *p)
{
    const char *text = json_string_value(chat_conf_find(root, name));

    return text != NULL ? apr_pstrdup(p, text) : NULL;
}

static int port_of(const json_t *root, const char *name, int otherwise)
{
    const json_t *value = chat_conf_find(root, name);

    return json_is_integer(value)  ? (int)json_integer_value(value)
           : json_is_string(value) ? atoi(json_string_value(value))
                                   : otherwise;
}

/* An address that is meant to listen is not one to connect to. */
static const char *reachable(const char *host)
{
    return host == NULL || !strcmp(host, "0.0.0.0") || !strcmp(host, "")
               ? "127.0.0.1"
           : !strcmp(host, "::") ? "[::1]"
                                 : host;
}

static void address_find(trigger_t *t, const json_t *root)
{
    int tls = chat_conf_find(root, "ssl.certPath") != NULL;
    int port = port_of(root, "port", 6001);

    if (port < 0) {
        t->unix_path = text_of(root, "unix.path", t->p);
    }
    t->url = apr_psprintf(t->p, "http%s://%s:%d", tls ? "s" : "",
                          reachable(text_of(root, "host", t->p)),
                          port < 0 ? 80 : port);
}

static int settings_read(trigger_t *t)
{
    chat_apps_t *apps = apr_pcalloc(t->p, sizeof(*apps));
    const char *why = NULL;
    json_t *root;

    if (chat_conf_load(&root, t->config, &why, t->p) != APR_SUCCESS) {
        return ctl_fail("%s", why);
    }
    if (chat_apps_read(apps, root, &why, t->p) != APR_SUCCESS) {
        json_decref(root);
        return ctl_fail("%s: %s", t->config, why);
    }
    if (t->url == NULL) {
        address_find(t, root);
    }
    json_decref(root);
    if (t->app_id != NULL) {
        t->app = chat_app_by_id(apps, t->app_id, strlen(t->app_id));
    }
    else if (apps->n > 0) {
        t->app = &apps->list[0];
    }
    return t->app != NULL ? CTL_OK
                          : ctl_fail("%s has no app%s%s", t->config,
                                     t->app_id != NULL ? " " : "",
                                     t->app_id != NULL ? t->app_id : "");
}

/* --- asking --- */

static size_t answer_add(char *data, size_t size, size_t n, void *baton)
{
    answer_t *a = baton;
    size_t room = ANSWER_MAX - a->len;
    size_t take = n < room ? n : room;

    (void)size; /* 1 */
    memcpy(a->text + a->len, data, take);
    a->len += take;
    a->text[a->len] = '\0';
    return n;
}

/* @return from the pool; NULL when OpenSSL cannot sign */
static const char *signed_url(const trigger_t *t, const char *body)
{
    const char *path = apr_pstrcat(t->p, "/apps/", t->app->id, "/events", NULL);
    chat_signer_t *signer;

    if (chat_signer_create(&signer, t->app->secrets[0], t->p) != APR_SUCCESS) {
        return NULL;
    }
    return apr_pstrcat(t->p, t->url, path, "?",
                       chat_sign_request(signer, t->app->key, "POST", path,
                                         body, strlen(body),
                                         apr_time_sec(apr_time_now()), t->p),
                       NULL);
}

static CURLcode ask(long *status, answer_t *a, const trigger_t *t,
                    const char *url, const char *body)
{
    struct curl_slist *headers = curl_slist_append(
        NULL, "Content-Type: application/json");
    CURL *c = curl_easy_init();
    CURLcode rc;

    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, SECONDS);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, answer_add);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
    if (t->cafile != NULL) {
        curl_easy_setopt(c, CURLOPT_CAINFO, t->cafile);
    }
    if (t->unix_path != NULL) {
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, t->unix_path);
    }
    rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    return rc;
}

static int send_event(const trigger_t *t, const char *body)
{
    const char *url = signed_url(t, body);
    answer_t *a = apr_pcalloc(t->p, sizeof(*a));
    long status = 0;
    CURLcode rc;

    if (url == NULL) {
        return ctl_fail("the request could not be signed");
    }
    rc = ask(&status, a, t, url, body);
    if (rc != CURLE_OK) {
        return ctl_fail("chat-push at %s: %s", t->url, curl_easy_strerror(rc));
    }
    if (status != 200) {
        return ctl_fail("chat-push refused it with %ld: %.500s", status,
                        a->text);
    }
    if (t->json) {
        ctl_say("%s", a->text);
    }
    else {
        ctl_say("%s sent to %d channel%s", t->event, t->channels.n,
                t->channels.n == 1 ? "" : "s");
    }
    return CTL_OK;
}

int ctl_trigger(int argc, const char *const *argv, apr_pool_t *p)
{
    trigger_t t = { .p = p };
    const ctl_opt_t opts[] = { { "event", &t.event, NULL, NULL },
                               { "data", &t.data, NULL, NULL },
                               { "socket-id", &t.socket, NULL, NULL },
                               { "config", &t.config, NULL, NULL },
                               { "app", &t.app_id, NULL, NULL },
                               { "url", &t.url, NULL, NULL },
                               { "cafile", &t.cafile, NULL, NULL },
                               { "json", NULL, &t.json, NULL },
                               { NULL, NULL, NULL, NULL } };
    const char *body = NULL;
    int done = 0;
    int status = ctl_options(&t.channels, &done, opts, COMMAND, help, argc,
                             argv, p);

    if (status != CTL_OK || done) {
        return status;
    }
    if (t.channels.n == 0 || t.event == NULL || t.config == NULL) {
        return ctl_usage(COMMAND, "say %s",
                         t.channels.n == 0 ? "which channels"
                         : t.event == NULL ? "--event NAME"
                                           : "--config FILE");
    }
    if (t.url != NULL && strncmp(t.url, "http://", 7) != 0 &&
        strncmp(t.url, "https://", 8) != 0) {
        return ctl_usage(COMMAND, "--url is http://HOST or https://HOST, not '%s'",
                         t.url);
    }
    status = body_make(&body, &t);
    if (status == CTL_OK) {
        status = settings_read(&t);
    }
    return status == CTL_OK ? send_event(&t, body) : status;
}
