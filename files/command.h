/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - other programs, run with a time limit.
 */
#ifndef FILES_COMMAND_H
#define FILES_COMMAND_H

#include <sys/types.h>

#include "scanner.h"

/**
 * Run a scanner on a file: exit 0 clean, 1 infected, else it could not. The
 * first line it prints is its name for what it found.
 * @param until  files_now() when it is killed with all it has started
 */
scan_result_t files_command(char why[CHAT_CHECKUP_WHY + 1], const char *program,
                            const char *path, long long until);

/**
 * Start a program in a process group of its own; nothing but the three
 * descriptors is given to it.
 * @return its pid, -1: errno
 */
pid_t files_spawn(const char *program, char *const argv[], int in, int out);

/**
 * Wait for it, and kill its group when it is late.
 * @return as waitpid() has it; -1: it was late
 */
int files_wait(pid_t pid, long long until);

/** Kill all that is running, with their groups; the process is about to end. */
void files_kill_all(void);

#endif
