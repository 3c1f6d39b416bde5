/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A queue of the copy backend for each test, and connections with a pattern to check. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "queue.h"

#define BUFFERS 32U /* of a page */

struct copying {
	struct zcrx_client *client;
	struct zcrx_lease *lease;
	struct zcrx_queue *queue;
	void *kept[BUFFERS];
	unsigned int n_kept;
};

int copying_setup(void **state);
int copying_teardown(void **state);

void make_pair(int pair[2]);
void make_tcp(int pair[2]); /* over loopback */
void close_pair(int pair[2]);

/* The byte at that offset of every connection. */
unsigned char pattern(uint64_t offset);
void send_pattern(int socket, uint64_t offset, size_t length);
void check_pattern(const struct zcrx_event *e);
int peek_byte(int socket);

/* Sends so many bytes, and closes the socket. */
struct sender {
	pthread_t thread;
	int socket;
	uint64_t bytes;
};
void start_sender(struct sender *s);

/* The next event, or there is none. */
const struct zcrx_event *wait_event(struct copying *x);
void nothing(struct copying *x);
/* Checks and returns data from offset `got` on, until the event that is to follow, or so many bytes; the offset then. */
uint64_t consume(struct copying *x, struct zcrx_stream *s, uint64_t got, enum zcrx_event_kind last);
uint64_t consume_bytes(struct copying *x, struct zcrx_stream *s, uint64_t got, uint64_t bytes);

#define TEST(name) cmocka_unit_test_setup_teardown(name, copying_setup, copying_teardown)
