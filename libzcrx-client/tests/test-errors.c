/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's account of what failed last. */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include "fixture.h"

/* What failed last is what the client says, and not what failed before it. */
static void test_no_stale_errors(void **state)
{
	struct fixture *x = *state;
	const struct zcrx_event *event;
	struct zcrx_stream *stream;
	struct zcrx_queue *q;
	struct zcrx_pool *p;

#define FAILS(call, error, sentence)                                              \
	do {                                                                      \
		assert_int_equal(call, error);                                    \
		assert_string_equal(zcrx_client_error(x->client), sentence);      \
		assert_null(zcrx_client_error_id(x->client));                     \
	} while (0)
	FAILS(zcrx_lease_set_queues(x->lease, 0), -EINVAL,
	      "Cannot set what is asked for: what was given makes no sense.");
	x->server.error_id = "io.zcrx.Manager.NoQueueAvailable";
	assert_int_equal(zcrx_lease_acquire(x->lease), -EBUSY);
	assert_non_null(zcrx_client_error_id(x->client));
	FAILS(zcrx_lease_set_time_to_live(x->lease, UINT64_MAX), -EINVAL,
	      "Cannot set what is asked for: what was given makes no sense.");
	x->server.error_id = NULL;
	fixture_acquire(x);
	assert_string_equal(zcrx_client_error(x->client), "");
	FAILS(zcrx_lease_set_name(x->lease, "a"), -EBUSY,
	      "Cannot set what is asked for: it is acquired or registered already.");
	FAILS(zcrx_lease_acquire(x->lease), -EBUSY,
	      "Cannot lease a queue: it is acquired or registered already.");
	FAILS(zcrx_lease_renew(x->lease, 0), -EINVAL, "Cannot renew the lease: what was given makes no sense.");
	FAILS(zcrx_lease_get_hardware_queue(x->lease, 9), -ERANGE,
	      "Cannot name the hardware queue: the lease has no such queue.");
	FAILS(zcrx_lease_steer_socket(x->lease, -1), -EINVAL, "Cannot add a flow: what was given makes no sense.");
	FAILS(zcrx_lease_steer(x->lease, AF_UNIX, NULL, 0, NULL, 0), -EINVAL,
	      "Cannot add a flow: what was given makes no sense.");
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	FAILS(zcrx_queue_set_completions(q, 0), -EINVAL, "Cannot set the completions: what was given makes no sense.");
	FAILS(zcrx_queue_receive(q, 0, NULL, &stream), -EBADFD,
	      "Cannot start to receive: it is not acquired or registered yet.");
	FAILS(zcrx_queue_wait(q, 0, &event), -EBADFD,
	      "Cannot wait for events: it is not acquired or registered yet.");
	FAILS(zcrx_queue_get_fd(q), -EBADFD,
	      "Cannot give a descriptor to poll: it is not acquired or registered yet.");
	zcrx_queue_unref(q);
	assert_int_equal(zcrx_pool_new(x->lease, 0, &p), 0);
	FAILS(zcrx_pool_set_area_size(p, 0), -EINVAL, "Cannot set the size of the area: what was given makes no sense.");
	FAILS(zcrx_pool_set_buffer_length(p, 1), -EINVAL,
	      "Cannot set the length of buffers: what was given makes no sense.");
	FAILS(zcrx_pool_set_area(p, -1, 0, NULL, 4096), -EBADF, "Cannot set the area: Bad file descriptor.");
	FAILS(zcrx_pool_register(p, -1), -EINVAL, "Cannot register the queue: what was given makes no sense.");
	zcrx_pool_unref(p);
#undef FAILS
}

static void *wait_elsewhere(void *queue)
{
	const struct zcrx_event *event;

	assert_int_equal(zcrx_queue_wait(queue, 0, &event), -EBADFD);
	return NULL;
}

/* The account of errors is the client's thread's: nobody may free a sentence while it is read. */
static void test_errors_of_other_threads(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q;
	pthread_t thread;
	const char *mine;

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_set_completions(q, 0), -EINVAL);
	mine = zcrx_client_error(x->client);
	assert_int_equal(pthread_create(&thread, NULL, wait_elsewhere, q), 0);
	pthread_join(thread, NULL);
	assert_ptr_equal(zcrx_client_error(x->client), mine);
	zcrx_queue_unref(q);
}

/* A daemon that does not answer, on a connection from before and after the limit was set; then one that does. */
static void test_no_answer(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_client_set_timeout(NULL, 1), -EINVAL);
	assert_int_equal(zcrx_client_set_timeout(x->client, 50000), 0);
	x->server.silent = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zcrx_lease_acquire(x->lease), -ETIMEDOUT);
		assert_string_equal(zcrx_client_error(x->client),
				    "Cannot lease a queue: zcrxd does not answer. See its journal: journalctl -u "
				    "zcrxd.");
	}
	x->server.silent = false;
	assert_int_equal(zcrx_client_set_timeout(x->client, UINT64_MAX), 0);
	fixture_acquire(x);
	assert_int_equal(zcrx_client_set_timeout(x->client, 0), 0);
	assert_int_equal(zcrx_lease_renew(x->lease, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_stale_errors),
		TEST(test_errors_of_other_threads),
		TEST(test_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
