/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See state-file.h.
 */
#include <errno.h>

#include "record-changes.h"
#include "record.h"
#include "checked-file.h"
#include "state-file.h"

/* Version 2 was the same without changes. */
static const struct file_format format = { .magic = "zcrxd-state", .version = RECORD_VERSION, .older = 2,
					   .grows = true };

/* A start reads all of it, and a whole one is written again for this much. */
#define CHANGES_MIN (64 * 1024)

int state_format(const char *record, const char *boot_id, char **ret)
{
	return checked_file_format(&format, record, boot_id, ret);
}

int state_check(const char *text, size_t size, const char *boot_id, const char **ret, size_t *ret_size)
{
	return checked_file_check(&format, text, size, boot_id, ret, ret_size);
}

int state_write(const char *path, const char *record, struct growing_file *ret)
{
	return checked_file_write(&format, path, record, ret);
}

int state_append(struct growing_file *f, const char *change)
{
	return checked_file_append(f, change);
}

bool state_takes_changes(const struct growing_file *f)
{
	return f->fd >= 0 && f->size - f->whole < f->whole + CHANGES_MIN;
}

static int parse(const char *text, size_t size, sd_json_variant **ret)
{
	_cleanup_free_ char *copy = strndup(text, size);

	if (!copy)
		return -ENOMEM;
	return sd_json_parse(copy, 0, ret, NULL, NULL) < 0 ? -EBADMSG : 0;
}

int state_parse(const char *text, size_t size, sd_json_variant **ret)
{
	_cleanup_(record_changes_done) struct record_changes changes = {};
	const char *at = text + size, *end = at + strlen(at), *change;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r = parse(text, size, &v);

	if (r < 0 || at == end) {
		*ret = r < 0 ? NULL : TAKE_PTR(v);
		return r;
	}
	r = record_changes_begin(&changes, v);
	while (r >= 0 && (r = checked_file_next(&at, end, &change, &size)) > 0) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *c = NULL;

		r = parse(change, size, &c);
		if (r == 0)
			r = record_changes_add(&changes, c);
	}
	return r < 0 ? r : record_changes_end(&changes, ret);
}

int state_read(const char *path, struct record *ret, char **ret_set_aside)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_free_ char *text = NULL, *damaged = NULL;
	size_t size;
	int r;

	*ret = (struct record){};
	r = checked_file_read(&format, path, &text, &size);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = state_parse(text, size, &v);
	if (r == 0)
		r = record_parse(v, ret);
	if (r >= 0 || !checked_file_is_damaged(r))
		return r;
	/* Nothing of another boot can exist any more. */
	if (r != -ESTALE && checked_file_read_damaged(path, &damaged) == 0 &&
	    record_salvage(damaged, ret) < 0)
		return -ENOMEM;
	return checked_file_quarantine(path, r, ret_set_aside);
}
