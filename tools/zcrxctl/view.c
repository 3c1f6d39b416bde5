/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clock and user names. See view.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <time.h>

#include "field.h"
#include "text.h"
#include "view.h"

static char *user_name(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? strdup(user->pw_name) : NULL;
}

struct lease_view lease_view_now(const struct ctl *ctl, bool brief)
{
	struct timespec now = {};

	clock_gettime(CLOCK_REALTIME, &now);
	return (struct lease_view) {
		.now_usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000,
		.user_name = user_name,
		.brief = brief,
		.style = ctl->style,
	};
}

static uid_t owner_of(sd_json_variant *lease)
{
	return (uid_t)field_unsigned(lease, "ownerUid", (uid_t)-1);
}

char *lease_names(sd_json_variant *lease)
{
	const char *name = field_string(lease, "name") ?: "";
	_cleanup_free_ char *owner = user_name(owner_of(lease));
	char *s;
	int r = owner ? asprintf(&s, "%s%s%s", name, *name ? ", " : "", owner)
		      : asprintf(&s, "%s%s%" PRIu32, name, *name ? ", " : "", (uint32_t)owner_of(lease));

	return r < 0 ? NULL : s;
}

int lease_name_owner(sd_json_variant **lease)
{
	_cleanup_free_ char *owner = user_name(owner_of(*lease)), *acquirer = NULL;
	int r = owner ? sd_json_variant_set_field_string(lease, "ownerName", owner) : 0;

	if (field_has(*lease, "acquirerUid"))
		acquirer = user_name((uid_t)field_unsigned(*lease, "acquirerUid", (uid_t)-1));
	return r >= 0 && acquirer ? sd_json_variant_set_field_string(lease, "acquirerName", acquirer) : r;
}

int leases_name_owners(sd_json_variant **leases)
{
	_cleanup_json_ sd_json_variant *named = NULL;
	sd_json_variant *lease;
	int r = sd_json_variant_new_array(&named, NULL, 0);

	array_foreach(lease, *leases) {
		_cleanup_json_ sd_json_variant *one = sd_json_variant_ref(lease);

		if (r >= 0)
			r = lease_name_owner(&one);
		if (r >= 0)
			r = sd_json_variant_append_array(&named, one);
	}
	if (r < 0)
		return r;
	sd_json_variant_unref(*leases);
	*leases = TAKE_PTR(named);
	return 0;
}
