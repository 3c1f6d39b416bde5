/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confirmation. See confirm.h. A connection of its own for each call: the one that applied may have
 * been cut by what it applied.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include "confirm.h"
#include "text.h"

enum answer {
	ANSWER_KEEP,
	ANSWER_PUT_BACK,
	ANSWER_NONE, /* in time */
};

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

enum exit_status ctl_confirm(const struct ctl *ctl, const char *interface, bool keep)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *parameters = NULL, *reply = NULL;
	enum exit_status status = ctl_connect(ctl, &link);
	sd_json_variant *name;

	if (status != CTL_DONE)
		return status;
	if (sd_json_buildo(&parameters,
			   SD_JSON_BUILD_PAIR_CONDITION(interface != NULL, "interface",
							SD_JSON_BUILD_STRING(interface)),
			   SD_JSON_BUILD_PAIR_CONDITION(!keep, "keep",
							SD_JSON_BUILD_BOOLEAN(false))) < 0)
		return ctl_oom();
	status = ctl_call(link, "Confirm", parameters, &reply);
	if (status != CTL_DONE)
		return status;
	if (ctl->json != JSON_OFF)
		return keep ? ctl_print_json(ctl, field_array(reply, "interfaces")) : CTL_DONE;
	array_foreach(name, field_array(reply, "interfaces")) {
		if (!ctl->style.legend || !sd_json_variant_is_string(name))
			continue;
		text_put(stdout, sd_json_variant_string(name));
		puts(keep ? " keeps the changes." : " is rolled back.");
	}
	return CTL_DONE;
}

/* Seconds, one line, over and over. */
static void ask(uint64_t left)
{
	fprintf(stderr,
		"\rPress Enter to keep the changes, Ctrl-C to roll back. Rolling back in %" PRIu64
		" s. \b",
		(left + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

static enum answer read_answer(void)
{
	char c;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n <= 0)
			return ANSWER_PUT_BACK;
		if (c == '\n')
			return ANSWER_KEEP;
	}
}

static enum answer wait_for_answer(int signals, uint64_t until)
{
	struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN },
			      { .fd = signals, .events = POLLIN } };
	uint64_t now;

	while ((now = now_usec()) < until) {
		uint64_t left = until - now;

		ask(left);
		if (poll(p, ARRAY_SIZE(p), (int)(left % USEC_PER_SEC / 1000) + 1) < 0 && errno != EINTR)
			return ANSWER_PUT_BACK;
		if (p[1].revents)
			return ANSWER_PUT_BACK;
		if (p[0].revents)
			return read_answer();
	}
	return ANSWER_NONE;
}

/* The line to this terminal may be what was cut: then nobody is there to keep it. */
static enum answer prompt(uint64_t until)
{
	_cleanup_close_ int signals = -EBADF;
	enum answer answer;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (signals < 0)
		return ANSWER_PUT_BACK;
	answer = wait_for_answer(signals, until);
	fputc('\n', stderr);
	return answer;
}

enum exit_status ctl_await_confirmation(const struct ctl *ctl, const char *interface, uint64_t until,
					enum exit_status status)
{
	const char *name = interface ?: "";
	enum exit_status confirmed = CTL_DONE;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		_cleanup_free_ char *span = until > now_usec() ? text_span(until - now_usec()) : NULL;

		if (ctl->style.legend && ctl->json == JSON_OFF)
			printf("Rolling back in %s unless confirmed with: zcrxctl apply --confirm%s%s\n",
			       span ?: "no time", *name ? " " : "", name);
		return status;
	}
	switch (prompt(until)) {
	case ANSWER_KEEP:
		confirmed = ctl_confirm(ctl, interface, true);
		break;
	case ANSWER_PUT_BACK:
		confirmed = ctl_confirm(ctl, interface, false);
		status = CTL_FAILED;
		break;
	case ANSWER_NONE:
		status = ctl_fail(CTL_FAILED, "Not confirmed in time: the changes are rolled back.");
		break;
	}
	return status != CTL_DONE ? status : confirmed;
}
