/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thumbs.h - thumbnails wanted, and the processes that make them.
 *
 * A queue that is bounded and as many threads as there are cores, each of which
 * starts one process (thumb.h) at a time and looks at what it has made before
 * that gets its name. One that cannot be made is an empty file, so that nobody
 * wants it again.
 */
#ifndef FILES_THUMBS_H
#define FILES_THUMBS_H

#include "settings.h"

/** Start the threads. @return 0, or errno */
int files_thumbs_start(const files_settings_t *set);

/** Have one made, if it is not there. Never waits; when the queue is full it is
 * forgotten, and wanted again when somebody looks for it. */
void files_thumbs_want(const char *id);

#endif
