/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_image.c - images from strangers: their size is found or they are
 * refused; what is left of one without its metadata fits its room, is the same
 * image, and nothing more can be taken from it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    files_image_t image, same;
    unsigned char *once, *twice;
    size_t n, m;

    if (!files_image_read(&image, data, size)) {
        return 0;
    }
    must(image.width > 0 && image.height > 0 && image.orientation >= 1 &&
         image.orientation <= 8);
    must(image.pixels >= (unsigned long long)image.width * image.height);
    once = malloc(size + FILES_IMAGE_MORE);
    twice = malloc(size + 2 * FILES_IMAGE_MORE);
    must(once != NULL && twice != NULL);
    n = files_image_strip(once, &image, data, size);
    must(n > 0 && n <= size + FILES_IMAGE_MORE);
    must(files_image_read(&same, once, n));
    must(same.kind == image.kind && same.width == image.width &&
         same.height == image.height && same.pixels <= image.pixels &&
         same.orientation == image.orientation);
    m = files_image_strip(twice, &same, once, n);
    must(m == n && memcmp(once, twice, n) == 0);
    free(once);
    free(twice);
    return 0;
}
