/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a lease has ended: zcrxd leaves that on the handle before it hangs up. It stays there, for those
 * who have copies of the handle, and for the threads of the lease's queues.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

#define UNSAID "zcrxd did not say why"

static int end_error(const char *end)
{
	if (strcmp(end, "interface-gone") == 0)
		return -ENODEV;
	return strcmp(end, "expired") == 0 ? -ETIME : -ECANCELED;
}

int end_read(int handle, char **reason)
{
	_cleanup_json_ json_object *v = NULL;
	char text[1024] = "";
	const char *end, *why;
	int r = -EPIPE;

	if (recv(handle, text, sizeof(text) - 1, MSG_PEEK | MSG_DONTWAIT) > 0 &&
	    message_parse(text, strlen(text), &v) == 0) {
		end = message_get_string(v, "end");
		why = message_get_string(v, "reason");
		if (end)
			r = end_error(end);
		if (!*reason && why)
			*reason = strdup(why);
	}
	if (!*reason)
		*reason = strdup(UNSAID);
	return r;
}

/* Of a lease that its own program has just released. */
void end_keep(struct zcrx_lease *l)
{
	free(l->end_reason);
	l->end_reason = NULL;
	if (end_read(l->handle, &l->end_reason) != -EPIPE)
		return;
	free(l->end_reason);
	l->end_reason = strdup("it was released");
}

int zcrx_lease_get_end_reason(struct zcrx_lease *lease, const char **ret_reason)
{
	int r;

	r = zcrx_lease_has_ended(lease);
	if (r <= 0)
		return r;
	r = lease->handle < 0 ? -ECANCELED : end_read(lease->handle, &lease->end_reason);
	if (ret_reason)
		*ret_reason = lease->end_reason ? lease->end_reason : UNSAID;
	return r;
}
