/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receiving in one way: the connections, and what came on them. The modes differ only in how payload gets
 * from a socket to session_data(); each is a struct mode_ops. `receive` (receive.c) is one session that listens
 * and steers its port; `serve` (iperf3-serve.c) one in which test after test has its connections; `compare` one for
 * each mode, of the same connections.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <time.h>

#include "meter.h"
#include "options.h"
#include "pattern.h"

struct session;

struct connection {
	struct session *session;
	int socket;
	void *of_mode; /* what the mode knows of it */
	struct pattern_check check;
	uint64_t bytes; /* that came on it */
	unsigned int ring; /* which one has it; the thread, with --threads */
	bool ended;
};

struct mode_ops {
	/* Makes what is needed before anybody can connect; afterwards session->fd is readable when
	 * process() should be called. These return an exit status, and say what failed. */
	int (*open)(struct session *s);
	/* The port is open. NULL: nothing to do. */
	int (*listening)(struct session *s);
	/* Takes a connection in. */
	int (*add)(struct session *s, struct connection *c);
	/* Leads one that was taken in to its queue, if the port is not steered. Nothing may be under way on it.
	 * NULL: there are no queues. It is copied if that fails, and a warning says why. */
	void (*steer)(struct session *s, struct connection *c);
	/* Forgets the connections that were steered so. NULL: likewise. */
	void (*unsteer)(struct session *s);
	/* Hands over, by session_data() and session_end(), what came: some of it, if there is much, and
	 * session->more says so. */
	int (*process)(struct session *s);
	/* Nothing more is received, by any thread; those that were taken in are still to be removed. NULL: nobody but
	 * process() receives. */
	void (*stop)(struct session *s);
	/* The connection has ended, or all of them are let go: nothing of it is received any more. */
	void (*remove)(struct session *s, struct connection *c);
	/* It may be over, as somebody has seen, perhaps in another thread. NULL: it was process(). */
	void (*progress)(struct session *s);
	/* Fills in what came until now. */
	void (*count)(struct session *s);
	/* The same for the last time, and frees everything. */
	void (*close)(struct session *s);
};

extern const struct mode_ops mode_zero_copy, mode_copy, mode_read, mode_recv;

const struct mode_ops *mode_ops_of(enum mode m);

/* How much process() does before it lets others have their turn. */
#define EVENTS_AT_ONCE 256

/* Of one queue of the lease. */
struct queue_result {
	int hardware_queue;
	unsigned int connections;
	uint64_t bytes;
	uint64_t copied_bytes;
	uint64_t copied_pieces;
};

/* NIC, copies, completions, refill ring. */
#define STARVED_KINDS 4

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
	bool more; /* process() is to be called again, though session->fd may not be readable */
	bool interrupted;
	unsigned int n_unsteered; /* that are copied, because their flows could not be steered */
	int status; /* exit status so far */
	struct meter meter;
	struct timespec first, last;
	pthread_mutex_t lock; /* of what threads count: connections that have ended, bytes, status, and when */

	/* The result. */
	uint64_t bytes;
	bool copies_known;
	uint64_t copied_bytes;
	uint64_t copied_pieces;
	uint64_t starved[STARVED_KINDS]; /* ZCRX_COUNTER_STARVED_NIC and those after it */
	bool leased, lease_ending, lease_lost, interface_gone;
	char lease_id[16];
	const char *backend; /* NULL: zcrxd */
	char interface[16];
	struct queue_result queues[QUEUES_MAX];
	unsigned int n_queues;
};

/* What came in all, and what it took, at some moment. Two of them tell of the time between. */
struct totals {
	double when; /* seconds, as meter_now() */
	uint64_t bytes;
	uint64_t copied_bytes, copied_pieces;
	bool copies_known;
	double user, system; /* processor seconds of this process */
};

void session_total(struct session *s, struct totals *ret);
struct totals totals_between(const struct totals *from, const struct totals *to);
/* Of one of them: what was not copied. */
uint64_t totals_zero_copied(const struct totals *t);

int receive_run(const struct options *o);
void receive_report(const struct session *s);

/* For the commands: SIGINT and SIGTERM are what session->signals reads, and session->epoll waits for. */
int session_catch_signals(struct session *s);
int session_watch(struct session *s, int fd);
/* Waits no longer than that, and not at all if there is more; -1: until something happens. What epoll_wait() gives. */
int session_wait(struct session *s, struct epoll_event *events, int n, int milliseconds);
/* Whatever is left to do in process(), when the events have been handled. An exit status. */
int session_go_on(struct session *s);

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
