/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The contenders of the benchmark: each takes a client from nothing to a steered queue and back, in
 * the same four steps, so that what zcrxd adds can be told from what the kernel and Varlink take.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>

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

/* What each of many clients does over and over, at the same time as all others. */
struct crowd_member {
	const char *name;
	int (*connect)(const struct target *t, sd_varlink **ret);
	int (*pair)(sd_varlink *link, const struct target *t); /* two calls */
};

extern const struct crowd_member crowd_daemon, crowd_empty;

/* So many clients at once for so long, of each kind in turns of a second; what came of it as JSON. */
int crowd_measure(const struct target *t, unsigned n, unsigned seconds, sd_json_variant **ret);

/* Kills a client of zcrxd's, and one of the kernel alone, in turns, and waits for the queue. zcrxd
 * must have one queue to lease. */
int kill_measure(const struct target *t, unsigned rounds, sd_json_variant **ret);

/* Waits until zcrxd has dealt with everything that came before. */
int daemon_settle(void);
/* Leases, registers and steers for these clients, or only leases, and keeps it so. */
int daemon_hold(const struct target *t, struct client *clients, unsigned n, bool reserve);
/* Hears of leases that are freed. */
int daemon_watch(const struct target *t);
void daemon_watch_end(void);
int daemon_forget_freed(void);
/* 0 as soon as one was freed since then, -EBUSY if it takes longer. */
int daemon_wait_freed(const struct target *t, uint64_t usec);

/* Registers the hardware queue itself for this client, as a root program without zcrxd would. */
int bare_hold(const struct target *t, struct client *c);
/* The same through a netkit device that the queue is leased to, and the end of that. */
int bare_hold_leased(const struct target *t, struct client *c);
int bare_delete_device(void);
/* 0 if no io_uring has the queue, -EBUSY if one has, after that time. */
int bare_probe(const struct target *t, uint64_t usec);

/* "zcrx-bench: Cannot DO: REASON"; returns r. */
int failed(int r, const char *what);
uint64_t now_nsec(void);

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
/* Sets field `name` of the object. */
int series_to_json(struct series *s, const char *name, sd_json_variant **v);
