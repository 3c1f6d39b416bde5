/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which queue is whose: single cases, and random use against a plain model. */
#include "testlib.h"

#include "inventory.h"

static struct carve_out carve(unsigned first, unsigned count)
{
	return (struct carve_out) { .ordinary = first,
				    .zero_copy_first = first,
				    .zero_copy_count = count };
}

static int resize(struct inventory *i, unsigned first, unsigned count)
{
	struct carve_out c = carve(first, count);

	return inventory_resize(i, &c);
}

static void test_empty(void **state)
{
	_cleanup_(inventory_done) struct inventory i;
	uint32_t queue;

	inventory_init(&i);
	assert_int_equal(inventory_free_count(&i), 0);
	assert_false(inventory_reserve(&i, 1, 1, &queue));
	assert_null(inventory_get(&i, 0));
	assert_int_equal(inventory_take_queue(&i, 1, 0), -ERANGE);
	assert_int_equal(inventory_quarantine(&i, 0, "x"), -ERANGE);
	inventory_clear_quarantine(&i, 0);
	inventory_release(&i, 1);
}

static void test_take_and_give(void **state)
{
	_cleanup_(inventory_done) struct inventory i;
	uint32_t queues[4] = { 99, 99, 99, 99 };

	inventory_init(&i);
	assert_int_equal(resize(&i, 12, 4), 0);
	assert_int_equal(inventory_free_count(&i), 4);
	assert_true(inventory_reserve(&i, 7, 2, queues));
	assert_int_equal(queues[0], 12);
	assert_int_equal(queues[1], 13);
	assert_int_equal(inventory_get(&i, 12)->lease, 7);
	assert_int_equal(inventory_get(&i, 14)->lease, 0);
	assert_null(inventory_get(&i, 11));
	assert_null(inventory_get(&i, 16));

	/* Too few: nothing changes. */
	queues[0] = 99;
	assert_false(inventory_reserve(&i, 8, 3, queues));
	assert_int_equal(queues[0], 99);
	assert_int_equal(inventory_free_count(&i), 2);

	assert_true(inventory_reserve(&i, 8, 2, queues));
	assert_int_equal(queues[0], 14);
	assert_int_equal(inventory_free_count(&i), 0);
	inventory_release(&i, 7);
	assert_int_equal(inventory_free_count(&i), 2);
	assert_true(inventory_reserve(&i, 9, 1, queues));
	assert_int_equal(queues[0], 12);
}

static void test_take_queue(void **state)
{
	_cleanup_(inventory_done) struct inventory i;

	inventory_init(&i);
	assert_int_equal(resize(&i, 2, 2), 0);
	assert_int_equal(inventory_take_queue(&i, 5, 3), 0);
	assert_int_equal(inventory_take_queue(&i, 5, 3), 0);
	assert_int_equal(inventory_take_queue(&i, 6, 3), -EBUSY);
	assert_int_equal(inventory_take_queue(&i, 5, 1), -ERANGE);
	assert_int_equal(inventory_take_queue(&i, 5, 4), -ERANGE);
	assert_int_equal(inventory_quarantine(&i, 2, "odd"), 0);
	assert_int_equal(inventory_take_queue(&i, 5, 2), -EBUSY);
}

static void test_quarantine(void **state)
{
	_cleanup_(inventory_done) struct inventory i;
	uint32_t queue;

	inventory_init(&i);
	assert_int_equal(resize(&i, 1, 2), 0);
	assert_true(inventory_reserve(&i, 5, 1, &queue));
	assert_int_equal(inventory_quarantine(&i, queue, "first"), 0);
	assert_int_equal(inventory_quarantine(&i, queue, "second"), 0);
	assert_string_equal(inventory_get(&i, queue)->quarantine, "second");
	assert_int_equal(inventory_get(&i, queue)->lease, 0);
	/* The lease's end does not make it free. */
	inventory_release(&i, 5);
	assert_int_equal(inventory_free_count(&i), 1);
	assert_true(inventory_reserve(&i, 6, 1, &queue));
	assert_int_equal(queue, 2);
	assert_false(inventory_reserve(&i, 7, 1, &queue));
	inventory_clear_quarantine(&i, 1);
	assert_true(inventory_reserve(&i, 7, 1, &queue));
	assert_int_equal(queue, 1);
}

static void test_resize(void **state)
{
	_cleanup_(inventory_done) struct inventory i;

	inventory_init(&i);
	assert_int_equal(resize(&i, 4, 4), 0);
	assert_int_equal(inventory_take_queue(&i, 3, 5), 0);
	assert_int_equal(inventory_quarantine(&i, 6, "odd"), 0);
	/* It would fall outside. */
	assert_int_equal(resize(&i, 6, 4), -EBUSY);
	assert_int_equal(resize(&i, 0, 0), -EBUSY);
	assert_int_equal(i.carve_out.zero_copy_first, 4);
	assert_int_equal(inventory_get(&i, 5)->lease, 3);
	/* Shifted and grown at both ends. */
	assert_int_equal(resize(&i, 2, 8), 0);
	assert_int_equal(inventory_get(&i, 5)->lease, 3);
	assert_string_equal(inventory_get(&i, 6)->quarantine, "odd");
	assert_int_equal(inventory_free_count(&i), 6);
	assert_int_equal(resize(&i, 5, 2), 0);
	assert_int_equal(inventory_free_count(&i), 0);
	/* What is withheld may. */
	assert_int_equal(resize(&i, 5, 1), 0);
	assert_int_equal(resize(&i, 5, 2), 0);
	assert_int_equal(inventory_free_count(&i), 1);
	inventory_release(&i, 3);
	assert_int_equal(inventory_quarantine(&i, 6, "odd"), 0);
	assert_int_equal(resize(&i, 0, 0), 0);
}

/* A queue has at most one holder, and withheld queues stay so: against an array. */
/* Those that are to become ordinary again are nobody's new lease, but stay whose they are. */
static void test_lease_first(void **state)
{
	struct carve_out c = carve(10, 6);
	_cleanup_(inventory_done) struct inventory i;
	uint32_t queues[4];

	inventory_init(&i);
	c.lease_first = 14;
	assert_int_equal(inventory_resize(&i, &c), 0);
	assert_int_equal(inventory_take_queue(&i, 3, 11), 0);
	assert_int_equal(inventory_free_count(&i), 2);
	assert_false(inventory_reserve(&i, 7, 3, queues));
	assert_true(inventory_reserve(&i, 7, 2, queues));
	assert_int_equal(queues[0], 14);
	assert_int_equal(queues[1], 15);
	assert_int_equal(inventory_get(&i, 11)->lease, 3);
	/* None at all. */
	c.lease_first = 16;
	assert_int_equal(inventory_resize(&i, &c), 0);
	inventory_release(&i, 7);
	assert_int_equal(inventory_free_count(&i), 0);
	assert_false(inventory_reserve(&i, 8, 1, queues));
}

/* Why there are too few. */
static void test_refuse(void **state)
{
	_cleanup_fault_ struct fault free_ones = {}, withheld = {};
	struct inventory i;

	inventory_init(&i);
	assert_int_equal(inventory_resize(&i, &(struct carve_out){ .zero_copy_first = 4,
								   .zero_copy_count = 4 }), 0);
	assert_int_equal(inventory_refuse(&i, "nic0", 5, "", &free_ones), ZCRX_NO_QUEUE_AVAILABLE);
	assert_string_equal(free_ones.message, "nic0 has 4 of 4 zero-copy queues free, 5 asked. See zcrxctl "
					       "status nic0.");
	assert_int_equal(inventory_quarantine(&i, 5, "odd"), 0);
	assert_int_equal(inventory_quarantine(&i, 6, "even"), 0);
	assert_int_equal(inventory_refuse(&i, "nic0", 3, "More.", &withheld), ZCRX_NO_QUEUE_AVAILABLE);
	assert_string_equal(withheld.message, "nic0 has 2 of 4 zero-copy queues free, 3 asked. 2 are quarantined; "
					      "queue 5: odd. More. See zcrxctl status nic0.");
	inventory_done(&i);
}

static void test_random_use(void **state)
{
	enum { QUEUES = 16, FIRST = 16 };
	_cleanup_(inventory_done) struct inventory i;
	uint32_t model[QUEUES] = {}, taken[QUEUES]; /* UINT32_MAX: withheld */
	uint64_t seed = 4711;

	inventory_init(&i);
	assert_int_equal(resize(&i, FIRST, QUEUES), 0);
	for (unsigned step = 0; step < 100000; step++) {
		uint32_t lease = test_between(&seed, 1, 20), q = test_between(&seed, 0, QUEUES - 1);
		unsigned n = test_between(&seed, 1, 5), free_count = 0;

		switch (test_between(&seed, 0, 3)) {
		case 0:
			if (!inventory_reserve(&i, lease, n, taken))
				break;
			for (unsigned k = 0; k < n; k++) {
				assert_int_equal(model[taken[k] - FIRST], 0);
				model[taken[k] - FIRST] = lease;
			}
			break;
		case 1:
			inventory_release(&i, lease);
			for (unsigned k = 0; k < QUEUES; k++)
				model[k] = model[k] == lease ? 0 : model[k];
			break;
		case 2:
			assert_int_equal(inventory_quarantine(&i, FIRST + q, "odd"), 0);
			model[q] = UINT32_MAX;
			break;
		case 3:
			inventory_clear_quarantine(&i, FIRST + q);
			model[q] = model[q] == UINT32_MAX ? 0 : model[q];
			break;
		}
		for (unsigned k = 0; k < QUEUES; k++) {
			const struct inventory_queue *found = inventory_get(&i, FIRST + k);

			assert_int_equal(found->lease, model[k] == UINT32_MAX ? 0 : model[k]);
			assert_int_equal(!!found->quarantine, model[k] == UINT32_MAX);
			free_count += model[k] == 0;
		}
		assert_int_equal(inventory_free_count(&i), free_count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	   cmocka_unit_test(test_take_and_give),
		cmocka_unit_test(test_take_queue), cmocka_unit_test(test_quarantine),
		cmocka_unit_test(test_resize),	   cmocka_unit_test(test_lease_first),
		cmocka_unit_test(test_refuse),	   cmocka_unit_test(test_random_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
