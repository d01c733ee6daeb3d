/* SPDX-License-Identifier: Apache-2.0 */
/*
 * png.c - the walk over a PNG (ISO/IEC 15948), animations included.
 *
 * Chunks that a picture is made of stay, by name; all others go: texts, time,
 * EXIF and what nobody knows.
 */
#include "walk.h"

#include <zlib.h>

#define SIGNATURE 8
#define AROUND 12 /* of a chunk: length, name, checksum */

static const char chunks[][5] = { "IHDR", "PLTE", "IDAT", "IEND", "tRNS",
                                  "cHRM", "gAMA", "iCCP", "sBIT", "sRGB",
                                  "cICP", "bKGD", "pHYs", "acTL", "fcTL",
                                  "fdAT" };

static int stays(const unsigned char *name)
{
    size_t i;

    for (i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        if (memcmp(name, chunks[i], 4) == 0) {
            return 1;
        }
    }
    return 0;
}

static void put_orientation(files_out_t *out, unsigned orientation)
{
    unsigned char chunk[AROUND + FILES_TIFF] = { 0, 0, 0, FILES_TIFF,
                                                 'e', 'X', 'I', 'f' };
    unsigned long sum;

    if (orientation != 1) {
        files_tiff_write(chunk + 8, orientation);
        sum = crc32(0, chunk + 4, 4 + FILES_TIFF);
        chunk[8 + FILES_TIFF] = (unsigned char)(sum >> 24);
        chunk[9 + FILES_TIFF] = (unsigned char)(sum >> 16);
        chunk[10 + FILES_TIFF] = (unsigned char)(sum >> 8);
        chunk[11 + FILES_TIFF] = (unsigned char)sum;
        files_put(out, chunk, sizeof(chunk));
    }
}

/* The first chunk says how large it is. */
static int header(files_image_t *image, const unsigned char *b, size_t len)
{
    if (len < SIGNATURE + AROUND + 13 || files_be32(b + SIGNATURE) != 13 ||
        memcmp(b + SIGNATURE + 4, "IHDR", 4) != 0) {
        return 0;
    }
    image->width = files_be32(b + SIGNATURE + 8);
    image->height = files_be32(b + SIGNATURE + 12);
    return image->width > 0 && image->width < 1u << 30 && image->height > 0 &&
           image->height < 1u << 30;
}

int files_walk_png(files_image_t *image, files_out_t *out,
                   const unsigned char *b, size_t len)
{
    size_t at = SIGNATURE, n;

    if (!header(image, b, len)) {
        return 0;
    }
    files_put(out, b, SIGNATURE);
    while (len - at >= AROUND) {
        const unsigned char *name = b + at + 4;

        n = files_be32(b + at);
        if (n > len - at - AROUND) {
            return 0;
        }
        if (at > SIGNATURE && memcmp(name, "IHDR", 4) == 0) {
            return 0; /* another size */
        }
        if (out->to == NULL && memcmp(name, "eXIf", 4) == 0) {
            image->orientation = files_tiff_orientation(b + at + 8, n);
        }
        if (stays(name)) {
            files_put(out, b + at, n + AROUND);
        }
        if (at == SIGNATURE) {
            put_orientation(out, image->orientation);
        }
        if (memcmp(name, "IEND", 4) == 0) {
            return 1;
        }
        at += n + AROUND;
    }
    return 0;
}
