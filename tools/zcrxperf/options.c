/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See options.h. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>

#include "macro.h"
#include "units.h"

static const char usage[] =
	"Usage: zcrxperf receive --port PORT [OPTION]...\n"
	"       zcrxperf send HOST --port PORT [OPTION]...\n"
	"\n"
	"Sends TCP payload, and receives it by zero copy on a queue leased from zcrxd.\n"
	"\n"
	"  -p, --port PORT           where to listen, or to connect to\n"
	"  -b, --bytes N             receive: end after N bytes in all (K, M, G: binary units);\n"
	"                            send: send N bytes on each connection. Without it: until the\n"
	"                            other side ends\n"
	"  -c, --connections N       accept or make so many (1)\n"
	"  -a, --address ADDRESS     listen on, or connect from, this address only\n"
	"  -j, --json                the result as one JSON object\n"
	"\n"
	"receive:\n"
	"  -m, --mode MODE           zero-copy: on a leased queue (the default); copy: io_uring "
	"with\n"
	"                            ordinary buffers; read: read(2)\n"
	"  -v, --verify              check every byte of what zcrxperf send sends\n"
	"      --backend LIST        where from: zcrxd (the default), direct, software, copy; the first\n"
	"                            that is there, as zcrx_lease_set_backends(3)\n"
	"      --hardware-queue N    direct: the queue, on --interface\n"
	"  -i, --interface NAME      lease a queue of this interface\n"
	"  -q, --queues N            lease N queues, with a ring each (1)\n"
	"      --threads N           receive in N threads, with a ring and a queue each\n"
	"      --share               they share the queues: --queues, or one\n"
	"  -n, --name TEXT           name the lease (zcrxperf)\n"
	"      --by-value            steer --address and --port by value, for root and as the "
	"policy\n"
	"                            lists it: where no socket proves the flow, as on a VLAN\n"
	"      --area SIZE           memory to receive into (16M)\n"
	"      --buffer-length SIZE  a power of two; more than a page needs huge pages\n"
	"      --huge-pages          take the area from huge pages\n"
	"      --socket PATH         zcrxd's socket\n"
	"      --stop-after STAGE    acquire, register, steer: go no further, and hold the lease\n"
	"\n"
	"  -h, --help, --version\n"
	"\n"
	"Within zcrxctl run, receive uses the lease that it finds in the environment.\n"
	"Exit status: 0 done, 1 failed, 2 usage, 3 denied, 4 no queue available.\n";

static const char *const modes[_MODE_MAX] = {
	[MODE_ZERO_COPY] = "zero-copy",
	[MODE_COPY] = "copy",
	[MODE_READ] = "read",
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
	{ "interface", required_argument, NULL, 'i' },
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
			return complain("--mode", value, "zero-copy, copy or read");
		o->mode = (enum mode)r;
		return 0;
	case 'v':
		o->verify = true;
		return 0;
	case 'i':
		o->interface = value;
		return 0;
	case 'n':
		o->name = value;
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
		fputs(usage, stdout);
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

/* What is left after the options: the command, and for `send` the host. */
static int set_command(struct options *o, int n, char **words)
{
	if (n == 0) {
		fputs(usage, stderr);
		return -EINVAL;
	}
	o->send = streq(words[0], "send");
	if (!o->send && !streq(words[0], "receive"))
		return complain("The command", words[0], "receive or send");
	if (o->send && n > 1)
		o->host = strip_brackets(words[1]);
	if (o->send && !o->host) {
		fputs("zcrxperf: send needs a HOST. See zcrxperf --help.\n", stderr);
		return -EINVAL;
	}
	if (n > (o->send ? 2 : 1))
		return complain("An argument", words[n - 1], "no more");
	if (o->port == 0) {
		fputs("zcrxperf: --port is missing. See zcrxperf --help.\n", stderr);
		return -EINVAL;
	}
	if (o->stop_after != STAGE_NONE && o->mode != MODE_ZERO_COPY)
		return complain("--stop-after", stages[o->stop_after], "--mode=zero-copy with it");
	if (o->share ? o->threads == 0 || o->queues > o->threads : o->threads > 0 && o->queues > 0 && o->queues != o->threads) {
		fputs("zcrxperf: --threads has as many queues (--queues), or more threads than queues with --share. "
		      "See zcrxperf --help.\n", stderr);
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
	int option, r;

	*o = (struct options) { .connections = 1, .name = "zcrxperf", .hardware_queue = -1 };
	while ((option = getopt_long(argc, argv, "p:b:c:a:jm:vi:q:n:h", long_options, NULL)) >= 0) {
		r = set_option(o, option, optarg);
		if (r != 0)
			return r;
	}
	return set_command(o, argc - optind, argv + optind);
}
