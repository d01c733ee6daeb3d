/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_push.c - chat-push's settings, its process, and the sockets in the
 * file system where httpd meets it.
 */
#include "doctor.h"
#include "handoff.h"
#include "process.h"
#include "wire.h"

#include <apr_strings.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FILES_LEAST 1024  /* below it a site of any size is refused sockets */
#define FILES_WANTED 8192 /* below it is worth a warning */
#define BACKLOG 1024      /* connects that may wait while many come back */

/* --- settings --- */

/* Both programs read one file. */
static void check_same_file(doctor_t *d)
{
    const httpd_directive_t *named = d->conf != NULL
                                         ? httpd_conf_last(d->conf,
                                                           d->site.vhost,
                                                           "ChatPushConfig")
                                         : NULL;
    const char *path;
    struct stat a, b;

    if (named == NULL || d->o.push_config == NULL) {
        return;
    }
    path = httpd_conf_path(d->conf, httpd_directive_word(named, 0), d->p);
    if (stat(path, &a) != 0 || stat(d->push_file, &b) != 0 ||
        a.st_ino != b.st_ino || a.st_dev != b.st_dev) {
        doctor_say(d, DOCTOR_FAIL, "push-config", doctor_at(d, named),
                   apr_psprintf(d->p, "ChatPushConfig \"%s\"", d->push_file),
                   "httpd reads %s, and chat-push %s: they need one key and "
                   "secret",
                   path, d->push_file);
    }
}

/* Who has to read the file: httpd as it starts, chat-push again at SIGHUP. */
static int check_readable(doctor_t *d)
{
    const char *at = d->push_file;
    const char *program = "chat-push (systemctl reload)";
    const char *why = d->push_user.name != NULL
                          ? may_use(&at, &d->push_user, d->push_file, 4, d->p)
                          : NULL;
    who_t parent;

    if (why == NULL && d->httpd_pid > 0 &&
        who_runs(&parent, d->httpd_pid, d->p)) {
        program = "httpd (ChatPushConfig)";
        why = may_use(&at, &parent, d->push_file, 4, d->p);
    }
    if (why == NULL) {
        return 1;
    }
    doctor_say(d, DOCTOR_FAIL, "push-config", at,
               apr_psprintf(d->p,
                            "let chat-push's group read it and nobody else: "
                            "chgrp chat-push, chmod 640 %s",
                            d->push_file),
               "%s cannot read the settings: it %s", program, why);
    return 0;
}

static const char *app_setting(const doctor_t *d, int i, const char *name)
{
    return doctor_setting(
        d, apr_psprintf(d->p, "appManager.array.apps.%d.%s", i, name));
}

/* A secret that everybody knows. */
static int is_public(const char *secret)
{
    return !strcmp(secret, CHAT_APP_DEFAULT_SECRET) ||
           !strncmp(secret, "replace this", 12) || strlen(secret) < 8;
}

static void check_secrets(doctor_t *d)
{
    struct stat st;
    int i;

    for (i = 0; i < d->apps.n; i++) {
        const chat_app_t *app = &d->apps.list[i];

        if (app->secrets[0] == NULL || is_public(app->secrets[0])) {
            doctor_say(d, DOCTOR_FAIL, "push-secrets",
                       app_setting(d, i, "secret"),
                       "put a random one there (openssl rand -hex 32), then "
                       "reload chat-push and httpd",
                       "the secret of app %s is one that can be guessed: "
                       "whoever does may read and write everything",
                       app->id);
            return;
        }
    }
    if (stat(d->push_file, &st) == 0 && (st.st_mode & 0007) != 0) {
        doctor_say(d, DOCTOR_FAIL, "push-secrets", d->push_file,
                   apr_psprintf(d->p, "chmod o= %s", d->push_file),
                   "every user of this machine may %s the secrets in it (%s)",
                   st.st_mode & 0002 ? "change" : "read",
                   may_owner(d->push_file, d->p));
        return;
    }
    doctor_say(d, DOCTOR_OK, "push-secrets", NULL, NULL,
               "the secrets are nobody's but ours");
}

static void check_apps(doctor_t *d)
{
    if (d->apps.n == 0) {
        doctor_say(d, DOCTOR_FAIL, "push-apps",
                   doctor_setting(d, "appManager.array.apps"),
                   "add an app with id, key and secret",
                   "the file names no app");
        return;
    }
    if (d->app < 0) {
        doctor_say(d, DOCTOR_FAIL, "push-apps",
                   doctor_setting(d, "database.app"),
                   "name the id of one of the apps",
                   "the chat's app shall be %s, and no app has that id",
                   doctor_push_text(d, "database.app"));
        return;
    }
    if (!d->apps.list[d->app].enabled) {
        doctor_say(d, DOCTOR_FAIL, "push-apps",
                   app_setting(d, d->app, "enabled"), "set it to true",
                   "the chat's app is switched off");
        return;
    }
    if (d->o.key != NULL &&
        chat_app_by_key(&d->apps, d->o.key, strlen(d->o.key)) == NULL) {
        doctor_say(
            d, DOCTOR_FAIL, "push-apps", app_setting(d, d->app, "key"),
            apr_psprintf(d->p, "say %s in the pages", d->apps.list[d->app].key),
            "pages have the key %s, and no app has it", d->o.key);
        return;
    }
    doctor_say(d, DOCTOR_OK, "push-apps", NULL, NULL,
               "%d app%s; the chat's is %s", d->apps.n,
               d->apps.n == 1 ? "" : "s", d->apps.list[d->app].id);
}

/* As chat-push does: "*", a whole origin, or a host, also "*.example.org". */
static int origin_is(const char *entry, const char *origin)
{
    const char *host = strstr(origin, "://") + 3;
    apr_size_t len = strcspn(host, ":/");
    apr_size_t tail;

    if (!strcmp(entry, "*")) {
        return 1;
    }
    if (strstr(entry, "://") != NULL) {
        return !strcasecmp(entry, origin);
    }
    if (!strncmp(entry, "*.", 2)) {
        tail = strlen(entry + 1);
        return len > tail && !strncasecmp(host + len - tail, entry + 1, tail);
    }
    return strlen(entry) == len && !strncasecmp(entry, host, len);
}

static void check_origin(doctor_t *d)
{
    const char *const *entry = d->app >= 0 ? d->apps.list[d->app].origins
                                           : NULL;

    if (entry == NULL) {
        return;
    }
    if (d->site.origin == NULL) {
        doctor_say(d, DOCTOR_UNKNOWN, "origin", d->httpd_file,
                   "say ServerName there, or --url to me",
                   "the site's name is not known, so neither whether "
                   "allowedOrigins has it");
        return;
    }
    while (*entry != NULL && !origin_is(*entry, d->site.origin)) {
        entry++;
    }
    if (*entry == NULL) {
        d->origin_refused = 1;
        doctor_say(d, DOCTOR_FAIL, "origin",
                   app_setting(d, d->app, "allowedOrigins"),
                   apr_psprintf(d->p, "add \"%s\", systemctl reload chat-push",
                                d->site.origin),
                   "the site's own pages (%s) may open no socket: they are "
                   "not in the list",
                   d->site.origin);
        return;
    }
    doctor_say(d, DOCTOR_OK, "origin", NULL, NULL, "allowedOrigins has %s",
               d->site.origin);
}

/* --- the process --- */

static const char *process_where(const doctor_t *d)
{
    return d->push_pid > 0
               ? apr_psprintf(d->p, "chat-push, process %d", (int)d->push_pid)
               : doctor_setting(d, "port");
}

/* Whether it answers; what is wrong is said. */
static int answers(doctor_t *d)
{
    const wire_to_t to = { d->push_host, NULL,        d->push_port,
                           d->push_tls,  d->o.cafile, d->o.seconds };
    wire_answer_t ready;

    if (d->push_pid > 0 && process_state(d->push_pid, d->p) == 'T') {
        doctor_say(d, DOCTOR_FAIL, "push-process", process_where(d),
                   apr_psprintf(d->p,
                                "kill -CONT %d, or systemctl restart "
                                "chat-push",
                                (int)d->push_pid),
                   "it is stopped (SIGSTOP) and answers nobody");
        return 0;
    }
    wire_ask(&ready, NULL, &to, "/ready", "", d->p);
    if (ready.status == 0) {
        doctor_say(d, DOCTOR_FAIL, "push-process", process_where(d),
                   d->push_pid > 0 ? "systemctl restart chat-push; see "
                                     "journalctl -u chat-push"
                                   : "systemctl start chat-push; see "
                                     "journalctl -u chat-push",
                   "%s:%d does not answer: %s", d->push_host, d->push_port,
                   ready.why);
        return 0;
    }
    if (ready.status != 200) {
        doctor_say(d, DOCTOR_FAIL, "push-ready", process_where(d),
                   "see journalctl -u chat-push; systemctl restart chat-push",
                   "it says that events do not arrive: %.200s", ready.body);
        return 1;
    }
    doctor_say(d, DOCTOR_OK, "push-ready", NULL, NULL,
               "chat-push says that events arrive");
    return 1;
}

static void check_process(doctor_t *d)
{
    const char *name = d->push_pid > 0 ? process_name(d->push_pid, d->p) : NULL;

    if (name != NULL && strcmp(name, "chat-push") != 0) {
        d->push_down = 1;
        doctor_say(d, DOCTOR_FAIL, "push-process", doctor_setting(d, "port"),
                   "choose another port, or stop the other program",
                   "port %d belongs to %s (process %d)", d->push_port, name,
                   (int)d->push_pid);
        return;
    }
    if (d->push_port > 0 && !answers(d)) {
        d->push_down = 1;
        return;
    }
    if (d->push_pid == 0) {
        if (geteuid() != 0) {
            doctor_say(d, DOCTOR_UNKNOWN, "push-process", process_where(d),
                       "run as root",
                       "which process chat-push is cannot be "
                       "seen by this user");
        }
        return;
    }
    if (process_replaced(d->push_pid, d->p)) {
        doctor_say(d, DOCTOR_WARN, "push-process", process_where(d),
                   "systemctl restart chat-push",
                   "its program was replaced since it was started: what runs "
                   "is the old one");
        return;
    }
    doctor_say(d, DOCTOR_OK, "push-process", NULL, NULL,
               "chat-push runs as process %d", (int)d->push_pid);
}

static void check_files(doctor_t *d)
{
    long limit = d->push_pid > 0 ? process_files(d->push_pid, d->p) : -1;
    long need = d->o.sockets > 0 ? d->o.sockets + 200L : FILES_LEAST;

    if (limit < 0) {
        return;
    }
    if (limit < need || limit < FILES_WANTED) {
        doctor_say(d, limit < need ? DOCTOR_FAIL : DOCTOR_WARN, "push-files",
                   process_where(d),
                   "LimitNOFILE=1048576 in the unit (systemctl edit "
                   "chat-push), then restart it",
                   "it may have %ld files open, so fewer than %ld sockets",
                   limit, limit);
        return;
    }
    doctor_say(d, DOCTOR_OK, "push-files", NULL, NULL,
               "chat-push may have %ld files open", limit);
}

/* --- where httpd meets it --- */

static const char *let_in(const doctor_t *d, const char *at)
{
    struct stat st;

    if (stat(at, &st) != 0) {
        return apr_psprintf(d->p,
                            "see that it is made (systemd-tmpfiles "
                            "--create), and named alike in %s",
                            d->push_file);
    }
    return apr_psprintf(d->p,
                        "make it one group's of both (chgrp mod_chat, chmod "
                        "g+rwx), put %s into that group (usermod -a -G "
                        "mod_chat %s) and restart httpd",
                        d->httpd_user.name, d->httpd_user.name);
}

/* Ask chat-push whether it takes sockets. @return NULL: it does; else why not
 */
static const char *ask(const doctor_t *d)
{
    unsigned char bytes[CHAT_HANDOFF_SHORT + 1];
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    chat_handoff_verdict_t verdict;
    struct pollfd p = { .events = POLLIN };
    const char *why = NULL;
    ssize_t n = 0;

    if (strlen(d->handoff) >= sizeof(to.sun_path)) {
        return "the path is too long for a socket";
    }
    memcpy(to.sun_path, d->handoff, strlen(d->handoff));
    p.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p.fd < 0 || connect(p.fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        why = apr_psprintf(d->p, "connecting: %s", strerror(errno));
    }
    else if (send(p.fd, bytes, chat_handoff_ask(bytes), MSG_NOSIGNAL) < 0 ||
             poll(&p, 1, d->o.seconds * 1000) <= 0 ||
             (n = recv(p.fd, bytes, sizeof(bytes), 0)) <= 0) {
        why = n == 0 ? "it does not answer" : strerror(errno);
    }
    else if (chat_handoff_parse_answer(&verdict, bytes, (apr_size_t)n) !=
             CHAT_HANDOFF_OK) {
        why = "it speaks another version: install both programs of one "
              "release";
    }
    else if (verdict != CHAT_HANDOFF_YES) {
        why = "it has no descriptor left";
    }
    if (p.fd >= 0) {
        close(p.fd);
    }
    return why;
}

/* chat-push listens to root, its own user and members of the socket's group. */
static int is_listened_to(const doctor_t *d)
{
    struct stat st;

    return d->httpd_user.uid == 0 || d->httpd_user.uid == d->push_user.uid ||
           (lstat(d->handoff, &st) == 0 &&
            who_has_group(&d->httpd_user, st.st_gid));
}

static void handoff_fail(doctor_t *d, const char *where, const char *remedy,
                         const char *what)
{
    d->handoff_broken = 1;
    doctor_say(d, DOCTOR_FAIL, "handoff", where, remedy, "%s", what);
}

static void check_handoff(doctor_t *d)
{
    const char *at = d->handoff;
    const char *why;
    struct stat st;

    if (d->handoff == NULL || !strcasecmp(doctor_handoff_mode(d), "off")) {
        doctor_say(d, DOCTOR_OK, "handoff", NULL, NULL,
                   "no socket is handed over (%s)",
                   d->handoff == NULL ? "no handoff.path" : "ChatHandoff Off");
        return;
    }
    if (d->push_down) {
        doctor_say(d, DOCTOR_SKIP, "handoff", NULL, NULL,
                   "chat-push does not answer");
        return;
    }
    if (lstat(d->handoff, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        handoff_fail(d, doctor_setting(d, "handoff.path"),
                     "name another path there, or move the file away",
                     apr_psprintf(d->p, "%s is no socket", d->handoff));
        return;
    }
    if (lstat(d->handoff, &st) != 0 && errno == ENOENT) {
        handoff_fail(d, doctor_setting(d, "handoff.path"),
                     "systemctl restart chat-push and httpd, if the path is "
                     "right (handoff.* counts from a restart on)",
                     apr_psprintf(d->p,
                                  "%s is not there: chat-push listens "
                                  "at another path",
                                  d->handoff));
        return;
    }
    why = d->httpd_user.name != NULL
              ? may_use(&at, &d->httpd_user, d->handoff, 2, d->p)
              : NULL;
    if (why != NULL) {
        handoff_fail(d, at, let_in(d, at),
                     apr_psprintf(d->p, "httpd cannot reach %s: it %s",
                                  d->handoff, why));
        return;
    }
    if (d->httpd_user.name != NULL && d->push_user.name != NULL &&
        !is_listened_to(d)) {
        handoff_fail(d, d->handoff, let_in(d, d->handoff),
                     apr_psprintf(d->p,
                                  "chat-push does not listen to %s, who "
                                  "is neither its own user nor of the "
                                  "socket's group (%s)",
                                  d->httpd_user.name,
                                  may_owner(d->handoff, d->p)));
        return;
    }
    why = ask(d);
    if (why != NULL) {
        if (geteuid() != 0) {
            doctor_say(d, DOCTOR_UNKNOWN, "handoff", d->handoff, "run as root",
                       "this user cannot ask there: %s", why);
            return;
        }
        handoff_fail(d, d->handoff, "systemctl restart chat-push", why);
        return;
    }
    doctor_say(d, DOCTOR_OK, "handoff", NULL, NULL,
               "chat-push takes sockets at %s", d->handoff);
}

static void check_wake(doctor_t *d)
{
    const char *path = doctor_push_text(d, "database.wake");
    const char *at = path;
    const char *why;

    if (path == NULL || d->httpd_user.name == NULL || d->push_down ||
        d->handoff_broken) {
        return;
    }
    why = may_use(&at, &d->httpd_user, path, 2, d->p);
    if (why != NULL) {
        doctor_say(d, DOCTOR_FAIL, "wake", at, let_in(d, at),
                   "httpd cannot wake chat-push at %s (messages come late): "
                   "it %s",
                   path, why);
        return;
    }
    doctor_say(d, DOCTOR_OK, "wake", NULL, NULL,
               "httpd may wake chat-push at %s", path);
}

static void check_kernel(doctor_t *d)
{
    apr_int64_t backlog = process_sysctl("net/core/somaxconn", d->p);
    const char *text = process_file("/proc/sys/fs/file-nr", d->p);
    long long used = 0, most = 0;

    if (text != NULL) {
        char *end;

        used = strtoll(text, &end, 10);
        strtoll(end, &end, 10);
        most = strtoll(end, NULL, 10);
    }
    if (most > 0 && used > most / 10 * 9) {
        doctor_say(d, DOCTOR_FAIL, "kernel", "/proc/sys/fs/file-max",
                   apr_psprintf(d->p, "sysctl fs.file-max=%lld", most * 4),
                   "%lld of %lld files are open on this machine", used, most);
        return;
    }
    if (backlog >= 0 && backlog < BACKLOG) {
        doctor_say(d, DOCTOR_WARN, "kernel", "/proc/sys/net/core/somaxconn",
                   "sysctl net.core.somaxconn=4096",
                   "only %d connects may wait: when all clients come back at "
                   "once, some are refused",
                   (int)backlog);
        return;
    }
    doctor_say(d, DOCTOR_OK, "kernel", NULL, NULL,
               "the kernel's limits are wide enough");
}

void doctor_check_push(doctor_t *d)
{
    if (d->push_file == NULL) {
        doctor_say(d, DOCTOR_UNKNOWN, "push-config", d->httpd_file,
                   "say --push-config FILE, or ChatPushConfig there",
                   "chat-push's settings were not found");
        return;
    }
    if (d->push == NULL) {
        return; /* said when it was read */
    }
    if (check_readable(d)) {
        doctor_say(d, DOCTOR_OK, "push-config", NULL, NULL,
                   "%s can be read by whom it is for", d->push_file);
    }
    check_same_file(d);
    check_apps(d);
    check_secrets(d);
    check_origin(d);
    check_process(d);
    check_files(d);
    if (d->conf != NULL && d->chat != NULL) {
        check_handoff(d);
        check_wake(d);
    }
    check_kernel(d);
}
