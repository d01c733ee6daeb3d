/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_filename.c - the same bytes as a file's name, percent-encoded or not, as its first and last bytes
 * and as what libmagic and a sender call it: a name has no part that deceives and
 * does not change when it is cleaned again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>

#include "filename.h"
#include "filetype.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *scratch(void)
{
    static apr_pool_t *pool;

    if (pool == NULL && (apr_initialize() != APR_SUCCESS ||
                         apr_pool_create(&pool, NULL) != APR_SUCCESS)) {
        abort();
    }
    return pool;
}

static void must(int fact)
{
    if (!fact) {
        abort();
    }
}

static void as_name(const char *raw, apr_pool_t *p)
{
    const char *name = chat_filename_clean(raw, p);
    const char *header = chat_filename_disposition("inline", name, p);
    char ext[CHAT_FILENAME_EXT + 1];

    must(chat_utf8_valid(name, strlen(name)));
    must(chat_utf8_count(name, strlen(name)) <= CHAT_FILENAME_CHARS);
    must(strpbrk(name, "/\\<>:\"|?*\r\n\t\x7f") == NULL);
    must(name[0] != '.' && name[0] != '-' && name[0] != ' ');
    must(strstr(name, "\xe2\x80\xae") == NULL); /* RLO */
    must(strcmp(chat_filename_clean(name, p), name) == 0);
    must(chat_filename_extension(ext, chat_filename_with(name, "png", p)));
    for (; *header != '\0'; header++) {
        must(*header >= ' ' && *header <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *p = scratch();
    char *text = malloc(size + 1);
    const chat_filetype_t *type;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    as_name(text, p);
    must(strlen(chat_filename_decoded(text, p)) <= strlen(text));
    as_name(chat_filename_decoded(text, p), p);
    type = chat_filetype_of(text, ~0u);
    if (type != NULL) {
        must(chat_filetype_agrees(type, "", ""));
        must(chat_filetype_served(chat_filetype_mime(type, text)) != NULL);
    }
    type = chat_filetype_of("image/png", ~0u);
    chat_filetype_masked(type, (const char *)data, size, (const char *)data,
                         size);
    chat_filetype_agrees(type, text, text);
    free(text);
    apr_pool_clear(p);
    return 0;
}
