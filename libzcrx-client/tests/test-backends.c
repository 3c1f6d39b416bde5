/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which backend a lease is from, and what is said when it is from none. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"

static int setup(void **state)
{
	unsetenv("ZCRX_BACKEND");
	return fixture_setup(state);
}

static int teardown(void **state)
{
	unsetenv("ZCRX_BACKEND");
	return fixture_teardown(state);
}

/* From here on there is no zcrxd. */
static void stop_server(struct fixture *x)
{
	fake_stop(&x->server);
	fake_start(&x->server); /* elsewhere */
}

static void assert_backend(struct fixture *x, const char *name)
{
	if (zcrx_lease_acquire(x->lease) < 0)
		fail_msg("%s", zcrx_client_error(x->client));
	assert_string_equal(zcrx_client_error(x->client), "");
	assert_string_equal(zcrx_lease_get_backend(x->lease), name);
}

static void test_only_zcrxd(void **state)
{
	struct fixture *x = *state;

	assert_null(zcrx_lease_get_backend(NULL));
	assert_null(zcrx_lease_get_backend(x->lease));
	stop_server(x);
	assert_int_equal(zcrx_lease_acquire(x->lease), -ENOENT);
	assert_non_null(strstr(zcrx_client_error(x->client), "Cannot connect to zcrxd at "));
	assert_null(zcrx_lease_get_backend(x->lease));
	setenv("ZCRX_BACKEND", "copy", 1);
	assert_int_equal(zcrx_lease_acquire(x->lease), -EPERM);
	assert_string_equal(zcrx_client_error(x->client),
			    "ZCRX_BACKEND is \"copy\", which this program does not allow: it receives on leases of "
			    "zcrxd only.");
	setenv("ZCRX_BACKEND", "", 1);
	assert_int_equal(zcrx_lease_acquire(x->lease), -ENOENT);
}

static void test_zcrxd_first(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_set_backends(x->lease, "zcrxd,copy"), 0);
	assert_backend(x, "zcrxd");
	assert_int_equal(zcrx_lease_set_backends(x->lease, "copy"), -EBUSY);
	assert_int_equal(x->server.calls, 1);
}

static void test_copy_first(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_set_backends(x->lease, "copy,zcrxd"), 0);
	assert_backend(x, "copy");
	assert_int_equal(x->server.calls, 0);
}

static void test_zcrxd_is_not_there(void **state)
{
	struct fixture *x = *state;

	stop_server(x);
	assert_int_equal(zcrx_lease_set_backends(x->lease, "zcrxd,copy"), 0);
	assert_backend(x, "copy");
	assert_true(zcrx_lease_get_fd(x->lease) >= 0);
	assert_int_equal(zcrx_lease_release(x->lease), 0);
}

/* A socket on which nobody listens, as of a zcrxd that has crashed. */
static void test_zcrxd_refuses_connections(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct fixture *x = *state;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/nobody", x->server.directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(zcrx_client_connect(x->client, address.sun_path), -ECONNREFUSED);
	assert_int_equal(zcrx_lease_set_backends(x->lease, "zcrxd,copy"), 0);
	assert_backend(x, "copy");
	unlink(address.sun_path);
	close(fd);
}

/* While its answer is awaited, and where it is found out later that it is not there. */
static void test_without_blocking(void **state)
{
	struct fixture *x = *state;
	struct zcrx_lease *l;
	unsigned int n = 0;
	int r;

	assert_int_equal(zcrx_client_set_nonblocking(x->client, 1), 0);
	assert_int_equal(zcrx_lease_set_backends(x->lease, "zcrxd,copy"), 0);
	while ((r = zcrx_lease_acquire(x->lease)) == -EINPROGRESS) {
		usleep(1000);
		assert_true(n++ < 10000);
	}
	assert_int_equal(r, 0);
	assert_string_equal(zcrx_lease_get_backend(x->lease), "zcrxd");
	assert_int_equal(x->server.calls, 1);
	stop_server(x);
	assert_int_equal(zcrx_lease_new(x->client, &l), 0);
	assert_int_equal(zcrx_lease_set_backends(l, "zcrxd,copy"), 0);
	assert_int_equal(zcrx_lease_acquire(l), 0);
	assert_string_equal(zcrx_lease_get_backend(l), "copy");
	zcrx_lease_unref(l);
}

/* Why it cannot be reached is not known. */
static void test_zcrxd_cannot_be_reached(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_client_connect(x->client, "/dev/null/socket"), -ENOTDIR);
	assert_int_equal(zcrx_lease_set_backends(x->lease, "zcrxd,copy"), 0);
	assert_int_equal(zcrx_lease_acquire(x->lease), -ENOTDIR);
}

/* Where other backends are allowed nobody has to connect. */
static void test_never_connected(void **state)
{
	struct fixture *x = *state;
	struct zcrx_client *client;
	struct zcrx_lease *lease;

	assert_int_equal(zcrx_client_new(&client), 0);
	assert_int_equal(zcrx_lease_new(client, &lease), 0);
	assert_int_equal(zcrx_lease_acquire(lease), -ENOTCONN);
	assert_int_equal(zcrx_lease_set_backends(lease, "zcrxd"), 0);
	assert_int_equal(zcrx_lease_acquire(lease), -ENOENT);
	assert_non_null(strstr(zcrx_client_error(client), "/run/zcrxd/io.zcrx.Manager"));
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	(void)x;
}

/* What zcrxd says is final: a refusal, a mistake, no answer, an answer that is none. */
static void test_refusals_are_final(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_set_backends(x->lease, "zcrxd,copy"), 0);
	x->server.error_id = "io.zcrx.Manager.NoQueueAvailable";
	assert_int_equal(zcrx_lease_acquire(x->lease), -EBUSY);
	assert_string_equal(zcrx_client_error_id(x->client), "io.zcrx.Manager.NoQueueAvailable");
	x->server.error_id = "org.varlink.service.PermissionDenied";
	assert_int_equal(zcrx_lease_acquire(x->lease), -EPERM);
	assert_string_equal(zcrx_client_error_id(x->client), "org.varlink.service.PermissionDenied");
	x->server.error_id = "io.zcrx.Manager.NoSuchInterface";
	assert_int_equal(zcrx_lease_acquire(x->lease), -ENODEV);
	x->server.error_id = NULL;
	x->server.hang_up = true;
	assert_int_equal(zcrx_lease_acquire(x->lease), -ECONNRESET);
	x->server.hang_up = false;
	x->server.lease = "{}";
	assert_int_equal(zcrx_lease_acquire(x->lease), -EBADMSG);
	assert_int_equal(zcrx_client_set_timeout(x->client, 50000), 0);
	x->server.silent = true;
	assert_int_equal(zcrx_lease_acquire(x->lease), -ETIMEDOUT);
	assert_null(zcrx_lease_get_backend(x->lease));
	x->server.silent = false;
}

/* The environment chooses among what the program allows, and nothing else. */
static void test_environment(void **state)
{
	static const struct {
		const char *allowed, *wanted, *got;
		int error;
	} cells[] = {
		{ "zcrxd,copy", "copy", "copy", 0 },
		{ "zcrxd,copy", "copy,zcrxd", "copy", 0 },
		{ "copy,zcrxd", "zcrxd", "zcrxd", 0 },
		{ "zcrxd", "copy,zcrxd", "zcrxd", 0 },
		{ "copy", "copy,copy", "copy", 0 },
		{ NULL, "copy,zcrxd", "zcrxd", 0 },
		{ "copy", "zcrxd", NULL, -EPERM },
		{ NULL, "copy", NULL, -EPERM },
		{ "copy", "nothing", NULL, -EINVAL },
		{ "copy", "copy,", NULL, -EINVAL },
		{ "copy", "cop", NULL, -EINVAL },
		{ "copy", "copying", NULL, -EINVAL },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		struct zcrx_lease *l;

		assert_int_equal(zcrx_lease_new(x->client, &l), 0);
		assert_int_equal(zcrx_lease_set_backends(l, cells[i].allowed), 0);
		setenv("ZCRX_BACKEND", cells[i].wanted, 1);
		assert_int_equal(zcrx_lease_acquire(l), cells[i].error);
		if (cells[i].got)
			assert_string_equal(zcrx_lease_get_backend(l), cells[i].got);
		else
			assert_non_null(strstr(zcrx_client_error(x->client), "ZCRX_BACKEND is \""));
		zcrx_lease_unref(l);
	}
}

static void test_what_is_set(void **state)
{
	static const char *const bad[] = { "", ",", "zcrxd,", ",copy", "zcrxd, copy", "Copy", "zcrx" };
	struct fixture *x = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(zcrx_lease_set_backends(x->lease, bad[i]), -EINVAL);
		assert_non_null(strstr(zcrx_client_error(x->client), "is no backend"));
	}
	assert_int_equal(zcrx_lease_set_backends(NULL, "copy"), -EINVAL);
	/* What was set before is taken back. */
	assert_int_equal(zcrx_lease_set_backends(x->lease, "copy"), 0);
	assert_int_equal(zcrx_lease_set_backends(x->lease, NULL), 0);
	assert_backend(x, "zcrxd");
}

/* A lease that exists is zcrxd's. */
static void test_open(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_set_backends(x->lease, "copy"), 0);
	assert_int_equal(zcrx_lease_open(x->lease, "0000002a"), 0);
	assert_string_equal(zcrx_lease_get_backend(x->lease), "zcrxd");
	assert_int_equal(zcrx_lease_release(x->lease), 0);
	assert_string_equal(x->server.method, "Release");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_only_zcrxd),
		CASE(test_zcrxd_first),
		CASE(test_copy_first),
		CASE(test_zcrxd_is_not_there),
		CASE(test_zcrxd_refuses_connections),
		CASE(test_without_blocking),
		CASE(test_zcrxd_cannot_be_reached),
		CASE(test_never_connected),
		CASE(test_refusals_are_final),
		CASE(test_environment),
		CASE(test_what_is_set),
		CASE(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
