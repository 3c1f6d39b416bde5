/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line. See options.h.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#include "options.h"
#include "screen.h"
#include "text.h"
#include "units.h"

/* Where getopt_long's values begin: beyond every character. */
#define CODE(option) (0x100 + (int)(option))

static const struct option_row {
	const char *name;
	const char *argument; /* NULL: none; "[...]": optional */
	const char *help;
} rows[_OPTION_MAX] = {
	[OPTION_HELP] = { "help", NULL, "show this help" },
	[OPTION_VERSION] = { "version", NULL, "show the version" },
	[OPTION_JSON] = { "json", "[=MODE]", "print JSON: pretty, short or off" },
	[OPTION_NO_LEGEND] = { "no-legend", NULL, "no headings and explanations" },
	[OPTION_FULL] = { "full", NULL, "cut nothing to the width of the screen" },
	[OPTION_NO_PAGER] = { "no-pager", NULL, "do not pipe output into a pager" },
	[OPTION_SOCKET] = { "socket", "PATH", "where zcrxd listens" },
	[OPTION_INTERFACE] = { "interface", "NAME", "lease on this interface" },
	[OPTION_QUEUES] = { "queues", "N", "lease this many queues (1)" },
	[OPTION_FLOW] = { "flow", "SPEC", "steer this flow; may be repeated" },
	[OPTION_NAME] = { "name", "NAME", "call the lease so" },
	[OPTION_TTL] = { "ttl", "TIME", "end the lease after TIME, e.g. 1h30min" },
	[OPTION_OWNER] = { "owner", "USER", "lease for this user, who opens it" },
	[OPTION_ALL_MINE] = { "all-mine", NULL, "all persistent leases of yours" },
	[OPTION_FORCE] = { "force", NULL, "even if it interrupts what is in use" },
	[OPTION_CONFIRM] = { "confirm", NULL, "keep what was applied for a try" },
	[OPTION_CONFIRM_WITHIN] = { "confirm-within", "TIME", "roll back unless confirmed in TIME" },
	[OPTION_GRACE] = { "grace", "TIME", "let the client continue for TIME" },
	[OPTION_REASON] = { "reason", "TEXT", "tell the client why" },
	[OPTION_QUEUE] = { "queue", "N", "only the lease's N-th queue, from 0" },
	[OPTION_DEFER_HARD_IRQS] = { "defer-hard-irqs", "N", "empty polls before interrupts" },
	[OPTION_GRO_FLUSH_TIMEOUT] = { "gro-flush-timeout", "NS", "time between these polls" },
	[OPTION_IRQ_SUSPEND_TIMEOUT] = { "irq-suspend-timeout", "NS", "no interrupts in busy polling" },
	[OPTION_IRQ_AFFINITY] = { "irq-affinity", "CPUS", "let interrupts go to these, e.g. 0-3,8" },
	[OPTION_HARDWARE] = { "hardware", NULL, "lease queues, and report what only a real NIC can tell" },
	[OPTION_WATCH] = { "watch", NULL, "show it again whenever it changes" },
	[OPTION_PROMETHEUS] = { "prometheus", NULL, "the older text format, for node_exporter" },
	[OPTION_RESULT] = { "result", NULL, "only tell what came of the last one" },
};

static void print_options(unsigned options)
{
	for (enum ctl_option i = 0; i < _OPTION_MAX; i++) {
		const char *argument = rows[i].argument ?: "";
		int width;

		if (!(options & TAKES(i)))
			continue;
		width = printf("  --%s%s%s", rows[i].name, *argument && *argument != '[' ? " " : "",
			       argument);
		printf("%*s%s\n", width < 22 ? 22 - width : 1, "", rows[i].help);
	}
}

static void print_help(const struct command *command)
{
	if (command) {
		printf("zcrxctl %s [OPTION...]%s%s\n\n%c%s.\n\n", command->name,
		       *command->arguments ? " " : "", command->arguments,
		       toupper((unsigned char)command->help[0]), command->help + 1);
		print_options(command->options | TAKES_ALWAYS);
		return;
	}
	printf("zcrxctl [OPTION...] COMMAND...\n\n"
	       "Leases NIC receive queues for io_uring zero-copy receive from zcrxd.\n\n");
	for (size_t i = 0; commands[i]; i++) {
		int width = printf("  %s%s%s", commands[i]->name,
				   *commands[i]->arguments ? " " : "", commands[i]->arguments);

		printf("%*s%s\n", width < 31 ? 31 - width : 1, "", commands[i]->help);
	}
	printf("\n");
	print_options(TAKES_ALWAYS);
	printf("\nzcrxctl COMMAND --help lists the options of COMMAND. See also zcrxctl(1).\n");
}

/* A long span is one that the protocol's signed microseconds cannot carry. */
static enum exit_status parse_time(enum ctl_option option, const char *value, uint64_t *ret)
{
	switch (parse_span(value, ret)) {
	case 0:
		return CTL_DONE;
	case -ERANGE:
		return ctl_fail(CTL_USAGE, "--%s %s: the time is too long.", rows[option].name,
				value);
	default:
		return ctl_fail(
			CTL_USAGE,
			"--%s %s: not a time; expected something like 30s, 5min or 1h30min.",
			rows[option].name, value);
	}
}

enum exit_status options_parse_flow(const char *text, struct flow *ret)
{
	struct flow_spec_error error;
	_cleanup_free_ char *message = NULL, *shown = NULL;
	int r = flow_spec_parse(text, ret, &error);

	if (r == 0)
		return CTL_DONE;
	message = error.message;
	shown = text_escape(text);
	if (r != -EINVAL || !shown)
		return ctl_oom();
	ctl_fail(CTL_USAGE, "Cannot understand the flow '%s', character %zu: %s", text,
		 error.position + 1, message);
	/* Pointing needs text that takes as many columns as bytes. */
	if (streq(shown, text) && text_width(text) == strlen(text)) {
		fprintf(stderr, "  %s\n  %*s^", text, (int)error.position, "");
		for (size_t i = 1; i < error.length; i++)
			fputc('~', stderr);
		fputc('\n', stderr);
	}
	return CTL_USAGE;
}

static enum exit_status add_flow(struct ctl *ctl, const char *text)
{
	struct flow *flows;
	enum exit_status status;

	flows = reallocarray(ctl->flows, ctl->n_flows + 1, sizeof *flows);
	if (!flows)
		return ctl_oom();
	ctl->flows = flows;
	status = options_parse_flow(text, &flows[ctl->n_flows]);
	if (status == CTL_DONE)
		ctl->n_flows++;
	return status;
}

static enum exit_status set_json(struct ctl *ctl, const char *mode)
{
	if (!mode)
		ctl->json = isatty(STDOUT_FILENO) ? JSON_PRETTY : JSON_SHORT;
	else if (streq(mode, "pretty"))
		ctl->json = JSON_PRETTY;
	else if (streq(mode, "short"))
		ctl->json = JSON_SHORT;
	else if (streq(mode, "off"))
		ctl->json = JSON_OFF;
	else
		return ctl_fail(CTL_USAGE, "--json=%s: expected pretty, short or off.", mode);
	return CTL_DONE;
}

/* The daemon knows the bounds. */
static enum exit_status take_number(struct ctl *ctl, enum ctl_option option, const char *value,
				    uint64_t *ret)
{
	if (parse_number(value, 0, UINT32_MAX, ret) < 0)
		return ctl_fail(CTL_USAGE, "--%s %s: expected a number.", rows[option].name, value);
	ctl->given |= TAKES(option);
	return CTL_DONE;
}

static enum exit_status set_option(struct command_line *line, enum ctl_option option, const char *value)
{
	struct ctl *ctl = &line->ctl;

	switch (option) {
	case OPTION_JSON:
		return set_json(ctl, value);
	case OPTION_NO_LEGEND:
		ctl->style.legend = false;
		return CTL_DONE;
	case OPTION_FULL:
		ctl->style.width = 0;
		return CTL_DONE;
	case OPTION_NO_PAGER:
		ctl->pager = false;
		return CTL_DONE;
	case OPTION_SOCKET:
		ctl->socket = value;
		return CTL_DONE;
	case OPTION_INTERFACE:
		ctl->interface = value;
		return CTL_DONE;
	case OPTION_QUEUES:
		if (parse_number(value, 1, UINT16_MAX, &ctl->queues) < 0)
			return ctl_fail(CTL_USAGE, "--queues %s: expected a number from 1 up.",
					value);
		return CTL_DONE;
	case OPTION_FLOW:
		return add_flow(ctl, value);
	case OPTION_NAME:
		ctl->name = value;
		return CTL_DONE;
	case OPTION_TTL:
		if (parse_span(value, &ctl->ttl_usec) == 0 && ctl->ttl_usec == 0)
			return ctl_fail(CTL_USAGE, "--ttl %s: a lease cannot end at once.", value);
		return parse_time(option, value, &ctl->ttl_usec);
	case OPTION_OWNER:
		ctl->owner = value;
		return CTL_DONE;
	case OPTION_ALL_MINE:
		ctl->all_mine = true;
		return CTL_DONE;
	case OPTION_FORCE:
		ctl->force = true;
		return CTL_DONE;
	case OPTION_CONFIRM:
		ctl->confirm = true;
		return CTL_DONE;
	case OPTION_CONFIRM_WITHIN:
		if (parse_span(value, &ctl->confirm_within_usec) == 0 &&
		    ctl->confirm_within_usec < USEC_PER_SEC)
			return ctl_fail(CTL_USAGE, "--confirm-within %s: at least a second.", value);
		return parse_time(option, value, &ctl->confirm_within_usec);
	case OPTION_GRACE:
		ctl->grace_given = true;
		return parse_time(option, value, &ctl->grace_usec);
	case OPTION_REASON:
		ctl->reason = value;
		return CTL_DONE;
	case OPTION_QUEUE:
		return take_number(ctl, option, value, &ctl->queue);
	case OPTION_DEFER_HARD_IRQS:
		return take_number(ctl, option, value, &ctl->defer_hard_irqs);
	case OPTION_GRO_FLUSH_TIMEOUT:
		return take_number(ctl, option, value, &ctl->gro_flush_timeout);
	case OPTION_IRQ_SUSPEND_TIMEOUT:
		return take_number(ctl, option, value, &ctl->irq_suspend_timeout);
	case OPTION_IRQ_AFFINITY:
		ctl->irq_affinity = value;
		return CTL_DONE;
	case OPTION_HARDWARE:
		ctl->hardware = true;
		return CTL_DONE;
	case OPTION_WATCH:
		ctl->watch = true;
		return CTL_DONE;
	case OPTION_PROMETHEUS:
		ctl->prometheus = true;
		return CTL_DONE;
	case OPTION_RESULT:
		ctl->result = true;
		return CTL_DONE;
	case OPTION_HELP:
		line->help = true;
		return CTL_DONE;
	case OPTION_VERSION:
		line->version = true;
		return CTL_DONE;
	case _OPTION_MAX:
		break;
	}
	return CTL_USAGE;
}

/* Options up to the first argument, or among all arguments. Leaves optind at the arguments. */
static enum exit_status parse_options(int argc, char **argv, const struct command *command,
				      bool stop_at_argument, struct command_line *ret)
{
	unsigned accepted = TAKES_ALWAYS | (command ? command->options : 0);
	struct option table[_OPTION_MAX + 1] = {};
	size_t n = 0;
	int code;

	for (enum ctl_option i = 0; i < _OPTION_MAX; i++) {
		const char *argument = rows[i].argument;

		if (accepted & TAKES(i))
			table[n++] = (struct option) { rows[i].name,
						       !argument	  ? no_argument
						       : *argument == '[' ? optional_argument
									  : required_argument,
						       NULL, CODE(i) };
	}
	while ((code = getopt_long(argc, argv, stop_at_argument ? "+hl" : "hl", table, NULL)) != -1) {
		enum exit_status status;

		if (code == '?') /* getopt_long() has said why */
			return CTL_USAGE;
		status = set_option(ret, code == 'h'   ? OPTION_HELP
					 : code == 'l' ? OPTION_FULL
						       : (enum ctl_option)(code - CODE(0)), optarg);
		if (status != CTL_DONE)
			return status;
	}
	return CTL_DONE;
}

static enum exit_status check_arguments(const struct command *command, size_t n)
{
	if (n >= command->min_arguments && n <= command->max_arguments)
		return CTL_DONE;
	return ctl_fail(CTL_USAGE, "Too %s arguments; usage: zcrxctl %s [OPTION...]%s%s",
			n < command->min_arguments ? "few" : "many", command->name,
			*command->arguments ? " " : "", command->arguments);
}

/* The command that was meant, or NULL: at most two letters are wrong, missing, too many or in each other's place. */
static const char *find_similar(const char *name)
{
	const char *best = NULL;
	size_t least = 3;

	for (size_t i = 0; commands[i]; i++) {
		size_t distance = text_distance(name, commands[i]->name);

		if (distance < least && distance < strlen(commands[i]->name)) {
			least = distance;
			best = commands[i]->name;
		}
	}
	return best;
}

static enum exit_status find_command(const char *name, const struct command **ret)
{
	const char *similar;

	*ret = command_find(name);
	if (*ret)
		return CTL_DONE;
	similar = find_similar(name);
	return similar ? ctl_fail(CTL_USAGE, "'%s' is not a command. Did you mean '%s'? See zcrxctl --help.", name,
				  similar)
		       : ctl_fail(CTL_USAGE, "'%s' is not a command; see zcrxctl --help.", name);
}

/* It was asked for something that needs no zcrxd, which is printed. */
static bool print_answer(const struct command_line *line)
{
	if (line->help)
		screen_page(&line->ctl);
	if (line->version)
		printf("zcrxctl %s\n", ZCRXD_VERSION);
	else if (line->help)
		print_help(line->command);
	return line->version || line->help;
}

/* Without a command: what is going on. */
#define USUAL_COMMAND "status"

enum exit_status options_parse(int argc, char **argv, struct command_line *ret)
{
	enum exit_status status;

	ret->command = NULL;
	argv[0] = (char *)"zcrxctl"; /* how getopt_long() signs what it prints */
	status = parse_options(argc, argv, NULL, true, ret);
	if (status == CTL_DONE && optind < argc)
		status = find_command(argv[optind], &ret->command);
	if (status != CTL_DONE)
		return status;
	if (print_answer(ret)) {
		ret->command = NULL;
		return CTL_DONE;
	}
	if (!ret->command) {
		ret->command = command_find(USUAL_COMMAND);
		ret->arguments = argv + optind;
		return CTL_DONE;
	}
	argc -= optind;
	argv += optind;
	optind = 0; /* getopt_long() starts afresh behind argv[0], the command */
	argv[0] = (char *)"zcrxctl";
	status = parse_options(argc, argv, ret->command, ret->command->arguments_are_a_command, ret);
	if (status != CTL_DONE)
		return status;
	if (print_answer(ret)) {
		ret->command = NULL;
		return CTL_DONE;
	}
	ret->arguments = argv + optind;
	return check_arguments(ret->command, (size_t)(argc - optind));
}
