/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is asked by a client that does not block. Of services that are slow or none: test-nonblocking-slow.c. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "nonblocking.h"
#include "queue.h"

static void test_every_call(void **state)
{
	struct io_uring_params params = { .flags = zcrx_pool_get_ring_flags() | IORING_SETUP_CQSIZE,
					  .cq_entries = 4096 };
	struct fixture *x = *state;
	struct zcrx_pool *p = NULL;
	struct zcrx_queue *q = NULL;
	struct io_uring ring;

	assert_int_equal(zcrx_lease_acquire(x->lease), -EINPROGRESS);
	assert_false(tells(x->client, 0));
	assert_int_equal(zcrx_client_process(x->client), 0);
	assert_null(zcrx_lease_get_id(x->lease));
	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), 0);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
	assert_int_equal(x->server.calls, 1);

	assert_int_equal(io_uring_queue_init_params(64, &ring, &params), 0);
	assert_int_equal(zcrx_pool_new(x->lease, 1, &p), 0);
	assert_int_equal(zcrx_pool_set_area_size(p, 64 * 4096), 0);
	x->server.registration = REGISTRATION("64", "8192", "16368", "4096");
	assert_int_equal(zcrx_pool_register(p, ring.ring_fd), -EINPROGRESS);
	assert_int_equal(DO(x, zcrx_pool_register(p, ring.ring_fd)), 0);
	check_area(x->server.descriptors[1], 262144);
	assert_int_equal(zcrx_pool_get_buffers(p), 64);

	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * 4096), 0);
	assert_int_equal(zcrx_queue_set_completions(q, 4096), 0);
	assert_int_equal(DO(x, zcrx_queue_register(q)), 0);
	assert_non_null(zcrx_queue_get_ring(q));

	assert_int_equal(DO(x, zcrx_queue_steer_socket(q, x->server.listening)), 0);
	assert_int_equal(DO(x, zcrx_pool_steer(p, AF_INET, NULL, 0, NULL, 9)), 0);
	assert_string_equal(zcrx_lease_get_flow_id(x->lease, 3), "f2");
	assert_int_equal(DO(x, zcrx_lease_remove_flow(x->lease, "f2")), 0);
	assert_int_equal(DO(x, zcrx_queue_tune(q, 1, -1, -1)), 0);
	assert_int_equal(DO(x, zcrx_lease_renew(x->lease, 77)), 0);
	assert_int_equal(x->server.calls, 8);
	zcrx_queue_unref(q);
	zcrx_pool_unref(p);
	assert_int_equal(DO(x, zcrx_lease_release(x->lease)), 0);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 1);
	io_uring_queue_exit(&ring);
}

static void test_refusals(void **state)
{
	struct fixture *x = *state;

	x->server.error_id = "io.zcrx.Manager.NoQueueAvailable";
	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), -EBUSY);
	assert_string_equal(zcrx_client_error(x->client),
			    "No zero-copy queue is free; see zcrxctl leases.");
	assert_string_equal(zcrx_client_error_id(x->client), x->server.error_id);
	/* Not what was fetched already: it is asked anew. */
	x->server.error_id = NULL;
	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), 0);
}

/* For each byte it is woken once, and then waits again. */
static void test_byte_by_byte(void **state)
{
	struct fixture *x = *state;
	unsigned int n = 0;

	x->server.piece = 1;
	assert_int_equal(zcrx_lease_acquire(x->lease), -EINPROGRESS);
	do {
		assert_false(tells(x->client, 0));
		sem_post(&x->server.gate);
		assert_true(tells(x->client, 10000));
		n++;
	} while (zcrx_client_process(x->client) == 0);
	assert_int_equal(zcrx_lease_acquire(x->lease), 0);
	assert_true(n > 200);
	assert_int_equal(x->server.calls, 1);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);
}

static void test_one_call_at_a_time(void **state)
{
	struct fixture *x = *state;
	struct zcrx_lease *other = NULL;

	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), 0);
	assert_int_equal(zcrx_lease_new(x->client, &other), 0);
	assert_int_equal(zcrx_lease_steer_socket(x->lease, x->server.listening), -EINPROGRESS);
	assert_int_equal(zcrx_lease_steer_socket(x->lease, x->server.stop[0]), -EBUSY);
	assert_non_null(strstr(zcrx_client_error(x->client), "another call"));
	assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, NULL, 9), -EBUSY);
	assert_int_equal(zcrx_lease_acquire(other), -EBUSY);
	sem_post(&x->server.gate);
	finish(x->client);
	assert_int_equal(zcrx_lease_acquire(other), -EBUSY);
	assert_int_equal(zcrx_client_process(x->client), 1);
	assert_int_equal(zcrx_lease_steer_socket(x->lease, x->server.listening), 0);
	assert_int_equal(x->server.calls, 2);
	assert_int_equal(zcrx_client_process(x->client), 0);

	/* Of two leases, which ask for the same. */
	assert_int_equal(zcrx_lease_acquire(other), -EINPROGRESS);
	zcrx_lease_unref(x->lease);
	assert_int_equal(zcrx_lease_new(x->client, &x->lease), 0);
	assert_int_equal(zcrx_lease_acquire(x->lease), -EBUSY);
	assert_int_equal(DO(x, zcrx_lease_acquire(other)), 0);
	zcrx_lease_unref(other);
}

/* Connecting again gives it up: what comes of it is closed. */
static void test_giving_up(void **state)
{
	struct fixture *x = *state;
	struct pollfd p;

	assert_int_equal(zcrx_lease_acquire(x->lease), -EINPROGRESS);
	sem_post(&x->server.gate);
	finish(x->client);
	p = (struct pollfd) { .fd = x->server.handle, .events = POLLRDHUP };
	x->lease = zcrx_lease_unref(x->lease);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(zcrx_client_connect(x->client, x->server.path), 0);
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(zcrx_lease_new(x->client, &x->lease), 0);
	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), 0);
	assert_int_equal(x->server.calls, 2);
}

/* Of the program's; the service has dealt with all that it was sent. */
static unsigned int open_descriptors(struct fixture *x)
{
	unsigned int n = 0;

	assert_int_equal(DO(x, zcrx_lease_renew(x->lease, 1)), 0);
	while (x->server.n_descriptors > 0)
		close(x->server.descriptors[--x->server.n_descriptors]);
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A registration that is given up begins with a new area; meanwhile nothing can be set. */
static void test_registering_again(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q = NULL;
	unsigned int before;

	assert_int_equal(DO(x, zcrx_lease_acquire(x->lease)), 0);
	before = open_descriptors(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 32 * 4096), 0);
	assert_int_equal(zcrx_queue_set_completions(q, 4096), 0);
	x->server.registration = REGISTRATION("64", "8192", "16368", "4096");
	assert_int_equal(zcrx_queue_register(q), -EINPROGRESS);
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * 4096), -EBUSY);
	assert_int_equal(zcrx_pool_register(zcrx_queue_get_pool(q), x->server.stop[0]), -EBUSY);
	sem_post(&x->server.gate);
	finish(x->client);
	assert_int_equal(zcrx_client_connect(x->client, x->server.path), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * 4096), 0);
	assert_int_equal(DO(x, zcrx_queue_register(q)), 0);
	assert_int_equal(zcrx_queue_get_buffers(q), 64);
	check_area(x->server.descriptors[1], 64 * 4096);
	assert_int_equal(x->server.calls, 4);
	zcrx_queue_unref(q);
	assert_int_equal(open_descriptors(x), before);
}

/* Calls that are several. */
static void test_steps(void **state)
{
	struct fixture *x = *state;
	struct zcrx_lease *l = NULL;
	char number[16];
	int pair[2];

	assert_int_equal(DO(x, zcrx_lease_open(x->lease, "0000002a")), 0);
	assert_int_equal(x->server.calls, 2);
	assert_int_equal(zcrx_lease_has_ended(x->lease), 0);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	snprintf(number, sizeof(number), "%d", pair[0]);
	setenv("ZCRX_LEASE", "0000002a", 1);
	setenv("ZCRX_LEASE_HANDLE_FD", number, 1);
	assert_int_equal(zcrx_lease_new(x->client, &l), 0);
	assert_int_equal(zcrx_lease_set_queues(l, 1),
			 0); /* that one has two: another is acquired */
	assert_int_equal(DO(x, zcrx_lease_acquire(l)), 0);
	assert_int_equal(x->server.calls, 4);
	assert_string_equal(x->server.method, "Acquire");
	zcrx_lease_unref(l);
	assert_int_equal(zcrx_lease_new(x->client, &l), 0);
	assert_int_equal(DO(x, zcrx_lease_acquire(l)), 0);
	assert_int_equal(x->server.calls, 5);
	assert_string_equal(x->server.method, "ListLeases");
	zcrx_lease_unref(l);

	unsetenv("ZCRX_LEASE_HANDLE_FD"); /* a persistent one */
	assert_int_equal(zcrx_lease_new(x->client, &l), 0);
	assert_int_equal(DO(x, zcrx_lease_acquire(l)), 0);
	assert_int_equal(x->server.calls, 7);
	assert_string_equal(x->server.method, "ListLeases");
	zcrx_lease_unref(l);
	assert_int_equal(zcrx_lease_new(x->client, &l), 0);
	assert_int_equal(zcrx_lease_set_queues(l, 1), 0);
	assert_int_equal(DO(x, zcrx_lease_acquire(l)), 0);
	assert_int_equal(x->server.calls, 10);
	assert_string_equal(x->server.method, "Acquire");
	unsetenv("ZCRX_LEASE");
	zcrx_lease_unref(l);
	close(pair[0]);
	close(pair[1]);
}

/* What was begun without waiting can be waited for. */
static void test_blocking_again(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_acquire(x->lease), -EINPROGRESS);
	assert_int_equal(zcrx_client_set_nonblocking(x->client, 0), 0);
	sem_post(&x->server.gate);
	assert_int_equal(zcrx_lease_acquire(x->lease), 0);
	assert_int_equal(x->server.calls, 1);
}

static void test_arguments(void **state)
{
	struct fixture *x = *state;
	int fd = zcrx_client_get_fd(x->client);

	assert_int_equal(zcrx_client_set_nonblocking(NULL, 1), -EINVAL);
	assert_int_equal(zcrx_client_get_fd(NULL), -EINVAL);
	assert_int_equal(zcrx_client_process(NULL), -EINVAL);
	assert_int_equal(zcrx_client_process(x->client), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_false(tells(x->client, 0));
	/* The same when the connection is another one. */
	assert_int_equal(zcrx_client_connect(x->client, x->server.path), 0);
	assert_int_equal(zcrx_client_get_fd(x->client), fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GATED_TEST(test_every_call),
		GATED_TEST(test_refusals),
		GATED_TEST(test_byte_by_byte),
		GATED_TEST(test_one_call_at_a_time),
		GATED_TEST(test_giving_up),
		GATED_TEST(test_registering_again),
		GATED_TEST(test_steps),
		GATED_TEST(test_blocking_again),
		GATED_TEST(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
