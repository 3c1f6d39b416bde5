/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What zcrxd and zcrxd-session say to each other, one struct a message, over the session's control
 * socket (SOCK_SEQPACKET). zcrxd sends connections, the session reports.
 *
 * A connection comes as one descriptor, the session's end of a socket pair (the link); the first byte
 * in it carries the client's socket. So zcrxd has closed its own copy of the client's socket before
 * the session can receive it, and the session's is the last one. A link whose other end is closed
 * already stands for a connection that was refused: all there is to do is to close it.
 */
#pragma once

#include <stdint.h>

/* An Acquire with as many flows as a lease can have is less than it. */
#define MESSAGE_MAX	(64 * 1024)
#define MESSAGE_FDS_MAX 8
#define STALL_USEC	(10 * 1000000ULL)
#define HELD_MAX	((uint64_t)4 * 1024 * 1024)

/* Where the session finds its control socket; nothing else but stderr is open there. */
#define SESSION_CONTROL_FD 3

struct session_connection {
	uint32_t uid;
};

enum session_report_kind {
	/* So many files wait to be closed that no client is read from: new connections go elsewhere. */
	SESSION_FULL,
	SESSION_READY, /* again */
	/* Why it has closed a connection of `uid`. */
	SESSION_LONG_MESSAGE,
	SESSION_MANY_DESCRIPTORS,
	SESSION_HALF_MESSAGE,
	SESSION_UNREAD_REPLIES,
	SESSION_HOLDS_MUCH,
};

struct session_report {
	uint32_t kind;
	uint32_t uid;
};
