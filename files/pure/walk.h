/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.h - what the walks over the four containers share; see image.h.
 *
 * Each walk is one function. Without `to` it fills the image; with it, it
 * copies what stays. It returns 0 as soon as the container is broken.
 */
#ifndef FILES_WALK_H
#define FILES_WALK_H

#include <string.h>

#include "image.h"

typedef struct {
    unsigned char *to; /* NULL: only look */
    size_t n;          /* bytes written */
} files_out_t;

/** A minimal TIFF block with an orientation: its length. */
#define FILES_TIFF 26

int files_walk_jpeg(files_image_t *image, files_out_t *out,
                    const unsigned char *b, size_t len);
int files_walk_png(files_image_t *image, files_out_t *out,
                   const unsigned char *b, size_t len);
int files_walk_gif(files_image_t *image, files_out_t *out,
                   const unsigned char *b, size_t len);
int files_walk_webp(files_image_t *image, files_out_t *out,
                    const unsigned char *b, size_t len);

/** The orientation in a TIFF block (what EXIF is); 1 when there is none. */
unsigned files_tiff_orientation(const unsigned char *b, size_t len);

/** Write a TIFF block with nothing but an orientation. */
void files_tiff_write(unsigned char to[FILES_TIFF], unsigned orientation);

static inline void files_put(files_out_t *out, const void *bytes, size_t len)
{
    if (out->to != NULL) {
        memcpy(out->to + out->n, bytes, len);
    }
    out->n += len;
}

static inline unsigned files_be16(const unsigned char *b)
{
    return (unsigned)b[0] << 8 | b[1];
}

static inline unsigned files_be32(const unsigned char *b)
{
    return files_be16(b) << 16 | files_be16(b + 2);
}

static inline unsigned files_le16(const unsigned char *b)
{
    return (unsigned)b[1] << 8 | b[0];
}

static inline unsigned files_le32(const unsigned char *b)
{
    return files_le16(b + 2) << 16 | files_le16(b);
}

/** A part of an image wants so many pixels decoded. */
static inline void files_pixels(files_image_t *image, unsigned w, unsigned h)
{
    unsigned long long n = (unsigned long long)w * h;

    if (n > image->pixels) {
        image->pixels = n;
    }
}

#endif
