/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage.c - what the kernel says the server used (load.h), from /proc: run time
 * and waiting in nanoseconds from schedstat of every thread, memory as PSS.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define PROCESSES_MAX 1024

static int file_read(const char *path, char *buf, size_t room)
{
    FILE *f = fopen(path, "r");
    size_t n;

    if (f == NULL) {
        return 0;
    }
    n = fread(buf, 1, room - 1, f);
    fclose(f);
    buf[n] = '\0';
    return n > 0;
}

static void sched_add(const char *path, double *run, double *wait)
{
    char text[128];
    unsigned long long r, w;

    if (file_read(path, text, sizeof(text)) &&
        sscanf(text, "%llu %llu", &r, &w) == 2) {
        *run += (double)r / 1e9;
        *wait += (double)w / 1e9;
    }
}

/* A process's parent and times; 0: it is gone. */
static int stat_read(int pid, int *parent, double *user, double *sys)
{
    double tick = (double)sysconf(_SC_CLK_TCK);
    char path[64], text[1024];
    char *name_end;
    unsigned long u, s;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (!file_read(path, text, sizeof(text))) {
        return 0;
    }
    name_end = strrchr(text, ')');
    if (name_end == NULL ||
        sscanf(name_end + 2,
               "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", parent, &u,
               &s) != 3) {
        return 0;
    }
    *user = (double)u / tick;
    *sys = (double)s / tick;
    return 1;
}

static void threads_add(int pid, usage_t *use)
{
    char path[64 + sizeof(((struct dirent *)0)->d_name)];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid,
                     entry->d_name);
            sched_add(path, &use->cpu, &use->wait);
        }
    }
    closedir(dir);
}

static void memory_add(int pid, usage_t *use)
{
    char path[64], text[8192];
    char *at;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    if (file_read(path, text, sizeof(text))) {
        at = strstr(text, "\nPss:");
        use->pss_kb += at != NULL ? atol(at + 5) : 0;
    }
}

static int listed(const int *pids, int n, int pid)
{
    while (n-- > 0) {
        if (pids[n] == pid) {
            return 1;
        }
    }
    return 0;
}

/* Append children of the processes listed; those of children need another
 * call.
 * @return the new number of processes */
static int children_add(int *pids, int n)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    double user, sys;
    int pid, parent;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        pid = atoi(entry->d_name);
        if (pid > 0 && n < PROCESSES_MAX && !listed(pids, n, pid) &&
            stat_read(pid, &parent, &user, &sys) && listed(pids, n, parent)) {
            pids[n++] = pid;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

usage_t usage_of_server(int with_memory)
{
    usage_t use = { 0 };
    int pids[PROCESSES_MAX], n = opt.npids, before = 0, parent, i;
    double user, sys;

    memcpy(pids, opt.pids, sizeof(opt.pids));
    while (opt.tree && n > before) {
        before = n;
        n = children_add(pids, n);
    }
    for (i = 0; i < n; i++) {
        if (!stat_read(pids[i], &parent, &user, &sys)) {
            continue;
        }
        use.nprocs++;
        use.user += user;
        use.sys += sys;
        threads_add(pids[i], &use);
        if (with_memory) {
            memory_add(pids[i], &use);
        }
    }
    return use;
}

void usage_of_self(double *run, double *wait)
{
    *run = *wait = 0;
    sched_add("/proc/self/schedstat", run, wait);
}

long usage_slab_kb(void)
{
    char text[8192];
    char *at;

    if (!file_read("/proc/meminfo", text, sizeof(text))) {
        return 0;
    }
    at = strstr(text, "\nSlab:");
    return at != NULL ? atol(at + 6) : 0;
}
