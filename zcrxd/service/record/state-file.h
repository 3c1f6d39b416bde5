/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who owns what, where a crash cannot take it: written before the act, replaced whole. One line of
 * header (magic, version, boot id, length, checksum), then the record as JSON. A file that cannot be
 * read is set aside, never obeyed.
 */
#pragma once

#include "fault.h"
#include "recovery.h"

/* The text of a whole state file. */
int state_format(const char *record, const char *boot_id, char **ret);
/* Checks the header; *ret points into `text`. -EBADMSG (damaged), -EPROTONOSUPPORT (another
 * version), -ESTALE (another boot), -ENODATA (empty). */
int state_check(const char *text, size_t size, const char *boot_id, const char **ret);
const char *state_problem(int r); /* the same in words */

/* Replaces the file at once or not at all. */
int state_write(const char *path, const char *record);
/*
 * 0 with the record, also when there is no file. A file that is not to be obeyed is renamed to
 * PATH.STAMP.broken, *ret_set_aside names it and why, and the record is empty.
 */
int state_read(const char *path, struct record *ret, char **ret_set_aside);
