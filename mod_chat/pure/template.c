/* SPDX-License-Identifier: Apache-2.0 */
/* template.c - pages with slots; see template.h. */
#include "template.h"

#include <string.h>
#include <apr_strings.h>
#include <apr_tables.h>

#define MARK "%%"
#define MARK_LEN 2

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

const char *chat_html_escape(const char *s, apr_pool_t *p)
{
    apr_size_t len = 0;
    char *out, *to;

    for (const char *c = s; *c != '\0'; c++) {
        const char *e = entity(*c);

        len += e != NULL ? strlen(e) : 1;
    }
    out = to = apr_palloc(p, len + 1);
    for (; *s != '\0'; s++) {
        const char *e = entity(*s);

        if (e != NULL) {
            apr_size_t n = strlen(e);

            memcpy(to, e, n);
            to += n;
        }
        else {
            *to++ = *s;
        }
    }
    *to = '\0';
    return out;
}

/* The slot whose `NAME%%` stands at s, NULL when none does. */
static const chat_slot_t *slot_at(const char *s, apr_size_t len,
                                  const chat_slot_t *slots, int n)
{
    for (int i = 0; i < n; i++) {
        apr_size_t name = strlen(slots[i].name);

        if (len >= name + MARK_LEN && memcmp(s, slots[i].name, name) == 0 &&
            memcmp(s + name, MARK, MARK_LEN) == 0) {
            return &slots[i];
        }
    }
    return NULL;
}

static const char *find_mark(const char *s, apr_size_t len)
{
    return len > 0 ? memmem(s, len, MARK, MARK_LEN) : NULL;
}

char *chat_template_fill(apr_size_t *out_len, const char *page, apr_size_t len,
                         const chat_slot_t *slots, int n, apr_pool_t *p)
{
    apr_array_header_t *parts = apr_array_make(p, 8, sizeof(struct iovec));
    const char *end = page + len, *plain = page, *at = page, *mark;

    while ((mark = find_mark(at, (apr_size_t)(end - at))) != NULL) {
        const char *name = mark + MARK_LEN;
        const chat_slot_t *slot = slot_at(name, (apr_size_t)(end - name), slots,
                                          n);
        const char *value;

        if (slot == NULL) {
            at = mark + 1;
            continue;
        }
        value = chat_html_escape(slot->value, p);
        APR_ARRAY_PUSH(parts,
                       struct iovec) = (struct iovec){ (void *)plain,
                                                       (size_t)(mark - plain) };
        APR_ARRAY_PUSH(parts, struct iovec) = (struct iovec){ (void *)value,
                                                              strlen(value) };
        plain = at = name + strlen(slot->name) + MARK_LEN;
    }
    APR_ARRAY_PUSH(parts,
                   struct iovec) = (struct iovec){ (void *)plain,
                                                   (size_t)(end - plain) };
    return apr_pstrcatv(p, (struct iovec *)parts->elts,
                        (apr_size_t)parts->nelts, out_len);
}
