/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client that does not block, and services that are slow, silent, or none. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "nonblocking.h"

static void test_silence(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_client_set_timeout(x->client, 100000), 0);
	assert_int_equal(zcrx_lease_acquire(x->lease), -EINPROGRESS);
	assert_int_equal(finish(x->client), 1); /* not before */
	assert_int_equal(zcrx_lease_acquire(x->lease), -ETIMEDOUT);
	assert_non_null(strstr(zcrx_client_error(x->client), "does not answer"));
	assert_false(tells(x->client, 150)); /* nothing is under way */
}

/* Half an answer, and then nothing. */
static void test_half_an_answer(void **state)
{
	struct fixture *x = *state;

	x->server.piece = 100;
	assert_int_equal(zcrx_client_set_timeout(x->client, 500000), 0); /* the half comes first */
	assert_int_equal(zcrx_lease_acquire(x->lease), -EINPROGRESS);
	sem_post(&x->server.gate);
	assert_int_equal(finish(x->client), 2);
	assert_int_equal(zcrx_lease_acquire(x->lease), -ETIMEDOUT);
	assert_null(zcrx_lease_get_id(x->lease));
}

static void test_what_is_no_answer(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), 0);
	x->server.raw = "{}x";
	x->server.raw_size = 4;
	assert_int_equal(DO(x, zcrx_lease_renew(x->lease, 1)), -EBADMSG);
	x->server.raw = "{}\0x"; /* more than was asked for */
	assert_int_equal(DO(x, zcrx_lease_renew(x->lease, 1)), -EBADMSG);
	assert_non_null(strstr(zcrx_client_error(x->client), "Cannot renew the lease"));
	x->server.raw = NULL;
	x->server.hang_up = true;
	assert_int_equal(DO(x, zcrx_lease_renew(x->lease, 1)), -ECONNRESET);
	x->server.hang_up = false;
	while (sem_trywait(&x->server.gate) == 0)
		;
	/* The connection is made again, and the lease is as before. */
	assert_int_equal(DO(x, zcrx_lease_renew(x->lease, 1)), 0);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
}

/* An answer without end is not kept without end. */
static void test_too_much(void **state)
{
	struct fixture *x = *state;
	size_t size = VARLINK_MESSAGE_MAX + 1;
	char *raw = malloc(size);

	memset(raw, ' ', size);
	x->server.gated = false;
	x->server.raw = raw;
	x->server.raw_size = size;
	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), -EBADMSG);
	x->server.raw = NULL;
	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), 0);
	free(raw);
}

static int listen_shortly(char *path, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(path, size, "@zcrx-test-%d", getpid());

	memcpy(address.sun_path + 1, path + 1, (size_t)n - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
			 0);
	assert_int_equal(listen(fd, 0), 0);
	return fd;
}

/* Nobody takes connections: the second one would wait. */
static void test_connecting(void **state)
{
	struct zcrx_client *c[2];
	struct zcrx_lease *l = NULL;
	char path[64];
	int fd = listen_shortly(path, sizeof(path)), taken;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(zcrx_client_new(&c[i]), 0);
		assert_int_equal(zcrx_client_set_nonblocking(c[i], 1), 0);
		assert_int_equal(zcrx_client_connect(c[i], path), i == 0 ? 0 : -EINPROGRESS);
	}
	assert_int_equal(zcrx_lease_new(c[1], &l), 0);
	assert_int_equal(zcrx_lease_acquire(l), -EINPROGRESS);
	assert_int_equal(zcrx_client_process(c[1]), 0);
	assert_false(tells(c[1], 0));
	taken = accept(fd, NULL, NULL);
	finish(c[1]);
	assert_int_equal(zcrx_client_connect(c[1], path), 0);

	/* And there is no room once more. */
	assert_int_equal(zcrx_client_set_timeout(c[0], 100000), 0);
	assert_int_equal(zcrx_client_connect(c[0], path), -EINPROGRESS);
	assert_in_range(finish(c[0]), 2, 20); /* tries from time to time */
	assert_int_equal(zcrx_client_connect(c[0], path), -ETIMEDOUT);
	assert_non_null(strstr(zcrx_client_error(c[0]), "does not take connections"));
	assert_int_equal(zcrx_client_connect(c[0], "/nonexistent/socket"), -ENOENT);
	zcrx_lease_unref(l);
	for (size_t i = 0; i < 2; i++)
		zcrx_client_unref(c[i]);
	close(taken);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GATED_TEST(test_silence),
		GATED_TEST(test_half_an_answer),
		GATED_TEST(test_what_is_no_answer),
		GATED_TEST(test_too_much),
		cmocka_unit_test(test_connecting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
