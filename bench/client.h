/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client brings along: a ring that is not enabled yet, an area, a listening socket. Made
 * anew for every round, outside of what is timed.
 */
#pragma once

#include <liburing.h>
#include <stddef.h>
#include <stdint.h>

#define AREA_SIZE      (64 * 4096)
#define REFILL_ENTRIES 64

struct client {
	struct io_uring ring; /* ring_fd -EBADF where the kernel has none for us */
	int area_fd;	      /* a populated memfd that cannot shrink */
	int listener;
	uint16_t port;

	/* Of zcrxd's lease, while there is one. */
	char *lease_id;
	int handle;
};

/* Listens on a port of the kernel's choice at this IPv4 address. */
int client_init(struct client *c, const char *address);
/* Nothing of that: for who only leases. */
void client_init_empty(struct client *c);
/* Before the rest of it. */
void client_close_ring(struct client *c);
void client_done(struct client *c);
