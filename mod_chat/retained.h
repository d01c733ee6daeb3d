/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retained.h - memory of all children that stays over graceful restarts.
 *
 * A graceful restart may load another release of this module, which wants more
 * of it: memory is found again by what it is for and by its size, so that
 * nobody reads behind the end of what an older one has made. What that one has
 * counted is then begun anew.
 */
#ifndef CHAT_RETAINED_H
#define CHAT_RETAINED_H

#include <httpd.h>

/**
 * Find or make it; post_config, the parent.
 * @param memory  zeros when it is new
 * @param is_new  NULL: nobody wants to know
 * @param what    a few letters
 */
apr_status_t chat_retained(void **memory, int *is_new, const char *what,
                           apr_size_t size, server_rec *s);

#endif
