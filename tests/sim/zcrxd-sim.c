/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd on nic/sim instead of the kernel: for benchmarks of what the daemon
 * itself costs, and for trying clients without root or a NIC. It has one simulated NIC, "sim0",
 * that owns the loopback addresses, so that sockets on loopback prove flows.
 *
 *	zcrxd-sim --socket=/tmp/zcrxd --config=zcrxd.yaml
 *	zcrxctl --socket=/tmp/zcrxd status
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>

#include "log.h"
#include "manager.h"
#include "sim.h"

#define IFINDEX	   2
#define QUEUES	   16
#define QUEUES_MAX 2560

struct arguments {
	const char *config, *socket;
	unsigned delay;
	bool debug;
};

static int usage(FILE *to)
{
	fprintf(to, "zcrxd-sim --config=PATH --socket=PATH [OPTION...]\n"
		    "zcrxd on a simulated NIC named sim0 with 16 of at most 2560 channels.\n\n"
		    "  --delay=MS   every kernel operation on the NIC takes this long\n"
		    "  --debug      log more\n");
	return to == stdout ? EXIT_SUCCESS : 2;
}

/* -1 to go on, else the exit status. */
static int parse_arguments(int argc, char *argv[], struct arguments *ret)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "delay", required_argument, NULL, 'D' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int o;

	while ((o = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (o) {
		case 'c':
			ret->config = optarg;
			break;
		case 's':
			ret->socket = optarg;
			break;
		case 'D':
			ret->delay = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			ret->debug = true;
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	return optind < argc || !ret->config || !ret->socket ? usage(stderr) : -1;
}

static int add_nic(struct nic_backend *b)
{
	struct local_address loopback[] = { { .protocol = FLOW_TCP4 }, { .protocol = FLOW_TCP6 } };
	_cleanup_(nic_state_freep) struct nic_state *nic = NULL;
	int r;

	inet_pton(AF_INET, "127.0.0.1", loopback[0].bytes);
	inet_pton(AF_INET6, "::1", loopback[1].bytes);
	r = sim_nic_state_new(IFINDEX, "sim0", "simulated", QUEUES, QUEUES_MAX, &nic);
	if (r == 0)
		r = sim_add_nic(b, nic, NULL, NULL);
	if (r == 0)
		r = sim_set_addresses(b, IFINDEX, loopback, ARRAY_SIZE(loopback));
	return r;
}

static int run(const struct arguments *a)
{
	_cleanup_(manager_freep) struct manager *m = NULL;
	_cleanup_free_ char *state = NULL;
	struct nic_backend *backend;
	int r;

	/* The machine begins anew with each run, and so does who owns what. */
	if (asprintf(&state, "%s.state", a->socket) < 0)
		return -ENOMEM;
	(void)unlink(state);
	backend = sim_new();
	if (!backend)
		return -ENOMEM;
	sim_set_delay(backend, a->delay);
	sim_set_short_rings(backend, true); /* its clients have none at all */
	r = add_nic(backend);
	if (r == 0)
		r = manager_new(backend, a->config, state, &m);
	if (r < 0) {
		backend->ops->free(backend);
		return log_errno(r, "Cannot set up");
	}
	r = manager_start(m, a->socket);
	return r < 0 ? r : manager_run(m);
}

int main(int argc, char *argv[])
{
	struct arguments a = {};
	int r;

	r = parse_arguments(argc, argv, &a);
	if (r >= 0)
		return r;
	(void)setenv("ZCRXD_SESSION", ZCRXD_SESSION, 0);
	log_setup(a.debug ? LOG_DEBUG : LOG_INFO);
	return run(&a) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
