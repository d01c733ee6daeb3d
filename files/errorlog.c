/* SPDX-License-Identifier: Apache-2.0 */
/* errorlog.c - see errorlog.h. */
#include "errorlog.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void files_log(const char *format, ...)
{
    char line[512];
    size_t n;
    struct tm tm;
    time_t now = time(NULL);
    va_list ap;

    localtime_r(&now, &tm);
    n = strftime(line, sizeof(line), "[%a %b %d %H:%M:%S %Y] ", &tm);
    n += (size_t)snprintf(line + n, sizeof(line) - n, "[chat_files] [pid %d] ",
                          (int)getpid());
    va_start(ap, format);
    vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
    va_end(ap);
    for (n = 0; line[n] != '\0'; n++) {
        if ((unsigned char)line[n] < ' ') {
            line[n] = '?';
        }
    }
    line[n] = '\n';
    (void)!write(STDERR_FILENO, line, n + 1); /* one write, one line */
}
