/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line as a value. Parsing prints what is wrong with it; nothing else is done here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command {
	COMMAND_RECEIVE,
	COMMAND_SEND,
	COMMAND_SERVE,
	COMMAND_COMPARE,
	COMMAND_ANSWER,
	_COMMAND_MAX,
};

enum mode {
	MODE_ZERO_COPY,
	MODE_COPY, /* on the rings of zero copy, but not led to them */
	MODE_READ, /* io_uring, into ordinary memory */
	MODE_RECV, /* epoll and recv(2) */
	_MODE_MAX,
};

/* Where to hold still until killed, for tests of what is left behind. */
enum stage {
	STAGE_NONE,
	STAGE_ACQUIRE,
	STAGE_REGISTER,
	STAGE_STEER,
	_STAGE_MAX,
};

#define QUEUES_MAX  64 /* of a lease */
#define IPERF3_PORT 5201

struct options {
	enum command command;
	const char *host; /* send, answer: where to */
	uint16_t port;
	const char *address; /* listen here; send, answer: from here */
	uint64_t bytes;	     /* 0: until the end */
	unsigned int connections;
	unsigned int queues; /* 0: one, or as many as the lease has that was found */
	bool json;
	double interval; /* seconds between two lines about it; 0: none */
	double time;	 /* compare: seconds of each mode */
	bool iperf3;	 /* serve: whose clients */
	bool one_off;	 /* serve: one test, then end */
	/* Those that receive */
	unsigned int threads; /* 0: none but the first */
	bool share;
	enum mode mode;
	enum stage stop_after;
	bool verify;
	bool by_value;
	bool huge_pages;
	size_t area;	      /* 0: the library's choice */
	size_t buffer_length; /* likewise */
	const char *backend; /* NULL: zcrxd */
	const char *interface;
	int hardware_queue; /* -1: none */
	const char *socket;
	const char *name;
};

/* 0; 1: help or version was printed, exit successfully; -EINVAL: exit with the status for usage. */
int options_parse(struct options *o, int argc, char **argv);

const char *mode_to_string(enum mode m);
const char *stage_to_string(enum stage s);
