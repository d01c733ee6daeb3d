/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - chat-files: looks at what people have uploaded.
 *
 * Started and kept by mod_chat in httpd's parent, as httpd's User from the
 * first instruction, with the socket it answers on as a descriptor:
 *
 *   chat-files serve DIR SCANNER TIMEOUT RETRIES MAXPIXELS
 *                    ms          tries          descriptor 3 listens
 *   chat-files thumb MAXPIXELS   one thumbnail, stdin to stdout (thumb.h)
 *
 * It may be killed at any moment: nothing is lost but time (check.h). So it
 * ends at once when it is told to.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "errorlog.h"
#include "serve.h"
#include "settings.h"
#include "thumb.h"
#include "thumbs.h"

#define LISTENER 3
#define LOWEST 19 /* nice */

/* A whole number from `least` to `most`; -1: it is none. */
static long long number(const char *text, long long least, long long most)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && n >= least && n <= most
               ? n
               : -1;
}

static int settings(files_settings_t *set, char **argv)
{
    long long pixels = number(argv[4], 1, 1ll << 32);

    set->dir = argv[0];
    set->listener = LISTENER;
    set->scanner = scanner_read(set->scan_a, set->scan_b, argv[1]);
    set->scan_timeout = (int)number(argv[2], 1, 3600000);
    set->scan_retries = (int)number(argv[3], 0, 100);
    set->max_pixels = (unsigned long long)pixels;
    return set->dir[0] == '/' && set->scanner != SCANNER_WRONG &&
           set->scan_timeout > 0 && set->scan_retries >= 0 && pixels > 0;
}

/* Until somebody says so. All threads have these signals blocked. */
static void wait_for_the_end(const sigset_t *end)
{
    int which;

    while (sigwait(end, &which) != 0) {
    }
    files_kill_all();
}

static int serve(char **argv)
{
    static files_settings_t set;
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigset_t end;
    int rv;

    if (!settings(&set, argv)) {
        files_log("these are no settings");
        return 2;
    }
    umask(077);
    fcntl(LISTENER, F_SETFD, FD_CLOEXEC); /* not for the programs we start */
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    sigaddset(&end, SIGHUP);
    sigprocmask(SIG_BLOCK, &end, NULL);
    rv = files_thumbs_start(&set);
    if (rv == 0) {
        rv = files_serve_start(&set);
    }
    if (rv != 0) {
        files_log("starting a thread: %s", strerror(rv));
        return 1;
    }
    wait_for_the_end(&end);
    _exit(0); /* threads are at work; nothing of theirs is worth waiting for */
}

static int thumb(const char *pixels)
{
    long long n = number(pixels, 1, 1ll << 32);

    setpriority(PRIO_PROCESS, 0, LOWEST);
    return n > 0 ? files_thumb((unsigned long long)n) : 2;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "serve") == 0) {
        return serve(argv + 2);
    }
    if (argc == 3 && strcmp(argv[1], "thumb") == 0) {
        return thumb(argv[2]);
    }
    fputs("chat-files is started by Apache httpd's mod_chat (ChatFiles)\n",
          stderr);
    return 2;
}
