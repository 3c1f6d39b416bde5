/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clock and user names. See view.h.
 */
#include <pwd.h>
#include <time.h>

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
