/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting zcrxd-session. See session-process.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>

#include "macro.h"
#include "session-control.h"
#include "session-process.h"

/* Beside our own program; tests, whose programs lie elsewhere, say where. */
static char *session_program(void)
{
	char own[PATH_MAX], *path = NULL;
	const char *given = getenv("ZCRXD_SESSION");
	ssize_t n;

	if (given)
		return strdup(given);
	n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	if (n < 0)
		return NULL;
	own[n] = '\0';
	return asprintf(&path, "%s/zcrxd-session", dirname(own)) < 0 ? NULL : path;
}

/* It has its control socket and stderr, and none of our signals' settings. */
static int spawn(const char *path, const posix_spawn_file_actions_t *actions,
		 pid_t *ret)
{
	char *argv[] = { (char *)"zcrxd-session", NULL };
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_init(&attributes);
	if (r != 0)
		return -r;
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	r = posix_spawn(ret, path, actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	return -r;
}

int session_spawn(sd_event *event, int control_taken, pid_t *ret)
{
	_cleanup_close_ int control = control_taken;
	_cleanup_free_ char *path = session_program();
	posix_spawn_file_actions_t actions;
	int r;

	if (!path)
		return -ENOMEM;
	/* systemd gives us capabilities that survive an exec. What we have now does not depend on that. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, control, SESSION_CONTROL_FD);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, SESSION_CONTROL_FD + 1);
	r = r == 0 ? spawn(path, &actions, ret) : -r;
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}
