/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gif.c - the walk over a GIF.
 *
 * Comments, texts and applications' blocks go, but for those that say how often
 * an animation runs.
 */
#include "walk.h"

enum { IMAGE = 0x2c, EXTENSION = 0x21, TRAILER = 0x3b };
enum { TEXT = 0x01, CONTROL = 0xf9, COMMENT = 0xfe, APPLICATION = 0xff };

/* The bytes of a colour table that a packed field announces. */
static size_t table(unsigned char packed)
{
    return packed & 0x80 ? (size_t)3 << ((packed & 7) + 1) : 0;
}

/* Where a chain of sub-blocks that begins at `at` has ended; 0: it does not. */
static size_t blocks_end(const unsigned char *b, size_t len, size_t at)
{
    while (at < len) {
        size_t n = b[at];

        at++;
        if (n == 0) {
            return at;
        }
        if (n > len - at) {
            return 0;
        }
        at += n;
    }
    return 0;
}

static int stays(const unsigned char *b, size_t len, size_t at)
{
    if (b[at + 1] == CONTROL) {
        return 1;
    }
    return b[at + 1] == APPLICATION && len - at >= 14 && b[at + 2] == 11 &&
           (memcmp(b + at + 3, "NETSCAPE2.0", 11) == 0 ||
            memcmp(b + at + 3, "ANIMEXTS1.0", 11) == 0);
}

/* One frame. @return where it has ended; 0: it is broken */
static size_t frame(files_image_t *image, const unsigned char *b, size_t len,
                    size_t at)
{
    size_t head;

    if (len - at < 11) {
        return 0;
    }
    files_pixels(image, files_le16(b + at + 5), files_le16(b + at + 7));
    head = 10 + table(b[at + 9]) + 1; /* and the size of its codes */
    return head < len - at ? blocks_end(b, len, at + head) : 0;
}

int files_walk_gif(files_image_t *image, files_out_t *out,
                   const unsigned char *b, size_t len)
{
    static const unsigned char trailer = TRAILER;
    size_t at, end;
    int frames = 0;

    if (len < 13 || 13 + table(b[10]) > len) {
        return 0;
    }
    image->width = files_le16(b + 6);
    image->height = files_le16(b + 8);
    at = 13 + table(b[10]);
    files_put(out, b, at);
    while (at < len && b[at] != TRAILER) {
        if (len - at < 2 || (b[at] != IMAGE && b[at] != EXTENSION)) {
            return 0;
        }
        end = b[at] == IMAGE ? frame(image, b, len, at)
                             : blocks_end(b, len, at + 2);
        if (end == 0) {
            return 0;
        }
        frames += b[at] == IMAGE;
        if (b[at] == IMAGE || stays(b, len, at)) {
            files_put(out, b + at, end - at);
        }
        at = end;
    }
    files_put(out, &trailer, 1);
    return frames > 0;
}
