/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A text in a file that is replaced whole, under one line of header: magic, version, boot id, length,
 * checksum. What is damaged, of another version or of another boot is told from what is to be read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"

struct seal {
	const char *magic;
	int version;  /* bumped when the text changes its meaning; others are not read */
	bool durable; /* on a disk: on it before the call returns */
};

/* The text of a whole file. */
int sealed_format(const struct seal *seal, const char *text, const char *boot_id, char **ret);
/* Checks the header; *ret points into `file`. -EBADMSG (damaged), -EPROTONOSUPPORT (another
 * version), -ESTALE (another boot), -ENODATA (empty). */
int sealed_check(const struct seal *seal, const char *file, size_t size, const char *boot_id,
		 const char **ret);
const char *sealed_problem(int r); /* the same in words */
/* It is what is in the file, or that it is none: it is to be set aside. All other errors are the machine's,
 * and may pass: nothing is to be concluded from them. */
bool sealed_is_damaged(int r);
/* Of these others: the refusal, and what to do. `loss` is what goes with the file. */
int sealed_refuse_unreadable(const char *path, int r, const char *loss, struct fault *reterr);

/* Replaces the file at once or not at all. -EFBIG: sealed_read() would refuse it. It is the directory's
 * owner's then, also when root has started zcrxd by hand. */
int sealed_write(const struct seal *seal, const char *path, const char *text);
int sealed_give_to_directory(int fd, const char *path);
/* -ENOENT, or what sealed_check says, or why it cannot be read. */
int sealed_read(const struct seal *seal, const char *path, char **ret);
/* The text behind the header, whatever that says and whether it is whole: not to be obeyed. */
int sealed_read_damaged(const char *path, char **ret);
/* Renames it to PATH.STAMP.broken; *ret names it and says why. */
int sealed_set_aside(const char *path, int problem, char **ret);
