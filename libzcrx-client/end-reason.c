/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a lease has ended: zcrxd leaves that on the handle before it hangs up. It stays there, for those
 * who have copies of the handle, and for the threads of the lease's queues. Before, if it was revoked with a grace,
 * there is the beginning of the same object: when the lease will end.
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

#define TEXT_MAX 1024

static bool look(int handle, char text[TEXT_MAX])
{
	ssize_t n = recv(handle, text, TEXT_MAX - 2, MSG_PEEK | MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

int ending_read(int handle, uint64_t *ret_deadline)
{
	_cleanup_json_ json_object *v = NULL;
	char text[TEXT_MAX];

	if (!look(handle, text) || text[strlen(text) - 1] == '}')
		return 0;
	strcat(text, "}");
	return message_parse(text, strlen(text), &v) == 0 &&
	       message_get_unsigned(v, "deadlineUSec", UINT64_MAX, ret_deadline) == 0;
}

int end_read(int handle, char **reason)
{
	_cleanup_json_ json_object *v = NULL;
	char text[TEXT_MAX];
	const char *end, *why;
	int r = -EPIPE;

	if (look(handle, text) &&
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

int zcrx_lease_get_ending(struct zcrx_lease *lease, uint64_t *ret_deadline_usec)
{
	uint64_t deadline = 0;
	int r;

	r = zcrx_lease_has_ended(lease);
	if (r != 0)
		return r < 0 ? r : 0;
	if (lease->handle < 0 || ending_read(lease->handle, &deadline) == 0)
		return 0;
	if (ret_deadline_usec)
		*ret_deadline_usec = deadline;
	return 1;
}
