/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_image.c - sizes without decoding, and images without their metadata: by
 * the fuzzer's corpus, which holds one of each kind with all that must go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#include "image.h"

static unsigned char in[65536], out[65536 + FILES_IMAGE_MORE];

static size_t load(const char *name)
{
    char path[256];
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "test/fuzz/corpus/image/%s", name);
    f = fopen(path, "rb");
    assert_non_null(f);
    n = fread(in, 1, sizeof(in), f);
    fclose(f);
    return n;
}

static int holds(const unsigned char *bytes, size_t len, const char *word)
{
    return memmem(bytes, len, word, strlen(word)) != NULL;
}

static void plain_images_have_their_size_and_stay_as_they_are(void **state)
{
    static const char *const names[] = { "plain.png", "plain.gif",
                                         "plain.webp", "plain.ll.webp" };
    files_image_t im;
    size_t i, n;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        n = load(names[i]);
        assert_int_equal(files_image_read(&im, in, n), 1);
        assert_int_equal(im.width, 40);
        assert_int_equal(im.height, 30);
        assert_int_equal(im.orientation, 1);
        assert_int_equal(im.pixels, 1200);
    }
    n = load("plain.png");
    assert_int_equal(files_image_read(&im, in, n), 1);
    assert_int_equal(files_image_strip(out, &im, in, n), n);
    assert_memory_equal(in, out, n);
}

/* The corpus writes SECRET wherever metadata may be. */
static void nothing_of_the_metadata_is_left(void **state)
{
    static const char *const names[] = { "exif.jpg", "texts.png", "comment.gif",
                                         "exif.webp" };
    files_image_t im, left;
    size_t i, n, m;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        n = load(names[i]);
        assert_true(holds(in, n, "SECRET"));
        assert_int_equal(files_image_read(&im, in, n), 1);
        m = files_image_strip(out, &im, in, n);
        assert_true(m > 0 && m < n);
        assert_false(holds(out, m, "SECRET"));
        assert_int_equal(files_image_read(&left, out, m), 1);
        assert_int_equal(left.width, im.width);
        assert_int_equal(left.orientation, im.orientation);
    }
}

static void orientation_and_colours_stay(void **state)
{
    files_image_t im;
    size_t n = load("exif.jpg"), m;

    (void)state;
    assert_int_equal(files_image_read(&im, in, n), 1);
    assert_int_equal(im.orientation, 6);
    assert_int_equal(files_image_turned(&im), 1);
    m = files_image_strip(out, &im, in, n);
    assert_true(holds(out, m, "ICC_PROFILE"));
    assert_true(holds(out, m, "Exif"));
    assert_true(holds(out, m, "JFIF"));
    assert_false(holds(out, m, "PK\3\4"));
    n = load("exif-le.jpg");
    assert_int_equal(files_image_read(&im, in, n), 1);
    assert_int_equal(im.orientation, 8);
    n = load("texts.png");
    assert_int_equal(files_image_read(&im, in, n), 1);
    assert_int_equal(im.orientation, 3);
    assert_int_equal(files_image_turned(&im), 0);
    n = load("exif.webp");
    assert_int_equal(files_image_read(&im, in, n), 1);
    assert_int_equal(im.orientation, 6);
}

/* Pixels are those of whatever part wants most, before anything is decoded. */
static void bombs_say_how_large_they_are(void **state)
{
    files_image_t im;
    size_t n = load("bomb.png");

    (void)state;
    assert_int_equal(files_image_read(&im, in, n), 1);
    assert_true(im.pixels == 3600000000ull);
    n = load("frame-larger.gif");
    assert_int_equal(files_image_read(&im, in, n), 1);
    assert_int_equal(im.width, 1);
    assert_int_equal(im.pixels, 1200);
}

static void what_is_broken_or_none_is_refused(void **state)
{
    static const char *const names[] = { "cut-segment.jpg", "zero-height.jpg",
                                         "huge-chunk.png",  "cut.png",
                                         "cut.gif",         "size-lies.webp",
                                         "svg.txt" };
    files_image_t im;
    size_t i, n;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        n = load(names[i]);
        if (files_image_read(&im, in, n)) {
            fail_msg("%s was taken", names[i]);
        }
    }
    n = load("plain.jpg");
    for (i = 0; i < 100; i++) {
        assert_int_equal(files_image_read(&im, in, i), 0);
    }
}

/* A photograph that was cut off is one all the same, with an end. */
static void a_jpeg_without_its_end_gets_one(void **state)
{
    files_image_t im;
    size_t n = load("no-end.jpg"), m;

    (void)state;
    assert_int_equal(files_image_read(&im, in, n), 1);
    m = files_image_strip(out, &im, in, n);
    assert_int_equal(out[m - 2], 0xff);
    assert_int_equal(out[m - 1], 0xd9);
}

static void kinds_go_by_media_type(void **state)
{
    (void)state;
    assert_int_equal(files_image_kind_of("image/jpeg"), FILES_IMAGE_JPEG);
    assert_int_equal(files_image_kind_of("image/webp"), FILES_IMAGE_WEBP);
    assert_int_equal(files_image_kind_of("image/svg+xml"), FILES_IMAGE_NONE);
    assert_int_equal(files_image_kind_of(""), FILES_IMAGE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_images_have_their_size_and_stay_as_they_are),
        cmocka_unit_test(nothing_of_the_metadata_is_left),
        cmocka_unit_test(orientation_and_colours_stay),
        cmocka_unit_test(bombs_say_how_large_they_are),
        cmocka_unit_test(what_is_broken_or_none_is_refused),
        cmocka_unit_test(a_jpeg_without_its_end_gets_one),
        cmocka_unit_test(kinds_go_by_media_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
