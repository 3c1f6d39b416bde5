/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See state-file.h.
 */
#include <errno.h>

#include "record.h"
#include "sealed-file.h"
#include "state-file.h"

static const struct seal seal = { .magic = "zcrxd-state", .version = RECORD_VERSION };

int state_format(const char *record, const char *boot_id, char **ret)
{
	return sealed_format(&seal, record, boot_id, ret);
}

int state_check(const char *text, size_t size, const char *boot_id, const char **ret)
{
	return sealed_check(&seal, text, size, boot_id, ret);
}

int state_write(const char *path, const char *record)
{
	return sealed_write(&seal, path, record);
}

int state_read(const char *path, struct record *ret, char **ret_set_aside)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_free_ char *text = NULL, *damaged = NULL;
	int r;

	*ret = (struct record){};
	r = sealed_read(&seal, path, &text);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = sd_json_parse(text, 0, &v, NULL, NULL) < 0 ? -EBADMSG : record_parse(v, ret);
	if (r >= 0 || !sealed_is_damaged(r))
		return r;
	/* Nothing of another boot can exist any more. */
	if (r != -ESTALE && sealed_read_damaged(path, &damaged) == 0 &&
	    record_salvage(damaged, ret) < 0)
		return -ENOMEM;
	return sealed_set_aside(path, r, ret_set_aside);
}
