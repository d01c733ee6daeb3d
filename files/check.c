/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - see check.h. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "errorlog.h"
#include "scanner.h"
#include "disk.h"

/* For good: nobody can tell, or may. */
static void failed(chat_checkup_t *c, const char *why)
{
    c->state = CHAT_CHECKUP_FAILED;
    snprintf(c->why, sizeof(c->why), "%s", why);
    c->thumb = 0;
    c->sha256[0] = '\0';
}

/* The image's bytes without its metadata, in place of the file's. */
static int rewrite(const files_settings_t *set, const char *id,
                   const files_image_t *image, const unsigned char *bytes,
                   size_t len)
{
    char path[CHAT_CHECKUP_PATH], beside[CHAT_CHECKUP_PATH];
    unsigned char *clean = malloc(len + FILES_IMAGE_MORE);
    size_t n;
    int rv = ENOMEM;

    if (clean != NULL && chat_checkup_path(path, set->dir, id, "") &&
        chat_checkup_path(beside, set->dir, id, ".new")) {
        n = files_image_strip(clean, image, bytes, len);
        rv = n == len && memcmp(clean, bytes, len) == 0
                 ? 0
                 : files_replace(path, beside, clean, n, path);
    }
    free(clean);
    return rv;
}

/* Size, orientation, metadata: a photograph tells where its patient lives. One
 * that cannot be cleaned is refused; kinds of images that nobody here knows are
 * files as any other, if the site takes them. */
static void image(chat_checkup_t *c, const files_settings_t *set,
                  const char *id, const char *path, files_image_kind_t kind)
{
    files_image_t im;
    size_t len = 0;
    unsigned char *bytes = files_read(&len, path);
    int turned, rv;

    if (bytes == NULL) {
        failed(c, errno == EFBIG ? "too large an image" : "cannot be read");
        return;
    }
    if (!files_image_read(&im, bytes, len) || im.kind != kind) {
        failed(c, "no image, or a broken one");
        free(bytes);
        return;
    }
    rv = rewrite(set, id, &im, bytes, len);
    free(bytes);
    if (rv != 0) {
        files_log("%s: cannot be rewritten: %s", id, strerror(rv));
        failed(c, "cannot be rewritten");
        return;
    }
    turned = files_image_turned(&im);
    c->width = turned ? im.height : im.width;
    c->height = turned ? im.width : im.height;
    c->thumb = im.pixels <= set->max_pixels;
}

static void clean(chat_checkup_t *c, const files_settings_t *set,
                  const char *id, const char *path, const char *mime)
{
    files_image_kind_t kind = files_image_kind_of(mime);

    c->state = CHAT_CHECKUP_CLEAN;
    if (kind != FILES_IMAGE_NONE) {
        image(c, set, id, path, kind);
    }
    if (c->state == CHAT_CHECKUP_CLEAN && files_measure(c, path) != 0) {
        failed(c, "cannot be read");
    }
}

void files_check(chat_checkup_t *c, const files_settings_t *set, const char *id,
                 const char *mime)
{
    char path[CHAT_CHECKUP_PATH], why[CHAT_CHECKUP_WHY + 1];
    int fd = -1;

    memset(c, 0, sizeof(*c));
    if (!chat_checkup_path(path, set->dir, id, "") ||
        (fd = files_open(path)) < 0) {
        failed(c, "no such file");
        return;
    }
    close(fd);
    switch (files_scan(why, set, path)) {
    case SCAN_CLEAN:
        clean(c, set, id, path, mime);
        return;
    case SCAN_INFECTED:
        c->state = CHAT_CHECKUP_INFECTED;
        break;
    case SCAN_AWAY:
        c->state = CHAT_CHECKUP_PENDING;
        break;
    default:
        c->state = CHAT_CHECKUP_FAILED;
    }
    snprintf(c->why, sizeof(c->why), "%s", why);
}

void files_keep(const files_settings_t *set, const char *id,
                const chat_checkup_t *c)
{
    char path[CHAT_CHECKUP_PATH], beside[CHAT_CHECKUP_PATH];
    char of[CHAT_CHECKUP_PATH], text[CHAT_CHECKUP_ANSWER];
    size_t n = chat_checkup_tell(text, c);
    int rv = ENAMETOOLONG;

    if (chat_checkup_path(path, set->dir, id, ".verdict") &&
        chat_checkup_path(beside, set->dir, id, ".verdict-new") &&
        chat_checkup_path(of, set->dir, id, "")) {
        rv = files_replace(path, beside, text, n, of);
    }
    if (rv != 0 && rv != ENOENT) { /* ENOENT: deleted meanwhile */
        files_log("%s: its verdict cannot be kept: %s", id, strerror(rv));
    }
}

int files_kept(chat_checkup_t *c, const files_settings_t *set, const char *id)
{
    char path[CHAT_CHECKUP_PATH], text[CHAT_CHECKUP_ANSWER + 1];
    ssize_t n;
    int fd;

    if (!chat_checkup_path(path, set->dir, id, ".verdict") ||
        (fd = files_open(path)) < 0) {
        return 0;
    }
    n = read(fd, text, sizeof(text));
    close(fd);
    return n > 0 && chat_checkup_told(c, text, (apr_size_t)n);
}
