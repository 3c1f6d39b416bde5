/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of a file, which somebody else may have made into anything: a FIFO, on which opening waits for
 * ever, a device, which opening may act on, a directory, something without an end.
 */
#pragma once

#include <stddef.h>

/*
 * All of it, with a 0 behind it. `flags` are open(2)'s beside those that every reading has. -EFBIG: more
 * than `max` bytes. -EISDIR; -EBADMSG: anything else that is no regular file.
 */
int regular_file_read(const char *path, int flags, size_t max, char **ret, size_t *ret_size);
/* The same in words, where it is read for a person. */
const char *regular_file_problem(int r);
