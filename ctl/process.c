/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - see process.h. */
#include "process.h"

#include <apr_strings.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRINTED_MOST (256 << 10)

/* --- running a program --- */

/* In the child; does not return. */
static void become(int out, const char *const *argv, const apr_table_t *env)
{
    const apr_array_header_t *vars = env != NULL ? apr_table_elts(env) : NULL;
    int i;

    for (i = 0; vars != NULL && i < vars->nelts; i++) {
        const apr_table_entry_t *e = &APR_ARRAY_IDX(vars, i, apr_table_entry_t);

        setenv(e->key, e->val, 1);
    }
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

/* Read until the end. @return whether it came in time */
static int drain(char *text, apr_size_t *len, int fd, int seconds)
{
    apr_time_t until = apr_time_now() + apr_time_from_sec(seconds);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char more[4096];
    apr_int64_t left;
    ssize_t n;

    for (;;) {
        left = (until - apr_time_now()) / 1000;
        if (left <= 0 || poll(&p, 1, (int)left) <= 0) {
            return 0;
        }
        n = read(fd, more, sizeof(more));
        if (n <= 0) {
            return 1;
        }
        if (*len + (apr_size_t)n < PRINTED_MOST) {
            memcpy(text + *len, more, (apr_size_t)n);
            *len += (apr_size_t)n;
        }
    }
}

char *process_run(int *status, const char *const *argv, const apr_table_t *env,
                  int seconds, apr_pool_t *p)
{
    apr_size_t len = 0;
    char *text;
    int ends[2], how;
    pid_t pid;

    *status = -1;
    if (access(argv[0], X_OK) != 0 || pipe(ends) != 0) {
        return NULL;
    }
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        become(ends[1], argv, env);
    }
    close(ends[1]);
    text = apr_palloc(p, PRINTED_MOST);
    if (pid > 0) {
        if (!drain(text, &len, ends[0], seconds)) {
            kill(pid, SIGKILL);
        }
        while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
            ;
        }
        *status = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    }
    close(ends[0]);
    text[len] = '\0';
    return pid > 0 ? text : NULL;
}

/* --- /proc --- */

char *process_file(const char *path, apr_pool_t *p)
{
    char *text = apr_palloc(p, 8192);
    FILE *f = fopen(path, "re");
    apr_size_t len;

    if (f == NULL) {
        return NULL;
    }
    len = fread(text, 1, 8191, f);
    fclose(f);
    text[len] = '\0';
    return text;
}

static char *of(pid_t pid, const char *what, apr_pool_t *p)
{
    return process_file(apr_psprintf(p, "/proc/%d/%s", (int)pid, what), p);
}

int process_is_there(pid_t pid, apr_pool_t *p)
{
    return access(apr_psprintf(p, "/proc/%d", (int)pid), F_OK) == 0;
}

/* The fields of /proc/PID/stat from the third on: the second may hold blanks.
 */
static const char *stat_fields(pid_t pid, apr_pool_t *p)
{
    const char *text = of(pid, "stat", p);
    const char *paren = text != NULL ? strrchr(text, ')') : NULL;

    return paren != NULL && paren[1] == ' ' ? paren + 2 : NULL;
}

char process_state(pid_t pid, apr_pool_t *p)
{
    const char *fields = stat_fields(pid, p);

    return fields != NULL ? *fields : '\0';
}

/* Processes, one a call. @return 0: there are no more */
static pid_t next(DIR *proc)
{
    const struct dirent *e;

    while ((e = readdir(proc)) != NULL) {
        if (isdigit((unsigned char)e->d_name[0])) {
            return (pid_t)atoi(e->d_name);
        }
    }
    return 0;
}

static pid_t parent_of(pid_t pid, apr_pool_t *p)
{
    const char *fields = stat_fields(pid, p);

    return fields != NULL ? (pid_t)atoi(fields + 2) : 0;
}

pid_t process_child(pid_t pid, apr_pool_t *p)
{
    DIR *proc = opendir("/proc");
    pid_t each = 0;

    while (proc != NULL && (each = next(proc)) != 0 &&
           parent_of(each, p) != pid) {
        ;
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return each;
}

/* When the machine was started, in seconds. */
static apr_int64_t boot_time(apr_pool_t *p)
{
    FILE *f = fopen("/proc/stat", "re");
    char line[256];
    long long at = 0;

    (void)p;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "btime %lld", &at) == 1) {
            break;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return at;
}

static apr_time_t started(pid_t pid, apr_pool_t *p)
{
    const char *at = stat_fields(pid, p);
    apr_int64_t boot = boot_time(p);
    int i;

    for (i = 3; at != NULL && i < 22; i++) { /* starttime is the 22nd */
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL && boot > 0
               ? apr_time_from_sec(boot) +
                     apr_atoi64(at) * APR_USEC_PER_SEC / sysconf(_SC_CLK_TCK)
               : 0;
}

apr_time_t process_started(pid_t pid, int children, apr_pool_t *p)
{
    DIR *proc = children ? opendir("/proc") : NULL;
    apr_time_t latest = started(pid, p);
    apr_time_t at;
    pid_t each;

    while (proc != NULL && (each = next(proc)) != 0) {
        if (parent_of(each, p) == pid) {
            at = started(each, p);
            latest = at > latest ? at : latest;
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return latest;
}

long process_files(pid_t pid, apr_pool_t *p)
{
    const char *text = of(pid, "limits", p);
    const char *at = text != NULL ? strstr(text, "Max open files") : NULL;

    if (at == NULL) {
        return -1;
    }
    at += strlen("Max open files");
    at += strspn(at, " ");
    return !strncmp(at, "unlimited", 9) ? 1L << 30 : atol(at);
}

int process_replaced(pid_t pid, apr_pool_t *p)
{
    char to[4096];
    ssize_t n = readlink(apr_psprintf(p, "/proc/%d/exe", (int)pid), to,
                         sizeof(to) - 1);

    to[n > 0 ? n : 0] = '\0';
    return strstr(to, " (deleted)") != NULL;
}

const char *process_name(pid_t pid, apr_pool_t *p)
{
    char *name = of(pid, "comm", p);

    if (name != NULL) {
        name[strcspn(name, "\n")] = '\0';
    }
    return name;
}

/* --- who listens --- */

/* Inodes of the sockets that listen on a port; @return their number */
static int listeners(unsigned long *inodes, int most, const char *file,
                     int port)
{
    FILE *f = fopen(file, "re");
    unsigned local, state;
    unsigned long inode;
    char line[512];
    int n = 0;

    while (f != NULL && n < most && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line,
                   " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s "
                   "%*s %*s %*s %lu",
                   &local, &state, &inode) == 3 &&
            state == 0x0a && (int)local == port) {
            inodes[n++] = inode;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return n;
}

static int holds(pid_t pid, const unsigned long *inodes, int n, apr_pool_t *p)
{
    const char *dir = apr_psprintf(p, "/proc/%d/fd", (int)pid);
    DIR *fds = opendir(dir);
    const struct dirent *e;
    unsigned long inode;
    char path[300], to[64];
    int i, found = 0;
    ssize_t len;

    while (!found && fds != NULL && (e = readdir(fds)) != NULL) {
        snprintf(path, sizeof(path), "%s/%.20s", dir, e->d_name);
        len = readlink(path, to, sizeof(to) - 1);
        to[len > 0 ? len : 0] = '\0';
        if (sscanf(to, "socket:[%lu]", &inode) == 1) {
            for (i = 0; i < n; i++) {
                found |= inodes[i] == inode;
            }
        }
    }
    if (fds != NULL) {
        closedir(fds);
    }
    return found;
}

pid_t process_listening(int port, const char *name, apr_pool_t *p)
{
    unsigned long inodes[64];
    int n = listeners(inodes, 32, "/proc/net/tcp", port);
    DIR *proc = opendir("/proc");
    const char *its;
    pid_t each, found = 0;

    n += listeners(inodes + n, 32, "/proc/net/tcp6", port);
    while (n > 0 && proc != NULL && (each = next(proc)) != 0) {
        /* Not systemd, which may only hold it. */
        if (each == 1 || !holds(each, inodes, n, p)) {
            continue;
        }
        found = each;
        its = process_name(each, p);
        if (its != NULL && !strcmp(its, name)) {
            break;
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return found;
}

static int has_argument(pid_t pid, const char *word, apr_pool_t *p)
{
    const char *path = apr_psprintf(p, "/proc/%d/cmdline", (int)pid);
    FILE *f = fopen(path, "re");
    char args[4096];
    apr_size_t len, i;

    len = f != NULL ? fread(args, 1, sizeof(args) - 1, f) : 0;
    args[len] = '\0';
    if (f != NULL) {
        fclose(f);
    }
    for (i = 0; i < len; i += strlen(args + i) + 1) {
        if (!strcmp(args + i, word)) {
            return 1;
        }
    }
    return 0;
}

pid_t process_called(const char *name, const char *word, apr_pool_t *p)
{
    DIR *proc = opendir("/proc");
    pid_t each, found = 0;
    const char *own;

    while (proc != NULL && (each = next(proc)) != 0) {
        own = process_name(each, p);
        if (own != NULL && !strcmp(own, name) && has_argument(each, word, p)) {
            found = each;
            break;
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return found;
}

apr_int64_t process_sysctl(const char *path, apr_pool_t *p)
{
    const char *text = process_file(apr_pstrcat(p, "/proc/sys/", path, NULL),
                                    p);

    return text != NULL ? apr_atoi64(text) : -1;
}
