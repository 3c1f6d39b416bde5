/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See screen.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "screen.h"

static pid_t pager;

/* https://no-color.org */
static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && streq(term, "dumb"));
}

/* COLUMNS is for terminals only: readline(3) leaves one to all that its programs start. */
static size_t columns(void)
{
	const char *variable = getenv("COLUMNS");
	struct winsize size = {};
	uint64_t n;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (variable && parse_number(variable, 1, UINT16_MAX, &n) == 0)
		return (size_t)n;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

struct style screen_style(void)
{
	return (struct style) {
		.legend = true,
		.colour = wants_colour(),
		.utf8 = streq(nl_langinfo(CODESET), "UTF-8"),
		.width = columns(),
	};
}

/* Whoever became root for this command only must not get a shell out of the pager, or run a program of
 * somebody else's choice. */
static bool is_elevated(void)
{
	return geteuid() != getuid() || getenv("SUDO_UID") || getenv("PKEXEC_UID");
}

/* NULL: none is wanted. Of several words, as in `less -i`, a shell makes a command. */
static const char *pager_command(void)
{
	const char *command = getenv("SYSTEMD_PAGER") ?: getenv("PAGER") ?: "less";

	if (!*command || streq(command, "cat"))
		return NULL;
	return is_elevated() ? "less" : command;
}

/* As systemd has less behave: what fits on the screen is printed and that is all. */
static void set_environment(void)
{
	setenv("LESS", getenv("SYSTEMD_LESS") ?: "FRSXMK", true);
	if (streq(nl_langinfo(CODESET), "UTF-8"))
		setenv("LESSCHARSET", "utf-8", true);
	if (is_elevated())
		setenv("LESSSECURE", "1", true);
}

static int spawn_pager(const char *command, int input, pid_t *ret)
{
	const bool plain = !strpbrk(command, " \t");
	char *argv[] = { (char *)command, NULL };
	char *shell[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (r == 0)
		r = posix_spawnp(ret, plain ? command : "sh", &actions, NULL, plain ? argv : shell, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

void screen_page(const struct ctl *ctl)
{
	const char *command = pager_command(), *term = getenv("TERM");
	int fds[2];

	if (pager > 0 || !command || !ctl->pager || ctl->json != JSON_OFF || !isatty(STDOUT_FILENO) || !term ||
	    streq(term, "dumb"))
		return;
	set_environment();
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	if (spawn_pager(command, fds[0], &pager) < 0)
		pager = 0;
	else
		dup2(fds[1], STDOUT_FILENO);
	(void)signal(SIGPIPE, SIG_IGN); /* whoever has read enough is not an error */
	close(fds[0]);
	close(fds[1]);
}

bool screen_page_end(void)
{
	int status;

	if (pager == 0)
		return false;
	fflush(stdout);
	clearerr(stdout);
	/* It sees the end only when nobody can write any more. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	while (waitpid(pager, &status, 0) < 0 && errno == EINTR)
		;
	pager = 0;
	return true;
}
