/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One test of an iperf3 client, from its cookie to its end: what the client says on the control connection, and what
 * comes on its streams. iperf3-serve.c accepts the connections, and calls this. Never waits.
 */
#pragma once

#include "iperf3-message.h"
#include "iperf3-reader.h"
#include "session.h"

enum iperf3_phase {
	IPERF3_IDLE,	   /* there is no test */
	IPERF3_PARAMETERS, /* the client says what it wants */
	IPERF3_STREAMS,	   /* it connects */
	IPERF3_RUNNING,	   /* it sends */
	IPERF3_RESULTS,	   /* it says what it has sent */
	IPERF3_DRAINING,   /* some of that is still under way */
	IPERF3_DISPLAYED,  /* it has our results, and takes its leave */
	IPERF3_OVER,	   /* iperf3_run_end() is due */
};

struct iperf3_run {
	struct session *session;
	unsigned int number;
	enum iperf3_phase phase;
	bool succeeded;
	int control;
	char cookie[IPERF3_COOKIE];
	char peer[64]; /* its address */
	struct iperf3_test test;

	struct iperf3_reader reader;
	double deadline;   /* of the phase */
	double omit_until; /* 0: nothing is omitted */
	double alive;	   /* when something came last */
	double ended;	   /* when the client said so */
	uint64_t seen;	   /* bytes at `alive` */
	struct totals begin, total;
	uint64_t base[IPERF3_STREAMS_MAX]; /* of each stream, what does not count */
	struct iperf3_sent sent;
};

/* Of a client that has sent its cookie; owns the socket. */
void iperf3_run_begin(struct iperf3_run *r, int control, const char cookie[static IPERF3_COOKIE]);
/* Whether a connection with this cookie is one of its streams. */
bool iperf3_run_wants(const struct iperf3_run *r, const char cookie[static IPERF3_COOKIE]);
/* Which is then this one; owns the socket. */
void iperf3_run_add(struct iperf3_run *r, int socket);
/* The control connection is readable. */
void iperf3_run_hear(struct iperf3_run *r);
/* Whatever happened: is it time for something? Milliseconds until it is. */
int iperf3_run_tick(struct iperf3_run *r);
/* Receiving failed, or the server ends: says so to the client. */
void iperf3_run_abort(struct iperf3_run *r, bool server_ends);
/* Closes everything; idle again. */
void iperf3_run_end(struct iperf3_run *r);

/* iperf3-report.c: what was found, on stdout. */
void iperf3_report(const struct iperf3_run *r);
/* The same in words for the client, if it asks for that (--get-server-output); NULL: out of memory. */
char *iperf3_words(const struct iperf3_run *r);
