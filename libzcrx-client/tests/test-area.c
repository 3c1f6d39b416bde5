/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How large the area is, and where: what was asked for, what zcrxd recommends; the NIC's node, or anywhere. */
#include <errno.h>
#include <sys/mman.h>

#include "fixture.h"
#include "pool.h"

/* In place of numa.c's; the area has no page yet. */
static int node_of_nic, preferred;

int numa_node_of(const char *interface)
{
	assert_string_equal(interface, "zc0");
	return node_of_nic;
}

int numa_prefer(void *data, size_t size, int node)
{
	unsigned char present[64];

	assert_int_equal(size, sizeof(present) * 4096);
	assert_int_equal(mincore(data, size, present), 0);
	for (size_t i = 0; i < sizeof(present); i++)
		assert_int_equal(present[i] & 1, 0);
	preferred = node;
	return -ENOSYS; /* nothing that matters */
}

static void test_node(void **state)
{
	static const struct {
		int nic, wanted, expected;
	} cells[] = { { -1, -1, -2 }, { 1, -1, 1 }, { 1, 0, 0 }, { -1, 3, 3 } };
	struct fixture *x = *state;

	fixture_acquire(x);
	x->server.error_id = "io.zcrx.Manager.InvalidRing"; /* it comes thus far, and no further */
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		struct zcrx_queue *q = NULL;

		node_of_nic = cells[i].nic;
		preferred = -2;
		assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
		assert_int_equal(zcrx_queue_set_area_size(q, 64 * 4096), 0);
		assert_int_equal(zcrx_queue_set_numa_node(q, -2), -EINVAL);
		assert_int_equal(zcrx_queue_set_numa_node(q, 1024), -EINVAL);
		assert_int_equal(zcrx_queue_set_numa_node(q, cells[i].wanted), 0);
		assert_int_equal(zcrx_queue_register(q), -EINVAL);
		assert_non_null(zcrx_client_error_id(x->client));
		assert_int_equal(preferred, cells[i].expected);
		zcrx_queue_unref(q);
	}
}

#define LEASE(rest)                                                                                \
	"{\"leaseId\":\"0000002a\",\"interface\":\"zc0\",\"hardwareQueues\":[6,7],"             \
	"\"grant\":\"netkit\"" rest "}"

/* A zcrxd that recommends nothing is an older one. */
static void test_the_size_is_what_zcrxd_recommends_and_the_policy_leaves_unless_it_is_set(void **state)
{
	static const struct {
		const char *lease;
		size_t expected, recommended;
	} cells[] = { { LEASE(""), 16 << 20, 16 << 20 },
		      { LEASE(",\"recommendedAreaBytes\":null"), 16 << 20, 16 << 20 },
		      { LEASE(",\"recommendedAreaBytes\":33554432"), 32 << 20, 32 << 20 },
		      /* The policy cuts it, or would allow more. */
		      { LEASE(",\"permittedAreaBytes\":8388608"), 8 << 20, 16 << 20 },
		      { LEASE(",\"recommendedAreaBytes\":33554432,\"permittedAreaBytes\":4096"), 4096, 32 << 20 },
		      { LEASE(",\"recommendedAreaBytes\":33554432,\"permittedAreaBytes\":67108864"), 32 << 20, 32 << 20 } };
	struct fixture *x = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		struct zcrx_lease *l = NULL;
		struct zcrx_pool *p = NULL;

		x->server.lease = cells[i].lease;
		assert_int_equal(zcrx_lease_new(x->client, &l), 0);
		assert_int_equal(zcrx_lease_get_area_size(l), 0);
		assert_int_equal(zcrx_lease_acquire(l), 0);
		assert_int_equal(zcrx_lease_get_area_size(l), cells[i].expected);
		assert_int_equal(zcrx_lease_get_recommended_area_size(l), cells[i].recommended);
		assert_int_equal(zcrx_pool_new(l, 0, &p), 0);
		assert_int_equal(p->area_size, cells[i].expected);
		assert_int_equal(zcrx_pool_set_area_size(p, 4096), 0);
		assert_int_equal(p->area_size, 4096);
		zcrx_pool_unref(p);
		zcrx_lease_unref(l);
	}
	assert_int_equal(zcrx_lease_get_area_size(NULL), 0);
}

static void test_a_recommendation_that_is_no_number_is_a_bad_reply(void **state)
{
	struct fixture *x = *state;

	x->server.lease = LEASE(",\"recommendedAreaBytes\":\"much\"");
	assert_int_equal(zcrx_lease_acquire(x->lease), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_node),
		TEST(test_the_size_is_what_zcrxd_recommends_and_the_policy_leaves_unless_it_is_set),
		TEST(test_a_recommendation_that_is_no_number_is_a_bad_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
