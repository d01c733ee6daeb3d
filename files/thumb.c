/* SPDX-License-Identifier: Apache-2.0 */
/* thumb.c - see thumb.h. */
#include "thumb.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gd.h>

#include "image.h"
#include "sandbox.h"
#include "disk.h"

#define QUALITY 80

/* All of stdin. @return NULL: too much, or it cannot be read */
static unsigned char *input(size_t *len)
{
    size_t room = 1 << 16, n = 0;
    unsigned char *bytes = malloc(room);
    ssize_t got;

    while (bytes != NULL && (got = read(STDIN_FILENO, bytes + n, room - n)) > 0) {
        n += (size_t)got;
        if (n == room) {
            unsigned char *more = room < FILES_WHOLE ? realloc(bytes, 2 * room)
                                                     : NULL;

            if (more == NULL) {
                free(bytes);
            }
            bytes = more;
            room *= 2;
        }
    }
    *len = n;
    return bytes;
}

static gdImagePtr decode(const files_image_t *im, unsigned char *bytes, int len)
{
    switch (im->kind) {
    case FILES_IMAGE_JPEG:
        return gdImageCreateFromJpegPtrEx(len, bytes, 1);
    case FILES_IMAGE_PNG:
        return gdImageCreateFromPngPtr(len, bytes);
    case FILES_IMAGE_GIF:
        return gdImageCreateFromGifPtr(len, bytes);
    case FILES_IMAGE_WEBP:
        return gdImageCreateFromWebpPtr(len, bytes);
    default:
        return NULL;
    }
}

/* The longer side to what it may be; smaller ones stay. Frees `image`. */
static gdImagePtr scale(gdImagePtr image)
{
    int w = gdImageSX(image), h = gdImageSY(image);
    int longer = w > h ? w : h;
    gdImagePtr small = image;

    if (!gdImageTrueColor(image) && !gdImagePaletteToTrueColor(image)) {
        return NULL;
    }
    if (longer > FILES_THUMB_SIDE) {
        w = (int)((long long)w * FILES_THUMB_SIDE / longer);
        h = (int)((long long)h * FILES_THUMB_SIDE / longer);
        gdImageSetInterpolationMethod(image, GD_TRIANGLE);
        small = gdImageScale(image, w > 0 ? (unsigned)w : 1,
                             h > 0 ? (unsigned)h : 1);
        gdImageDestroy(image);
    }
    return small;
}

/* On white: a JPEG knows no transparency. Frees `image`. */
static gdImagePtr flatten(gdImagePtr image)
{
    int w = gdImageSX(image), h = gdImageSY(image);
    gdImagePtr flat = gdImageCreateTrueColor(w, h);

    if (flat != NULL) {
        gdImageFilledRectangle(flat, 0, 0, w - 1, h - 1,
                               gdTrueColor(255, 255, 255));
        gdImageAlphaBlending(flat, 1);
        gdImageCopy(flat, image, 0, 0, 0, 0, w, h);
    }
    gdImageDestroy(image);
    return flat;
}

/* The pixel that is shown at x, y of an image of w by h as it is stored. */
static int source(gdImagePtr image, unsigned orientation, int x, int y)
{
    int w = gdImageSX(image) - 1, h = gdImageSY(image) - 1;

    switch (orientation) {
    case 2:
        return gdImageTrueColorPixel(image, w - x, y);
    case 3:
        return gdImageTrueColorPixel(image, w - x, h - y);
    case 4:
        return gdImageTrueColorPixel(image, x, h - y);
    case 5:
        return gdImageTrueColorPixel(image, y, x);
    case 6:
        return gdImageTrueColorPixel(image, y, h - x);
    case 7:
        return gdImageTrueColorPixel(image, w - y, h - x);
    default:
        return gdImageTrueColorPixel(image, w - y, x);
    }
}

/* As it is to be seen. Frees `image`. */
static gdImagePtr turn(gdImagePtr image, const files_image_t *im)
{
    int turned = files_image_turned(im), x, y, w, h;
    gdImagePtr right;

    if (im->orientation == 1) {
        return image;
    }
    w = turned ? gdImageSY(image) : gdImageSX(image);
    h = turned ? gdImageSX(image) : gdImageSY(image);
    right = gdImageCreateTrueColor(w, h);
    for (y = 0; right != NULL && y < h; y++) {
        for (x = 0; x < w; x++) {
            gdImageTrueColorPixel(right, x, y) = source(image, im->orientation,
                                                        x, y);
        }
    }
    gdImageDestroy(image);
    return right;
}

/* @return the program's exit status. Frees `image`. */
static int output(gdImagePtr image)
{
    int len = 0, n = 0;
    ssize_t put = 1;
    unsigned char *bytes = gdImageJpegPtr(image, &len, QUALITY);

    while (bytes != NULL && n < len && put > 0) {
        put = write(STDOUT_FILENO, bytes + n, (size_t)(len - n));
        n += (int)put;
    }
    gdImageDestroy(image);
    gdFree(bytes);
    return len > 0 && n == len ? 0 : 1;
}

/* gd says what is wrong with an image; nobody wants to know. */
static void quiet(int priority, const char *format, va_list args)
{
    (void)priority;
    (void)format;
    (void)args;
}

int files_thumb(unsigned long long max_pixels)
{
    files_image_t im;
    gdImagePtr image;
    size_t len = 0;
    unsigned char *bytes = input(&len);

    if (bytes == NULL || !files_image_read(&im, bytes, len) ||
        im.pixels > max_pixels || !files_sandbox(im.pixels, len)) {
        free(bytes);
        return 1;
    }
    gdSetErrorMethod(quiet);
    image = decode(&im, bytes, (int)len);
    free(bytes);
    if (image != NULL) {
        image = scale(image);
    }
    if (image != NULL) {
        image = flatten(image);
    }
    if (image != NULL) {
        image = turn(image, &im);
    }
    return image != NULL ? output(image) : 1;
}
