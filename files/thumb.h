/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thumb.h - one thumbnail, in a process that can do nothing else.
 *
 * It reads an image from stdin and writes a JPEG to stdout. Before libgd sees
 * the first byte the image's own header has said how many pixels it wants, and
 * the process has given up what it does not need: CPU time, memory, files,
 * priority, and by seccomp every system call but those that read, write and
 * take memory. If the image takes the decoder over, that is all it has.
 */
#ifndef FILES_THUMB_H
#define FILES_THUMB_H

#define FILES_THUMB_SIDE 320 /* pixels of the longer side, at most */

/**
 * The whole program.
 * @param max_pixels  more are not decoded
 * @return its exit status: 0, a thumbnail was written
 */
int files_thumb(unsigned long long max_pixels);

#endif
