/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans on the simulated NIC: whichever step fails, and however, the NIC ends as it was found.
 */
#include "testlib.h"

#include "apply.h"
#include "sim.h"

#define IFINDEX 3

struct fixture {
	struct nic_backend *backend;
	struct nic *nic;
	struct nic_state *found;
	struct plan *plan;
	struct step_result *results;
};

static struct nic_state *observe(struct nic *nic)
{
	struct nic_state *s = NULL;

	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	return s;
}

/* The longest way to go: every kind of step. */
static int setup(void **state)
{
	struct config_interface c = { .channels_mode = CHANNELS_COUNT,
				      .channels = 12,
				      .zero_copy_queues = 4,
				      .rx_ring = 1024,
				      .tcp_data_split = true };
	struct fixture *x = calloc(1, sizeof(*x));
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	assert_non_null(x);
	x->backend = sim_new();
	assert_non_null(x->backend);
	assert_int_equal(sim_nic_state_new(IFINDEX, "eth0", "test", 8, 16, &s), 0);
	s->split_needs_gro_hw = true;
	assert_int_equal(sim_add_nic(x->backend, s, NULL, NULL), 0);
	assert_int_equal(x->backend->ops->open(x->backend, IFINDEX, &x->nic, NULL), 0);
	x->found = observe(x->nic);
	x->found->split_needs_gro_hw = true; /* as it was learnt */
	assert_int_equal(plan_build(&c, x->found, NULL, &x->plan, NULL), 0);
	assert_int_equal(x->plan->n_steps, _STEP_OP_MAX);
	x->results = step_results_new(x->plan);
	assert_non_null(x->results);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	x->nic->ops->close(x->nic);
	x->backend->ops->free(x->backend);
	nic_state_free(x->found);
	step_results_free(x->results, x->plan->n_steps);
	plan_free(x->plan);
	free(x);
	return 0;
}

static void check_as_found(struct fixture *x)
{
	_cleanup_(nic_state_freep) struct nic_state *now = observe(x->nic);

	assert_memory_equal(&now->channels, &x->found->channels, sizeof(now->channels));
	assert_int_equal(now->rx_ring, x->found->rx_ring);
	assert_int_equal(now->split, x->found->split);
	assert_int_equal(now->hds_threshold, x->found->hds_threshold);
	assert_int_equal(now->ntuple, x->found->ntuple);
	assert_int_equal(now->gro_hw, x->found->gro_hw);
	assert_memory_equal(now->rss.entries, x->found->rss.entries, now->rss.n * sizeof(uint32_t));
	assert_int_equal(now->n_queues, x->found->n_queues);
}

static void test_all_done(void **state)
{
	struct fixture *x = *state;
	_cleanup_(nic_state_freep) struct nic_state *now = NULL;

	assert_int_equal(plan_apply(x->nic, x->plan, 0, x->results, NULL), 0);
	for (size_t i = 0; i < _STEP_OP_MAX; i++)
		assert_int_equal(x->results[i].outcome, STEP_DONE);
	now = observe(x->nic);
	assert_int_equal(now->channels.combined, 12);
	assert_int_equal(now->split, SPLIT_ENABLED);
	assert_int_equal(nic_state_rss_queues(now), 8);
}

static void test_empty(void **state)
{
	struct fixture *x = *state;
	struct plan nothing = {};

	assert_int_equal(plan_apply(x->nic, &nothing, 0, NULL, NULL), 0);
	check_as_found(x);
}

/* The split, its threshold and the ring are one; what became of it is said of each. */
static const struct {
	unsigned first, end;
} calls[] = { { 0, 1 }, { 1, 4 }, { 4, 5 }, { 5, 6 }, { 6, 7 } };

/* For every call: the kernel refuses it, or the machine fails. */
static void test_every_step_fails(void **state)
{
	static const int errors[] = { EOPNOTSUPP, EINVAL, EBUSY, -ENOMEM };
	struct fixture *x = *state;

	for (size_t e = 0; e < ARRAY_SIZE(errors); e++)
		for (unsigned failed = 0; failed < ARRAY_SIZE(calls); failed++) {
			_cleanup_fault_ struct fault f = {};
			int r = errors[e] < 0 ? errors[e] : ZCRX_KERNEL_REJECTED;

			assert_int_equal(sim_fail_at(x->backend, failed + 1, errors[e], "no"), 0);
			assert_int_equal(plan_apply(x->nic, x->plan, 0, x->results, &f), r);
			if (r > 0) {
				assert_string_equal(f.kernel_text, "no");
				assert_int_equal(f.error, errors[e]);
			}
			for (unsigned i = 0; i < _STEP_OP_MAX; i++)
				assert_int_equal(x->results[i].outcome, i < calls[failed].first ? STEP_UNDONE
							      : i < calls[failed].end ? STEP_FAILED
									    : STEP_SKIPPED);
			check_as_found(x);
		}
}

/* The kernel refuses the last of those that are one call, and the driver has done the others. */
static void test_part_of_a_call_fails(void **state)
{
	struct fixture *x = *state;

	x->plan->steps[3].to.number = 1 << 20; /* a ring size that the NIC has not */
	assert_int_equal(plan_apply(x->nic, x->plan, 0, x->results, NULL), ZCRX_KERNEL_REJECTED);
	assert_int_equal(x->results[0].outcome, STEP_UNDONE);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(x->results[i].outcome, STEP_FAILED);
		CHECK_CONTAINS(x->results[i].message, "Cannot set tcp-data-split, hds-threshold, rings: ");
	}
	check_as_found(x);
}

static void test_one_call_sets_all_of_the_ring(void **state)
{
	struct fixture *x = *state;
	unsigned before = sim_operations(x->backend);

	assert_int_equal(plan_apply(x->nic, x->plan, 0, x->results, NULL), 0);
	assert_int_equal(sim_operations(x->backend) - before, ARRAY_SIZE(calls));
}

/* An undo that fails is told, and does not keep the others from running. */
static void test_undo_fails(void **state)
{
	struct fixture *x = *state;
	_cleanup_(nic_state_freep) struct nic_state *now = NULL;

	/* The sixth step fails. Of the undos, three are refused: neither the split nor its
	 * threshold can change while a queue is bound, and the split holds gro-hw. */
	assert_int_equal(sim_set_bound(x->backend, IFINDEX, 0, true), 0);
	x->plan->steps[5].to.n_rss++; /* a table of a size that the NIC has not */
	assert_int_equal(plan_apply(x->nic, x->plan, 0, x->results, NULL), ZCRX_KERNEL_REJECTED);
	assert_int_equal(x->results[0].outcome, STEP_UNDO_FAILED); /* gro-hw */
	assert_int_equal(x->results[1].outcome, STEP_UNDO_FAILED); /* tcp-data-split */
	assert_int_equal(x->results[2].outcome, STEP_UNDO_FAILED); /* hds-threshold */
	assert_string_equal(x->results[1].message,
			    "Cannot set tcp-data-split: Invalid argument (not possible now). The "
			    "simulated NIC follows the kernel's rules here.");
	assert_int_equal(x->results[4].outcome, STEP_UNDONE); /* ntuple */
	assert_null(x->results[4].message);
	assert_int_equal(x->results[5].outcome, STEP_FAILED);
	assert_int_equal(x->results[6].outcome, STEP_SKIPPED);
	now = observe(x->nic);
	assert_int_equal(now->ntuple, FEATURE_OFF);
	assert_int_equal(now->split, SPLIT_ENABLED);
}

static void test_gone(void **state)
{
	struct fixture *x = *state;
	_cleanup_fault_ struct fault f = {};

	assert_int_equal(sim_unplug(x->backend, IFINDEX), 0);
	assert_int_equal(plan_apply(x->nic, x->plan, 0, x->results, &f), ZCRX_NO_SUCH_INTERFACE);
	assert_int_equal(x->results[0].outcome, STEP_FAILED);
	assert_int_equal(x->results[1].outcome, STEP_SKIPPED);
}

/* A NIC that does something else than it was asked, and says so when it is read back: a ring size
 * that the driver rounds. */
struct rounding {
	struct nic nic;
	struct nic *below;
};

static int apply_rounded(struct nic *nic, const struct step *steps, size_t n, struct fault *reterr)
{
	struct nic *below = ((struct rounding *)nic)->below;
	struct step other = steps[n - 1];
	int r;

	if (other.op != STEP_RINGS || other.to.number != 1024)
		return below->ops->apply(below, steps, n, reterr);
	other.to.number = 2048;
	r = n > 1 ? below->ops->apply(below, steps, n - 1, reterr) : 0;
	if (r == 0)
		r = below->ops->apply(below, &other, 1, reterr);
	return r ?: fault_kernel(reterr, EIO, NULL, "set rings", "It is 2048 now.");
}

static void test_effect_of_failed_step(void **state)
{
	static const struct nic_ops ops = { .apply = apply_rounded };
	struct fixture *x = *state;
	struct rounding n = { .nic = { &ops, IFINDEX }, .below = x->nic };

	assert_int_equal(plan_apply(&n.nic, x->plan, 0, x->results, NULL), ZCRX_KERNEL_REJECTED);
	assert_int_equal(x->results[3].outcome, STEP_FAILED);
	check_as_found(x);
}

static void test_names(void **state)
{
	assert_string_equal(step_outcome_to_string(STEP_SKIPPED), "skipped");
	assert_string_equal(step_outcome_to_string(STEP_DONE), "done");
	assert_string_equal(step_outcome_to_string(STEP_FAILED), "failed");
	assert_string_equal(step_outcome_to_string(STEP_UNDONE), "undone");
	assert_string_equal(step_outcome_to_string(STEP_UNDO_FAILED), "undo-failed");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_done),	      TEST(test_empty), TEST(test_every_step_fails),
		TEST(test_undo_fails),	      TEST(test_gone), TEST(test_part_of_a_call_fails), TEST(test_one_call_sets_all_of_the_ring),	TEST(test_effect_of_failed_step),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
