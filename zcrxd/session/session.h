/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd-session: owns the connections of one user's clients, so that zcrxd, which has capabilities
 * and serves everybody, never holds the last reference to anything that a client made. It receives
 * what clients send, bounds it, and passes zcrxd one well-formed call a connection at a time, with
 * descriptors that some method can use; it takes the replies back. Whatever of a client's has to be
 * closed is closed here, on a thread that may wait for ever (closer.h).
 *
 * It has no capability, and zcrxd trusts it with nothing but that: who a client is, zcrxd has asked
 * the kernel itself before. A session that dies takes its connections with it; leases are their
 * handles'.
 *
 * This header is session.c's and relay.c's. main.c, and tests that have it in their own process, call
 * session_new() and session_free().
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "session-control.h"

struct closer;
struct relay;
struct late;
LIST_HEAD(relay_list, relay);
STAILQ_HEAD(late_queue, late);

typedef void (*session_over)(void *userdata);

struct session {
	sd_event *event;
	struct closer *closer;
	int control, placeholder;
	size_t fds_max, room; /* RLIMIT_NOFILE, and what of it stays free */
	sd_event_source *control_source, *tick;
	struct relay_list relays;
	size_t n_relays;
	struct late_queue late; /* descriptors that are closed a second later */
	size_t n_late;
	size_t held;  /* bytes, by all its connections */
	bool full;    /* so much waits to be closed that nobody is read from */
	bool reported_full;
	bool paused;  /* ... and no connection is taken */
	session_over over;
	void *userdata;
};

/* Takes over `control` in every case. `over` is called a second after zcrxd has hung up, so that
 * zcrxd's own copies are gone before ours. */
int session_new(sd_event *event, int control, session_over over, void *userdata,
		struct session **ret);
void session_free(struct session *s);

/* ---- for relay.c */

/* Whether a client may be read from now; what it sent would have to be closed some time. */
bool session_may_read(struct session *s);
void session_close(struct session *s, int fd);
/* After a second, when zcrxd has closed its copy for sure. */
void session_close_late(struct session *s, int fd);
/* Why a connection of this user's is closed. */
void session_complain(struct session *s, enum session_report_kind kind, uid_t uid);
