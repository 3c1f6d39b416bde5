/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One run of `zcrxperf receive`: the listening socket, the connections, and what came on them. The
 * modes differ only in how payload gets from a socket to session_data(); each is a struct mode_ops.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "options.h"
#include "pattern.h"

struct session;

struct connection {
	struct session *session;
	int socket;
	void *of_mode; /* what the mode knows of it */
	struct pattern_check check;
	unsigned int ring; /* whose thread has it, with --threads */
	bool ended;
};

struct mode_ops {
	/* Makes what is needed before the port is opened; afterwards session->fd is readable when
	 * process() should be called. These return an exit status, and say what failed. */
	int (*open)(struct session *s);
	/* The port is open. NULL: nothing to do. */
	int (*listening)(struct session *s);
	/* Takes a connection in. */
	int (*add)(struct session *s, struct connection *c);
	/* Hands over, by session_data() and session_end(), what came. */
	int (*process)(struct session *s);
	/* The connection is over: lets go of it. */
	void (*remove)(struct session *s, struct connection *c);
	/* It may be over, as somebody has seen, perhaps in another thread. NULL: it was process(). */
	void (*progress)(struct session *s);
	/* Fills the result in, and frees everything. */
	void (*close)(struct session *s);
};

extern const struct mode_ops mode_zero_copy, mode_copy, mode_read;

/* Of one queue of the lease. */
struct queue_result {
	int hardware_queue;
	unsigned int connections;
	uint64_t bytes;
	uint64_t copied_bytes;
	uint64_t copied_pieces;
};

struct session {
	const struct options *options;
	const struct mode_ops *mode;
	void *of_mode;
	int fd;
	int epoll;
	int listener;
	int signals;
	struct connection *connections;
	unsigned int n_accepted;
	unsigned int n_ended;
	bool interrupted;
	int status; /* exit status so far */
	struct timespec first, last;
	pthread_mutex_t lock; /* of what threads count: connections that have ended, bytes, status, and when */

	/* The result. */
	uint64_t bytes;
	bool copies_known;
	uint64_t copied_bytes;
	uint64_t copied_pieces;
	bool leased, lease_ending, lease_lost, interface_gone;
	char lease_id[16];
	const char *backend; /* NULL: zcrxd */
	char interface[16];
	struct queue_result queues[QUEUES_MAX];
	unsigned int n_queues;
};

int receive_run(const struct options *o);
void receive_report(const struct session *s);

/* For the modes. */
void session_data(struct connection *c, const void *data, size_t length);
/* `reason`: NULL if the peer is simply done. */
void session_end(struct connection *c, const char *reason);
/* Holds still until killed, if that is what --stop-after asks for; 1 then. */
int session_stop(struct session *s, enum stage stage);

enum {
	STATUS_DONE,
	STATUS_FAILED,
	STATUS_USAGE,
	STATUS_DENIED,
	STATUS_UNAVAILABLE,
};

/* "zcrxperf: MESSAGE" on stderr; gives STATUS_FAILED. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
