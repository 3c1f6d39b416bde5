/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's and the lease's conversation with zcrxd. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "fixture.h"

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

/* The server's thread may need a moment. */
static bool hangs_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 10000) == 1 && p.revents & POLLRDHUP;
}

static void test_no_daemon(void **state)
{
	struct zcrx_client *c = NULL;

	(void)state;
	assert_int_equal(zcrx_client_new(&c), 0);
	assert_string_equal(zcrx_client_error(c), "");
	assert_int_equal(zcrx_client_connect(c, "/nonexistent/socket"), -ENOENT);
	assert_string_equal(zcrx_client_error(c),
			    "Cannot connect to zcrxd at /nonexistent/socket: No such file or "
			    "directory. Is it running? Try: systemctl start zcrxd.socket");
	assert_null(zcrx_client_error_id(c));
	assert_null(zcrx_client_unref(c));
	assert_null(zcrx_client_unref(NULL));
}

static void test_acquire(void **state)
{
	struct fixture *x = *state;
	int fd;

	assert_int_equal(zcrx_lease_get_fd(x->lease), -EBADF);
	assert_null(zcrx_lease_get_id(x->lease));
	fixture_acquire(x);
	assert_called(x, "Acquire", "{\"queues\":1}");
	assert_string_equal(zcrx_lease_get_id(x->lease), "0000002a");
	assert_string_equal(zcrx_lease_get_interface(x->lease), "zc0");
	assert_int_equal(zcrx_lease_get_queues(x->lease), 2);
	assert_int_equal(zcrx_lease_get_hardware_queue(x->lease, 1), 7);
	assert_int_equal(zcrx_lease_get_hardware_queue(x->lease, 2), -ERANGE);
	fd = zcrx_lease_get_fd(x->lease);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(zcrx_lease_acquire(x->lease), -EBUSY);
	assert_int_equal(zcrx_lease_set_queues(x->lease, 3), -EBUSY);
	assert_int_equal(zcrx_lease_set_name(x->lease, "late"), -EBUSY);
}

/* Of a lease's queues; a socket of loopback has no NAPI. */
static void test_find_queue(void **state)
{
	struct fixture *x = *state;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(zcrx_lease_find_queue(NULL, fd), -EINVAL);
	assert_int_equal(zcrx_lease_find_queue(x->lease, -1), -EINVAL);
	assert_int_equal(zcrx_lease_find_queue(x->lease, fd), -ENOENT);
	fixture_acquire(x);
	assert_int_equal(zcrx_lease_find_queue(x->lease, fd), -ENOENT);
	close(fd);
	assert_int_equal(zcrx_lease_find_queue(x->lease, fd), -EBADF);
}

static void test_acquire_options(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_set_interface(x->lease, "zc0"), 0);
	assert_int_equal(zcrx_lease_set_queues(x->lease, 2), 0);
	assert_int_equal(zcrx_lease_set_queues(x->lease, 0), -EINVAL);
	assert_int_equal(zcrx_lease_set_name(x->lease, "a test"), 0);
	assert_int_equal(zcrx_lease_set_time_to_live(x->lease, 5000000), 0);
	fixture_acquire(x);
	assert_called(x, "Acquire",
		      "{\"interface\":\"zc0\",\"queues\":2,\"name\":\"a test\","
		      "\"timeToLiveUSec\":5000000}");
}

/* By an administrator, who gets no handle; all that is left to him is to release it. */
static void test_acquire_for_another_user(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_set_owner(NULL, 1001), -EINVAL);
	assert_int_equal(zcrx_lease_set_owner(x->lease, (uid_t)-1), -EINVAL);
	assert_int_equal(zcrx_lease_set_owner(x->lease, 1001), 0);
	setenv("ZCRX_LEASE", "0000002a", 1); /* an orchestrator's own is none of its customers' */
	setenv("ZCRX_LEASE_HANDLE_FD", "0", 1);
	setenv("ZCRX_BACKEND", "copy", 1);
	assert_int_equal(zcrx_lease_acquire(x->lease), -EPERM);
	unsetenv("ZCRX_BACKEND");
	x->server.no_handle = true;
	assert_int_equal(zcrx_lease_acquire(x->lease), 0);
	unsetenv("ZCRX_LEASE");
	unsetenv("ZCRX_LEASE_HANDLE_FD");
	assert_called(x, "Acquire", "{\"queues\":1,\"persistent\":true,\"ownerUid\":1001}");
	assert_string_equal(zcrx_lease_get_id(x->lease), "0000002a");
	assert_int_equal(zcrx_lease_get_fd(x->lease), -EBADF);
	assert_int_equal(zcrx_lease_set_owner(x->lease, 1002), -EBUSY);
	assert_int_equal(zcrx_lease_has_ended(x->lease), -EBADFD);
	assert_int_equal(zcrx_lease_renew(x->lease, 1), -EBADFD);
	assert_string_equal(zcrx_client_error(x->client),
			    "Lease 0000002a was acquired for user 1001, who has to open it; all that can be done here is "
			    "to release it.");
	assert_int_equal(zcrx_lease_release(x->lease), 0);
	assert_called(x, "Release", "{\"leaseId\":\"0000002a\"}");
	assert_int_equal(zcrx_lease_release(x->lease), -EBADFD);
}

static void test_handle(void **state)
{
	static const char farewell[] = "{\"end\":\"interface-gone\",\"reason\":\"it was unplugged\"}";
	struct fixture *x = *state;
	const char *reason;

	assert_int_equal(zcrx_lease_has_ended(x->lease), 1);
	fixture_acquire(x);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
	assert_int_equal(zcrx_lease_get_end_reason(x->lease, NULL), 0);
	assert_true(send(x->server.handle, farewell, strlen(farewell), 0) > 0);
	shutdown(x->server.handle, SHUT_RDWR);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 1);
	/* As often as it is asked, and in every process that has a copy. */
	for (int i = 0; i < 2; i++) {
		reason = NULL;
		assert_int_equal(zcrx_lease_get_end_reason(x->lease, &reason), -ENODEV);
		assert_string_equal(reason, "it was unplugged");
	}
}

/* As zcrxd says it: the notice is the beginning of what the end completes. */
static void test_ending(void **state)
{
	static const char *const said[] = { "{\"deadlineUSec\":5000000", ",\"deadlineUSec\":4000000",
					    ",\"end\":\"revoke\",\"reason\":\"maintenance\"}" };
	static const uint64_t deadlines[] = { 5000000, 4000000 };
	struct fixture *x = *state;
	const char *reason = NULL;
	uint64_t deadline = 1;

	assert_int_equal(zcrx_lease_get_ending(NULL, NULL), -EINVAL);
	fixture_acquire(x);
	assert_int_equal(zcrx_lease_get_ending(x->lease, &deadline), 0);
	for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++) {
		assert_true(send(x->server.handle, said[i], strlen(said[i]), 0) > 0);
		assert_int_equal(zcrx_lease_get_ending(x->lease, &deadline), 1);
		assert_int_equal(deadline, deadlines[i]);
		assert_int_equal(zcrx_lease_get_ending(x->lease, NULL), 1);
		assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
		assert_int_equal(zcrx_lease_get_end_reason(x->lease, NULL), 0);
	}
	assert_true(send(x->server.handle, said[2], strlen(said[2]), 0) > 0);
	shutdown(x->server.handle, SHUT_RDWR);
	assert_int_equal(zcrx_lease_get_ending(x->lease, &deadline), 0);
	assert_int_equal(zcrx_lease_get_end_reason(x->lease, &reason), -ECANCELED);
	assert_string_equal(reason, "maintenance");
}

/* What nobody means, or a later zcrxd, is no notice. */
static void test_nonsense_on_the_handle_is_no_ending(void **state)
{
	static const char *const said[] = { "{", "{\"deadlineUSec\":", "{\"deadlineUSec\":-1", "{\"deadlineUSec\":\"x\"",
					    "{\"later\":1", "}", "deadlineUSec" };
	struct fixture *x = *state;
	char text[2000];

	fixture_acquire(x);
	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		assert_true(send(x->server.handle, said[i], strlen(said[i]), 0) > 0);
		assert_int_equal(zcrx_lease_get_ending(x->lease, NULL), 0);
		assert_true(recv(zcrx_lease_get_fd(x->lease), text, sizeof(text), 0) > 0);
	}
	memset(text, ' ', sizeof(text));
	assert_true(send(x->server.handle, text, sizeof(text), 0) == sizeof(text));
	assert_int_equal(zcrx_lease_get_ending(x->lease, NULL), 0);
}

/* Who has released it himself is told so, in zcrxd's words if there are any. */
static void test_end_after_release(void **state)
{
	static const char farewell[] = "{\"end\":\"release\",\"reason\":\"it was released by uid 1000\"}";
	struct fixture *x = *state;
	const char *reason = NULL;

	fixture_acquire(x);
	assert_int_equal(zcrx_lease_release(x->lease), 0);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 1);
	assert_int_equal(zcrx_lease_get_end_reason(x->lease, &reason), -ECANCELED);
	assert_string_equal(reason, "it was released");
	zcrx_lease_unref(x->lease);

	assert_int_equal(zcrx_lease_new(x->client, &x->lease), 0);
	fixture_acquire(x);
	assert_true(send(x->server.handle, farewell, strlen(farewell), 0) > 0);
	assert_int_equal(zcrx_lease_release(x->lease), 0);
	assert_int_equal(zcrx_lease_get_end_reason(x->lease, &reason), -ECANCELED);
	assert_string_equal(reason, "it was released by uid 1000");
}

/* The last reference closes the handle: that is what ends a lease. */
static void test_last_reference(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q = NULL;
	char c;

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	x->lease = zcrx_lease_unref(x->lease);
	assert_int_equal(recv(x->server.handle, &c, 1, MSG_DONTWAIT), -1); /* the queue has it */
	zcrx_queue_unref(q);
	assert_true(hangs_up(x->server.handle));
}

static void test_release_and_renew(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_renew(x->lease, 1), -EBADFD);
	assert_int_equal(zcrx_lease_release(x->lease), -EBADFD);
	assert_int_equal(x->server.calls, 0);
	fixture_acquire(x);
	assert_int_equal(zcrx_lease_renew(x->lease, 77), 0);
	assert_called(
		x, "Renew",
		"{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"timeToLiveUSec\":77}");
	assert_int_equal(x->server.n_descriptors, 1);
	assert_true(is_same_file(x->server.descriptors[0], zcrx_lease_get_fd(x->lease)));
	assert_int_equal(zcrx_lease_release(x->lease), 0);
	assert_called(x, "Release", "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0}");
	assert_int_equal(zcrx_lease_get_fd(x->lease), -EBADF);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 1);
	assert_int_equal(zcrx_lease_release(x->lease), -EBADFD);
	assert_string_equal(zcrx_client_error(x->client), "The lease was released.");
}

static void test_open(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_open(x->lease, "0000002a"), 0);
	assert_called(x, "ListLeases", "{\"leaseId\":\"0000002a\"}");
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
	assert_int_equal(zcrx_lease_get_queues(x->lease), 2);
}

/* Every refusal arrives as its errno, with zcrxd's sentence and the Varlink error. */
static void test_refusals(void **state)
{
	static const struct {
		const char *name;
		const char *parameters;
		int error;
	} table[] = {
		{ "io.zcrx.Manager.NoSuchInterface", "{\"message\":\"M\"}", -ENODEV },
		{ "io.zcrx.Manager.NoSuchLease", "{\"message\":\"M\"}", -ENOENT },
		{ "io.zcrx.Manager.NoSuchFlow", "{\"message\":\"M\"}", -ENOENT },
		{ "io.zcrx.Manager.NoQueueAvailable", "{\"message\":\"M\"}", -EBUSY },
		{ "io.zcrx.Manager.QuotaExceeded", "{\"message\":\"M\"}", -EDQUOT },
		{ "io.zcrx.Manager.InvalidFlow", "{\"message\":\"M\"}", -EINVAL },
		{ "io.zcrx.Manager.FlowNotProved", "{\"message\":\"M\"}", -EACCES },
		{ "io.zcrx.Manager.FlowConflict", "{\"message\":\"M\"}", -EADDRINUSE },
		{ "io.zcrx.Manager.InvalidRing", "{\"message\":\"M\"}", -EINVAL },
		{ "io.zcrx.Manager.InvalidArea", "{\"message\":\"M\"}", -EINVAL },
		{ "io.zcrx.Manager.WrongState", "{\"message\":\"M\"}", -EBADFD },
		{ "io.zcrx.Manager.NotSupported", "{\"message\":\"M\"}", -EOPNOTSUPP },
		{ "io.zcrx.Manager.InterfaceDown", "{\"message\":\"M\"}", -ENETDOWN },
		{ "io.zcrx.Manager.KernelRejected", "{\"message\":\"M\",\"errnoName\":\"ENODATA\"}",
		  -ENODATA },
		{ "io.zcrx.Manager.KernelRejected", "{\"message\":\"M\",\"errnoName\":\"EODD\"}",
		  -EIO },
		{ "io.zcrx.Manager.KernelRejected", "{\"message\":\"M\"}", -EIO },
		{ "org.varlink.service.PermissionDenied", "{\"message\":\"M\"}", -EPERM },
		{ "org.varlink.service.InvalidParameter", "{\"message\":\"M\"}", -EINVAL },
		{ "org.varlink.service.MethodNotFound", "{\"message\":\"M\"}", -EOPNOTSUPP },
		{ "com.example.Unheard", "{\"message\":\"M\"}", -EPROTO },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		x->server.error_id = table[i].name;
		x->server.error_parameters = table[i].parameters;
		assert_int_equal(zcrx_lease_acquire(x->lease), table[i].error);
		assert_string_equal(zcrx_client_error(x->client), "M");
		assert_string_equal(zcrx_client_error_id(x->client), table[i].name);
	}
	/* Without a sentence from zcrxd there is a general one. */
	x->server.error_parameters = NULL;
	x->server.error_id = "io.zcrx.Manager.NoQueueAvailable";
	assert_int_equal(zcrx_lease_acquire(x->lease), -EBUSY);
	assert_string_equal(zcrx_client_error(x->client),
			    "No zero-copy queue is free; see zcrxctl leases.");
	x->server.error_id = "com.example.Unheard";
	assert_int_equal(zcrx_lease_acquire(x->lease), -EPROTO);
	assert_string_equal(zcrx_client_error(x->client),
			    "zcrxd refused with com.example.Unheard.");
	/* And a success wipes it. */
	x->server.error_id = NULL;
	fixture_acquire(x);
	assert_string_equal(zcrx_client_error(x->client), "");
	assert_null(zcrx_client_error_id(x->client));
}

static void test_bad_replies(void **state)
{
	static const char *const leases[] = {
		"{}",
		"{\"leaseId\":\"1\",\"interface\":\"zc0\"}",
		"{\"leaseId\":\"1\",\"interface\":\"zc0\",\"hardwareQueues\":[]}",
		"{\"leaseId\":\"1\",\"interface\":\"zc0\",\"hardwareQueues\":[-1]}",
		"{\"leaseId\":1,\"interface\":\"zc0\",\"hardwareQueues\":[1]}",
		"null",
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < ARRAY_SIZE(leases); i++) {
		x->server.lease = leases[i];
		assert_int_equal(zcrx_lease_acquire(x->lease), -EBADMSG);
		assert_non_null(strstr(zcrx_client_error(x->client), "Cannot lease a queue"));
		assert_null(zcrx_lease_get_id(x->lease));
	}
	x->server.lease = NULL;
	x->server.no_handle = true;
	assert_int_equal(zcrx_lease_acquire(x->lease), -EBADMSG);
	x->server.no_handle = false;
	fixture_acquire(x);
}

/* zcrxd goes away in the middle of a call, or between two: the lease lives, the connection is made
 * again. */
static void test_restart(void **state)
{
	struct fixture *x = *state;

	fixture_acquire(x);
	x->server.hang_up = true;
	assert_int_equal(zcrx_lease_renew(x->lease, 1), -ECONNRESET);
	assert_non_null(strstr(zcrx_client_error(x->client), "Cannot renew the lease"));
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
	x->server.hang_up = false;
	assert_int_equal(zcrx_lease_renew(x->lease, 1), 0);
	x->server.hang_up_afterwards = true;
	assert_int_equal(zcrx_lease_renew(x->lease, 1), 0);
	assert_true(hangs_up(varlink_get_fd(x->client->link)));
	assert_int_equal(zcrx_lease_renew(x->lease, 1), 0);
}

/* However the answer is cut, and whatever number it holds. */
static void test_replies_in_pieces(void **state)
{
	struct fixture *x = *state;

	x->server.piece = 1;
	fixture_acquire(x);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
	x->server.piece = 7;
	assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, NULL, 9), 0);
	assert_string_equal(zcrx_lease_get_flow_id(x->lease, 1), "f2");
}

static void test_what_is_no_message(void **state)
{
#define RAW(text) { text, sizeof(text) }
	static const struct {
		const char *text;
		size_t size;
	} raw[] = {
		RAW(""), RAW("{"), RAW("[]"), RAW("null"), RAW("{}{}"), RAW("{}\0{}"), RAW("{} x"),
		RAW("{\"error\":1}"), RAW("{\"parameters\":[]}"), RAW("{\"parameters\":\"\xff\"}"),
	};
#undef RAW
	struct fixture *x = *state;

	fixture_acquire(x);
	for (size_t i = 0; i < ARRAY_SIZE(raw); i++) {
		x->server.raw = raw[i].text;
		x->server.raw_size = raw[i].size;
		assert_int_equal(zcrx_lease_renew(x->lease, 1), -EBADMSG);
		assert_non_null(strstr(zcrx_client_error(x->client), "Cannot renew the lease"));
	}
	/* The connection was made again each time. */
	x->server.raw = NULL;
	assert_int_equal(zcrx_lease_renew(x->lease, 1), 0);
}

/* Nobody takes connections: the second one would wait. */
static void test_connecting_has_a_timeout(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct zcrx_client *c[2];
	char path[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(path, sizeof(path), "@zcrx-test-%d", getpid());

	(void)state;
	memcpy(address.sun_path + 1, path + 1, (size_t)n - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(zcrx_client_new(&c[i]), 0);
		assert_int_equal(zcrx_client_set_timeout(c[i], 50000), 0);
		assert_int_equal(zcrx_client_connect(c[i], path), i == 0 ? 0 : -ETIMEDOUT);
	}
	assert_non_null(strstr(zcrx_client_error(c[1]), "does not take connections"));
	assert_int_equal(zcrx_client_connect(c[0], "run/zcrxd"), -EINVAL);
	for (size_t i = 0; i < 2; i++)
		zcrx_client_unref(c[i]);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_daemon),
		TEST(test_acquire),
		TEST(test_acquire_options),
		TEST(test_acquire_for_another_user),
		TEST(test_find_queue),
		TEST(test_handle),
		TEST(test_ending),
		TEST(test_nonsense_on_the_handle_is_no_ending),
		TEST(test_end_after_release),
		TEST(test_last_reference),
		TEST(test_release_and_renew),
		TEST(test_open),
		TEST(test_refusals),
		TEST(test_bad_replies),
		TEST(test_restart),
		TEST(test_replies_in_pieces),
		TEST(test_what_is_no_message),
		cmocka_unit_test(test_connecting_has_a_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
