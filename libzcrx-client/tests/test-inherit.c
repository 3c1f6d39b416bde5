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

static const char other_users[] = "{\"message\":\"Lease 0000002a belongs to another user.\"}";

/* Of a persistent lease the environment has the id only; zcrxd knows whose it is. */
static void test_inherit_persistent(void **state)
{
	struct fixture *x = *state;

	unsetenv("ZCRX_LEASE_HANDLE_FD");
	setenv("ZCRX_LEASE", "0000002a", 1);
	x->server.error_id = "org.varlink.service.PermissionDenied";
	x->server.error_parameters = other_users;
	assert_int_equal(zcrx_lease_inherit(x->lease), -EPERM);
	assert_string_equal(zcrx_client_error(x->client), "Lease 0000002a belongs to another user.");
	assert_called(x, "Open", "{\"leaseId\":\"0000002a\"}");

	x->server.error_id = NULL;
	assert_int_equal(zcrx_lease_inherit(x->lease), 0);
	assert_int_equal(x->server.calls, 3);
	assert_string_equal(zcrx_lease_get_id(x->lease), "0000002a");
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
	assert_int_equal(zcrx_lease_inherit(x->lease), -EBUSY);
	unsetenv("ZCRX_LEASE");
}

/* Acquire takes it; where it is over or somebody else's, or something else is wanted, a lease of its own. */
static void test_acquire_persistent(void **state)
{
	static const char bound[] = "{\"leaseId\":\"0000002a\",\"name\":null,\"ownerUid\":0,\"ownerPid\":1,"
				    "\"interface\":\"zc0\",\"hardwareQueues\":[6,7],\"grant\":\"netkit\","
				    "\"state\":\"bound\",\"persistent\":true,\"selfRegistered\":false,\"flows\":[],"
				    "\"creationUSec\":1,\"areaBytes\":0}";
	static const struct {
		const char *lease;
		unsigned int queues, calls;
		const char *last;
	} cells[] = {
		{ .calls = 2, .last = "ListLeases" },
		{ .queues = 2, .calls = 2, .last = "ListLeases" },
		{ .queues = 1, .calls = 3, .last = "Acquire" },
		{ .lease = bound, .calls = 3, .last = "Acquire" },
	};
	static const char *const refusals[] = { "org.varlink.service.PermissionDenied",
					    "io.zcrx.Manager.NoSuchLease", "io.zcrx.Manager.WrongState" };
	struct fixture *x = *state;

	unsetenv("ZCRX_LEASE_HANDLE_FD");
	setenv("ZCRX_LEASE", "0000002a", 1);
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		unsigned int before = x->server.calls;
		struct zcrx_lease *l = NULL;

		assert_int_equal(zcrx_lease_new(x->client, &l), 0);
		if (cells[i].queues)
			assert_int_equal(zcrx_lease_set_queues(l, cells[i].queues), 0);
		x->server.lease = cells[i].lease;
		assert_int_equal(zcrx_lease_acquire(l), 0);
		assert_string_equal(zcrx_client_error(x->client), "");
		assert_string_equal(x->server.method, cells[i].last);
		assert_int_equal(x->server.calls - before, cells[i].calls);
		assert_int_equal(zcrx_lease_has_ended(l), 0);
		zcrx_lease_unref(l);
	}
	x->server.lease = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		unsigned int before = x->server.calls;

		x->server.error_id = refusals[i];
		x->server.error_parameters = other_users;
		assert_true(zcrx_lease_acquire(x->lease) < 0);
		assert_string_equal(x->server.method, "Acquire"); /* which is refused likewise */
		assert_int_equal(x->server.calls - before, 2);
	}
	unsetenv("ZCRX_LEASE");
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
		TEST(test_inherit_persistent),
		TEST(test_acquire_persistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
