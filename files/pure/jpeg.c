/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jpeg.c - the walk over a JPEG (ITU-T T.81, annex B).
 *
 * Segments of APP0 (JFIF), APP2 with a colour profile and APP14 (Adobe, says
 * how colours are stored) stay, and all that decodes; other APPn and comments
 * go. A file that ends early is given its end.
 */
#include "walk.h"

enum {
    SOF0 = 0xc0,
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
    SOF15 = 0xcf,
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP0 = 0xe0,
    APP1 = 0xe1,
    APP2 = 0xe2,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe,
    TEM = 0x01
};

static const char EXIF[6] = "Exif\0";
static const char ICC[12] = "ICC_PROFILE";

/* A segment's data begins with these bytes. */
static int is(const unsigned char *data, size_t len, const void *head,
              size_t head_len)
{
    return len >= head_len && memcmp(data, head, head_len) == 0;
}

static int stays(unsigned marker, const unsigned char *data, size_t len)
{
    if (marker == APP2) {
        return is(data, len, ICC, sizeof(ICC));
    }
    if (marker == APP0) {
        return is(data, len, "JFIF", 5);
    }
    return marker == APP14 ? is(data, len, "Adobe", 5)
                           : marker != COM && (marker < APP0 || marker > APP15);
}

static void put_orientation(files_out_t *out, unsigned orientation)
{
    unsigned char segment[4 + sizeof(EXIF) + FILES_TIFF] = { 0xff, APP1, 0 };

    if (orientation != 1) {
        segment[3] = sizeof(segment) - 2;
        memcpy(segment + 4, EXIF, sizeof(EXIF));
        files_tiff_write(segment + 4 + sizeof(EXIF), orientation);
        files_put(out, segment, sizeof(segment));
    }
}

static int is_frame(unsigned marker)
{
    return marker >= SOF0 && marker <= SOF15 && marker != DHT &&
           marker != JPG && marker != DAC;
}

/* Height, width: the first frame's count, all are looked at. */
static int frame(files_image_t *image, const unsigned char *data, size_t len)
{
    unsigned height, width;

    if (len < 6) {
        return 0;
    }
    height = files_be16(data + 1);
    width = files_be16(data + 3);
    if (image->width == 0) {
        image->width = width;
        image->height = height;
    }
    files_pixels(image, width, height);
    return width > 0 && height > 0;
}

/* Where a scan's compressed bytes end: at a marker that is no part of them. */
static size_t scan_end(const unsigned char *b, size_t len, size_t at)
{
    while (at + 1 < len) {
        if (b[at] == 0xff && b[at + 1] != 0 && b[at + 1] != 0xff &&
            !(b[at + 1] >= RST0 && b[at + 1] <= RST7)) {
            return at;
        }
        at++;
    }
    return len;
}

/* What is to be known of a segment. @return 0: the image is broken */
static int look(files_image_t *image, const files_out_t *out, unsigned marker,
                const unsigned char *data, size_t len)
{
    if (out->to != NULL) {
        return 1; /* the second walk */
    }
    if (marker == APP1 && is(data, len, EXIF, sizeof(EXIF)) &&
        image->orientation == 1) {
        image->orientation = files_tiff_orientation(data + sizeof(EXIF),
                                                    len - sizeof(EXIF));
    }
    return !is_frame(marker) || frame(image, data, len);
}

/* One marker at `at`. @return where the next one is to be looked for; 0: the
 * image is broken; `len`: it is over */
static size_t step(files_image_t *image, files_out_t *out,
                   const unsigned char *b, size_t len, size_t at)
{
    unsigned marker;
    size_t n;

    if (b[at] != 0xff) {
        return 0;
    }
    while (at + 1 < len && b[at + 1] == 0xff) {
        at++; /* fill bytes */
    }
    if (at + 1 >= len) {
        return len;
    }
    marker = b[at + 1];
    if (marker == EOI) {
        return len;
    }
    if (marker == TEM || (marker >= RST0 && marker <= RST7)) {
        return at + 2;
    }
    if (marker < SOF0 || marker == SOI || len - at < 4) {
        return 0;
    }
    n = files_be16(b + at + 2);
    if (n < 2 || n > len - at - 2 ||
        !look(image, out, marker, b + at + 4, n - 2)) {
        return 0;
    }
    n += 2;
    if (marker == SOS) {
        if (image->width == 0) {
            return 0;
        }
        n = scan_end(b, len, at + n) - at;
    }
    if (stays(marker, b + at + 4, n - 4)) {
        files_put(out, b + at, n);
    }
    return at + n;
}

int files_walk_jpeg(files_image_t *image, files_out_t *out,
                    const unsigned char *b, size_t len)
{
    static const unsigned char begin[] = { 0xff, SOI }, end[] = { 0xff, EOI };
    int turned = 0;
    size_t at = 2;

    files_put(out, begin, sizeof(begin));
    while (at < len) {
        /* Behind JFIF, which wants to be first. */
        if (!turned && (len - at < 2 || b[at + 1] != APP0)) {
            put_orientation(out, image->orientation);
            turned = 1;
        }
        at = step(image, out, b, len, at);
        if (at == 0) {
            return 0;
        }
    }
    files_put(out, end, sizeof(end));
    return image->width > 0;
}
