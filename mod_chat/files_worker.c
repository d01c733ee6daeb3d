/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_worker.c - see files_worker.h. All of it runs in httpd's parent, whose
 * one thread it belongs to.
 */
#include "files_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <http_protocol.h>
#include <mpm_common.h>
#include <unixd.h>

#include "chat_module.h"
#include "config.h"

APLOG_USE_MODULE(chat);

#define MOST 16           /* processes */
#define DESCRIPTOR 3      /* where chat-files finds its socket */
#define BACKLOG 128       /* who asks and waits */
#define SOON apr_time_from_sec(2) /* who dies sooner is not started at once */
#define PATIENCE 200      /* times 10 ms for one that is to end */

/* The sockets, which outlive restarts, and with them this module's memory. */
typedef struct {
    char dir[APR_PATH_MAX]; /* of ChatFiles; "": nobody's */
    char path[108];
    int fd;
    int wanted; /* by the configuration that is being read */
} door_t;

/* One process; belongs to a configuration. */
typedef struct {
    const char *dir;
    const char *const *argv;
    door_t *door;
    apr_proc_t proc;     /* pid 0: it does not run */
    int heard;           /* httpd tells us when it dies */
    apr_time_t started;
    server_rec *s;
    apr_pool_t *p;
} worker_t;

static apr_array_header_t *workers; /* worker_t *, of this configuration */

static door_t *doors(void)
{
    door_t *list = ap_retained_data_get("mod_chat-files-doors");

    return list != NULL
               ? list
               : ap_retained_data_create("mod_chat-files-doors",
                                         MOST * sizeof(door_t));
}

/* --- the socket ------------------------------------------------------------- */

static void close_door(door_t *door)
{
    close(door->fd);
    unlink(door->path);
    memset(door, 0, sizeof(*door));
}

/* For httpd's children and root alone. */
static apr_status_t open_door(door_t *door, const char *dir, int number,
                              apr_pool_t *p)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const char *path = ap_runtime_dir_relative(
        p, apr_psprintf(p, "chat-files.%d.%d", (int)getpid(), number));
    mode_t mask;
    int bound;

    if (path == NULL || strlen(path) >= sizeof(at.sun_path) ||
        strlen(dir) >= sizeof(door->dir)) {
        return APR_ENAMETOOLONG;
    }
    strcpy(at.sun_path, path);
    door->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (door->fd < 0) {
        return errno;
    }
    unlink(path);
    mask = umask(0177);
    bound = bind(door->fd, (const struct sockaddr *)&at, sizeof(at));
    umask(mask);
    if (bound != 0 || listen(door->fd, BACKLOG) != 0 ||
        (geteuid() == 0 && chown(path, ap_unixd_config.user_id, -1) != 0)) {
        apr_status_t rv = errno;

        close(door->fd);
        return rv;
    }
    strcpy(door->dir, dir);
    strcpy(door->path, path);
    return APR_SUCCESS;
}

/* The directory's, from before a restart or new. */
static apr_status_t door_of(door_t **found, const char *dir, apr_pool_t *p)
{
    door_t *list = doors();
    int i, place = -1;

    for (i = 0; i < MOST; i++) {
        if (list[i].dir[0] == '\0') {
            place = place < 0 ? i : place;
        }
        else if (strcmp(list[i].dir, dir) == 0) {
            *found = &list[i];
            return APR_SUCCESS;
        }
    }
    if (place < 0) {
        return APR_ENOSPC;
    }
    *found = &list[place];
    return open_door(*found, dir, place, p);
}

/* --- the process ------------------------------------------------------------ */

/* In the child: nothing of the parent is left but the socket and its log. */
static void become(const worker_t *w, apr_pool_t *p, pid_t parent)
{
    static const int usual[] = { SIGTERM, SIGINT,  SIGHUP, SIGUSR1,
                                 SIGCHLD, SIGPIPE, SIGWINCH };
    sigset_t none;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd, most, i;

    for (i = 0; i < (int)(sizeof(usual) / sizeof(usual[0])); i++) {
        signal(usual[i], SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* httpd speaks to its group; chat-files is told by its own name. */
    setpgid(0, 0);
    if (geteuid() == 0 && ap_run_drop_privileges(p, ap_server_conf) != OK) {
        _exit(1);
    }
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
        (w->door->fd == DESCRIPTOR ? fcntl(DESCRIPTOR, F_SETFD, 0)
                                   : dup2(w->door->fd, DESCRIPTOR)) < 0) {
        _exit(1);
    }
    most = (int)sysconf(_SC_OPEN_MAX);
    if (close_range(DESCRIPTOR + 1, ~0u, 0) != 0) {
        for (fd = DESCRIPTOR + 1; fd < most; fd++) {
            close(fd);
        }
    }
    /* A parent that is killed takes it along. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(0);
    }
    execv(w->argv[0], (char *const *)w->argv);
    _exit(1);
}

static void maintain(int reason, void *data, apr_wait_t status);

/* Hear no more of it. APR, asked twice, would read address 0. */
static void forget(worker_t *w)
{
    if (w->heard) {
        apr_proc_other_child_unregister(w);
    }
}

static void start(worker_t *w)
{
    pid_t parent = getpid(), pid;

    w->started = apr_time_now();
    pid = fork();
    if (pid == 0) {
        become(w, w->p, parent);
    }
    if (pid < 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, errno, w->s,
                     "chat-files cannot be started");
        return; /* the monitor tries again */
    }
    memset(&w->proc, 0, sizeof(w->proc));
    w->proc.pid = pid;
    apr_proc_other_child_register(&w->proc, maintain, w, NULL, w->p);
    w->heard = 1;
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, w->s,
                 "chat-files has process id %d", (int)pid);
}

/* What httpd hears of it. It has been waited for already when it died. */
static void maintain(int reason, void *data, apr_wait_t status)
{
    worker_t *w = data;

    switch (reason) {
    case APR_OC_REASON_DEATH:
    case APR_OC_REASON_LOST:
        forget(w);
        w->proc.pid = 0;
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, w->s,
                     "chat-files ended (%s %d) and is started again",
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status)
                                         : WEXITSTATUS(status));
        if (apr_time_now() - w->started > SOON) {
            start(w);
        }
        break;
    case APR_OC_REASON_RESTART:
        forget(w); /* stop() ends it */
        break;
    default:
        w->heard = 0; /* by forget(), or the pool's end */
    }
}

/* End one and wait for it, or it would stay a zombie. */
static void stop(worker_t *w)
{
    pid_t pid = w->proc.pid;
    int i;

    if (pid <= 0) {
        return;
    }
    w->proc.pid = 0;
    forget(w);
    kill(pid, SIGTERM);
    for (i = 0; i < PATIENCE && waitpid(pid, NULL, WNOHANG) == 0; i++) {
        apr_sleep(apr_time_from_msec(10));
    }
    if (i == PATIENCE) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

/* --- over a restart --------------------------------------------------------- */

/* The configuration's end: a restart, or httpd's. */
static apr_status_t finish(void *data)
{
    int i;

    (void)data;
    for (i = 0; workers != NULL && i < workers->nelts; i++) {
        worker_t *w = APR_ARRAY_IDX(workers, i, worker_t *);

        stop(w);
        if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING) {
            close_door(w->door);
        }
    }
    workers = NULL;
    return APR_SUCCESS;
}

static const char *const *arguments(const chat_server_t *conf, apr_pool_t *p)
{
    const chat_scan_conf_t *f = &conf->scan;
    const char **argv = apr_pcalloc(p, 8 * sizeof(*argv));

    argv[0] = f->program;
    argv[1] = "serve";
    argv[2] = conf->files.dir;
    argv[3] = f->scan;
    argv[4] = apr_psprintf(p, "%" APR_TIME_T_FMT,
                           apr_time_as_msec(f->scan_timeout));
    argv[5] = apr_itoa(p, f->scan_retries);
    argv[6] = apr_psprintf(p, "%" APR_INT64_T_FMT, f->max_pixels);
    return argv;
}

/* The process for a host: one that runs, or a new one. */
static apr_status_t give(chat_server_t *conf, server_rec *s, apr_pool_t *p)
{
    chat_files_worker_t *seen = apr_pcalloc(p, sizeof(*seen));
    worker_t *w = NULL;
    apr_status_t rv;
    int i;

    for (i = 0; i < workers->nelts && w == NULL; i++) {
        w = APR_ARRAY_IDX(workers, i, worker_t *);
        w = strcmp(w->dir, conf->files.dir) == 0 ? w : NULL;
    }
    if (w == NULL) {
        w = apr_pcalloc(p, sizeof(*w));
        rv = door_of(&w->door, conf->files.dir, p);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        w->dir = conf->files.dir;
        w->argv = arguments(conf, p);
        w->s = s;
        w->p = p;
        w->door->wanted = 1;
        APR_ARRAY_PUSH(workers, worker_t *) = w;
        start(w);
    }
    seen->dir = w->dir;
    seen->socket = apr_pstrdup(p, w->door->path);
    conf->files_worker = seen;
    return APR_SUCCESS;
}

apr_status_t chat_files_workers_start(server_rec *first, apr_pool_t *p)
{
    door_t *list = doors();
    apr_status_t rv = APR_SUCCESS;
    server_rec *s;
    int i;

    workers = apr_array_make(p, 1, sizeof(worker_t *));
    apr_pool_cleanup_register(p, NULL, finish, apr_pool_cleanup_null);
    for (i = 0; i < MOST; i++) {
        list[i].wanted = 0;
    }
    for (s = first; s != NULL && rv == APR_SUCCESS; s = s->next) {
        chat_server_t *conf = chat_server_of(s);

        if (conf->used && conf->files.dir != NULL) {
            rv = give(conf, s, p);
        }
    }
    for (i = 0; i < MOST; i++) {
        if (list[i].dir[0] != '\0' && !list[i].wanted) {
            close_door(&list[i]);
        }
    }
    return rv;
}

int chat_files_workers_monitor(apr_pool_t *p, server_rec *s)
{
    int i;

    (void)p;
    (void)s;
    for (i = 0; workers != NULL && i < workers->nelts; i++) {
        worker_t *w = APR_ARRAY_IDX(workers, i, worker_t *);

        if (w->proc.pid == 0) {
            start(w);
        }
    }
    return DECLINED;
}
