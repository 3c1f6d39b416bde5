/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See call.h.
 */
#include <errno.h>
#include <systemd/sd-json.h>

#include "call.h"
#include "macro.h"

static bool is_true(sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	return f && sd_json_variant_is_boolean(f) && sd_json_variant_boolean(f);
}

int call_rewrite(const char *message, struct call *ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	struct call c = {};
	int r;

	r = sd_json_parse(message, 0, &v, NULL, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	if (!sd_json_variant_is_object(v))
		return -EPROTO;
	c.more = is_true(v, "more");
	c.oneway = is_true(v, "oneway");
	if (c.more && c.oneway)
		return -EPROTO;
	if (c.oneway)
		r = sd_json_variant_set_field_boolean(&v, "oneway", false);
	if (r >= 0)
		r = sd_json_variant_format(v, 0, &c.text);
	if (r < 0)
		return r;
	c.n = strlen(c.text);
	*ret = c;
	return 0;
}

bool reply_is_last(const char *message)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

	/* Most replies are, and some are large. */
	return !strstr(message, "\"continues\"") ||
	       sd_json_parse(message, 0, &v, NULL, NULL) < 0 || !is_true(v, "continues");
}
