/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl check: every requirement of zero-copy receive, with yes, no, and what to do. It is for where no
 * daemon runs (yet): zcrxd-check, a program of the daemon's, looks, and this shows what it found.
 */
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>

#include "call.h"
#include "check-view.h"
#include "commands.h"
#include "screen.h"

/* Of an installation; tests say where theirs is. */
static const char *check_program(void)
{
	return getenv("ZCRXD_CHECK") ?: ZCRXD_CHECK_PROGRAM;
}

static int spawn(const struct ctl *ctl, const char *interface, int output, pid_t *ret)
{
	char *argv[] = { (char *)"zcrxd-check", (char *)ctl->socket, (char *)interface, NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(ret, check_program(), &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* NULL if it failed, which it has said. */
static int run_check(const struct ctl *ctl, const char *interface, sd_json_variant **ret)
{
	_cleanup_json_ sd_json_variant *array = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	int fds[2], status, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	f = fdopen(fds[0], "r");
	r = f ? spawn(ctl, interface, fds[1], &pid) : -errno;
	close(fds[1]);
	if (!f)
		close(fds[0]);
	if (r < 0)
		return r;
	r = sd_json_parse_file(f, NULL, 0, &array, NULL, NULL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return 0;
	if (r >= 0)
		*ret = TAKE_PTR(array);
	return r;
}

static enum exit_status fail_to_run(int r)
{
	if (r == -ENOENT)
		return ctl_fail(CTL_FAILED, "Cannot inspect this machine: there is no %s. It comes with zcrxd; "
					    "install that here.", check_program());
	return ctl_fail(CTL_FAILED, "Cannot inspect this machine with %s: %s.", check_program(), strerror(-r));
}

/* It prints by itself, and nothing is left for us to do. */
static enum exit_status run_hardware(const struct ctl *ctl, const char *interface)
{
	char *argv[] = { (char *)"zcrxd-check", (char *)ctl->socket, (char *)"--hardware", (char *)interface,
			 ctl->force ? (char *)"--force" : NULL, NULL };

	if (!interface)
		return ctl_fail(CTL_USAGE, "--hardware: name the interface whose queues are to be leased.");
	if (ctl->json != JSON_OFF)
		return ctl_fail(CTL_USAGE, "--hardware gives a text; there is no JSON of it.");
	(void)execv(check_program(), argv);
	return fail_to_run(-errno);
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_json_ sd_json_variant *report = NULL;
	enum exit_status status;
	int r;

	if (ctl->socket[0] != '/')
		return ctl_fail(CTL_USAGE, "--socket %s: expected an absolute path.", ctl->socket);
	if (ctl->hardware)
		return run_hardware(ctl, arguments[0]);
	if (ctl->force)
		return ctl_fail(CTL_USAGE, "--force is for --hardware: check by itself changes nothing.");
	r = run_check(ctl, arguments[0], &report);
	if (r < 0)
		return fail_to_run(r);
	if (!report)
		return ctl_fail(CTL_FAILED, "Cannot inspect this machine: %s failed.", check_program());
	screen_page(ctl);
	if (ctl->json != JSON_OFF)
		status = ctl_print_json(ctl, report);
	else
		status = check_write(stdout, report, &ctl->style) < 0 ? ctl_oom() : CTL_DONE;
	return status == CTL_DONE && check_has_no(report) ? CTL_FAILED : status;
}

const struct command command_check = {
	.name = "check",
	.arguments = "[INTERFACE]",
	.options = TAKES(OPTION_HARDWARE) | TAKES(OPTION_FORCE),
	.help = "tell what zero-copy receive lacks here",
	.max_arguments = 1,
	.run = run,
};
