/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client and a lease on a fake zcrxd of their own, for each test. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake-server.h"
#include "internal.h"

struct fixture {
	struct fake_server server;
	struct zcrx_client *client;
	struct zcrx_lease *lease;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

void fixture_acquire(struct fixture *x);
/* The last call was this; parameters as JSON. */
void assert_called(struct fixture *x, const char *method, const char *parameters);

/* A memfd as zcrxd wants it, populated. */
void check_area(int fd, off_t size);

/* The reply of Register. Where the kernel would put the refill ring, some of the ring's own memory is mapped. */
#define REGISTRATION(entries, head, stats, length)                                                 \
	"{\"zcrxId\":3,\"refillEntries\":" entries ",\"refillSize\":16384,\"refillMapOffset\":0,"  \
	"\"headOffset\":" head                                                                     \
	",\"tailOffset\":8196,\"entriesOffset\":8256,\"statsOffset\":" stats                       \
	",\"areaToken\":0,\"receiveBufferLength\":" length ",\"interfaceIndex\":2,"                \
	"\"hardwareQueue\":7,\"napiId\":8204}"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
