/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emoji.h - whether a text is one emoji.
 *
 * By its form (UTS 51): a picture, perhaps with a skin tone or the sign that asks
 * for colour, several joined to one, a keycap, or a flag. Which joined ones fonts
 * have a picture for changes every year and is not asked. Pure.
 */
#ifndef CHAT_EMOJI_H
#define CHAT_EMOJI_H

#define CHAT_EMOJI_SIZE 64 /* bytes at most */

/** @param s  valid UTF-8 */
int chat_emoji_valid(const char *s);

#endif
