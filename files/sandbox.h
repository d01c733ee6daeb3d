/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - giving up everything a decoder does not need.
 */
#ifndef FILES_SANDBOX_H
#define FILES_SANDBOX_H

#include <stddef.h>

/**
 * Limits for an image of so many pixels in so many bytes, which are in memory
 * already. There is no way back.
 * @return 0 when it could not be done: then nothing may be decoded
 */
int files_sandbox(unsigned long long pixels, size_t bytes);

#endif
