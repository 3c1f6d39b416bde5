/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the area is: what was asked for, the NIC's node, or anywhere. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
