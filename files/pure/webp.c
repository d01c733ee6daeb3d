/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webp.c - the walk over a WebP (RFC 9649), animations included.
 *
 * Chunks that a picture is made of stay, by name. The flags of the header
 * (VP8X) then say what is no longer there.
 */
#include "walk.h"

#define HEAD 12 /* RIFF, size, WEBP */
#define FLAG_EXIF 0x08
#define FLAG_XMP 0x04

static const char chunks[][5] = { "VP8X", "VP8 ", "VP8L", "ALPH",
                                  "ANIM", "ANMF", "ICCP" };

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

static unsigned le24(const unsigned char *b)
{
    return (unsigned)b[2] << 16 | files_le16(b);
}

/* A size that some chunk states; the first counts, all are looked at. */
static void size(files_image_t *image, unsigned width, unsigned height)
{
    if (image->width == 0) {
        image->width = width;
        image->height = height;
    }
    files_pixels(image, width, height);
}

/* What is to be known of a chunk. @return 0: the image is broken */
static int look(files_image_t *image, const files_out_t *out,
                const unsigned char *name, const unsigned char *d, size_t n)
{
    if (memcmp(name, "VP8X", 4) == 0) {
        if (n < 10) {
            return 0;
        }
        size(image, le24(d + 4) + 1, le24(d + 7) + 1);
    }
    else if (memcmp(name, "VP8 ", 4) == 0) {
        if (n < 10 || memcmp(d + 3, "\x9d\x01\x2a", 3) != 0) {
            return 0;
        }
        size(image, files_le16(d + 6) & 0x3fff, files_le16(d + 8) & 0x3fff);
    }
    else if (memcmp(name, "VP8L", 4) == 0) {
        unsigned bits;

        if (n < 5 || d[0] != 0x2f) {
            return 0;
        }
        bits = files_le32(d + 1);
        size(image, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
    }
    else if (memcmp(name, "EXIF", 4) == 0 && out->to == NULL) {
        size_t skip = n >= 6 && memcmp(d, "Exif\0", 6) == 0 ? 6 : 0;

        image->orientation = files_tiff_orientation(d + skip, n - skip);
    }
    return 1;
}

/* Copy a chunk, padded; the header's flags lose what is left out. */
static void put_chunk(files_out_t *out, const files_image_t *image,
                      const unsigned char *b, size_t n)
{
    static const unsigned char pad = 0;
    size_t at = out->n;

    files_put(out, b, n + 8);
    if (n & 1) {
        files_put(out, &pad, 1);
    }
    if (out->to != NULL && memcmp(b, "VP8X", 4) == 0) {
        out->to[at + 8] &= (unsigned char)~(FLAG_EXIF | FLAG_XMP);
        if (image->orientation != 1) {
            out->to[at + 8] |= FLAG_EXIF;
        }
    }
}

static void put_orientation(files_out_t *out, unsigned orientation)
{
    unsigned char chunk[8 + FILES_TIFF] = { 'E', 'X', 'I', 'F', FILES_TIFF };

    if (orientation != 1) {
        files_tiff_write(chunk + 8, orientation);
        files_put(out, chunk, sizeof(chunk));
    }
}

/* How much is in the file as RIFF counts. */
static void put_size(const files_out_t *out)
{
    size_t n = out->n - 8;

    if (out->to != NULL) {
        out->to[4] = (unsigned char)n;
        out->to[5] = (unsigned char)(n >> 8);
        out->to[6] = (unsigned char)(n >> 16);
        out->to[7] = (unsigned char)(n >> 24);
    }
}

int files_walk_webp(files_image_t *image, files_out_t *out,
                    const unsigned char *b, size_t len)
{
    size_t said = files_le32(b + 4), at = HEAD, n;
    int first = 1, extended = 0;

    if (said < 4 || said > len - 8) {
        return 0;
    }
    len = 8 + said; /* what is behind it is no part of it */
    files_put(out, b, HEAD);
    while (len - at >= 8) {
        n = files_le32(b + at + 4);
        if (n > len - at - 8 || !look(image, out, b + at, b + at + 8, n)) {
            return 0;
        }
        extended |= first && memcmp(b + at, "VP8X", 4) == 0;
        first = 0;
        if (stays(b + at)) {
            put_chunk(out, image, b + at, n);
        }
        at += 8 + n;
        at += (n & 1) && at < len ? 1 : 0;
    }
    if (!extended) {
        image->orientation = 1; /* there is no place for EXIF */
    }
    put_orientation(out, image->orientation);
    put_size(out);
    return image->width > 0 && image->height > 0;
}
