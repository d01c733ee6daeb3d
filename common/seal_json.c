/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_json.c - see seal_json.h. One walk over the JSON notes what its objects
 * say of themselves and where sealed texts stand, because an object's ids may
 * stand behind its texts; then each is opened in its place.
 */
#include "seal_json.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "json.h"
#include "utf8.h"

#define MARK_LEN (sizeof(CHAT_SEAL_MARK) - 1)

/* A piece of the JSON; at is NULL for what was not there. */
typedef struct {
    const char *at;
    apr_size_t len;
} piece_t;

/* What an object says. Ids are without their quotes. */
typedef struct {
    int parent;      /* the object around it; -1: none */
    piece_t called;  /* the member it is; of a list in it likewise */
    piece_t id, author, doctor, conversation, client;
    char name[CHAT_SEAL_NAME]; /* that of its plan's texts, once one is open */
    int named, marked;
} object_t;

/* A text that may be a sealed one. */
typedef struct {
    int object;
    piece_t member, text; /* without quotes */
} found_t;

/* What is open at a place of the walk: an object or a list. */
typedef struct {
    int object; /* the nearest */
    int list;
    int key;       /* a member's name is next */
    piece_t member; /* the last one's */
} frame_t;

typedef struct {
    const char *at;
    apr_array_header_t *objects, *found, *frames;
} walk_t;

static object_t *object_of(const walk_t *w, int i)
{
    return i >= 0 ? &APR_ARRAY_IDX(w->objects, i, object_t) : NULL;
}

static frame_t *top_of(const walk_t *w)
{
    return w->frames->nelts > 0
               ? &APR_ARRAY_IDX(w->frames, w->frames->nelts - 1, frame_t)
               : NULL;
}

static int is(piece_t piece, const char *word)
{
    return piece.at != NULL && strlen(word) == piece.len &&
           memcmp(piece.at, word, piece.len) == 0;
}

/* --- the walk --- */

static void object_open(walk_t *w, int list)
{
    const frame_t *around = top_of(w);
    piece_t called = around != NULL ? around->member : (piece_t){ NULL, 0 };
    int parent = around != NULL ? around->object : -1;
    frame_t *f;

    if (!list) {
        object_t *o = apr_array_push(w->objects);

        memset(o, 0, sizeof(*o));
        o->parent = parent;
        o->called = called;
    }
    f = apr_array_push(w->frames);
    memset(f, 0, sizeof(*f));
    f->object = list ? parent : w->objects->nelts - 1;
    f->list = list;
    f->key = !list;
    f->member = called;
}

/* An object's id is also something of the object around it. */
static void id_take(walk_t *w, object_t *o, piece_t value)
{
    object_t *around = object_of(w, o->parent);

    o->id = value;
    if (around != NULL && is(o->called, "user") && around->author.at == NULL) {
        around->author = value;
    }
    if (around != NULL && is(o->called, "consultation") &&
        around->conversation.at == NULL) {
        around->conversation = value;
    }
}

static void value_take(walk_t *w, const frame_t *f, piece_t value, int text)
{
    object_t *o = object_of(w, f->object);

    if (o == NULL || f->list) {
        return;
    }
    if (is(f->member, "id")) {
        id_take(w, o, value);
    }
    else if (is(f->member, "user_id")) {
        o->author = value;
    }
    else if (is(f->member, "doctor_id")) {
        o->doctor = value;
    }
    else if (is(f->member, "consultation_id") ||
             is(f->member, "conversation_id")) {
        o->conversation = value;
    }
    else if (is(f->member, "client_id")) {
        o->client = text ? value : (piece_t){ value.at, 0 };
    }
    else if (text && value.len > MARK_LEN &&
             memcmp(value.at, CHAT_SEAL_MARK, MARK_LEN) == 0) {
        found_t *found = apr_array_push(w->found);

        found->object = f->object;
        found->member = f->member;
        found->text = value;
    }
}

/* @return 0 when the string does not end */
static int string_walk(walk_t *w)
{
    frame_t *f = top_of(w);
    piece_t text = { ++w->at, 0 };

    for (;;) {
        w->at += strcspn(w->at, "\"\\");
        if (*w->at == '"') {
            break;
        }
        if (w->at[0] == '\0' || w->at[1] == '\0') {
            return 0;
        }
        w->at += 2;
    }
    text.len = (apr_size_t)(w->at++ - text.at);
    if (f != NULL && f->key) {
        f->member = text;
        f->key = 0;
    }
    else if (f != NULL) {
        value_take(w, f, text, 1);
    }
    return 1;
}

static void scalar_walk(walk_t *w)
{
    piece_t value = { w->at, strcspn(w->at, ",]}\"[{: \t\r\n") };

    w->at += value.len;
    if (top_of(w) != NULL) {
        value_take(w, top_of(w), value, 0);
    }
}

/* One token. @return 0 at the end, or where it is no JSON */
static int step(walk_t *w)
{
    w->at += strspn(w->at, " \t\r\n:");
    switch (*w->at) {
    case '\0':
        return 0;
    case '"':
        return string_walk(w);
    case '{':
    case '[':
        object_open(w, *w->at == '[');
        w->at++;
        return 1;
    case '}':
    case ']':
        w->at++;
        return apr_array_pop(w->frames) != NULL;
    case ',':
        if (top_of(w) != NULL) {
            top_of(w)->key = !top_of(w)->list;
        }
        w->at++;
        return 1;
    default:
        scalar_walk(w);
        return 1;
    }
}

/* --- opening --- */

static const char *text_of(piece_t piece, apr_pool_t *p)
{
    return piece.at != NULL ? apr_pstrmemdup(p, piece.at, piece.len) : NULL;
}

/* The nearest that says it; NULL: none does. */
static const char *around(const walk_t *w, int object, apr_size_t field,
                          apr_pool_t *p)
{
    for (; object >= 0; object = object_of(w, object)->parent) {
        piece_t piece;

        memcpy(&piece, (const char *)object_of(w, object) + field,
               sizeof(piece));
        if (piece.at != NULL && !is(piece, "null")) {
            return text_of(piece, p);
        }
    }
    return NULL;
}

static const char *named(piece_t called, apr_pool_t *p)
{
    char *name = apr_palloc(p, CHAT_SEAL_NAME);

    chat_seal_name(name, called.at, called.len);
    return name;
}

static chat_seal_kind_t kind_of(piece_t member, const chat_sealed_t *sealed)
{
    return is(member, "content")       ? CHAT_SEAL_MESSAGE
           : is(member, "name")        ? CHAT_SEAL_FILENAME
           : is(member, "description") ? CHAT_SEAL_DESCRIPTION
           : is(member, "reason")      ? CHAT_SEAL_REASON
           : !is(member, "title")      ? (chat_seal_kind_t)0
           : sealed->kind == CHAT_SEAL_SUBJECT ? CHAT_SEAL_SUBJECT
                                               : CHAT_SEAL_TITLE;
}

/* What its place says it should be. */
static void where_of(chat_seal_about_t *where, const walk_t *w,
                     const found_t *found, const chat_sealed_t *sealed,
                     const char *conversation, apr_pool_t *p)
{
    const object_t *o = object_of(w, found->object);

    memset(where, 0, sizeof(*where));
    where->kind = kind_of(found->member, sealed);
    where->conversation = around(w, found->object,
                                 offsetof(object_t, conversation), p);
    if (where->conversation == NULL) {
        where->conversation = conversation;
    }
    switch (where->kind) {
    case CHAT_SEAL_MESSAGE:
        where->author = text_of(o->author, p);
        where->name = o->client.at != NULL ? named(o->client, p) : NULL;
        break;
    case CHAT_SEAL_FILENAME:
        where->author = around(w, found->object, offsetof(object_t, author), p);
        where->name = named(o->id, p);
        break;
    case CHAT_SEAL_SUBJECT:
        where->conversation = o->id.at != NULL ? text_of(o->id, p) : "";
        break;
    case CHAT_SEAL_TITLE:
    case CHAT_SEAL_DESCRIPTION:
        where->author = text_of(o->doctor, p);
        where->name = o->named ? o->name : NULL;
        break;
    case CHAT_SEAL_REASON:
        where->name = o->named ? o->name : NULL;
        break;
    }
}

static int of_a_plan(chat_seal_kind_t kind)
{
    return kind == CHAT_SEAL_TITLE || kind == CHAT_SEAL_DESCRIPTION ||
           kind == CHAT_SEAL_REASON;
}

/* @return the text as JSON with its quotes, from p; NULL: it cannot be opened,
 *         or belongs elsewhere */
static const char *opened(walk_t *w, const found_t *found,
                          const chat_sealed_t *sealed, const char *conversation,
                          chat_seal_find_t find, void *baton, apr_pool_t *p)
{
    object_t *o = object_of(w, found->object);
    const chat_seal_key_t *key = find(baton, sealed->key_id);
    chat_seal_about_t where;
    apr_size_t n = 0;
    char *plain;

    where_of(&where, w, found, sealed, conversation, p);
    if (key == NULL || !chat_sealed_fits(sealed, key->conversation, &where)) {
        return NULL;
    }
    plain = chat_seal_open(&n, key, sealed, p);
    if (plain == NULL || !chat_utf8_valid(plain, n)) {
        return NULL;
    }
    if (of_a_plan(sealed->kind) && !o->named) {
        memcpy(o->name, sealed->name, sizeof(o->name));
        o->named = 1;
    }
    return chat_json_quote(plain, n, p);
}

/* Instead of a text that cannot be opened. */
static const char *shut(object_t *o)
{
    int marked = o->marked;

    o->marked = 1;
    return marked ? "\"\"" : "\"\",\"unreadable\":true";
}

const char *chat_seal_open_json(const char *json, const char *conversation,
                                chat_seal_find_t find, void *baton,
                                int *failed, apr_pool_t *p)
{
    walk_t w = { .at = json };
    apr_array_header_t *parts;
    const char *from = json;

    if (strstr(json, CHAT_SEAL_MARK) == NULL) {
        return json;
    }
    w.objects = apr_array_make(p, 64, sizeof(object_t));
    w.found = apr_array_make(p, 32, sizeof(found_t));
    w.frames = apr_array_make(p, 16, sizeof(frame_t));
    while (step(&w)) {
    }
    if (w.found->nelts == 0) {
        return json;
    }
    parts = apr_array_make(p, 3 * w.found->nelts + 1, sizeof(const char *));
    for (int i = 0; i < w.found->nelts; i++) {
        const found_t *found = &APR_ARRAY_IDX(w.found, i, found_t);
        const char *plain;
        chat_sealed_t sealed;

        if (!chat_sealed_parse(&sealed, found->text.at, found->text.len)) {
            continue; /* somebody wrote what looks like one: it stays */
        }
        plain = opened(&w, found, &sealed, conversation, find, baton, p);
        if (plain == NULL) {
            plain = shut(object_of(&w, found->object));
            *(failed != NULL ? failed : &(int){ 0 }) += 1;
        }
        APR_ARRAY_PUSH(parts, const char *) =
            apr_pstrmemdup(p, from, (apr_size_t)(found->text.at - 1 - from));
        APR_ARRAY_PUSH(parts, const char *) = plain;
        from = found->text.at + found->text.len + 1;
    }
    APR_ARRAY_PUSH(parts, const char *) = from;
    return apr_array_pstrcat(p, parts, '\0');
}
