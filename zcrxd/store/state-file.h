/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who owns what, where a crash cannot take it: written before the act, the record as JSON, whole
 * (checked-file.h), and what has changed since behind it. A file that cannot be read is set aside, never obeyed.
 */
#pragma once

#include <systemd/sd-json.h>

#include "checked-file.h"
#include "recovery.h"

/* As checked_file_format and checked_file_check. */
int state_format(const char *record, const char *boot_id, char **ret);
int state_check(const char *text, size_t size, const char *boot_id, const char **ret, size_t *ret_size);

/* Replaces the file at once or not at all. *ret, unless NULL, is for state_append(). */
int state_write(const char *path, const char *record, struct growing_file *ret);
/* What has changed, as record_format_change() has it. After a failure only state_write() helps. */
int state_append(struct growing_file *f, const char *change);
/* It takes another change: what follows the record is not much longer than that yet. */
bool state_takes_changes(const struct growing_file *f);
/*
 * 0 with the record, also when there is no file. A file that is not to be obeyed is renamed to
 * PATH.STAMP.broken, *ret_set_aside names it and why, and the record has no leases: those that can
 * be made out in it are among its orphans, for what is left of them to be removed. Negative if that
 * is not known: nothing may be done then.
 */
int state_read(const char *path, struct record *ret, char **ret_set_aside);
/* The record in a file's text, with its changes: `size` is of the record alone. -EBADMSG. */
int state_parse(const char *text, size_t size, sd_json_variant **ret);
