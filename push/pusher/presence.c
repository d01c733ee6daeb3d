/* SPDX-License-Identifier: Apache-2.0 */
/*
 * presence.c - the members of one presence channel, see presence.h.
 *
 * A list for walking and hash chains for finding; both grow together by
 * doubling. A member's texts lie behind its struct, one piece of memory.
 */
#include "presence.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4

/* FNV-1a; ids are signed by the application, so nobody can aim at a chain. */
static apr_uint32_t hash_of(const char *text, apr_size_t len)
{
    apr_uint32_t h = 2166136261u;

    while (len-- > 0) {
        h = (h ^ (unsigned char)*text++) * 16777619u;
    }
    return h;
}

static push_member_t *find(const push_members_t *t, const push_user_t *user,
                           apr_uint32_t hash)
{
    push_member_t *m;

    if (t->room == 0) {
        return NULL;
    }
    for (m = t->chains[hash & (t->room - 1)]; m != NULL; m = m->next) {
        if (m->hash == hash && m->user.id_len == user->id_len &&
            !memcmp(m->user.id, user->id, user->id_len)) {
            return m;
        }
    }
    return NULL;
}

static void chain(push_members_t *t, push_member_t *m)
{
    push_member_t **head = &t->chains[m->hash & (t->room - 1)];

    m->next = *head;
    *head = m;
}

static void grow(push_members_t *t)
{
    apr_uint32_t i;

    t->room = t->room ? t->room * 2 : ROOM_FIRST;
    t->list = push_must(realloc(t->list, t->room * sizeof(push_member_t *)));
    free(t->chains);
    t->chains = push_must(calloc(t->room, sizeof(push_member_t *)));
    for (i = 0; i < t->n; i++) {
        chain(t, t->list[i]);
    }
}

static const char *keep(char **at, const char *text, apr_size_t len)
{
    char *to = *at;

    memcpy(to, text, len);
    *at += len;
    return to;
}

static push_member_t *member_create(const push_user_t *user, apr_uint32_t hash)
{
    push_member_t *m = push_must(
        malloc(sizeof(*m) + user->id_len + user->json_len + user->info_len));
    char *at = (char *)(m + 1);

    memset(m, 0, sizeof(*m));
    m->hash = hash;
    m->user = *user;
    m->user.id = keep(&at, user->id, user->id_len);
    m->user.json = keep(&at, user->json, user->json_len);
    m->user.info = keep(&at, user->info, user->info_len);
    return m;
}

push_member_t *push_members_join(push_members_t *t, const push_user_t *user,
                                 apr_size_t max, int *first)
{
    apr_uint32_t hash = hash_of(user->id, user->id_len);
    push_member_t *m = find(t, user, hash);

    *first = m == NULL;
    if (m == NULL) {
        if (t->n >= max) {
            return NULL;
        }
        if (t->n == t->room) {
            grow(t);
        }
        m = member_create(user, hash);
        m->place = t->n;
        t->list[t->n++] = m;
        chain(t, m);
    }
    m->connections++;
    return m;
}

int push_members_leave(push_members_t *t, push_member_t *m)
{
    push_member_t **link;

    if (--m->connections > 0) {
        return 0;
    }
    link = &t->chains[m->hash & (t->room - 1)];
    while (*link != m) {
        link = &(*link)->next;
    }
    *link = m->next;
    t->list[m->place] = t->list[--t->n];
    t->list[m->place]->place = m->place;
    return 1;
}

void push_members_clear(push_members_t *t)
{
    free(t->list);
    free(t->chains);
    memset(t, 0, sizeof(*t));
}

/* A key of an object is a string, so a number gets quotes. */
static void put_key(push_text_t *t, const push_user_t *user)
{
    const char *quote = user->json[0] == '"' ? "" : "\"";

    push_text_str(t, quote);
    push_text_add(t, user->json, user->json_len);
    push_text_str(t, quote);
}

void push_members_json(const push_members_t *t, push_text_t *out)
{
    apr_uint32_t i;

    push_text_str(out, "{\"presence\":{\"count\":");
    push_text_num(out, t->n);
    push_text_str(out, ",\"ids\":[");
    for (i = 0; i < t->n; i++) {
        push_text_add(out, ",", i > 0);
        push_text_add(out, t->list[i]->user.json, t->list[i]->user.json_len);
    }
    push_text_str(out, "],\"hash\":{");
    for (i = 0; i < t->n; i++) {
        push_text_add(out, ",", i > 0);
        put_key(out, &t->list[i]->user);
        push_text_str(out, ":");
        push_text_add(out, t->list[i]->user.info, t->list[i]->user.info_len);
    }
    push_text_str(out, "}}}");
}
