/* SPDX-License-Identifier: Apache-2.0 */
/* channel_rule.c - patterns and conditions; see channel_rule.h. */
#include "channel_rule.h"

#include <string.h>
#include <apr_strings.h>

#define ID_MARK "{id}"
#define ROLE "role="
#define ENCRYPTED "private-encrypted-"
#define PRIVATE "private-"
#define PRESENCE "presence-"

/* What a channel's name or an {id} in it may be made of. */
#define ID_ALPHABET                                                            \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define ALPHABET ID_ALPHABET "=@,.;"

/* The channels there are without any directive. `consultation` is what older
 * pages call a conversation; chat-push sends its events under both names. The
 * rest are the existing application's, which publishes on them itself. */
/* clang-format off */
static const chat_channel_rule_t built_in[] = {
    { "user.{id}",                CHAT_MAY_SELF,                   NULL },
    { "App.Models.User.{id}",     CHAT_MAY_SELF,                   NULL },
    { "conversation.{id}",        CHAT_MAY_MEMBER,                 NULL },
    { "consultation.{id}",        CHAT_MAY_MEMBER,                 NULL },
    { "doctor.{id}.availability", CHAT_MAY_SELF | CHAT_MAY_STAFF,  NULL },
    { "notifications.global",     CHAT_MAY_ANY,                    NULL },
    { "notifications.doctors",    CHAT_MAY_ROLE,                   "doctor" },
    { "notifications.patients",   CHAT_MAY_ROLE,                   "patient" },
    { "notifications.admins",     CHAT_MAY_STAFF,                  NULL },
    { "emergency.consultations",  CHAT_MAY_ROLE | CHAT_MAY_STAFF,  "doctor" },
};
/* clang-format on */
#define NBUILT_IN (sizeof(built_in) / sizeof(built_in[0]))

static int begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* What is behind the prefix. @return NULL when the name has none */
static const char *behind_prefix(const char *name)
{
    static const char *const prefixes[] = { ENCRYPTED, PRIVATE, PRESENCE };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (begins(name, prefixes[i])) {
            return name + strlen(prefixes[i]);
        }
    }
    return NULL;
}

int chat_channel_encrypted(const char *name) { return begins(name, ENCRYPTED); }

/* Whether all of a name fits all of a pattern. */
static int fits(const char *pattern, const char *name, char id[CHAT_ID_SIZE])
{
    const char *mark = strstr(pattern, ID_MARK);
    size_t head = mark != NULL ? (size_t)(mark - pattern) : strlen(pattern);
    size_t len;

    id[0] = '\0';
    if (strncmp(name, pattern, head) != 0) {
        return 0;
    }
    name += head;
    if (mark == NULL) {
        return *name == '\0';
    }
    len = strspn(name, ID_ALPHABET);
    if (len == 0 || len >= CHAT_ID_SIZE ||
        strcmp(name + len, mark + strlen(ID_MARK)) != 0) {
        return 0;
    }
    memcpy(id, name, len);
    id[len] = '\0';
    return 1;
}

int chat_channel_rule_fits(const chat_channel_rule_t *rule, const char *name,
                           char id[CHAT_ID_SIZE])
{
    const char *base = behind_prefix(name);

    id[0] = '\0';
    if (base == NULL) {
        return 0;
    }
    if (behind_prefix(rule->pattern) == NULL) {
        return fits(rule->pattern, base, id);
    }
    /* `private-{id}` is not about `private-encrypted-7`. */
    return chat_channel_encrypted(rule->pattern) ==
               chat_channel_encrypted(name) &&
           fits(rule->pattern, name, id);
}

int chat_channel_rule_role(const chat_channel_rule_t *rule, const char *role)
{
    const char *at = rule->roles;
    size_t len = strlen(role);

    while (at != NULL && len > 0) {
        size_t n = strcspn(at, "|");

        if (n == len && memcmp(at, role, n) == 0) {
            return 1;
        }
        at = at[n] == '|' ? at + n + 1 : NULL;
    }
    return 0;
}

const chat_channel_rule_t *chat_channel_rule_find(const apr_array_header_t *own,
                                                  const char *name,
                                                  char id[CHAT_ID_SIZE])
{
    for (int i = 0; own != NULL && i < own->nelts; i++) {
        const chat_channel_rule_t *rule = &APR_ARRAY_IDX(own, i,
                                                         chat_channel_rule_t);

        if (chat_channel_rule_fits(rule, name, id)) {
            return rule;
        }
    }
    for (size_t i = 0; i < NBUILT_IN; i++) {
        if (chat_channel_rule_fits(&built_in[i], name, id)) {
            return &built_in[i];
        }
    }
    return NULL;
}

/* --- what a directive says ------------------------------------------------ */

/* @return NULL, or what is wrong with a pattern */
static const char *pattern_wrong(const char *pattern)
{
    const char *mark = strstr(pattern, ID_MARK);
    size_t head = mark != NULL ? (size_t)(mark - pattern) : strlen(pattern);
    const char *tail = mark != NULL ? mark + strlen(ID_MARK) : "";

    if (*pattern == '\0' || strlen(pattern) > CHAT_CHANNEL_NAME_MAX) {
        return "a pattern has 1 to 164 characters";
    }
    if (strspn(pattern, ALPHABET) < head || tail[strspn(tail, ALPHABET)]) {
        return "a pattern is of A-Z a-z 0-9 _ - = @ , . ; and at most one {id}";
    }
    if (*tail != '\0' && strchr(ID_ALPHABET, *tail) != NULL) {
        return "what stands behind {id} must begin with one of = @ , . ;";
    }
    return NULL;
}

/* @return NULL, or what is wrong with the roles */
static const char *roles_wrong(const char *roles)
{
    size_t len = strlen(roles);

    if (len == 0 || roles[0] == '|' || roles[len - 1] == '|' ||
        strstr(roles, "||") != NULL) {
        return "role= is followed by roles, as role=doctor|patient";
    }
    return NULL;
}

/* The condition of a word. @return NULL, or what is wrong */
static const char *word_take(chat_channel_rule_t *rule, const char *word,
                             apr_pool_t *p)
{
    static const struct {
        const char *word;
        chat_may_t may;
    } words[] = { { "any", CHAT_MAY_ANY },
                  { "self", CHAT_MAY_SELF },
                  { "member", CHAT_MAY_MEMBER },
                  { "staff", CHAT_MAY_STAFF } };
    const char *wrong;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].word) == 0) {
            rule->may |= words[i].may;
            return NULL;
        }
    }
    if (!begins(word, ROLE)) {
        return apr_psprintf(p,
                            "%s is none of any, self, member, staff, "
                            "role=…, nobody",
                            word);
    }
    word += strlen(ROLE);
    wrong = roles_wrong(word);
    if (wrong == NULL) {
        rule->may |= CHAT_MAY_ROLE;
        rule->roles = rule->roles == NULL
                          ? apr_pstrdup(p, word)
                          : apr_pstrcat(p, rule->roles, "|", word, NULL);
    }
    return wrong;
}

const char *chat_channel_rule_parse(chat_channel_rule_t *rule,
                                    const char *pattern,
                                    const apr_array_header_t *words,
                                    apr_pool_t *p)
{
    const char *wrong = pattern_wrong(pattern);

    rule->pattern = apr_pstrdup(p, pattern);
    rule->may = CHAT_MAY_NOBODY;
    rule->roles = NULL;
    if (words->nelts == 1 &&
        strcmp(APR_ARRAY_IDX(words, 0, const char *), "nobody") == 0) {
        return wrong;
    }
    for (int i = 0; wrong == NULL && i < words->nelts; i++) {
        wrong = word_take(rule, APR_ARRAY_IDX(words, i, const char *), p);
    }
    if (wrong == NULL && (rule->may & (CHAT_MAY_SELF | CHAT_MAY_MEMBER)) &&
        strstr(pattern, ID_MARK) == NULL) {
        return "self and member need an {id} in the pattern";
    }
    if (wrong == NULL && words->nelts == 0) {
        return "a pattern is followed by who may: any, self, member, staff, "
               "role=…, or nobody";
    }
    return wrong;
}
