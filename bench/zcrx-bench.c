/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrx-bench: the command line, the rounds, the result as one JSON object. The contenders take
 * turns in every round, so that whatever else the machine does hits all of them alike.
 */
#include <errno.h>
#include <getopt.h>
#include <sys/resource.h>
#include <systemd/sd-json.h>

#include "bench.h"
#include "macro.h"
#include "zcrx-idl.h"

#define WARM_UP 5

struct arguments {
	struct target target;
	unsigned rounds, hold, clients, seconds, pairs;
	bool bare, kill, reserve, close_ring;
};

struct entry {
	const struct contender *contender;
	struct series steps[_STEP_MAX], total;
};

static const char *const step_names[_STEP_MAX] = {
	[STEP_ACQUIRE] = "acquire",
	[STEP_REGISTER] = "register",
	[STEP_ADD_FLOW] = "addFlow",
	[STEP_RELEASE] = "release",
};

static int usage(FILE *to)
{
	fprintf(to, "zcrx-bench [OPTION...]\n"
		    "Times what it takes to lease, register, steer and release a queue.\n\n"
		    "  --interface=NAME  where to lease (zc0)\n"
		    "  --address=IPV4    an address of it (10.9.0.1)\n"
		    "  --socket=PATH     zcrxd's socket\n"
		    "  --rounds=N        (200)\n"
		    "  --bare-queue=N    also the kernel operations by themselves, on this queue,\n"
		    "                    which must not be one that zcrxd leases\n"
		    "  --hold=N          instead: lease, register and steer N queues, say so, and "
		    "keep\n"
		    "                    them until standard input ends\n"
		    "  --reserve         with --hold: only lease them\n"
		    "  --close-ring      the ring is closed before the lease is released\n"
		    "  --clients=N       instead: this many clients at once acquire and release\n"
		    "  --seconds=N       for so long (5), in turns of a second with as many of\n"
		    "                    empty calls\n"
		    "  --pairs=N         instead: acquire and release so often, alone\n"
		    "  --kill            instead: kill a client in each round, and wait for its "
		    "queue\n");
	return to == stdout ? EXIT_SUCCESS : 2;
}

/* -1 to go on, else the exit status. */
static int parse_arguments(int argc, char *argv[], struct arguments *a)
{
	static const struct option options[] = {
		{ "interface", required_argument, NULL, 'i' },
		{ "address", required_argument, NULL, 'a' },
		{ "socket", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "bare-queue", required_argument, NULL, 'b' },
		{ "hold", required_argument, NULL, 'H' },
		{ "clients", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 'S' },
		{ "kill", no_argument, NULL, 'k' },
		{ "pairs", required_argument, NULL, 'p' },
		{ "reserve", no_argument, NULL, 'R' },
		{ "close-ring", no_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int o;

	while ((o = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (o) {
		case 'i':
			a->target.interface = optarg;
			break;
		case 'a':
			a->target.address = optarg;
			break;
		case 's':
			a->target.socket = optarg;
			break;
		case 'r':
			a->rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'b':
			a->bare = true;
			a->target.bare_queue = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'H':
			a->hold = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			a->clients = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'S':
			a->seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'k':
			a->kill = true;
			break;
		case 'p':
			a->pairs = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'R':
			a->reserve = true;
			break;
		case 'C':
			a->close_ring = true;
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	return optind < argc || a->rounds == 0 ? usage(stderr) : -1;
}

static void series_add(struct series *s, uint64_t value)
{
	s->values[s->n++] = value;
}

/* It closes asynchronously, and without an export of the ifq may not meet the deletion of the device (7.2 warns). */
static int close_ring(const struct arguments *a, struct client *c)
{
	int r;

	client_close_ring(c);
	do
		r = a->bare ? bare_probe(&a->target, 1000) : 0;
	while (r == -EBUSY);
	return r;
}

/* One contender's turn; only the steps are timed. */
static int take_turn(struct entry *e, const struct arguments *a, bool counts)
{
	const struct target *t = &a->target;
	uint64_t start, begin, end = 0;
	struct client c;
	int r;

	r = client_init(&c, t->address);
	if (r < 0)
		return failed(r, "make a ring, an area and a socket");
	start = now_nsec();
	for (enum step s = 0; s < _STEP_MAX && r == 0; s++) {
		if (s == STEP_RELEASE && a->close_ring)
			r = close_ring(a, &c);
		if (r < 0)
			break;
		begin = now_nsec();
		r = e->contender->step(t, &c, s);
		end = now_nsec();
		if (counts)
			series_add(&e->steps[s], end - begin);
	}
	if (counts)
		series_add(&e->total, end - start);
	client_done(&c);
	return r < 0 ? r : daemon_settle();
}

static int entry_init(struct entry *e, const struct contender *contender, const struct arguments *a)
{
	e->contender = contender;
	e->total.values = calloc(a->rounds, sizeof(uint64_t));
	if (!e->total.values)
		return -ENOMEM;
	for (enum step s = 0; s < _STEP_MAX; s++) {
		e->steps[s].values = calloc(a->rounds, sizeof(uint64_t));
		if (!e->steps[s].values)
			return -ENOMEM;
	}
	return contender->open(&a->target);
}

static void entry_done(struct entry *e)
{
	if (!e->contender)
		return;
	e->contender->close();
	for (enum step s = 0; s < _STEP_MAX; s++)
		free(e->steps[s].values);
	free(e->total.values);
}

static int print_result(struct entry *entries, size_t n, unsigned rounds)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r;

	r = sd_json_buildo(&v, SD_JSON_BUILD_PAIR_UNSIGNED("rounds", rounds));
	for (size_t i = 0; i < n && r >= 0; i++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *one = NULL;

		r = series_to_json(&entries[i].total, "total", &one);
		for (enum step s = 0; s < _STEP_MAX && r >= 0; s++)
			r = series_to_json(&entries[i].steps[s], step_names[s], &one);
		if (r >= 0)
			r = sd_json_variant_set_field(&v, entries[i].contender->name, one);
	}
	return r < 0 ? r : sd_json_variant_dump(v, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

static int compete(const struct arguments *a)
{
	const struct contender *contenders[] = { &contender_daemon, &contender_empty,
						 &contender_bare };
	struct entry entries[ARRAY_SIZE(contenders)] = {};
	unsigned warm_up = a->rounds < WARM_UP ? a->rounds : WARM_UP;
	size_t n = a->bare ? 3 : 2;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = entry_init(&entries[i], contenders[i], a);
	for (unsigned round = 0; round < warm_up + a->rounds && r >= 0; round++)
		for (size_t i = 0; i < n && r >= 0; i++)
			r = take_turn(&entries[i], a, round >= warm_up);
	if (r >= 0)
		r = print_result(entries, n, a->rounds);
	for (size_t i = 0; i < n; i++)
		entry_done(&entries[i]);
	return r;
}

static int hold(const struct arguments *a)
{
	struct client *clients = calloc(a->hold, sizeof(*clients));
	int r;

	if (!clients)
		return -ENOMEM;
	r = daemon_hold(&a->target, clients, a->hold, a->reserve);
	if (r == 0) {
		printf("holding %u\n", a->hold);
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	for (unsigned i = 0; i < a->hold; i++)
		if (clients[i].lease_id)
			client_done(&clients[i]);
	contender_daemon.close();
	free(clients);
	return r;
}

static int print_crowd(const struct arguments *a)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r;

	r = crowd_measure(&a->target, a->clients, a->seconds, &v);
	return r < 0 ? r : sd_json_variant_dump(v, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

static int print_pairs(const struct arguments *a)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	struct series s = { .values = calloc(a->pairs, sizeof(*s.values)) };
	sd_varlink *link = NULL;
	uint64_t begin;
	int r;

	r = s.values ? crowd_daemon.connect(&a->target, &link) : -ENOMEM;
	for (unsigned i = 0; i < a->pairs && r == 0; i++) {
		begin = now_nsec();
		r = crowd_daemon.pair(link, &a->target);
		series_add(&s, now_nsec() - begin);
	}
	if (r == 0)
		r = series_to_json(&s, "pair", &v);
	sd_varlink_close_unref(link);
	free(s.values);
	return r < 0 ? r : sd_json_variant_dump(v, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

static int print_kill(const struct arguments *a)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r;

	r = kill_measure(&a->target, a->rounds, &v);
	return r < 0 ? r : sd_json_variant_dump(v, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

int main(int argc, char *argv[])
{
	struct arguments a = {
		.target = { .interface = "zc0", .address = "10.9.0.1", .socket = ZCRX_SOCKET_PATH },
		.rounds = 200,
		.seconds = 5,
	};
	struct rlimit files;
	int r;

	r = parse_arguments(argc, argv, &a);
	if (r >= 0)
		return r;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	r = a.hold > 0	    ? hold(&a)
	    : a.clients > 0 ? print_crowd(&a)
	    : a.pairs > 0   ? print_pairs(&a)
	    : a.kill	    ? print_kill(&a)
			    : compete(&a);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
