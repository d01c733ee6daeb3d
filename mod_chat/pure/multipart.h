/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart.h - a multipart/form-data body as it arrives, piece by piece.
 *
 * Pure: bytes go in, calls come out; no file, socket or pool. What it keeps is
 * one struct of fixed size, whatever the body is: the headers of one part. The
 * bytes of a part are passed on where they lie.
 *
 * It reads what RFC 7578 and 2046 say and has one meaning for every body: lines
 * end with CRLF (a lone LF ends nothing), a delimiter is CRLF, "--" and the
 * boundary, then only spaces up to CRLF, or "--". What begins like one and goes
 * on otherwise ("--boundaryX") is data. Headers that are folded, of two
 * meanings or too long are refused rather than guessed at.
 */
#ifndef CHAT_MULTIPART_H
#define CHAT_MULTIPART_H

#include <stddef.h>

#define CHAT_MULTIPART_BOUNDARY 70   /* bytes of a boundary, RFC 2046 5.1.1 */
#define CHAT_MULTIPART_HEADERS 8192  /* bytes of all headers of one part */
#define CHAT_MULTIPART_LINES 16      /* headers of one part */
#define CHAT_MULTIPART_PARTS 100     /* parts of a body */
#define CHAT_MULTIPART_OUTSIDE 4096  /* bytes before the first part, and behind
                                        the last */
#define CHAT_MULTIPART_NAME 64       /* bytes of a field's name */
#define CHAT_MULTIPART_TYPE 127      /* bytes of a media type */
#define CHAT_MULTIPART_FILENAME 1024 /* bytes of a file's name */

typedef enum {
    CHAT_MULTIPART_OK,    /* go on */
    CHAT_MULTIPART_BROKEN,/* no multipart/form-data, or cut off: 400 */
    CHAT_MULTIPART_LONG,  /* headers, or what is outside the parts: 400 */
    CHAT_MULTIPART_MANY,  /* more than CHAT_MULTIPART_PARTS: 413 */
    CHAT_MULTIPART_STOPPED/* the receiver said so */
} chat_multipart_result_t;

/* What the headers of a part say. */
typedef struct {
    char name[CHAT_MULTIPART_NAME + 1]; /* of the field; never empty */
    /* As the sender wrote it: any bytes but control characters, paths too; see
     * filename.h. Meaningless unless has_file. */
    char filename[CHAT_MULTIPART_FILENAME + 1];
    int has_file; /* there was a filename, perhaps an empty one */
    char type[CHAT_MULTIPART_TYPE + 1]; /* lower case, no parameters; "": none */
} chat_part_t;

/* Who receives. Each function returns 0 to stop the parser. */
typedef struct {
    int (*begin)(void *to, const chat_part_t *part); /* part lives until end */
    int (*bytes)(void *to, const char *bytes, size_t len); /* len > 0 */
    int (*end)(void *to);
    void *to; /* their first argument, the caller's */
} chat_multipart_sink_t;

/* The parser; its fields are its own. */
typedef struct {
    chat_multipart_sink_t sink;
    /* CRLF "--" and the boundary. CR stands at its start only: that is why a
     * match that fails is known by its length, and nothing has to be kept. */
    char delimiter[4 + CHAT_MULTIPART_BOUNDARY + 1];
    size_t delimiter_len;
    size_t matched; /* bytes of the delimiter seen; within data */
    size_t granted; /* of these, how many were not sent: CRLF at the start */
    int state;
    chat_multipart_result_t failed; /* not OK: stays so */
    int parts;
    int open;       /* begin was called, end was not */
    size_t outside; /* bytes before the first part, or behind the last */
    char headers[CHAT_MULTIPART_HEADERS];
    size_t headers_len;
    chat_part_t part;
} chat_multipart_t;

/**
 * The boundary of a Content-Type header, quoted or not.
 * @param out  terminated
 * @return 0 when it is not multipart/form-data with one boundary of 1-70 of the
 *         characters RFC 2046 allows
 */
int chat_multipart_boundary(char out[CHAT_MULTIPART_BOUNDARY + 1],
                            const char *content_type);

/** Begin. @param boundary  as chat_multipart_boundary() gave it */
void chat_multipart_init(chat_multipart_t *m, const char *boundary,
                         const chat_multipart_sink_t *sink);

/** Take `len` more bytes. @return OK, or what is wrong from now on */
chat_multipart_result_t chat_multipart_feed(chat_multipart_t *m,
                                            const char *bytes, size_t len);

/** The body is over. @return BROKEN when its last delimiter was missing */
chat_multipart_result_t chat_multipart_end(chat_multipart_t *m);

/** A sentence for the sender. */
const char *chat_multipart_why(chat_multipart_result_t result);

/**
 * The headers of a part, without the empty line behind them.
 * @return 0 when they are not what form-data has
 */
int chat_part_parse(chat_part_t *part, const char *headers, size_t len);

/**
 * The file name in a Content-Disposition header, filename* before filename.
 * @return 0 when there is none, or the header is broken
 */
int chat_disposition_filename(char out[CHAT_MULTIPART_FILENAME + 1],
                              const char *header);

#endif
