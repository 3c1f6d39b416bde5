/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The contenders of the benchmark: each takes a client from nothing to a steered queue and back, in
 * the same four steps, so that what zcrxd adds can be told from what the kernel and Varlink take.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "client.h"

enum step {
	STEP_ACQUIRE,
	STEP_REGISTER,
	STEP_ADD_FLOW,
	STEP_RELEASE,
	_STEP_MAX,
};

/* What all of them work on. */
struct target {
	const char *interface;
	const char *socket;  /* of zcrxd */
	const char *address; /* an IPv4 address of the interface */
	unsigned bare_queue; /* for the bare kernel operations: none of the carve-out */
};

/* All calls return 0 or a negative errno, after saying on stderr what failed. */
struct contender {
	const char *name;
	int (*open)(const struct target *t);
	/* One step; `s` is whatever this contender keeps between steps. */
	int (*step)(const struct target *t, struct client *c, enum step step);
	void (*close)(void);
};

extern const struct contender contender_daemon, contender_empty, contender_bare;

/* Waits until zcrxd has dealt with everything that came before. */
int daemon_settle(void);
/* Leases, registers and steers for these clients, and keeps it so. */
int daemon_hold(const struct target *t, struct client *clients, unsigned n);

/* "zcrx-bench: Cannot DO: REASON"; returns r. */
int failed(int r, const char *what);

/* Durations in nanoseconds, of one step or of all four. */
struct series {
	uint64_t *values;
	size_t n;
};

struct figures {
	uint64_t median, p99; /* nanoseconds */
};

/* Sorts the series. */
struct figures series_figures(struct series *s);
