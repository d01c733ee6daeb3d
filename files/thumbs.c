/* SPDX-License-Identifier: Apache-2.0 */
/* thumbs.c - see thumbs.h. */
#include "thumbs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkup.h"
#include "clock.h"
#include "command.h"
#include "image.h"
#include "errorlog.h"
#include "disk.h"
#include "thumb.h"

#define QUEUE 1024
#define THREADS 16  /* at most */
#define TIME 30000 /* ms for one thumbnail */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char queue[QUEUE][CHAT_CHECKUP_ID + 1]; /* a ring */
static int first, count;
static char making[THREADS][CHAT_CHECKUP_ID + 1]; /* each thread's; "": none */
static const files_settings_t *settings;

typedef struct {
    char file[CHAT_CHECKUP_PATH];
    char thumb[CHAT_CHECKUP_PATH];
    char beside[CHAT_CHECKUP_PATH]; /* until it is whole */
} paths_t;

static int paths_of(paths_t *p, const char *id)
{
    return chat_checkup_path(p->file, settings->dir, id, "") &&
           chat_checkup_path(p->thumb, settings->dir, id, ".thumb") &&
           chat_checkup_path(p->beside, settings->dir, id, ".thumb-new");
}

/* It is what it must be: nobody knows what became of a process that has read a
 * stranger's image. */
static int is_thumbnail(const char *path)
{
    files_image_t im;
    size_t len = 0;
    unsigned char *bytes = files_read(&len, path);
    int good = bytes != NULL && files_image_read(&im, bytes, len) &&
               im.kind == FILES_IMAGE_JPEG && im.width <= FILES_THUMB_SIDE &&
               im.height <= FILES_THUMB_SIDE;

    free(bytes);
    return good;
}

/* @return 1 when the file `beside` is a thumbnail */
static int run(const paths_t *p)
{
    char pixels[32];
    char *const argv[] = { "chat-files", "thumb", pixels, NULL };
    int in = files_open(p->file);
    int out = open(p->beside,
                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int status = -1;
    pid_t pid;

    snprintf(pixels, sizeof(pixels), "%llu", settings->max_pixels);
    if (in >= 0 && out >= 0 &&
        (pid = files_spawn("/proc/self/exe", argv, in, out)) > 0) {
        status = files_wait(pid, files_now() + TIME);
    }
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
    }
    return status == 0 && is_thumbnail(p->beside);
}

static void make(const char *id)
{
    paths_t p;

    if (!paths_of(&p, id) || access(p.thumb, F_OK) == 0 ||
        access(p.file, F_OK) != 0) {
        return;
    }
    if (run(&p)) {
        files_rename(p.beside, p.thumb, p.file);
        return;
    }
    files_log("%s: no thumbnail can be made of it", id);
    files_replace(p.thumb, p.beside, "", 0, p.file);
}

/* @param data  its place in `making` */
static void *work(void *data)
{
    char *id = data;

    for (;;) {
        pthread_mutex_lock(&lock);
        while (count == 0) {
            pthread_cond_wait(&changed, &lock);
        }
        memcpy(id, queue[first], sizeof(queue[0]));
        first = (first + 1) % QUEUE;
        count--;
        pthread_mutex_unlock(&lock);
        make(id);
        pthread_mutex_lock(&lock);
        id[0] = '\0';
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* Whether somebody is at it, or will be: two would write one file. */
static int queued(const char *id)
{
    int i;

    for (i = 0; i < THREADS; i++) {
        if (strcmp(making[i], id) == 0) {
            return 1;
        }
    }
    for (i = 0; i < count; i++) {
        if (strcmp(queue[(first + i) % QUEUE], id) == 0) {
            return 1;
        }
    }
    return 0;
}

void files_thumbs_want(const char *id)
{
    pthread_mutex_lock(&lock);
    if (count < QUEUE && !queued(id)) {
        snprintf(queue[(first + count) % QUEUE], sizeof(queue[0]), "%s", id);
        count++;
        pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&lock);
}

int files_thumbs_start(const files_settings_t *set)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t thread;
    int rv = 0;

    settings = set;
    for (n = n < 1 ? 1 : n > THREADS ? THREADS : n; n > 0 && rv == 0; n--) {
        rv = pthread_create(&thread, NULL, work, making[n - 1]);
    }
    return rv;
}
