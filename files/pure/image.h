/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - what an image's container says, and the image without the rest.
 *
 * Nothing here decodes a pixel. One walk over the container of a JPEG, PNG, GIF
 * or WebP file finds size and orientation; a second one copies what an image is
 * made of and leaves out what tells of people: EXIF (where and with what it was
 * taken), XMP, IPTC, comments, texts, times, unknown parts, previews, and all
 * bytes behind the image's end, where other files like to hide. What is copied
 * stays as it was, bit by bit: no quality is lost. Colour profiles stay. An
 * orientation other than 1 stays too, as an EXIF block that holds it alone.
 *
 * Pure functions of bytes from strangers; no memory is taken.
 */
#ifndef FILES_IMAGE_H
#define FILES_IMAGE_H

#include <stddef.h>

/* An image without its metadata is at most this much longer than with it. */
#define FILES_IMAGE_MORE 64

typedef enum {
    FILES_IMAGE_NONE,
    FILES_IMAGE_JPEG,
    FILES_IMAGE_PNG,
    FILES_IMAGE_GIF,
    FILES_IMAGE_WEBP
} files_image_kind_t;

typedef struct {
    files_image_kind_t kind;
    unsigned width; /* pixels as stored, before orientation */
    unsigned height;
    unsigned long long pixels; /* the most any part of it wants decoded */
    unsigned orientation;      /* as EXIF counts: 1 (upright) to 8 */
} files_image_t;

/**
 * What an image is.
 * @return 1; 0 when it is none of the four kinds or broken in a way that leaves
 *         unknown what is part of it
 */
int files_image_read(files_image_t *image, const unsigned char *bytes,
                     size_t len);

/**
 * The image without metadata.
 * @param to     room for len + FILES_IMAGE_MORE bytes
 * @param image  as files_image_read found it in these bytes
 * @return the bytes written; 0 never happens to what files_image_read took
 */
size_t files_image_strip(unsigned char *to, const files_image_t *image,
                         const unsigned char *bytes, size_t len);

/** Whether the orientation swaps width and height where it is shown. */
int files_image_turned(const files_image_t *image);

/** The kind of a media type: image/jpeg, image/png, image/gif, image/webp. */
files_image_kind_t files_image_kind_of(const char *mime);

#endif
