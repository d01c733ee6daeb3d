/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_doors.c - every way into the site, tried as clients do: the REST URLs,
 * the WebSocket on the site's own port (handed over, pumped or proxied),
 * chat-push's own port, its HTTP API with a signed request; and what is shown
 * on the way: certificates, the server's clock.
 *
 * The requests change nothing: the API is asked for its channels, sockets say
 * ping and leave.
 */
#include "doctor.h"
#include "json.h"
#include "signature.h"
#include "wire.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CLOCK_WARN 5   /* seconds off */
#define CLOCK_FAIL 300 /* half of what the HTTP API allows */
#define EXPIRY_WARN 21 /* days; certbot renews 30 days before */

/* --- certificates --- */

static void tls_fail(doctor_t *d, const char *check, const char *where,
                     const char *remedy, const char *what)
{
    doctor_say(d, DOCTOR_FAIL, check, where, remedy, "%s", what);
}

/* @param where  the file and line that name the certificate */
static void check_tls(doctor_t *d, const char *check, const wire_tls_t *tls,
                      const wire_to_t *to, const char *where)
{
    int days = (int)((tls->until - apr_time_now()) / apr_time_from_sec(86400));

    if (!tls->seen) {
        return;
    }
    if (tls->until < apr_time_now()) {
        tls_fail(d, check, where, "renew it (certbot renew) and reload",
                 apr_psprintf(d->p, "the certificate of %s has expired",
                              tls->subject));
        return;
    }
    if (tls->self_signed && tls->sent == 1) {
        doctor_say(d, DOCTOR_WARN, check, where,
                   "get one of an authority (certbot) before anybody comes",
                   "the certificate of %s is signed by itself: browsers warn, "
                   "phones and servers refuse",
                   tls->subject);
        return;
    }
    if (tls->error != 0) {
        tls_fail(d, check, where,
                 "put the certificate, then those of its issuers into that "
                 "file (fullchain.pem); for an authority of your own say "
                 "--cafile",
                 apr_psprintf(d->p,
                              "the chain of %d certificate%s ends at \"%s\", "
                              "which is no known authority and was not sent "
                              "(%s)",
                              tls->sent, tls->sent == 1 ? "" : "s", tls->issuer,
                              tls->reason));
        return;
    }
    if (!tls->named) {
        tls_fail(d, check, where,
                 apr_psprintf(d->p,
                              "get a certificate for %s, or use one of "
                              "its names",
                              to->host),
                 apr_psprintf(d->p, "the certificate is for %s, not for %s",
                              tls->names, to->host));
        return;
    }
    if (days < EXPIRY_WARN) {
        doctor_say(d, DOCTOR_WARN, check, where,
                   "renew it (certbot renew), and see that this happens by "
                   "itself",
                   "the certificate of %s expires in %d days", tls->subject,
                   days);
        return;
    }
    doctor_say(d, DOCTOR_OK, check, NULL, NULL,
               "%s: a chain of %d, good for %d days", tls->names, tls->sent,
               days);
}

/* --- a socket, as a client has it --- */

typedef struct {
    wire_answer_t answer; /* of the upgrade */
    wire_tls_t tls;
    int greeted; /* pusher:connection_established */
    int ponged;
    int code;        /* of pusher:error, or it was closed with; 0: none */
    const char *why; /* what was missing, in words */
} door_t;

static json_t *member(const json_t *event, const char *name)
{
    return json_object_get(event, name);
}

/* The code of an error's data, which may be an object or JSON in a text. */
static int code_of(const json_t *event, apr_pool_t *p)
{
    const json_t *data = member(event, "data");
    const char *text = json_string_value(data);

    if (text != NULL) {
        data = chat_json_parse_pool(text, strlen(text), NULL, p);
    }
    return (int)json_integer_value(member(data, "code"));
}

#define ORIGIN_REFUSED 403 /* as a code of chat-push's, before the upgrade */

/* The next event. @return its name, NULL: door->why says what came */
static const char *event_hear(door_t *door, wire_t *w, apr_pool_t *p)
{
    const char *text = wire_hear(w, &door->why);
    const json_t *event;
    const char *name;

    if (text == NULL) {
        door->code = wire_closed(w);
        return NULL;
    }
    event = chat_json_parse_pool(text, strlen(text), NULL, p);
    name = json_string_value(member(event, "event"));
    if (name == NULL) {
        door->why = "what came is no event of the Pusher protocol";
        return NULL;
    }
    if (!strcmp(name, "pusher:error")) {
        door->code = code_of(event, p);
    }
    return name;
}

/* Come in, be greeted, say ping. */
static void door_try(doctor_t *d, door_t *door, const wire_to_t *to,
                     const char *path, const char *origin)
{
    static const char query[] = "?protocol=7&client=chatctl-doctor&version=1";
    const char *name;
    wire_t *w;

    memset(door, 0, sizeof(*door));
    wire_upgrade(&w, &door->answer, &door->tls, to,
                 apr_pstrcat(d->p, path, query, NULL), origin, d->p);
    if (w == NULL) {
        door->why = door->answer.why;
        /* httpd's rules may refuse it as well, with other words. */
        if (door->answer.status == 403 && door->answer.body != NULL &&
            strstr(door->answer.body, "\"Origin not allowed\"") != NULL) {
            door->code = ORIGIN_REFUSED;
        }
        return;
    }
    name = event_hear(door, w, d->p);
    if (name != NULL && !strcmp(name, "pusher:connection_established")) {
        door->greeted = 1;
        wire_tell(w, "{\"event\":\"pusher:ping\",\"data\":{}}");
        name = event_hear(door, w, d->p);
        door->ponged = name != NULL && !strcmp(name, "pusher:pong");
    }
    wire_close(w);
}

static const char *app_setting(const doctor_t *d, const char *name)
{
    return doctor_setting(d, apr_psprintf(d->p, "appManager.array.apps.%d.%s",
                                          d->app > 0 ? d->app : 0, name));
}

/* What a socket that was let in is told; beyond the HTTP of its upgrade. */
static void say_socket(doctor_t *d, const char *check, const door_t *door,
                       const char *name)
{
    switch (door->code) {
    case 0:
        break;
    case 4001:
        d->app_unknown = 1;
        doctor_say(d, DOCTOR_FAIL, check, app_setting(d, "key"),
                   "systemctl reload chat-push, then reload httpd",
                   "%s: chat-push knows no app of the key in the file (4001): "
                   "it runs with other settings",
                   name);
        return;
    case 4000:
        doctor_say(d, DOCTOR_OK, check, NULL, NULL,
                   "%s: refuses sockets without TLS, as requireTls says", name);
        return;
    case ORIGIN_REFUSED:
        doctor_say(
            d, DOCTOR_FAIL, check, app_setting(d, "allowedOrigins"),
            apr_psprintf(d->p, "add \"%s\", systemctl reload chat-push",
                         d->site.origin != NULL ? d->site.origin : "the site"),
            "%s: the site's own pages may open no socket (403)", name);
        return;
    case 4003:
        doctor_say(d, DOCTOR_FAIL, check, app_setting(d, "enabled"),
                   "set it to true, systemctl reload chat-push",
                   "%s: the app is switched off (4003)", name);
        return;
    case 4004:
    case 4100:
        doctor_say(d, DOCTOR_FAIL, check, app_setting(d, "maxConnections"),
                   "raise it, or LimitNOFILE of the unit",
                   "%s: chat-push takes no more sockets (%d)", name,
                   door->code);
        return;
    default:
        doctor_say(d, DOCTOR_FAIL, check, app_setting(d, "key"),
                   "see journalctl -u chat-push",
                   "%s: the socket was refused with %d", name, door->code);
        return;
    }
    if (door->greeted && door->ponged) {
        doctor_say(d, DOCTOR_OK, check, NULL, NULL,
                   "%s: 101, pusher:connection_established, ping and pong",
                   name);
        return;
    }
    doctor_say(d, DOCTOR_FAIL, check, doctor_setting(d, "port"),
               "see journalctl -u chat-push and httpd's error log",
               "%s: the socket opened, and then %s", name,
               door->why != NULL ? door->why : "something else came");
}

/* --- chat-push itself --- */

static wire_to_t push_to(const doctor_t *d)
{
    const wire_to_t to = { d->push_host, NULL,        d->push_port,
                           d->push_tls,  d->o.cafile, d->o.seconds };

    return to;
}

/* The signed query of a request for the app's channels. */
static const char *signed_path(const doctor_t *d, const char *prefix)
{
    const chat_app_t *app = &d->apps.list[d->app];
    const char *path = apr_psprintf(d->p, "/apps/%s/channels", app->id);
    chat_signer_t *signer;
    char *query;

    if (chat_signer_create(&signer, app->secrets[0], d->p) != APR_SUCCESS) {
        return NULL;
    }
    query = chat_sign_request(signer, app->key, "GET", path, "", 0,
                              apr_time_sec(apr_time_now()) + d->skew, d->p);
    return apr_pstrcat(d->p, prefix, path, "?", query, NULL);
}

static void say_api(doctor_t *d, const char *check, const wire_answer_t *a,
                    const char *name)
{
    if (a->status == 200) {
        doctor_say(d, DOCTOR_OK, check, NULL, NULL,
                   "%s: a signed request is answered", name);
    }
    else if (a->status == 401 && strstr(a->body, "timestamp") != NULL) {
        doctor_say(d, DOCTOR_FAIL, check, "the clock of chat-push's machine",
                   "set both clocks by NTP (timedatectl set-ntp true)",
                   "%s: the request is too old or too new for it: %.150s", name,
                   a->body);
    }
    else if (a->status == 401 || a->status == 404) {
        doctor_say(d, DOCTOR_FAIL, check,
                   app_setting(d, a->status == 401 ? "secret" : "id"),
                   "systemctl reload chat-push, and reload httpd, so that all "
                   "have read this file",
                   "%s: a request signed with the file's secret gets %d: %s "
                   "runs with another one",
                   name, a->status, "chat-push");
    }
    else {
        doctor_say(d, DOCTOR_FAIL, check, doctor_setting(d, "port"),
                   "see journalctl -u chat-push and httpd's error log",
                   a->status ? "%s: a signed request gets %d"
                             : "%s: a signed request gets no answer",
                   name, a->status);
    }
}

static void check_api(doctor_t *d)
{
    const wire_to_t to = push_to(d);
    wire_answer_t a;

    if (d->app_unknown) {
        return;
    }
    wire_ask(&a, NULL, &to, signed_path(d, ""), "", d->p);
    d->api_failed = a.status != 200;
    say_api(d, "push-api", &a, "HTTP API");
}

static void say_wrong_key(doctor_t *d, const char *check, const door_t *door,
                          const char *name)
{
    if (door->code == 4001 ||
        (door->answer.status >= 400 && door->answer.status < 500)) {
        doctor_say(d, DOCTOR_OK, check, NULL, NULL,
                   "%s: a key of no app is refused (%d)", name,
                   door->code ? door->code : door->answer.status);
        return;
    }
    doctor_say(d, door->greeted ? DOCTOR_FAIL : DOCTOR_WARN, check,
               doctor_setting(d, "appManager.array.apps"),
               "see which apps the running chat-push has (journalctl -u "
               "chat-push)",
               door->greeted
                   ? "%s: a key of no app is let in"
                   : "%s: a key of no app is not refused with 4001: %s",
               name,
               door->why != NULL
                   ? door->why
                   : apr_psprintf(d->p, "HTTP status %d", door->answer.status));
}

static void check_push_door(doctor_t *d)
{
    const wire_to_t to = push_to(d);
    const char *name = apr_psprintf(d->p, "%s:%d", d->push_host, d->push_port);
    door_t door;

    door_try(d, &door, &to,
             apr_pstrcat(d->p, "/app/", d->apps.list[d->app].key, NULL), NULL);
    if (door.answer.status != 101 && door.code != ORIGIN_REFUSED) {
        doctor_say(
            d, DOCTOR_FAIL, "push-door", doctor_setting(d, "port"),
            "see journalctl -u chat-push", "%s: an upgrade gets %s", name,
            door.why != NULL ? door.why : apr_itoa(d->p, door.answer.status));
        return;
    }
    say_socket(d, "push-door", &door, name);
    if (d->push_tls) {
        check_tls(d, "push-tls", &door.tls, &to,
                  doctor_setting(d, "ssl.certPath"));
    }
    door_try(d, &door, &to, "/app/chatctl-doctor-no-such-key", NULL);
    say_wrong_key(d, "push-door-key", &door, name);
}

/* --- figures of chat-push --- */

/* A figure, whatever its prefix and labels; -1: there is none. */
static double figure(const char *text, const char *name)
{
    const char *line, *at, *value;
    apr_size_t len;

    for (line = text; *line != '\0'; line += len + (line[len] == '\n')) {
        len = strcspn(line, "\n");
        at = strstr(line, name);
        if (*line == '#' || at == NULL || at > line + len) {
            continue;
        }
        value = at + strlen(name);
        value += *value == '{' ? strcspn(value, "}\n") + 1 : 0;
        if (*value == ' ') {
            return strtod(value, NULL);
        }
    }
    return -1;
}

/* The metrics; NULL: they are not served. */
static const char *metrics(const doctor_t *d)
{
    const json_t *on = d->push != NULL
                           ? chat_conf_find(d->push, "metrics.enabled")
                           : NULL;
    const char *host = doctor_push_text(d, "metrics.host");
    wire_to_t to = push_to(d);
    wire_answer_t a;

    if (!json_is_true(on)) {
        return NULL;
    }
    to.host = host == NULL || !strcmp(host, "0.0.0.0") ? "127.0.0.1" : host;
    to.port = (int)doctor_push_number(d, "metrics.port", 9601);
    to.tls = 0;
    wire_ask(&a, NULL, &to, "/metrics", "", d->p);
    return a.status == 200 ? a.body : NULL;
}

static void check_relay(doctor_t *d)
{
    const char *text;
    double lag, behind;

    if (doctor_push_text(d, "database.url") == NULL) {
        return;
    }
    if (d->db_down) {
        doctor_say(d, DOCTOR_SKIP, "relay", NULL, NULL,
                   "the database cannot be used");
        return;
    }
    text = metrics(d);
    if (text == NULL) {
        doctor_say(d, DOCTOR_UNKNOWN, "relay",
                   doctor_setting(d, "metrics.enabled"),
                   "set it to true, metrics.host to 127.0.0.1; restart "
                   "chat-push",
                   "chat-push shows no figures, so how far it has read the "
                   "event log is not known");
        return;
    }
    lag = figure(text, "relay_lag_seconds");
    behind = figure(text, "relay_behind");
    if (figure(text, "relay_connected") == 0) {
        doctor_say(d, DOCTOR_FAIL, "relay", doctor_setting(d, "database.url"),
                   "see journalctl -u chat-push; may its user read the "
                   "database?",
                   "chat-push has no connection to the database");
    }
    else if (lag > 10) {
        doctor_say(d, DOCTOR_FAIL, "relay", doctor_setting(d, "database.url"),
                   "look for a long transaction (pg_stat_activity) or a slow "
                   "disk",
                   "chat-push is %.0f s and %.0f events behind the log", lag,
                   behind > 0 ? behind : 0);
    }
    else {
        doctor_say(d, DOCTOR_OK, "relay", NULL, NULL,
                   "chat-push has read the event log up to its end (last event "
                   "%" APR_INT64_T_FMT ")",
                   d->last_event);
    }
}

/* --- the site --- */

static wire_to_t site_to(const doctor_t *d)
{
    const wire_to_t to = { d->site.host, d->site.connect, d->site.port,
                           d->site.tls,  d->o.cafile,     d->o.seconds };

    return to;
}

static const char *certificate_where(const doctor_t *d)
{
    const httpd_directive_t *file = d->conf != NULL
                                        ? httpd_conf_last(d->conf,
                                                          d->site.vhost,
                                                          "SSLCertificateFile")
                                        : NULL;

    return file == NULL ? d->site.url
                        : apr_psprintf(d->p, "%s (%s)", doctor_at(d, file),
                                       httpd_directive_word(file, 0));
}

static void check_clock(doctor_t *d, const wire_answer_t *a)
{
    if (a->date == 0) {
        return;
    }
    d->skew = apr_time_sec(a->date) - apr_time_sec(apr_time_now());
    if (llabs(d->skew) <= CLOCK_WARN) {
        d->skew = 0;
        doctor_say(d, DOCTOR_OK, "clock", NULL, NULL,
                   "the site's clock and this one agree");
        return;
    }
    doctor_say(
        d, llabs(d->skew) > CLOCK_FAIL ? DOCTOR_FAIL : DOCTOR_WARN, "clock",
        apr_psprintf(d->p, "the clock of %s, or this machine's", d->site.url),
        "set both by NTP (timedatectl set-ntp true)",
        "the site's clock is %d s %s of this one; from 600 on the HTTP "
        "API refuses requests",
        (int)llabs(d->skew), d->skew > 0 ? "ahead" : "behind");
}

static void rest_fail(doctor_t *d, const char *where, const char *remedy,
                      const char *format, int status)
{
    doctor_say(d, DOCTOR_FAIL, "site-rest", where, remedy, format, d->site.url,
               status);
}

static void check_rest(doctor_t *d, const wire_answer_t *a)
{
    switch (a->status) {
    case 401:
        doctor_say(d, DOCTOR_OK, "site-rest", NULL, NULL,
                   "%s answers: 401 to strangers", d->site.url);
        return;
    case 403:
        if (d->access_denied) {
            doctor_say(d, DOCTOR_SKIP, "site-rest", NULL, NULL,
                       "the configuration refuses it");
            return;
        }
        rest_fail(d, doctor_at(d, d->chat),
                  "look for Require, Deny and RewriteRule that hold for /chat, "
                  "also in <Proxy> and .htaccess",
                  "%s refuses /chat/me to everybody (%d)", a->status);
        return;
    case 404:
        rest_fail(d, doctor_at(d, d->chat),
                  "say Chat On in the virtual host of that name (chat.conf), "
                  "and reload httpd",
                  "%s has no chat (%d for /chat/me)", a->status);
        return;
    case 503:
        if (d->db_down) {
            doctor_say(d, DOCTOR_SKIP, "site-rest", NULL, NULL,
                       "the database cannot be used");
            return;
        }
        rest_fail(d, doctor_setting(d, "database.url"),
                  "httpd's error log has the database's own words",
                  "%s cannot use its database (%d for /chat/me)", a->status);
        return;
    default:
        if (a->location != NULL) {
            doctor_say(d, DOCTOR_FAIL, "site-rest", d->site.url,
                       "say --url with the address it leads to",
                       "/chat/me leads to %s", a->location);
            return;
        }
        rest_fail(d, doctor_at(d, d->chat), "see httpd's error log",
                  "%s answers /chat/me with %d", a->status);
    }
}

/* What an upgrade got that was not let in. */
static void say_refused(doctor_t *d, const door_t *door)
{
    const char *target = NULL;
    const httpd_directive_t *tunnel = doctor_tunnel(d, &target);
    int status = door->answer.status;

    if (status == 403 && d->access_denied) {
        doctor_say(d, DOCTOR_SKIP, "site-door", NULL, NULL,
                   "the configuration refuses it");
        return;
    }
    if (status == 503 && !doctor_sockets_stay(d)) {
        doctor_say(d, DOCTOR_FAIL, "site-door",
                   doctor_setting(d, "handoff.path"),
                   "reload httpd if the path has changed; its error log says "
                   "`chat-push takes no sockets at …`",
                   "%s: an upgrade gets 503: httpd cannot hand the socket over",
                   d->site.url);
        return;
    }
    doctor_say(d, DOCTOR_FAIL, "site-door",
               tunnel != NULL ? doctor_at(d, tunnel) : doctor_at(d, d->chat),
               tunnel != NULL
                   ? "see httpd's error log ([proxy…] lines), and that "
                     "mod_proxy_wstunnel is loaded"
                   : "name handoff.path in chat-push's settings, or add the "
                     "ProxyPass of chat.conf",
               "%s: an upgrade of /app/ gets %s, not 101", d->site.url,
               door->why != NULL ? door->why : apr_itoa(d->p, status));
}

/* Whether the socket came by the way it should. */
static void check_handed(doctor_t *d, double before)
{
    const char *text = before >= 0 ? metrics(d) : NULL;

    if (text == NULL || doctor_sockets_stay(d)) {
        return;
    }
    if (figure(text, "handed_over_total") <= before) {
        doctor_say(d, DOCTOR_FAIL, "site-handoff",
                   doctor_setting(d, "handoff.path"),
                   "reload httpd, so that it reads key and path anew; "
                   "httpd's error log names filters that keep sockets",
                   "a socket to %s was proxied and not handed over: it holds "
                   "a worker",
                   d->site.url);
        return;
    }
    doctor_say(d, DOCTOR_OK, "site-handoff", NULL, NULL,
               "the socket was handed over and holds no worker");
}

/* The app's key, as the settings or the user say it; NULL: unknown. */
static const char *door_key(const doctor_t *d)
{
    return d->app >= 0 ? d->apps.list[d->app].key : d->o.key;
}

static void check_site_door(doctor_t *d)
{
    const wire_to_t to = site_to(d);
    const char *path = apr_pstrcat(d->p, d->site.prefix, "/app/", NULL);
    const char *text = metrics(d);
    double before = text != NULL ? figure(text, "handed_over_total") : -1;
    door_t door;

    door_try(d, &door, &to, apr_pstrcat(d->p, path, door_key(d), NULL),
             d->origin_refused ? NULL : d->site.origin);
    if (door.answer.status != 101 && door.code != ORIGIN_REFUSED) {
        say_refused(d, &door);
        return;
    }
    say_socket(d, "site-door", &door, d->site.url);
    if (door.code == ORIGIN_REFUSED) {
        return;
    }
    check_handed(d, before);
    door_try(d, &door, &to,
             apr_pstrcat(d->p, path, "chatctl-doctor-no-such-key", NULL), NULL);
    say_wrong_key(d, "site-door-key", &door, d->site.url);
}

/* The HTTP API through httpd, where it is passed on. */
static void check_site_api(doctor_t *d)
{
    const wire_to_t to = site_to(d);
    wire_answer_t a;

    wire_ask(&a, NULL, &to, signed_path(d, d->site.prefix), "", d->p);
    if (a.status == 404 && strstr(a.body, "app") == NULL) {
        return; /* nobody passes it on, and nobody has to */
    }
    if (a.status == 403 || a.status == 0) {
        return; /* kept for this machine, maybe */
    }
    say_api(d, "site-api", &a, apr_pstrcat(d->p, d->site.url, "/apps/", NULL));
}

static void site_silent(doctor_t *d, const wire_answer_t *a)
{
    const httpd_directive_t *listen = d->conf != NULL
                                          ? httpd_conf_last(
                                                d->conf, HTTPD_SERVER, "Listen")
                                          : NULL;

    if (d->httpd_down) {
        doctor_say(d, DOCTOR_SKIP, "site-rest", NULL, NULL,
                   "httpd does not run");
        return;
    }
    d->httpd_down = 1;
    doctor_say(d, DOCTOR_FAIL, "site-rest",
               listen != NULL && d->o.url == NULL ? doctor_at(d, listen)
                                                  : d->site.url,
               "see that httpd listens there, and that DNS and firewall lead "
               "to it",
               "%s does not answer: %s", d->site.url, a->why);
}

void doctor_check_doors(doctor_t *d)
{
    const wire_to_t to = site_to(d);
    wire_tls_t tls = { 0 };
    wire_answer_t a;

    if (d->site.url == NULL) {
        doctor_say(d, DOCTOR_UNKNOWN, "site-rest",
                   d->o.url != NULL ? "--url" : d->httpd_file,
                   "say --url https://chat.example.org",
                   d->o.url != NULL ? "%s is no URL of a site"
                                    : "where the site is is not known%s",
                   d->o.url != NULL ? d->o.url : "");
    }
    else {
        wire_ask(&a, &tls, &to,
                 apr_pstrcat(d->p, d->site.prefix, "/chat/me", NULL), "", d->p);
        check_tls(d, "site-tls", &tls, &to, certificate_where(d));
        if (a.status == 0) {
            site_silent(d, &a);
        }
        else {
            check_clock(d, &a);
            check_rest(d, &a);
        }
    }
    if (d->push == NULL || d->app < 0) {
        if (d->site.url != NULL && !d->httpd_down && door_key(d) != NULL) {
            check_site_door(d); /* from another machine */
        }
        return;
    }
    if (d->push_down) {
        doctor_say(d, DOCTOR_SKIP, "push-door", NULL, NULL,
                   "chat-push does not answer");
        return;
    }
    if (d->push_port > 0) {
        check_push_door(d);
        check_api(d);
        check_relay(d);
    }
    if (d->site.url == NULL || d->httpd_down) {
        return;
    }
    if (d->app_unknown) {
        doctor_say(d, DOCTOR_SKIP, "site-door", NULL, NULL,
                   "chat-push runs with other apps");
        return;
    }
    if (d->handoff_broken && !doctor_sockets_stay(d)) {
        doctor_say(d, DOCTOR_SKIP, "site-door", NULL, NULL,
                   "no socket can be handed over");
    }
    else {
        check_site_door(d);
    }
    if (d->push_port > 0 && !d->api_failed) {
        check_site_api(d);
    }
}
