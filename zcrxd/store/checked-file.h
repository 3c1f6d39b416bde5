/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A text in a file that is replaced whole, under one line of header: magic, version, boot id, length,
 * checksum. What is damaged, of another version or of another boot is told from what is to be read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"

struct file_format {
	const char *magic;
	int version;  /* bumped when the text changes its meaning; others are not read */
	bool durable; /* on a disk: on it before the call returns */
};

/* The text of a whole file. */
int checked_file_format(const struct file_format *format, const char *text, const char *boot_id,
			char **ret);
/* Checks the header; *ret points into `file`. -EBADMSG (damaged), -EPROTONOSUPPORT (another
 * version), -ESTALE (another boot), -ENODATA (empty). */
int checked_file_check(const struct file_format *format, const char *file, size_t size,
		       const char *boot_id, const char **ret);
const char *checked_file_problem(int r); /* the same in words */
/* It is what is in the file, or that it is none: it is to be set aside. All other errors are the
 * machine's, and may pass: nothing is to be concluded from them. */
bool checked_file_is_damaged(int r);
/* Of these others: the refusal, and what to do. `loss` is what goes with the file. */
int checked_file_refuse_unreadable(const char *path, int r, const char *loss, struct fault *reterr);

/* Replaces the file at once or not at all. -EFBIG: checked_file_read() would refuse it. It is the
 * directory's owner's then, also when root has started zcrxd by hand. */
int checked_file_write(const struct file_format *format, const char *path, const char *text);
int checked_file_chown(int fd, const char *path);
/* -ENOENT, or what checked_file_check says, or why it cannot be read. */
int checked_file_read(const struct file_format *format, const char *path, char **ret);
/* The text behind the header, whatever that says and whether it is whole: not to be obeyed. */
int checked_file_read_damaged(const char *path, char **ret);
/* Renames it to PATH.STAMP.broken; *ret names it and says why. */
int checked_file_quarantine(const char *path, int problem, char **ret);
