/* SPDX-License-Identifier: Apache-2.0 */
/* image.c - which of the four walks, and EXIF's orientation; see image.h. */
#include "image.h"

#include "walk.h"

typedef int (*walk_t)(files_image_t *, files_out_t *, const unsigned char *,
                      size_t);

static const walk_t walks[] = { NULL, files_walk_jpeg, files_walk_png,
                                files_walk_gif, files_walk_webp };

static files_image_kind_t kind_of(const unsigned char *b, size_t len)
{
    if (len >= 3 && memcmp(b, "\xff\xd8\xff", 3) == 0) {
        return FILES_IMAGE_JPEG;
    }
    if (len >= 8 && memcmp(b, "\x89PNG\r\n\x1a\n", 8) == 0) {
        return FILES_IMAGE_PNG;
    }
    if (len >= 6 &&
        (memcmp(b, "GIF87a", 6) == 0 || memcmp(b, "GIF89a", 6) == 0)) {
        return FILES_IMAGE_GIF;
    }
    return len >= 12 && memcmp(b, "RIFF", 4) == 0 &&
                   memcmp(b + 8, "WEBP", 4) == 0
               ? FILES_IMAGE_WEBP
               : FILES_IMAGE_NONE;
}

int files_image_read(files_image_t *image, const unsigned char *bytes,
                     size_t len)
{
    files_out_t look = { NULL, 0 };

    memset(image, 0, sizeof(*image));
    image->orientation = 1;
    image->kind = kind_of(bytes, len);
    if (image->kind == FILES_IMAGE_NONE ||
        !walks[image->kind](image, &look, bytes, len)) {
        return 0;
    }
    files_pixels(image, image->width, image->height);
    return image->width > 0 && image->height > 0;
}

size_t files_image_strip(unsigned char *to, const files_image_t *image,
                         const unsigned char *bytes, size_t len)
{
    files_image_t known = *image;
    files_out_t out = { to, 0 };

    return walks[image->kind](&known, &out, bytes, len) ? out.n : 0;
}

int files_image_turned(const files_image_t *image)
{
    return image->orientation >= 5;
}

files_image_kind_t files_image_kind_of(const char *mime)
{
    static const char *const types[] = { "", "image/jpeg", "image/png",
                                         "image/gif", "image/webp" };
    int i;

    for (i = FILES_IMAGE_JPEG; i <= FILES_IMAGE_WEBP; i++) {
        if (strcmp(mime, types[i]) == 0) {
            return (files_image_kind_t)i;
        }
    }
    return FILES_IMAGE_NONE;
}

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3

unsigned files_tiff_orientation(const unsigned char *b, size_t len)
{
    int big = len >= 8 && memcmp(b, "MM\0*", 4) == 0;
    unsigned (*u16)(const unsigned char *) = big ? files_be16 : files_le16;
    unsigned (*u32)(const unsigned char *) = big ? files_be32 : files_le32;
    size_t at, n;

    if (len < 8 || (!big && memcmp(b, "II*\0", 4) != 0)) {
        return 1;
    }
    at = u32(b + 4);
    if (at > len || len - at < 2) {
        return 1;
    }
    n = u16(b + at);
    for (at += 2; n > 0 && len - at >= 12; n--, at += 12) {
        if (u16(b + at) == TAG_ORIENTATION && u16(b + at + 2) == TYPE_SHORT) {
            unsigned o = u16(b + at + 8);

            return o >= 1 && o <= 8 ? o : 1;
        }
    }
    return 1;
}

void files_tiff_write(unsigned char to[FILES_TIFF], unsigned orientation)
{
    static const unsigned char block[FILES_TIFF] = {
        'M', 'M', 0, 42, 0, 0, 0, 8, /* the first directory is at 8 */
        0,   1,                      /* of one entry: */
        1,   0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, /* orientation, a SHORT */
        0,   0,    0, 0 /* no directory behind it */
    };

    memcpy(to, block, FILES_TIFF);
    to[19] = (unsigned char)orientation;
}
