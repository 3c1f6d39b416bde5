/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the commands of zcrxctl share: the parsed command line, the exit statuses, and the shape of
 * a command. Each cmd-VERB.c exports one `const struct command`; zcrxctl.c lists them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow-spec.h"
#include "text.h"

/* Part of the interface: scripts branch on them. */
enum exit_status {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_DENIED = 3,
	CTL_NOTHING = 4, /* nothing available */
	/* Of `run`, as of a shell and env(1). */
	CTL_NOT_RUN = 126,
	CTL_NO_COMMAND = 127,
};

enum json_mode {
	JSON_OFF,
	JSON_PRETTY,
	JSON_SHORT,
};

/* The command line as options.c understood it. Strings point into argv. */
struct ctl {
	const char *socket;
	enum json_mode json;
	struct style style; /* of standard output */
	bool pager;

	const char *interface;
	uint64_t queues; /* 0: not given */
	struct flow *flows;
	size_t n_flows;
	const char *name;
	const char *owner; /* --owner, as it was given */
	uint64_t ttl_usec; /* 0: not given */
	uint64_t grace_usec;
	bool grace_given;
	const char *reason;
	bool force;
	uint64_t confirm_within_usec; /* 0: not given */
	bool confirm;
	bool all_mine;
	bool result;
	bool hardware;
	bool watch;
	bool prometheus;
	unsigned given; /* TAKES() of the numbers below that were given */
	uint64_t queue, defer_hard_irqs, gro_flush_timeout, irq_suspend_timeout;
	const char *irq_affinity; /* NULL: not given */
};

/* Options that a command may take beside the ones that all do; names and help are in options.c. */
enum ctl_option {
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_JSON,
	OPTION_NO_LEGEND,
	OPTION_FULL,
	OPTION_NO_PAGER,
	OPTION_SOCKET,
	OPTION_INTERFACE,
	OPTION_QUEUES,
	OPTION_FLOW,
	OPTION_NAME,
	OPTION_TTL,
	OPTION_OWNER,
	OPTION_ALL_MINE,
	OPTION_FORCE,
	OPTION_CONFIRM,
	OPTION_CONFIRM_WITHIN,
	OPTION_GRACE,
	OPTION_REASON,
	OPTION_QUEUE,
	OPTION_DEFER_HARD_IRQS,
	OPTION_GRO_FLUSH_TIMEOUT,
	OPTION_IRQ_SUSPEND_TIMEOUT,
	OPTION_IRQ_AFFINITY,
	OPTION_RESULT,
	OPTION_HARDWARE,
	OPTION_WATCH,
	OPTION_PROMETHEUS,
	_OPTION_MAX,
};

#define TAKES(option) (1U << (option))
#define TAKES_ALWAYS                                                                               \
	(TAKES(OPTION_HELP) | TAKES(OPTION_VERSION) | TAKES(OPTION_JSON) |                         \
	 TAKES(OPTION_NO_LEGEND) | TAKES(OPTION_FULL) | TAKES(OPTION_NO_PAGER) | TAKES(OPTION_SOCKET))

struct command {
	const char *name;
	const char *arguments; /* as in the synopsis, "" for none */
	const char *help;      /* one line */
	unsigned options;      /* TAKES() of those beyond TAKES_ALWAYS */
	size_t min_arguments, max_arguments;
	bool arguments_are_a_command; /* options end at the first argument */

	/* `arguments` ends with NULL. */
	enum exit_status (*run)(const struct ctl *ctl, char **arguments);
};

extern const struct command *const commands[]; /* ends with NULL */
const struct command *command_find(const char *name);

/* Prints "zcrxctl: MESSAGE", escaped, and returns `status`. */
enum exit_status ctl_fail(enum exit_status status, const char *format, ...) _printf_(2, 3);
enum exit_status ctl_oom(void);

/* What was printed is out; or says why not. */
enum exit_status ctl_flush(void);

void ctl_done(struct ctl *ctl);
