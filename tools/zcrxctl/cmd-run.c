/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl run: a lease for as long as a command runs. zcrxctl becomes the command, which inherits
 * the handle: the lease ends when it and whatever children kept the descriptor are gone, and there
 * is no process in between that could be killed or leak it.
 */
#include <errno.h>
#include <fcntl.h>

#include "acquire.h"
#include "commands.h"

static int set_environment(const char *lease_id, int handle)
{
	_cleanup_free_ char *number = NULL;

	if (asprintf(&number, "%d", handle) < 0) {
		number = NULL;
		return -ENOMEM;
	}
	if (setenv("ZCRX_LEASE", lease_id, true) < 0 ||
	    setenv("ZCRX_LEASE_HANDLE_FD", number, true) < 0 || fcntl(handle, F_SETFD, 0) < 0)
		return -errno;
	return 0;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *reply = NULL;
	_cleanup_close_ int handle = -EBADF;
	const char *id;
	enum exit_status status = ctl_connect(ctl, &link);
	int r;

	if (status == CTL_DONE)
		status = ctl_acquire(ctl, link, ctl->interface, false, NULL, &reply);
	if (status != CTL_DONE)
		return status;
	id = field_string(field_object(reply, "lease"), "leaseId");
	handle = sd_varlink_take_fd(link, field_unsigned(reply, "handleFileDescriptor", SIZE_MAX));
	if (!id || handle < 0)
		return ctl_fail(CTL_FAILED, "zcrxd answered without a lease and its handle.");
	r = set_environment(id, handle);
	if (r < 0)
		return ctl_fail(CTL_FAILED, "Cannot pass lease %s on: %s.", id, strerror(-r));

	execvp(arguments[0], arguments);
	return ctl_fail(errno == ENOENT ? CTL_NO_COMMAND : CTL_NOT_RUN, "Cannot run %s: %s.", arguments[0],
			strerror(errno));
}

const struct command command_run = {
	.name = "run",
	.arguments = "[--] COMMAND...",
	.help = "lease queues for as long as COMMAND runs",
	.options = TAKES(OPTION_INTERFACE) | TAKES(OPTION_QUEUES) | TAKES(OPTION_FLOW) |
		   TAKES(OPTION_NAME) | TAKES(OPTION_TTL),
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.arguments_are_a_command = true,
	.run = run,
};
