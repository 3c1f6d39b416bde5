/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lease that is in the environment: asked for, and found. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fixture.h"

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static void test_inherit(void **state)
{
	struct fixture *x = *state;
	char number[16];
	int pair[2];

	unsetenv("ZCRX_LEASE");
	unsetenv("ZCRX_LEASE_HANDLE_FD");
	assert_int_equal(zcrx_lease_inherit(x->lease), -ENXIO);
	setenv("ZCRX_LEASE", "0000002a", 1);
	setenv("ZCRX_LEASE_HANDLE_FD", "7x", 1);
	assert_int_equal(zcrx_lease_inherit(x->lease), -EINVAL);
	setenv("ZCRX_LEASE_HANDLE_FD", "4000", 1);
	assert_int_equal(zcrx_lease_inherit(x->lease), -EBADF);
	assert_int_equal(x->server.calls, 0);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(number, sizeof(number), "%d", pair[0]);
	setenv("ZCRX_LEASE_HANDLE_FD", number, 1);
	assert_int_equal(zcrx_lease_inherit(x->lease), 0);
	assert_true(is_same_file(zcrx_lease_get_fd(x->lease), pair[0]));
	assert_true(fcntl(zcrx_lease_get_fd(x->lease), F_GETFD) & FD_CLOEXEC);
	assert_string_equal(zcrx_lease_get_interface(x->lease), "zc0");
	close(pair[0]);
	close(pair[1]);
	unsetenv("ZCRX_LEASE");
	unsetenv("ZCRX_LEASE_HANDLE_FD");
}

/* What zcrxctl run has leased is what the program gets that it runs, unless it asks for something else. */
static void test_acquire_what_is_there(void **state)
{
	static const struct {
		const char *interface;
		unsigned int queues;
		uint64_t time_to_live;
		const char *lease, *handle;
		bool inherits;
	} cells[] = {
		{ .inherits = true },
		{ .interface = "zc0", .queues = 2, .inherits = true },
		{ .interface = "zc1" },
		{ .queues = 1 },
		{ .time_to_live = 1000 },
		{ .handle = "4000" }, /* closed on the way to here */
		/* somebody else in this process uses it */
		{ .lease = "{\"leaseId\":\"0000002a\",\"name\":null,\"ownerUid\":0,\"ownerPid\":1,"
			   "\"interface\":\"zc0\",\"hardwareQueues\":[6,7],\"grant\":\"netkit\","
			   "\"state\":\"bound\",\"persistent\":false,\"selfRegistered\":false,\"flows\":[],"
			   "\"creationUSec\":1,\"areaBytes\":0}" },
	};
	struct fixture *x = *state;
	char number[16];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	snprintf(number, sizeof(number), "%d", pair[0]);
	setenv("ZCRX_LEASE", "0000002a", 1);
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		struct zcrx_lease *l = NULL;

		setenv("ZCRX_LEASE_HANDLE_FD", cells[i].handle ?: number, 1);
		assert_int_equal(zcrx_lease_new(x->client, &l), 0);
		if (cells[i].interface)
			assert_int_equal(zcrx_lease_set_interface(l, cells[i].interface), 0);
		if (cells[i].queues)
			assert_int_equal(zcrx_lease_set_queues(l, cells[i].queues), 0);
		assert_int_equal(zcrx_lease_set_time_to_live(l, cells[i].time_to_live), 0);
		x->server.lease = cells[i].lease;
		assert_int_equal(zcrx_lease_acquire(l), 0);
		assert_string_equal(zcrx_client_error(x->client), "");
		assert_string_equal(x->server.method, cells[i].inherits ? "ListLeases" : "Acquire");
		assert_int_equal(is_same_file(zcrx_lease_get_fd(l), pair[0]), cells[i].inherits);
		zcrx_lease_unref(l);
	}
	close(pair[0]);
	close(pair[1]);
	unsetenv("ZCRX_LEASE");
	unsetenv("ZCRX_LEASE_HANDLE_FD");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_inherit),
		TEST(test_acquire_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
