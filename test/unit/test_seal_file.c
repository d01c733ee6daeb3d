/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_seal_file.c - sealed files on disk: replaced whole, told by their heads,
 * and never one that was removed meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seal_file.h"

#define FILE_NAME "7/0123"

#define SIZE (2 * CHAT_SEAL_BLOCK + 77)

static const unsigned char
    key[CHAT_SEAL_KEY] = "0123456789abcdef0123456789abcde";
static const unsigned char
    other[CHAT_SEAL_KEY] = "another key, which is not right";
static char dir[64], path[96], beside[96];
static unsigned char content[SIZE];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/chat-seal-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/file", dir);
    snprintf(beside, sizeof(beside), "%s/file-sealing", dir);
    for (int i = 0; i < SIZE; i++) {
        content[i] = (unsigned char)(i * 7 + i / 251);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(beside);
    return rmdir(dir);
}

static void lay(const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

/* What the file holds, opened with a key. @return its size, -1: it is not to be
 * opened */
static long opened(unsigned char *to, const unsigned char *with)
{
    static unsigned char block[CHAT_SEAL_BLOCK],
        scratch[CHAT_SEAL_BLOCK + CHAT_SEAL_TAG];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    chat_seal_head_t head;
    apr_size_t len;
    long done = 0;

    assert_true(fd >= 0);
    assert_true(chat_seal_file_head(&head, fd));
    strcpy(head.file, FILE_NAME);
    for (apr_int64_t i = 0; done >= 0 && done < head.size; i++) {
        if (chat_seal_file_block(block, &len, scratch, fd, with, &head, i) !=
            APR_SUCCESS) {
            done = -1;
            break;
        }
        memcpy(to + done, block, len);
        done += (long)len;
    }
    assert_int_not_equal(
        chat_seal_file_block(block, &len, scratch, fd, with, &head, 99),
        APR_SUCCESS);
    close(fd);
    return done;
}

static void a_file_is_replaced_by_itself_sealed(void **state)
{
    static const size_t sizes[] = { 0, 1, CHAT_SEAL_BLOCK, CHAT_SEAL_BLOCK + 1,
                                    SIZE };
    static unsigned char out[SIZE];

    (void)state;
    for (int i = 0; i < 5; i++) {
        lay(content, sizes[i]);
        assert_int_equal(chat_seal_file_replace(path, beside, NULL, key, "7", FILE_NAME),
                         APR_SUCCESS);
        assert_int_equal(opened(out, key), (long)sizes[i]);
        assert_memory_equal(out, content, sizes[i]);
        /* Done again it is done; with another key only by who has this one. */
        assert_int_equal(chat_seal_file_replace(path, beside, NULL, key, "7", FILE_NAME),
                         APR_SUCCESS);
        assert_true(APR_STATUS_IS_EAGAIN(
            chat_seal_file_replace(path, beside, NULL, other, "8", FILE_NAME)));
        assert_int_equal(
            chat_seal_file_replace(path, beside, other, other, "8", FILE_NAME),
            APR_EGENERAL);
        assert_int_equal(chat_seal_file_replace(path, beside, key, other, "8", FILE_NAME),
                         APR_SUCCESS);
        assert_int_equal(opened(out, other), (long)sizes[i]);
        assert_memory_equal(out, content, sizes[i]);
        assert_int_not_equal(access(beside, F_OK), 0);
    }
}

static void one_that_is_gone_or_in_use_is_left_alone(void **state)
{
    int fd;

    (void)state;
    unlink(path);
    assert_true(APR_STATUS_IS_ENOENT(
        chat_seal_file_replace(path, beside, NULL, key, "7", FILE_NAME)));
    assert_int_not_equal(access(path, F_OK), 0);
    lay(content, SIZE);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_true(APR_STATUS_IS_EAGAIN(
        chat_seal_file_replace(path, beside, NULL, key, "7", FILE_NAME)));
    close(fd);
}

static void one_cut_short_or_swapped_is_not_opened(void **state)
{
    static unsigned char out[SIZE];

    (void)state;
    lay(content, SIZE);
    assert_int_equal(chat_seal_file_replace(path, beside, NULL, key, "7", FILE_NAME),
                     APR_SUCCESS);
    assert_int_equal(truncate(path, SIZE), 0);
    assert_int_equal(opened(out, key), -1);
    assert_int_equal(opened(out, other), -1);
}

static void a_file_is_written_open_again(void **state)
{
    static unsigned char out[SIZE];
    chat_seal_head_t head;
    int from, to;

    (void)state;
    lay(content, SIZE);
    assert_int_equal(chat_seal_file_replace(path, beside, NULL, key, "7", FILE_NAME),
                     APR_SUCCESS);
    from = open(path, O_RDONLY | O_CLOEXEC);
    to = open(beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(chat_seal_file_head(&head, from));
    strcpy(head.file, "7/another");
    assert_int_equal(chat_seal_file_open(to, from, key, &head), APR_EGENERAL);
    strcpy(head.file, FILE_NAME);
    assert_int_equal(chat_seal_file_open(to, from, key, &head), APR_SUCCESS);
    assert_int_equal(pread(to, out, SIZE, 0), SIZE);
    assert_memory_equal(out, content, SIZE);
    close(to);
    close(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_replaced_by_itself_sealed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            one_that_is_gone_or_in_use_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(one_cut_short_or_swapped_is_not_opened,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_written_open_again, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
