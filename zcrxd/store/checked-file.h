/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A text in a file that is replaced whole, under one line of header: magic, version, boot id, length,
 * checksum. What is damaged, of another version or of another boot is told from what is to be read.
 * A format may let more follow: changes, each under a line of its own, `+`, its length, its checksum and that
 * of the line. One that ends before it is whole was never saved, and is nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"

struct file_format {
	const char *magic;
	int version;  /* bumped when the text changes its meaning; others are not read, but for this: */
	int older;    /* or 0 */
	bool durable; /* on a disk: on it before the call returns */
	bool grows;   /* changes may follow the text */
};

/* A file that was written, for changes to be appended. */
struct growing_file {
	int fd; /* -EBADF: there is none, it has to be written whole */
	size_t size, whole; /* bytes; whole: as it was written */
};

/* The text of a whole file. */
int checked_file_format(const struct file_format *format, const char *text, const char *boot_id,
			char **ret);
/* Checks the header; *ret points into `file`, *ret_size is the text's alone. -EBADMSG (damaged),
 * -EPROTONOSUPPORT (another version), -ESTALE (another boot), -ENODATA (empty). */
int checked_file_check(const struct file_format *format, const char *file, size_t size,
		       const char *boot_id, const char **ret, size_t *ret_size);
/* The next change at *at, which is moved behind it: 1, 0 at the end, -EBADMSG. */
int checked_file_next(const char **at, const char *end, const char **ret, size_t *ret_size);
const char *checked_file_problem(int r); /* the same in words */
/* It is what is in the file, or that it is none: it is to be set aside. All other errors are the
 * machine's, and may pass: nothing is to be concluded from them. */
bool checked_file_is_damaged(int r);
/* Of these others: the refusal, and what to do. `loss` is what goes with the file. */
int checked_file_refuse_unreadable(const char *path, int r, const char *loss, struct fault *reterr);

/* Replaces the file at once or not at all. -EFBIG: checked_file_read() would refuse it. It is the
 * directory's owner's then, also when root has started zcrxd by hand. *ret, unless NULL, is for what follows;
 * of the one before, which it may be, nothing is left open. */
int checked_file_write(const struct file_format *format, const char *path, const char *text,
		       struct growing_file *ret);
/* -ESTALE: somebody has removed, replaced or written the file. After a failure it takes no more. */
int checked_file_append(struct growing_file *f, const char *change);
void growing_file_done(struct growing_file *f);
int checked_file_chown(int fd, const char *path);
/* -ENOENT, or what checked_file_check says, or why it cannot be read. *ret_size, unless NULL: of the text;
 * changes may follow it, up to a 0. */
int checked_file_read(const struct file_format *format, const char *path, char **ret, size_t *ret_size);
/* The text behind the header, whatever that says and whether it is whole: not to be obeyed. */
int checked_file_read_damaged(const char *path, char **ret);
/* Renames it to PATH.STAMP.broken; *ret names it and says why. */
int checked_file_quarantine(const char *path, int problem, char **ret);
