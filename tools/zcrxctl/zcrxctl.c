/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl: the commands for people and scripts. This file owns the list of commands and the
 * process; each command is in its own cmd-*.c. Everything goes through the Varlink interface, but for
 * what `check` sees: zcrxctl can do nothing that another program of the same user could not.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>

#include "commands.h"
#include "options.h"
#include "screen.h"
#include "text.h"
#include "zcrx-idl.h"

const struct command *const commands[] = {
	&command_status, &command_leases,  &command_lease, &command_release, &command_run,
	&command_tune,	 &command_watch,  &command_metrics, &command_gres, &command_explain, &command_plan,  &command_apply,   &command_restore,
	&command_revoke, &command_reload,  &command_check, NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (streq(commands[i]->name, name))
			return commands[i];
	return NULL;
}

enum exit_status ctl_fail(enum exit_status status, const char *format, ...)
{
	_cleanup_free_ char *message = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&message, format, ap) < 0)
		message = NULL;
	va_end(ap);
	fputs("zcrxctl: ", stderr);
	text_put(stderr, message ?: strerror(ENOMEM));
	fputc('\n', stderr);
	return status;
}

enum exit_status ctl_oom(void)
{
	return ctl_fail(CTL_FAILED, "Out of memory.");
}

void ctl_done(struct ctl *ctl)
{
	free(ctl->flows);
	ctl->flows = NULL;
}

enum exit_status ctl_flush(void)
{
	if (fflush(stdout) != EOF && !ferror(stdout))
		return CTL_DONE;
	clearerr(stdout); /* it is told once */
	return ctl_fail(CTL_FAILED, "Cannot write the output: %s.", strerror(errno));
}

/* Were one of them closed, the connection to zcrxd would take its number, and what is printed would be sent
 * there. What cannot be written to fails, so that nobody takes it for printed. */
static void occupy_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct command_line line = {};
	enum exit_status status;

	occupy_standard_descriptors();
	setlocale(LC_CTYPE, "");
	line.ctl = (struct ctl) { .socket = ZCRX_SOCKET_PATH, .style = screen_style(), .pager = true };
	status = options_parse(argc, argv, &line);
	if (status == CTL_DONE && line.command)
		status = line.command->run(&line.ctl, line.arguments);
	ctl_done(&line.ctl);
	if (screen_page_end())
		return (int)status;
	/* A full disk or a closed pipe must not look like success. */
	return (int)(status == CTL_DONE ? ctl_flush() : status);
}
