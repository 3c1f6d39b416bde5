/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What iperf3's client and server say to each other on the control connection, as far as a server that receives TCP
 * has to know. Pure.
 *
 * The client sends a cookie of 37 bytes, on each of its connections. From then on the control connection carries
 * states, of one byte, and behind two of them a JSON object from either side, after its length in four bytes:
 *
 *	server: PARAM_EXCHANGE		client: the test, as an object
 *	server: CREATE_STREAMS		client: connects as many streams
 *	server: TEST_START, TEST_RUNNING	client: sends on the streams, at last TEST_END
 *	server: EXCHANGE_RESULTS	client: its results, server: its own
 *	server: DISPLAY_RESULTS		client: IPERF_DONE
 *
 * ACCESS_DENIED says that the server is busy; SERVER_ERROR is followed by the number of an error and an errno, each
 * in four bytes, and the client prints its own sentence of that error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPERF3_COOKIE	     37
#define IPERF3_STREAMS_MAX   128
#define IPERF3_TEST_MAX	     (8 << 10)	/* bytes of the test */
#define IPERF3_RESULTS_MAX   (256 << 10) /* of the client's results */

enum iperf3_state {
	IPERF3_TEST_START = 1,
	IPERF3_TEST_RUNNING = 2,
	IPERF3_TEST_END = 4,
	IPERF3_PARAM_EXCHANGE = 9,
	IPERF3_CREATE_STREAMS = 10,
	IPERF3_SERVER_TERMINATE = 11,
	IPERF3_CLIENT_TERMINATE = 12,
	IPERF3_EXCHANGE_RESULTS = 13,
	IPERF3_DISPLAY_RESULTS = 14,
	IPERF3_DONE = 16,
	IPERF3_ACCESS_DENIED = -1,
	IPERF3_SERVER_ERROR = -2,
};

/* Those of iperf3's errors that describe what happens here; the client knows a sentence for each. */
enum iperf3_error {
	IPERF3_BAD_DURATION = 5,
	IPERF3_BAD_STREAMS = 6,
	IPERF3_BAD_OMIT = 12,
	IPERF3_NOT_IMPLEMENTED = 13, /* "an option you are trying to set is not implemented yet" */
	IPERF3_NO_SCTP = 17,
	IPERF3_INIT_FAILED = 101,
	IPERF3_BAD_MESSAGE = 110,
	IPERF3_BAD_PARAMETERS = 114,
	IPERF3_BAD_RESULTS = 117,
	IPERF3_NO_AFFINITY = 132,
	IPERF3_NOT_AUTHORIZED = 142,
	IPERF3_NO_DATA = 144,
	IPERF3_BAD_STREAM = 203,
};

/* What the client wants. */
struct iperf3_test {
	unsigned int streams;
	unsigned int seconds; /* 0: until it has sent `bytes`, or `blocks` */
	unsigned int omit;    /* seconds at the beginning that do not count */
	uint64_t bytes, blocks;
	bool get_output; /* it wants our words, too */
};

/* 0; else an enum iperf3_error, and *ret_why is what of it cannot be done, for people. */
int iperf3_parse_test(const char *json, struct iperf3_test *ret, const char **ret_why);

/* What the client says that it has sent. Its streams have numbers of its own, in the order of their connecting. */
struct iperf3_sent {
	int64_t ids[IPERF3_STREAMS_MAX];
	uint64_t bytes; /* of all */
};

/* 0, or IPERF3_BAD_RESULTS: also if there are more or less of them than `streams`. */
int iperf3_parse_sent(const char *json, unsigned int streams, struct iperf3_sent *ret);

/* What was received. */
struct iperf3_received {
	unsigned int streams;
	const int64_t *ids;
	const uint64_t *bytes; /* of each */
	double seconds;
	double user, system; /* processor, in percent of that time */
	const char *output;  /* NULL: none */
};

/* A new string, or NULL: out of memory. */
char *iperf3_format_received(const struct iperf3_received *received);
