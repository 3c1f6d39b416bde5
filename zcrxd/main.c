/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd: arguments, the kernel backend, the loop. Everything else is in manager/ and below.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "accounts.h"
#include "instance-lock.h"
#include "kernel/inspect.h"
#include "kernel/kernel.h"
#include "log.h"
#include "manager.h"
#include "match.h"
#include "reload.h"
#include "zcrx-idl.h"

#define CONFIG_PATH "/etc/zcrxd.yaml"
#define STATE_PATH  "/run/zcrxd/state"
#define LOCK_PATH   "/run/zcrxd/lock" /* whatever the arguments say: there is one set of NICs */

struct arguments {
	const char *config, *socket;
	bool debug, check;
};

static int usage(FILE *to)
{
	fprintf(to, "zcrxd [OPTION...]\n"
		    "Leases NIC receive queues for io_uring zero-copy receive.\n\n"
		    "  --config=PATH   configuration file (default " CONFIG_PATH ")\n"
		    "  --socket=PATH   socket to bind when none is passed by socket activation\n"
		    "                  (default " ZCRX_SOCKET_PATH ")\n"
		    "  --check-config  read the configuration, say what is wrong, and exit\n"
		    "  --debug         log more\n"
		    "  -h, --help      show this help\n"
		    "  --version       show the version\n\n"
		    "See zcrxd(8), zcrxd.yaml(5), zcrxctl(1).\n");
	return to == stdout ? EXIT_SUCCESS : 2;
}

/* It may be for another machine, or for what is plugged in later. */
static void warn_of_unmatched(const struct config *c, const char *path)
{
	struct nic_link *links;
	char **warnings;
	size_t n_links, n;
	int r = inspect_links(&links, &n_links);

	if (r >= 0) {
		r = config_find_unmatched(c, links, n_links, &warnings, &n);
		nic_links_free(links, n_links);
	}
	if (r < 0) {
		fprintf(stderr, "%s: cannot be compared with the interfaces of this machine: %s\n", path,
			strerror(-r));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		fprintf(stderr, "%s: warning: %s\n", path, warnings[i]);
		free(warnings[i]);
	}
	free(warnings);
}

static int check_config(const char *path)
{
	_cleanup_(config_freep) struct config *c = NULL;
	_cleanup_fault_ struct fault fault = {};
	int r;

	/* Without one zcrxd starts, but nobody asks whether nothing is good. */
	if (access(path, F_OK) < 0) {
		fprintf(stderr, "Cannot read %s: %s.\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	r = config_load(path, &c, &fault);
	if (r == 0) {
		printf("%s is good: %zu interface%s, %zu policy rule%s.\n", path, c->n_interfaces,
		       c->n_interfaces == 1 ? "" : "s", c->n_policy, c->n_policy == 1 ? "" : "s");
		fflush(stdout);
		accounts_look_up(c, path);
		warn_of_unmatched(c, path);
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "%s\n", fault_text(r, &fault));
	return EXIT_FAILURE;
}

/* -1 to go on, else the exit status. */
static int parse_arguments(int argc, char *argv[], struct arguments *ret)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "check-config", no_argument, NULL, 'C' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
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
		case 'C':
			ret->check = true;
			break;
		case 'd':
			ret->debug = true;
			break;
		case 'h':
			return usage(stdout);
		case 'V':
			puts("zcrxd " ZCRXD_VERSION);
			return EXIT_SUCCESS;
		default:
			return usage(stderr);
		}
	}
	return optind < argc ? usage(stderr) : -1;
}

static int run(const struct arguments *a)
{
	_cleanup_(manager_freep) struct manager *m = NULL;
	_cleanup_fault_ struct fault fault = {};
	struct nic_backend *backend;
	int r, lock;

	/* Until the loop reads them nothing may be ended half way, by a restart that is asked for now, say. */
	r = manager_block_signals();
	if (r < 0)
		return log_errno(r, "Cannot block signals");
	r = instance_lock(LOCK_PATH, &lock, &fault); /* until this process is gone */
	if (r == 0)
		r = kernel_backend_new(&backend, &fault);
	if (r > 0) {
		log_error("%s", fault.message);
		return -EOPNOTSUPP;
	}
	if (r < 0)
		return log_errno(r, "Cannot talk to the kernel");
	r = manager_new(backend, a->config, STATE_PATH, &m);
	if (r < 0) {
		backend->ops->free(backend);
		return log_errno(r, "Cannot set up");
	}
	r = manager_start(m, a->socket);
	return r < 0 ? r : manager_run(m);
}

int main(int argc, char *argv[])
{
	struct arguments a = { .config = CONFIG_PATH, .socket = ZCRX_SOCKET_PATH };
	int r;

	r = parse_arguments(argc, argv, &a);
	if (r >= 0)
		return r;
	log_setup(a.debug ? LOG_DEBUG : LOG_INFO);
	umask(0022);
	if (a.check)
		return check_config(a.config);
	return run(&a) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
