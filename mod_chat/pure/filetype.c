/* SPDX-License-Identifier: Apache-2.0 */
/* filetype.c - kinds of files; see filetype.h. */
#include "filetype.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PDF_WITHIN 1024 /* where readers look for %PDF- */
#define EOCD 22         /* bytes of a ZIP's end without its comment */

/* First match wins. The default list is the first DEFAULTS rows: heic cannot be
 * freed of the place it was taken at and few browsers show it, and documents of
 * offices are archives that may hold macros. */
#define DEFAULTS 11
/* clang-format off */
static const chat_filetype_t types[] = {
    { "jpeg", "image/jpeg", NULL, 1, 1, 0, " image/jpeg ", " image/jpeg image/jpg image/pjpeg ", " jpg jpeg jpe jfif " },
    { "png",  "image/png",  NULL, 1, 1, 0, " image/png ",  " image/png image/x-png ", " png " },
    { "gif",  "image/gif",  NULL, 1, 1, 0, " image/gif ",  " image/gif ", " gif " },
    { "webp", "image/webp", NULL, 1, 1, 0, " image/webp ", " image/webp ", " webp " },
    { "pdf",  "application/pdf", NULL, 0, 0, 0, " application/pdf ", " application/pdf application/x-pdf ", " pdf " },
    { "text", "text/plain", NULL, 0, 1, 0, " text/plain text/csv ", " text/plain text/csv ", " txt text log csv " },
    { "mp4",  "video/mp4", "audio/mp4", 0, 1, 0, " video/mp4 audio/mp4 audio/x-m4a video/x-m4v ", " video/mp4 audio/mp4 audio/x-m4a audio/m4a audio/aac video/x-m4v ", " mp4 m4a m4v " },
    { "webm", "video/webm", "audio/webm", 0, 1, 0, " video/webm audio/webm ", " video/webm audio/webm ", " webm weba " },
    { "ogg",  "video/ogg", "audio/ogg", 0, 1, 0, " audio/ogg video/ogg application/ogg ", " audio/ogg video/ogg application/ogg audio/opus ", " ogg oga ogv opus " },
    { "mp3",  "audio/mpeg", "audio/mpeg", 0, 0, 0, " audio/mpeg ", " audio/mpeg audio/mp3 ", " mp3 " },
    { "wav",  "audio/wav", "audio/wav", 0, 0, 0, " audio/x-wav audio/wav ", " audio/wav audio/x-wav audio/wave audio/vnd.wave ", " wav " },
    { "heic", "image/heic", NULL, 0, 0, 0, " image/heic image/heif ", " image/heic image/heif ", " heic heif " },
    { "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", NULL, 0, 0, 1,
      " application/vnd.openxmlformats-officedocument.wordprocessingml.document ",
      " application/vnd.openxmlformats-officedocument.wordprocessingml.document ", " docx " },
    { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", NULL, 0, 0, 1,
      " application/vnd.openxmlformats-officedocument.spreadsheetml.sheet ",
      " application/vnd.openxmlformats-officedocument.spreadsheetml.sheet ", " xlsx " },
    { "odt",  "application/vnd.oasis.opendocument.text", NULL, 0, 0, 1,
      " application/vnd.oasis.opendocument.text ", " application/vnd.oasis.opendocument.text ", " odt " },
};
/* clang-format on */
#define NTYPES (sizeof(types) / sizeof(types[0]))

/* Whether a word stands in a text of words between spaces. */
static int among(const char *words, const char *word, size_t len)
{
    const char *at = words;

    while (len > 0 && (at = strchr(at, ' ')) != NULL && at[1] != '\0') {
        if (strncmp(at + 1, word, len) == 0 && at[1 + len] == ' ') {
            return 1;
        }
        at++;
    }
    return 0;
}

unsigned chat_filetype_bit(const char *word)
{
    for (size_t i = 0; i < NTYPES; i++) {
        if (strcasecmp(types[i].word, word) == 0) {
            return 1u << i;
        }
    }
    return 0;
}

unsigned chat_filetype_default(void) { return (1u << DEFAULTS) - 1; }

void chat_filetype_words(char *out, size_t size, unsigned list)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < NTYPES; i++) {
        size_t len = strlen(types[i].word);

        if ((list & 1u << i) != 0 && at + len + 2 <= size) {
            at += (size_t)snprintf(out + at, size - at, "%s%s",
                                   at > 0 ? " " : "", types[i].word);
        }
    }
}

const chat_filetype_t *chat_filetype_of(const char *found, unsigned list)
{
    size_t len = strcspn(found, "; ");

    for (size_t i = 0; i < NTYPES; i++) {
        if ((list & 1u << i) != 0 && among(types[i].found, found, len)) {
            return &types[i];
        }
    }
    return NULL;
}

int chat_filetype_agrees(const chat_filetype_t *type, const char *said,
                         const char *ext)
{
    return (said[0] == '\0' || strcmp(said, "application/octet-stream") == 0 ||
            among(type->said, said, strlen(said))) &&
           (ext[0] == '\0' || among(type->extensions, ext, strlen(ext)));
}

const char *chat_filetype_mime(const chat_filetype_t *type, const char *said)
{
    return type->audio != NULL && strncmp(said, "audio/", 6) == 0 ? type->audio
                                                                   : type->mime;
}

const char *chat_filetype_extension(const chat_filetype_t *type, char out[16])
{
    size_t len = strcspn(type->extensions + 1, " ");

    memcpy(out, type->extensions + 1, len);
    out[len] = '\0';
    return out;
}

const chat_filetype_t *chat_filetype_served(const char *mime)
{
    for (size_t i = 0; i < NTYPES; i++) {
        if (strcmp(types[i].mime, mime) == 0 ||
            (types[i].audio != NULL && strcmp(types[i].audio, mime) == 0)) {
            return &types[i];
        }
    }
    return NULL;
}

/* Whether the bytes hold a word, in any case; `word` is in lower case. */
static int holds(const char *bytes, size_t len, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= len; i++) {
        if (bytes[i] == word[0] && strncasecmp(bytes + i, word, n) == 0) {
            return 1;
        }
    }
    return 0;
}

static int has_tags(const char *head, size_t len)
{
    static const char *const tags[] = {
        "<script", "<html", "<!doctype", "<svg", "<?php", "<body",
        "<head>",  "<iframe", "<img", "<object", "<embed", "<%@",
    };

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (holds(head, len, tags[i])) {
            return 1;
        }
    }
    return 0;
}

/* A ZIP is read from its end: a record whose comment reaches to the last byte. */
static int ends_zip(const char *tail, size_t len)
{
    for (size_t i = 0; i + EOCD <= len; i++) {
        const unsigned char *u = (const unsigned char *)tail + i;

        if (memcmp(u, "PK\5\6", 4) == 0 &&
            len - i - EOCD == (size_t)(u[20] | u[21] << 8)) {
            return 1;
        }
    }
    return 0;
}

int chat_filetype_masked(const chat_filetype_t *type, const char *head,
                         size_t head_len, const char *tail, size_t tail_len)
{
    size_t pdf = head_len < PDF_WITHIN ? head_len : PDF_WITHIN;
    int text = strcmp(type->word, "text") == 0;

    return (!text && has_tags(head, head_len)) ||
           (strcmp(type->word, "pdf") != 0 && holds(head, pdf, "%PDF-")) ||
           (!type->zip && ends_zip(tail, tail_len));
}
