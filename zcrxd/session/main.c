/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd-session: the process around session.h. zcrxd starts it, with its control socket as
 * SESSION_CONTROL_FD, and ends it by hanging up.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "macro.h"
#include "session.h"

#define NOBODY 65534

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Where the unit's filter does not let us, zcrxd has seen to it. */
	(void)syscall(SYS_capset, &header, data);
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		if (data[i].permitted != 0 || data[i].effective != 0)
			return -EPERM;
	return 0;
}

/* zcrxd need not run as a user of its own, by hand or in a test; this does. */
static int drop_privileges(void)
{
	if (getuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			      setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return drop_capabilities();
}

/* As many descriptors as it can: what waits to be closed is one each. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Closing everything is the kernel's, and whether that ends is nobody's concern. */
_Noreturn static void on_over(void *userdata)
{
	_exit(EXIT_SUCCESS);
}

static bool is_started_by_zcrxd(void)
{
	socklen_t size = sizeof(int);
	int type;

	return getsockopt(SESSION_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

static int run(void)
{
	sd_event *event;
	struct session *s;
	int r;

	raise_limit();
	r = drop_privileges();
	if (r >= 0)
		r = sd_event_new(&event);
	if (r >= 0)
		r = session_new(event, SESSION_CONTROL_FD, on_over, NULL, &s);
	return r < 0 ? r : sd_event_loop(event);
}

int main(void)
{
	int r;

	if (!is_started_by_zcrxd()) {
		fprintf(stderr, "zcrxd-session is started by zcrxd.\n");
		return EXIT_FAILURE;
	}
	r = run();
	fprintf(stderr, "zcrxd-session: %s\n", strerror(-r));
	_exit(EXIT_FAILURE);
}
