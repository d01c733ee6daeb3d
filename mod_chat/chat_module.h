/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chat_module.h - the module's own record, the one symbol the .so exports.
 */
#ifndef CHAT_MODULE_H
#define CHAT_MODULE_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

/* All else is hidden by the compiler's -fvisibility. */
extern module __attribute__((visibility("default"))) chat_module;

#endif
