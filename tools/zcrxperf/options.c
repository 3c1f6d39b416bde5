/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See options.h. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>

#include "macro.h"
#include "request.h"
#include "units.h"
#include "usage.h"

static const char *const modes[_MODE_MAX] = {
	[MODE_ZERO_COPY] = "zero-copy",
	[MODE_COPY] = "copy",
	[MODE_READ] = "read",
	[MODE_RECV] = "recv",
};

static const char *const commands[_COMMAND_MAX] = {
	[COMMAND_RECEIVE] = "receive",
	[COMMAND_SEND] = "send",
	[COMMAND_SERVE] = "serve",
	[COMMAND_COMPARE] = "compare",
	[COMMAND_ANSWER] = "answer",
};

static const char *const stages[_STAGE_MAX] = {
	[STAGE_NONE] = "none",
	[STAGE_ACQUIRE] = "acquire",
	[STAGE_REGISTER] = "register",
	[STAGE_STEER] = "steer",
};

const char *mode_to_string(enum mode m)
{
	return modes[m];
}

const char *stage_to_string(enum stage s)
{
	return stages[s];
}

static int lookup(const char *const *table, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (streq(table[i], text))
			return (int)i;
	return -EINVAL;
}

static int parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || strchr(text, '-') || n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

/* Of seconds; as iperf3 has them. */
static int parse_seconds(const char *text, double min, double max, double *ret)
{
	double seconds;
	char *end;

	errno = 0;
	seconds = strtod(text, &end);
	if (errno || end == text || *end || !(seconds >= min && seconds <= max))
		return -EINVAL;
	*ret = seconds;
	return 0;
}

static int complain(const char *what, const char *value, const char *expected)
{
	fprintf(stderr, "zcrxperf: %s is \"%s\"; expected %s. See zcrxperf --help.\n", what, value,
		expected);
	return -EINVAL;
}

enum {
	OPT_AREA = 256,
	OPT_BACKEND,
	OPT_BUFFER_LENGTH,
	OPT_BY_VALUE,
	OPT_HARDWARE_QUEUE,
	OPT_HUGE_PAGES,
	OPT_IPERF3,
	OPT_SHARE,
	OPT_SOCKET,
	OPT_STOP_AFTER,
	OPT_THREADS,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "bytes", required_argument, NULL, 'b' },
	{ "connections", required_argument, NULL, 'c' },
	{ "address", required_argument, NULL, 'a' },
	{ "json", no_argument, NULL, 'j' },
	{ "mode", required_argument, NULL, 'm' },
	{ "verify", no_argument, NULL, 'v' },
	{ "interface", required_argument, NULL, 'I' },
	{ "interval", required_argument, NULL, 'i' },
	{ "time", required_argument, NULL, 't' },
	{ "iperf3", no_argument, NULL, OPT_IPERF3 },
	{ "one-off", no_argument, NULL, '1' },
	{ "queues", required_argument, NULL, 'q' },
	{ "name", required_argument, NULL, 'n' },
	{ "area", required_argument, NULL, OPT_AREA },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "hardware-queue", required_argument, NULL, OPT_HARDWARE_QUEUE },
	{ "by-value", no_argument, NULL, OPT_BY_VALUE },
	{ "buffer-length", required_argument, NULL, OPT_BUFFER_LENGTH },
	{ "huge-pages", no_argument, NULL, OPT_HUGE_PAGES },
	{ "share", no_argument, NULL, OPT_SHARE },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "stop-after", required_argument, NULL, OPT_STOP_AFTER },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{}
};

/* Options with a number in them. */
static int set_number(struct options *o, int option, const char *value)
{
	uint64_t n = 0;

	switch (option) {
	case 'p':
		if (parse_number(value, UINT16_MAX, &n) < 0 || n == 0)
			return complain("--port", value, "1 to 65535");
		o->port = (uint16_t)n;
		return 0;
	case 'c':
		if (parse_number(value, 100000, &n) < 0 || n == 0)
			return complain("--connections", value, "1 to 100000");
		o->connections = (unsigned int)n;
		return 0;
	case 'q':
		if (parse_number(value, QUEUES_MAX, &n) < 0 || n == 0)
			return complain("--queues", value, "1 to 64");
		o->queues = (unsigned int)n;
		return 0;
	case OPT_THREADS:
		if (parse_number(value, QUEUES_MAX, &n) < 0 || n == 0)
			return complain("--threads", value, "1 to 64");
		o->threads = (unsigned int)n;
		return 0;
	case OPT_HARDWARE_QUEUE:
		if (parse_number(value, INT_MAX, &n) < 0)
			return complain("--hardware-queue", value, "the index of a queue");
		o->hardware_queue = (int)n;
		return 0;
	case 'i':
		if (parse_seconds(value, 0.1, 3600, &o->interval) < 0)
			return complain("--interval", value,
					"seconds, 0.1 to 3600 (an interface is --interface, -I)");
		return 0;
	case 't':
		if (parse_seconds(value, 0.1, 86400, &o->time) < 0)
			return complain("--time", value, "seconds, 0.1 to 86400");
		return 0;
	case 'b':
		if (parse_size(value, &o->bytes) < 0 || o->bytes == 0)
			return complain("--bytes", value, "a size such as 64M");
		return 0;
	case OPT_AREA:
		if (parse_size(value, &n) < 0 || n == 0)
			return complain("--area", value, "a size such as 16M");
		o->area = n;
		return 0;
	default: /* OPT_BUFFER_LENGTH */
		if (parse_size(value, &n) < 0 || n == 0 || (n & (n - 1)))
			return complain("--buffer-length", value, "a power of two such as 64K");
		o->buffer_length = n;
		return 0;
	}
}

/* "[fd09::1]", as URLs have it. */
static const char *strip_brackets(char *address)
{
	size_t n = strlen(address);

	if (n < 2 || address[0] != '[' || address[n - 1] != ']')
		return address;
	address[n - 1] = '\0';
	return address + 1;
}

static int set_option(struct options *o, int option, char *value)
{
	int r;

	switch (option) {
	case 'a':
		o->address = strip_brackets(value);
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'm':
		r = lookup(modes, _MODE_MAX, value);
		if (r < 0)
			return complain("--mode", value, "zero-copy, copy, read or recv");
		o->mode = (enum mode)r;
		return 0;
	case 'v':
		o->verify = true;
		return 0;
	case 'I':
		o->interface = value;
		return 0;
	case 'n':
		o->name = value;
		return 0;
	case '1':
		o->one_off = true;
		return 0;
	case OPT_IPERF3:
		o->iperf3 = true;
		return 0;
	case OPT_BACKEND:
		o->backend = value;
		return 0;
	case OPT_BY_VALUE:
		o->by_value = true;
		return 0;
	case OPT_HUGE_PAGES:
		o->huge_pages = true;
		return 0;
	case OPT_SHARE:
		o->share = true;
		return 0;
	case OPT_SOCKET:
		o->socket = value;
		return 0;
	case OPT_STOP_AFTER:
		r = lookup(stages, _STAGE_MAX, value);
		if (r < 0)
			return complain("--stop-after", value, "acquire, register or steer");
		o->stop_after = (enum stage)r;
		return 0;
	case 'h':
		fputs(usage_text, stdout);
		return 1;
	case OPT_VERSION:
		puts("zcrxperf " ZCRXD_VERSION);
		return 1;
	case '?':
		fputs("See zcrxperf --help.\n", stderr);
		return -EINVAL;
	default:
		return set_number(o, option, value);
	}
}

/* Each short option that check_options() knows. */
static uint64_t bit_of(int option)
{
	return option == '1' ? 1 : option >= 'a' && option <= 'z' ? UINT64_C(2) << (option - 'a') : 0;
}

/* What some commands have no use for; whoever gives it expects something of it. */
static int check_options(const struct options *o, uint64_t given)
{
	static const struct {
		int option;
		const char *name;
		unsigned int commands; /* bits */
	} table[] = {
#define IN(command) (1U << COMMAND_##command)
		{ 'b', "--bytes", IN(RECEIVE) | IN(SEND) },
		{ 'c', "--connections", IN(RECEIVE) | IN(SEND) | IN(COMPARE) },
		{ 'i', "--interval", IN(RECEIVE) | IN(SERVE) | IN(COMPARE) },
		{ 'm', "--mode", IN(RECEIVE) | IN(SERVE) },
		{ 't', "--time", IN(COMPARE) },
		{ 'v', "--verify", IN(RECEIVE) | IN(COMPARE) },
		{ '1', "--one-off", IN(SERVE) },
#undef IN
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (given & bit_of(table[i].option) && !(table[i].commands >> o->command & 1)) {
			fprintf(stderr, "zcrxperf: %s is not for %s. See zcrxperf --help.\n", table[i].name,
				commands[o->command]);
			return -EINVAL;
		}
	if (o->iperf3 != (o->command == COMMAND_SERVE)) {
		fprintf(stderr, "zcrxperf: %s. See zcrxperf --help.\n",
			o->iperf3 ? "--iperf3 is for serve" :
				    "serve needs --iperf3, which is what it can serve");
		return -EINVAL;
	}
	if (o->command == COMMAND_COMPARE && o->connections > CONNECTIONS_MAX)
		return complain("--connections", "more than that", "at most 1024 to compare");
	if ((o->command == COMMAND_SERVE || o->command == COMMAND_COMPARE) &&
	    (o->threads > 0 || o->by_value || o->stop_after != STAGE_NONE)) {
		fprintf(stderr,
			"zcrxperf: --threads, --by-value and --stop-after are for receive, not for %s. See "
			"zcrxperf --help.\n",
			commands[o->command]);
		return -EINVAL;
	}
	return 0;
}

static bool needs_host(const struct options *o)
{
	return o->command == COMMAND_SEND || o->command == COMMAND_ANSWER;
}

/* What is left after the options: the command, and the host of those that connect. */
static int set_command(struct options *o, int n, char **words)
{
	int r;

	if (n == 0) {
		fputs(usage_text, stderr);
		return -EINVAL;
	}
	r = lookup(commands, _COMMAND_MAX, words[0]);
	if (r < 0)
		return complain("The command", words[0], "receive, send, serve, compare or answer");
	o->command = (enum command)r;
	if (needs_host(o) && n > 1)
		o->host = strip_brackets(words[1]);
	if (needs_host(o) && !o->host) {
		fprintf(stderr, "zcrxperf: %s needs a HOST. See zcrxperf --help.\n", words[0]);
		return -EINVAL;
	}
	if (n > (needs_host(o) ? 2 : 1))
		return complain("An argument", words[n - 1], "no more");
	if (o->port == 0 && o->command == COMMAND_SERVE)
		o->port = IPERF3_PORT;
	if (o->port == 0) {
		fputs("zcrxperf: --port is missing. See zcrxperf --help.\n", stderr);
		return -EINVAL;
	}
	return 0;
}

/* Those that need each other. */
static int check_receive(struct options *o)
{
	if (o->stop_after != STAGE_NONE && o->mode != MODE_ZERO_COPY)
		return complain("--stop-after", stages[o->stop_after], "--mode=zero-copy with it");
	if (o->share ? o->threads == 0 || o->queues > o->threads :
		       o->threads > 0 && o->queues > 0 && o->queues != o->threads) {
		fputs("zcrxperf: --threads has as many queues (--queues), or more threads than queues with "
		      "--share. See zcrxperf --help.\n",
		      stderr);
		return -EINVAL;
	}
	if (!o->share && o->threads > 0)
		o->queues = o->threads;
	if (o->by_value && (!o->address || o->mode != MODE_ZERO_COPY)) {
		fputs("zcrxperf: --by-value needs --address, and --mode=zero-copy. See zcrxperf "
		      "--help.\n",
		      stderr);
		return -EINVAL;
	}
	return 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
	uint64_t given = 0;
	int option, r;

	*o = (struct options) { .connections = 1, .name = "zcrxperf", .hardware_queue = -1, .time = 5 };
	while ((option = getopt_long(argc, argv, "p:b:c:a:jm:vi:I:t:1q:n:h", long_options, NULL)) >= 0) {
		r = set_option(o, option, optarg);
		if (r != 0)
			return r;
		given |= bit_of(option);
	}
	r = set_command(o, argc - optind, argv + optind);
	if (r == 0)
		r = check_options(o, given);
	return r == 0 ? check_receive(o) : r;
}
