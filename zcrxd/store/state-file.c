/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See state-file.h.
 */
#include <errno.h>

#include "record.h"
#include "checked-file.h"
#include "state-file.h"

static const struct file_format format = { .magic = "zcrxd-state", .version = RECORD_VERSION };

int state_format(const char *record, const char *boot_id, char **ret)
{
	return checked_file_format(&format, record, boot_id, ret);
}

int state_check(const char *text, size_t size, const char *boot_id, const char **ret)
{
	return checked_file_check(&format, text, size, boot_id, ret);
}

int state_write(const char *path, const char *record)
{
	return checked_file_write(&format, path, record);
}

int state_read(const char *path, struct record *ret, char **ret_set_aside)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_free_ char *text = NULL, *damaged = NULL;
	int r;

	*ret = (struct record){};
	r = checked_file_read(&format, path, &text);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = sd_json_parse(text, 0, &v, NULL, NULL) < 0 ? -EBADMSG : record_parse(v, ret);
	if (r >= 0 || !checked_file_is_damaged(r))
		return r;
	/* Nothing of another boot can exist any more. */
	if (r != -ESTALE && checked_file_read_damaged(path, &damaged) == 0 &&
	    record_salvage(damaged, ret) < 0)
		return -ENOMEM;
	return checked_file_quarantine(path, r, ret_set_aside);
}
