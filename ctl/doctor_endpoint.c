/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_endpoint.c - the auth endpoints that chat-push asks about sockets on
 * its own port, looked at from the machine where it runs.
 *
 * Each is asked by GET, without a log-in: a route that takes POST says so (405)
 * or refuses a stranger. What is to be found is that nobody answers, that the
 * way leads somewhere else, or that chat-push would not believe the
 * certificate; it knows the system's authorities only, so --cafile has no part
 * in this.
 */
#include "doctor.h"
#include "wire.h"

#include <apr_strings.h>
#include <apr_uri.h>

#include <string.h>

#define REMEDY                                                                 \
    "name mod_chat's route as this machine reaches it, "                       \
    "https://HOST/broadcasting/auth; systemctl reload chat-push"

static int is_https(const apr_uri_t *uri)
{
    return uri->scheme != NULL && !strcmp(uri->scheme, "https");
}

/* What is wrong with an answer, NULL: nothing. */
static const char *wrong(doctor_t *d, const wire_answer_t *a,
                         const wire_tls_t *tls)
{
    if (a->status == 0) {
        return apr_pstrcat(d->p, "does not answer: ", a->why, NULL);
    }
    if (tls->seen && (tls->error != 0 || !tls->named)) {
        return apr_pstrcat(
            d->p, "has a certificate that is not believed: ",
            tls->error != 0 ? tls->reason : "it is for another name", NULL);
    }
    if (a->status >= 300 && a->status < 400) {
        return apr_psprintf(d->p,
                            "leads elsewhere (%d, %s), and chat-push "
                            "does not follow",
                            a->status, a->location ? a->location : "nowhere");
    }
    if (a->status == 404 || a->status >= 500) {
        return apr_psprintf(d->p, "answers %d", a->status);
    }
    return NULL;
}

static void check(doctor_t *d, int i, const char *url)
{
    const char *where = doctor_setting(
        d, apr_psprintf(d->p, "appManager.array.apps.%d.authEndpoint", i));
    wire_to_t to = { .seconds = d->o.seconds };
    wire_tls_t tls = { 0 };
    wire_answer_t a;
    const char *what;
    apr_uri_t uri;

    if (apr_uri_parse(d->p, url, &uri) != APR_SUCCESS || uri.hostname == NULL) {
        doctor_say(d, DOCTOR_FAIL, "push-endpoint", where, REMEDY,
                   "%s is no URL", url);
        return;
    }
    to.host = uri.hostname;
    to.tls = is_https(&uri);
    to.port = uri.port_str != NULL ? uri.port : to.tls ? 443 : 80;
    wire_ask(&a, &tls, &to,
             apr_pstrcat(d->p, uri.path != NULL ? uri.path : "/",
                         uri.query != NULL ? "?" : "",
                         uri.query != NULL ? uri.query : "", NULL),
             "", d->p);
    what = wrong(d, &a, &tls);
    if (what != NULL) {
        doctor_say(d, DOCTOR_FAIL, "push-endpoint", where, REMEDY,
                   "%s %s: on chat-push's own port subscriptions by log-in get "
                   "503",
                   url, what);
        return;
    }
    doctor_say(d, DOCTOR_OK, "push-endpoint", NULL, NULL,
               "%s can be asked about sockets on chat-push's own port", url);
}

void doctor_check_endpoints(doctor_t *d)
{
    int i;

    /* One that is on the site is down with it. */
    for (i = 0; d->push != NULL && !d->httpd_down && i < d->apps.n; i++) {
        if (d->apps.list[i].auth_endpoint != NULL) {
            check(d, i, d->apps.list[i].auth_endpoint);
        }
    }
}
