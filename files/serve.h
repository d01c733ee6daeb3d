/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - the threads that answer httpd.
 */
#ifndef FILES_SERVE_H
#define FILES_SERVE_H

#include "settings.h"

/** Start them all. @return 0, or errno */
int files_serve_start(const files_settings_t *set);

#endif
