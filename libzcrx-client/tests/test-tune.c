/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What queues and pools ask zcrxd for without a ring. */
#include <errno.h>
#include <sys/socket.h>

#include "fixture.h"

/* What a queue asks zcrxd for, its like asks for without a ring. */
static void test_pool_calls(void **state)
{
	struct fixture *x = *state;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct zcrx_pool *p;

	assert_int_equal(zcrx_pool_tune(NULL, 1, 1, 1), -EINVAL);
	assert_int_equal(zcrx_pool_steer(NULL, AF_INET, NULL, 0, NULL, 9), -EINVAL);
	assert_int_equal(zcrx_pool_steer_socket(NULL, s), -EINVAL);
	assert_int_equal(zcrx_pool_set_irq_affinity(NULL, "0"), -EINVAL);
	fixture_acquire(x);
	assert_int_equal(zcrx_pool_new(x->lease, 1, &p), 0);
	assert_int_equal(zcrx_pool_tune(p, 2, -1, -1), 0);
	assert_called(x, "Tune",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,"
		      "\"deferHardIrqs\":2}");
	assert_int_equal(zcrx_pool_set_irq_affinity(p, "3"), 0);
	assert_called(x, "Tune",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,"
		      "\"irqAffinity\":\"3\"}");
	assert_int_equal(zcrx_pool_steer_socket(p, s), 0);
	assert_called(x, "AddFlow",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,"
		      "\"socketFileDescriptor\":1}");
	assert_int_equal(zcrx_pool_steer(p, AF_INET, NULL, 0, NULL, 9), 0);
	assert_called(x, "AddFlow",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,\"flow\":"
		      "{\"protocol\":\"tcp4\",\"destinationPort\":9}}");
	zcrx_pool_unref(p);
	close(s);
}

static void test_tune(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q;

	assert_int_equal(zcrx_queue_tune(NULL, 1, 1, 1), -EINVAL);
	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_tune(q, 2, 200000, -1), 0);
	assert_called(x, "Tune",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":0,"
		      "\"deferHardIrqs\":2,\"groFlushTimeoutNSec\":200000}");
	assert_int_equal(x->server.n_descriptors, 1);
	assert_int_equal(zcrx_queue_tune(q, -1, -1, 0), 0);
	assert_called(x, "Tune",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":0,"
		      "\"irqSuspendTimeoutNSec\":0}");
	assert_int_equal(zcrx_queue_set_irq_affinity(q, NULL), -EINVAL);
	assert_int_equal(zcrx_queue_set_irq_affinity(q, "0-3,8"), 0);
	assert_called(x, "Tune",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":0,"
		      "\"irqAffinity\":\"0-3,8\"}");
	assert_int_equal(x->server.n_descriptors, 1);
	assert_int_equal(zcrx_lease_release(x->lease), 0);
	assert_int_equal(zcrx_queue_tune(q, 1, 1, 1), -EBADFD);
	assert_int_equal(zcrx_queue_set_irq_affinity(q, "0"), -EBADFD);
	zcrx_queue_unref(q);
}

/* Of those that are registered here: what others have is not for this process. */
static void test_napi_ids_are_looked_up_again(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(zcrx_lease_refresh_napi_ids(NULL), -EINVAL);
	assert_int_equal(zcrx_lease_refresh_napi_ids(x->lease), -EBADFD);
	fixture_acquire(x);
	x->lease->napi_ids[1] = 8204;
	assert_int_equal(zcrx_lease_refresh_napi_ids(x->lease), 0);
	assert_called(x, "ListLeases", "{\"leaseId\":\"0000002a\"}");
	assert_int_equal(x->lease->napi_ids[1], 8204); /* by an older zcrxd */
	x->server.lease = "{\"leaseId\":\"0000002a\",\"napiIds\":[8303,8304]}";
	assert_int_equal(zcrx_lease_refresh_napi_ids(x->lease), 0);
	assert_int_equal(x->lease->napi_ids[0], 0);
	assert_int_equal(x->lease->napi_ids[1], 8304);
	x->server.lease = "{\"leaseId\":\"0000002a\",\"napiIds\":[8303,\"?\"]}";
	assert_int_equal(zcrx_lease_refresh_napi_ids(x->lease), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pool_calls),
		TEST(test_tune),
		TEST(test_napi_ids_are_looked_up_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
