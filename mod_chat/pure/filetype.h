/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filetype.h - which kinds of files a chat takes, and what each is called.
 *
 * What a file is, its first bytes say (libmagic's verdict comes in as text). It
 * is taken when that is on the site's list, and when what the sender says (media
 * type) and what the name says (extension) mean the same. Files that are two
 * things at once are refused as far as that can be told. Pure.
 *
 * Never among them, whatever a site lists: SVG, HTML, XML, scripts, programs,
 * archives.
 */
#ifndef CHAT_FILETYPE_H
#define CHAT_FILETYPE_H

#include <stddef.h>

#define CHAT_FILETYPE_HEAD 16384 /* first bytes that are looked at */
#define CHAT_FILETYPE_TAIL 65557 /* last bytes: where a ZIP's directory ends */

typedef struct {
    const char *word;  /* its name in ChatFileTypes */
    const char *mime;  /* as it is served */
    const char *audio; /* the same where the sender says it is sound alone;
                          NULL: it has no sound */
    int image;         /* shown as a picture, looked at by chat-files */
    int shown;         /* may be shown in a page (inline) */
    int zip;           /* is a ZIP, and so ends like one */
    const char *found; /* libmagic's names, each between spaces */
    const char *said;  /* senders' names, likewise */
    const char *extensions; /* likewise; the first is given to names without */
} chat_filetype_t;

/** A type by its word, as the bit it has in a site's list. @return 0: none */
unsigned chat_filetype_bit(const char *word);

/** The list of a site that says nothing. */
unsigned chat_filetype_default(void);

/** Words of a list with blanks between them, for a sentence. @param out  256 */
void chat_filetype_words(char *out, size_t size, unsigned list);

/**
 * What libmagic found as one of the list.
 * @return NULL when it is not on it
 */
const chat_filetype_t *chat_filetype_of(const char *found, unsigned list);

/**
 * Whether what the sender says agrees.
 * @param said  a media type in lower case, "" or application/octet-stream: not
 *              said
 * @param ext   in lower case, "": none
 */
int chat_filetype_agrees(const chat_filetype_t *type, const char *said,
                         const char *ext);

/** The media type to keep, given what the sender said. */
const char *chat_filetype_mime(const chat_filetype_t *type, const char *said);

/** The first extension of a type, from static memory. */
const char *chat_filetype_extension(const chat_filetype_t *type,
                                    char out[16]);

/** A type by its media type, for serving it. NULL: none of ours */
const chat_filetype_t *chat_filetype_served(const char *mime);

/**
 * Whether a file is also something else: its first bytes hold a page's tags or
 * begin a PDF, or its last bytes end a ZIP.
 * @param tail  the last bytes of the file, at most CHAT_FILETYPE_TAIL
 */
int chat_filetype_masked(const chat_filetype_t *type, const char *head,
                         size_t head_len, const char *tail, size_t tail_len);

#endif
