/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errorlog.h - lines to stderr, which is httpd's error log.
 *
 * No names of people, no names of files but ids.
 */
#ifndef FILES_ERRORLOG_H
#define FILES_ERRORLOG_H

/** One line, with the time, as httpd writes it. Any thread. */
void files_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
