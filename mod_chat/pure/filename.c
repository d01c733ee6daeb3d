/* SPDX-License-Identifier: Apache-2.0 */
/* filename.c - names of files; see filename.h. */
#include "filename.h"

#include <string.h>
#include <strings.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "utf8.h"

/* Extensions of what runs, or what a browser or server takes for a page or a
 * program. */
static const char *const active[] = {
    "php", "php3", "php4", "php5", "php7", "php8", "phtml", "phar", "phps",
    "asp", "aspx", "jsp", "jspx", "cgi", "pl", "py", "rb", "sh", "bash", "htm",
    "html", "xhtml", "shtml", "mht", "mhtml", "svg", "svgz", "xml", "xsl",
    "xslt", "js", "mjs", "exe", "com", "bat", "cmd", "scr", "pif", "msi", "msp",
    "dll", "cpl", "jar", "app", "apk", "dmg", "iso", "img", "vbs", "vbe", "wsf",
    "wsh", "hta", "ps1", "lnk", "url", "reg", "chm", "docm", "xlsm", "htaccess",
};

/* Windows takes these for devices, whatever follows the dot. */
static const char *const devices[] = {
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6",
    "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6",
    "lpt7", "lpt8", "lpt9",
};

static int among(const char *const *list, size_t n, const char *s, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        if (strlen(list[i]) == len && strncasecmp(list[i], s, len) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *chat_filename_decoded(const char *s, apr_pool_t *p)
{
    char *out = apr_pstrdup(p, s), *to = out;

    for (; *s != '\0'; s++) {
        char two[3] = { 0 };

        if (s[0] == '%' && apr_isxdigit(s[1]) && apr_isxdigit(s[2])) {
            memcpy(two, s + 1, 2);
            *to = (char)apr_strtoi64(two, NULL, 16);
            to += *to != '\0';
            s += 2;
        }
        else {
            *to++ = *s;
        }
    }
    *to = '\0';
    return out;
}

/* The character at s, which is valid UTF-8. @param len  set to its bytes */
static unsigned long character(const char *s, size_t *len)
{
    const unsigned char *u = (const unsigned char *)s;

    if (u[0] < 0x80) {
        *len = 1;
        return u[0];
    }
    if (u[0] < 0xe0) {
        *len = 2;
        return (u[0] & 0x1ful) << 6 | (u[1] & 0x3f);
    }
    if (u[0] < 0xf0) {
        *len = 3;
        return (u[0] & 0x0ful) << 12 | (u[1] & 0x3ful) << 6 | (u[2] & 0x3f);
    }
    *len = 4;
    return (u[0] & 0x07ul) << 18 | (u[1] & 0x3ful) << 12 |
           (u[2] & 0x3ful) << 6 | (u[3] & 0x3f);
}

/* What nobody sees, or what makes them see something else. */
static int hidden(unsigned long c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || /* hyphen */
           c == 0x61c || c == 0x180e ||
           c == 0x200b || c == 0x200e || c == 0x200f || /* direction marks */
           (c >= 0x2028 && c <= 0x202e) ||  /* lines, overrides */
           (c >= 0x2060 && c <= 0x206f) ||  /* isolates and the like */
           c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe0fff); /* tags */
}

static int is_space(unsigned long c)
{
    return c == ' ' || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

/* Behind the last of the separators of any system. */
static const char *last_part(const char *s)
{
    const char *part = s;

    for (; *s != '\0'; s++) {
        if (*s == '/' || *s == '\\') {
            part = s + 1;
        }
    }
    return part;
}

/* The characters that may stay. @return bytes written */
static size_t keep(char *to, const char *s)
{
    char *start = to;

    while (*s != '\0') {
        size_t len;
        unsigned long c = character(s, &len);

        if (is_space(c)) {
            *to++ = ' ';
        }
        else if (c < 0x80 && strchr("<>:\"|?*", (int)c) != NULL && c != 0) {
            *to++ = '_';
        }
        else if (!hidden(c)) {
            memcpy(to, s, len);
            to += len;
        }
        s += len;
    }
    *to = '\0';
    return (size_t)(to - start);
}

/* Without what may not stand at its ends. */
static char *trim(char *s)
{
    size_t len;

    s += strspn(s, ".- ");
    len = strlen(s);
    while (len > 0 && (s[len - 1] == '.' || s[len - 1] == ' ')) {
        s[--len] = '\0';
    }
    return s;
}

/* Dots before what would run, if it came last. */
static void disarm(char *s)
{
    char *last = strrchr(s, '.');
    char *dot = last != NULL ? strchr(s, '.') : NULL;

    for (; dot != NULL && dot != last; dot = strchr(dot + 1, '.')) {
        size_t len = strcspn(dot + 1, ". ");

        if (among(active, sizeof(active) / sizeof(active[0]), dot + 1, len)) {
            *dot = '_';
        }
    }
}

/* Bytes of the first n characters. */
static size_t bytes_of(const char *s, size_t n)
{
    size_t at = 0, len;

    while (n-- > 0 && s[at] != '\0') {
        character(s + at, &len);
        at += len;
    }
    return at;
}

/* At most CHAT_FILENAME_CHARS, the extension being kept. */
static char *shorten(char *s, apr_pool_t *p)
{
    char ext[CHAT_FILENAME_EXT + 1];
    size_t len = strlen(s);
    char *stem;

    if (chat_utf8_count(s, len) <= CHAT_FILENAME_CHARS) {
        return s;
    }
    if (!chat_filename_extension(ext, s)) {
        s[bytes_of(s, CHAT_FILENAME_CHARS)] = '\0';
        return trim(s);
    }
    stem = apr_pstrndup(p, s, len - strlen(ext) - 1);
    stem[bytes_of(stem, CHAT_FILENAME_CHARS - strlen(ext) - 1)] = '\0';
    return apr_pstrcat(p, trim(stem), ".", ext, NULL);
}

const char *chat_filename_clean(const char *raw, apr_pool_t *p)
{
    const char *s = last_part(chat_utf8_repaired(raw, p));
    char *name = apr_palloc(p, strlen(s) + 2);
    size_t stem;

    keep(name + 1, s);
    s = name = trim(name + 1);
    stem = strcspn(s, ".");
    if (among(devices, sizeof(devices) / sizeof(devices[0]), s, stem)) {
        *--name = '_';
    }
    disarm(name);
    return shorten(name, p);
}

int chat_filename_extension(char out[CHAT_FILENAME_EXT + 1], const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t len = dot != NULL ? strlen(dot + 1) : 0;

    out[0] = '\0';
    if (dot == name || len == 0 || len > CHAT_FILENAME_EXT) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        char c = dot[1 + i];

        c = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            out[0] = '\0';
            return 0;
        }
        out[i] = c;
    }
    out[len] = '\0';
    return 1;
}

const char *chat_filename_with(const char *name, const char *ext,
                               apr_pool_t *p)
{
    char own[CHAT_FILENAME_EXT + 1];

    if (name[0] == '\0') {
        name = "file";
    }
    return chat_filename_extension(own, name)
               ? name
               : apr_pstrcat(p, name, ".", ext, NULL);
}

const char *chat_filename_disposition(const char *kind, const char *name,
                                      apr_pool_t *p)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789.-_~";
    size_t len = strlen(name);
    char *ascii = apr_palloc(p, len + 1), *a = ascii;
    char *coded = apr_palloc(p, 3 * len + 1), *c = coded;

    for (size_t i = 0; i < len; i++) {
        unsigned char u = (unsigned char)name[i];

        if (strchr(plain, u) != NULL && u != 0) {
            *a++ = *c++ = (char)u;
            continue;
        }
        if ((u & 0xc0) != 0x80) { /* one for each character */
            *a++ = u == ' ' ? ' ' : '_';
        }
        *c++ = '%';
        *c++ = digits[u >> 4];
        *c++ = digits[u & 15];
    }
    *a = *c = '\0';
    return apr_pstrcat(p, kind, "; filename=\"", ascii,
                       "\"; filename*=UTF-8''", coded, NULL);
}
