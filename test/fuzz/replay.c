/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - run a fuzz target over its corpus, as an ordinary program.
 *
 * `fuzz_NAME DIR` feeds every file of DIR to LLVMFuzzerTestOneInput once. It
 * fails when the directory is missing or empty, so that a corpus cannot vanish
 * unnoticed. Inputs are copied to the heap at their exact size, so that the
 * sanitizers see a read past the end.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data;
    size_t size, room = 1 << 20;
    uint8_t *whole = malloc(room);

    if (f == NULL || whole == NULL) {
        perror(path);
        exit(1);
    }
    size = fread(whole, 1, room, f);
    fclose(f);
    data = malloc(size ? size : 1);
    if (data == NULL) {
        exit(1);
    }
    memcpy(data, whole, size);
    free(whole);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    struct dirent *e;
    char path[4096];
    int n = 0;
    DIR *d;

    if (argc != 2 || (d = opendir(argv[1])) == NULL) {
        fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 1;
    }
    apr_initialize();
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
            n += replay_file(path);
        }
    }
    closedir(d);
    apr_terminate();
    printf("%s: %d inputs replayed\n", argv[1], n);
    return n > 0 ? 0 : 1;
}
