/* SPDX-License-Identifier: Apache-2.0 */
/* checkup.c - requests to chat-files and its answers; see checkup.h. */
#include "checkup.h"

#include <stdio.h>
#include <string.h>
#include <jansson.h>

static const char CHECK[] = "check ";
static const char THUMB[] = "thumb ";

static const char *const names[] = { "pending", "clean", "infected", "failed" };

static int all_hex(const char *s, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f')) {
            return 0;
        }
    }
    return 1;
}

int chat_checkup_id_valid(const char *id, apr_size_t len)
{
    return len == CHAT_CHECKUP_ID && all_hex(id, len);
}

/* type/subtype of the letters that registered types are made of. */
static int mime_valid(const char *s, apr_size_t len)
{
    apr_size_t i, slash = 0;

    for (i = 0; i < len; i++) {
        if (s[i] == '/') {
            slash++;
        }
        else if (!(s[i] >= 'a' && s[i] <= 'z') &&
                 !(s[i] >= '0' && s[i] <= '9') &&
                 (s[i] == '\0' || strchr(".+-_", s[i]) == NULL)) {
            return 0;
        }
    }
    return len >= 3 && len <= CHAT_CHECKUP_MIME && slash == 1 && s[0] != '/' &&
           s[len - 1] != '/';
}

apr_size_t chat_checkup_path(char to[CHAT_CHECKUP_PATH], const char *dir,
                             const char *id, const char *suffix)
{
    int n;

    if (!chat_checkup_id_valid(id, strlen(id))) {
        return 0;
    }
    n = snprintf(to, CHAT_CHECKUP_PATH, "%s/%.2s/%s%s", dir, id, id, suffix);
    return n > 0 && n < CHAT_CHECKUP_PATH ? (apr_size_t)n : 0;
}

apr_size_t chat_checkup_ask(char to[CHAT_CHECKUP_REQUEST],
                            const chat_checkup_request_t *request)
{
    int check = request->verb == CHAT_CHECKUP_CHECK;
    int n;

    if (!chat_checkup_id_valid(request->id, strlen(request->id)) ||
        (check && !mime_valid(request->mime, strlen(request->mime)))) {
        return 0;
    }
    n = snprintf(to, CHAT_CHECKUP_REQUEST, "%s%s%s%s", check ? CHECK : THUMB,
                 request->id, check ? " " : "", check ? request->mime : "");
    return n > 0 && n < CHAT_CHECKUP_REQUEST ? (apr_size_t)n : 0;
}

int chat_checkup_asked(chat_checkup_request_t *request, const char *bytes,
                       apr_size_t len)
{
    const apr_size_t head = sizeof(CHECK) - 1 + CHAT_CHECKUP_ID;

    memset(request, 0, sizeof(*request));
    if (len < head ||
        !chat_checkup_id_valid(bytes + sizeof(CHECK) - 1, CHAT_CHECKUP_ID)) {
        return 0;
    }
    memcpy(request->id, bytes + sizeof(CHECK) - 1, CHAT_CHECKUP_ID);
    if (memcmp(bytes, THUMB, sizeof(THUMB) - 1) == 0) {
        request->verb = CHAT_CHECKUP_THUMB;
        return len == head;
    }
    if (memcmp(bytes, CHECK, sizeof(CHECK) - 1) != 0 || len <= head + 1 ||
        bytes[head] != ' ' || !mime_valid(bytes + head + 1, len - head - 1)) {
        return 0;
    }
    request->verb = CHAT_CHECKUP_CHECK;
    memcpy(request->mime, bytes + head + 1, len - head - 1);
    return 1;
}

/* A scanner's name for something, as it may stand in JSON and in a log. */
static void printable(char to[CHAT_CHECKUP_WHY + 1], const char *from)
{
    apr_size_t i;

    for (i = 0; from[i] != '\0' && i < CHAT_CHECKUP_WHY; i++) {
        unsigned char c = (unsigned char)from[i];

        to[i] = from[i];
        if (c < ' ' || c > '~' || c == '"' || c == '\\') {
            to[i] = '?';
        }
    }
    to[i] = '\0';
}

apr_size_t chat_checkup_tell(char to[CHAT_CHECKUP_ANSWER],
                             const chat_checkup_t *answer)
{
    char why[CHAT_CHECKUP_WHY + 1];

    printable(why, answer->why);
    return (apr_size_t)snprintf(
        to, CHAT_CHECKUP_ANSWER,
        "{\"state\":\"%s\",\"why\":\"%s\",\"width\":%lld,\"height\":%lld,"
        "\"thumb\":%d,\"size\":%lld,\"sha256\":\"%.64s\"}",
        chat_checkup_state_name(answer->state), why, (long long)answer->width,
        (long long)answer->height, answer->thumb ? 1 : 0,
        (long long)answer->size, answer->sha256);
}

/* A number from 0 to `most`. */
static int number(apr_int64_t *to, const json_t *object, const char *key,
                  apr_int64_t most)
{
    const json_t *value = json_object_get(object, key);

    *to = json_is_integer(value) ? json_integer_value(value) : -1;
    return *to >= 0 && *to <= most;
}

/* A text of at most `room` bytes without NUL. */
static int text(char *to, const json_t *object, const char *key,
                apr_size_t room)
{
    const json_t *value = json_object_get(object, key);
    const char *s = json_string_value(value);
    apr_size_t len = json_string_length(value);

    if (s == NULL || len > room || strlen(s) != len) {
        return 0;
    }
    memcpy(to, s, len + 1);
    return 1;
}

static int state_of(chat_checkup_state_t *to, const json_t *object)
{
    char name[16];
    int i;

    if (!text(name, object, "state", sizeof(name) - 1)) {
        return 0;
    }
    for (i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
        if (strcmp(names[i], name) == 0) {
            *to = (chat_checkup_state_t)i;
            return 1;
        }
    }
    return 0;
}

static int answer_of(chat_checkup_t *answer, const json_t *object)
{
    char why[CHAT_CHECKUP_WHY + 1];
    apr_int64_t thumb;
    apr_size_t digits;

    if (!state_of(&answer->state, object) ||
        !text(why, object, "why", CHAT_CHECKUP_WHY) ||
        !text(answer->sha256, object, "sha256", CHAT_CHECKUP_SHA256) ||
        !number(&answer->width, object, "width", 1 << 30) ||
        !number(&answer->height, object, "height", 1 << 30) ||
        !number(&thumb, object, "thumb", 1) ||
        !number(&answer->size, object, "size", APR_INT64_MAX)) {
        return 0;
    }
    printable(answer->why, why);
    answer->thumb = (int)thumb;
    digits = strlen(answer->sha256);
    return all_hex(answer->sha256, digits) &&
           (answer->state == CHAT_CHECKUP_CLEAN ? digits == CHAT_CHECKUP_SHA256
                                                : digits == 0);
}

int chat_checkup_told(chat_checkup_t *answer, const char *bytes, apr_size_t len)
{
    json_t *object;
    int told;

    memset(answer, 0, sizeof(*answer));
    if (len == 0 || len > CHAT_CHECKUP_ANSWER) {
        return 0;
    }
    object = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    told = json_is_object(object) && json_object_size(object) == 7 &&
           answer_of(answer, object);
    json_decref(object);
    if (!told) {
        memset(answer, 0, sizeof(*answer));
    }
    return told;
}

const char *chat_checkup_state_name(chat_checkup_state_t state)
{
    return names[state];
}
