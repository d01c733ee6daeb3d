/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h - does a path fit a pattern of the routes table, and which id is in
 * it.
 *
 * A pattern is a path in which one segment may be `{id}`, and another behind it
 * something like `{message}`: 1-64 of [A-Za-z0-9_-], so that integers and UUIDs both
 * fit and nothing else needs thinking about. One slash at the end of a path is forgiven, because people
 * type it. A site may have all its paths below a prefix, which is taken off
 * first. Pure: no httpd here.
 */
#ifndef CHAT_PATH_H
#define CHAT_PATH_H

#define CHAT_ID_SIZE 65 /* the longest id, 64 bytes, and its terminator */

/**
 * Compare a decoded path with a pattern.
 * @param id    set to the first id, or to "" when the pattern has none; contents
 *              are undefined when the answer is 0
 * @param item  likewise the second
 * @return whether it fits
 */
int chat_path_match(const char *pattern, const char *path,
                    char id[CHAT_ID_SIZE], char item[CHAT_ID_SIZE]);

/** Whether a path is `prefix` itself or lies below it ("/chat", "/chat/x"). */
int chat_path_below(const char *path, const char *prefix);

/**
 * Whether a text can be what all paths of a site begin with: "" or segments of
 * [A-Za-z0-9._~-] as in "/clinic", none of them "." or "..". Such a text means
 * the same in a URL, a cookie, HTML and JSON.
 */
int chat_prefix_valid(const char *prefix);

/** What stands behind the prefix, beginning with its slash. NULL: the path
 * does not lie below it. */
const char *chat_path_behind(const char *path, const char *prefix);

#endif
