/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who owns what, where a crash cannot take it: written before the act, replaced whole
 * (checked-file.h), the record as JSON. A file that cannot be read is set aside, never obeyed.
 */
#pragma once

#include "fault.h"
#include "recovery.h"

/* As checked_file_format and checked_file_check. */
int state_format(const char *record, const char *boot_id, char **ret);
int state_check(const char *text, size_t size, const char *boot_id, const char **ret);

/* Replaces the file at once or not at all. */
int state_write(const char *path, const char *record);
/*
 * 0 with the record, also when there is no file. A file that is not to be obeyed is renamed to
 * PATH.STAMP.broken, *ret_set_aside names it and why, and the record has no leases: those that can
 * be made out in it are among its orphans, for what is left of them to be removed. Negative if that
 * is not known: nothing may be done then.
 */
int state_read(const char *path, struct record *ret, char **ret_set_aside);
