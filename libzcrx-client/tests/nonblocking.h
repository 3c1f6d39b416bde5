/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client that does not block, and a service that waits until the test opens its gate. */
#pragma once

#include <errno.h>
#include <poll.h>

#include "fixture.h"

static inline int gated_setup(void **state)
{
	struct fixture *x;

	fixture_setup(state);
	x = *state;
	x->server.gated = true;
	return zcrx_client_set_nonblocking(x->client, 1);
}

#define GATED_TEST(name) cmocka_unit_test_setup_teardown(name, gated_setup, fixture_teardown)

static inline bool tells(struct zcrx_client *c, int timeout)
{
	struct pollfd p = { .fd = zcrx_client_get_fd(c), .events = POLLIN };

	return poll(&p, 1, timeout) > 0;
}

/* As a program's loop does; how often it was woken. */
static inline unsigned int finish(struct zcrx_client *c)
{
	unsigned int n = 0;

	do {
		assert_true(tells(c, 10000));
		n++;
	} while (zcrx_client_process(c) == 0);
	assert_false(tells(c, 0));
	return n;
}

/* Begins it, lets the service answer, and asks for the result. */
#define DO(x, call)                                                                                \
	({                                                                                         \
		int r_ = call;                                                                     \
		while (r_ == -EINPROGRESS) {                                                       \
			assert_string_equal(zcrx_client_error((x)->client), "");                   \
			sem_post(&(x)->server.gate);                                               \
			finish((x)->client);                                                       \
			r_ = call;                                                                 \
		}                                                                                  \
		r_;                                                                                \
	})
