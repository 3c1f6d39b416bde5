/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bringing NICs to their configuration on the simulated machine: whichever call fails, and however
 * many of those that put it back, the NIC is as it was found or the message says what is not.
 */
#include "random-nic.h"

#include "reconcile.h"
#include "sim.h"

#define IFINDEX 3
#define PAIRS	150

struct machine {
	struct nic_backend *backend;
	struct nic *nic;
};

static struct machine machine_new(const struct nic_state *s)
{
	struct machine m = { .backend = sim_new() };

	assert_non_null(m.backend);
	assert_int_equal(sim_add_nic(m.backend, s, NULL, NULL), 0);
	assert_int_equal(m.backend->ops->open(m.backend, IFINDEX, &m.nic, NULL), 0);
	return m;
}

static void machine_free(struct machine *m)
{
	m->nic->ops->close(m->nic);
	m->backend->ops->free(m->backend);
}
#define _cleanup_machine_ _cleanup_(machine_free)

static struct nic_state *observe(struct machine *m)
{
	struct nic_state *s = NULL;

	assert_int_equal(m->nic->ops->observe(m->nic, &s, NULL), 0);
	return s;
}

static int run(struct nic *nic, struct reconcile *b, struct fault *reterr)
{
	int r = reconcile_look(nic, b, reterr);

	if (r == 0)
		r = reconcile_plan(b, reterr);
	return r == 0 ? reconcile_apply(nic, b, reterr) : r;
}

static int bring(struct nic *nic, const struct config_interface *c, struct reconcile *b,
		 struct fault *reterr)
{
	*b = (struct reconcile) { .config = *c };
	return run(nic, b, reterr);
}

static int take_back(struct nic *nic, const struct nic_state *found, struct reconcile *b,
		     struct fault *reterr)
{
	*b = (struct reconcile) { .to = found };
	return run(nic, b, reterr);
}

/* True if the NIC is as `found`, and what was said agrees with it. */
static bool check_failure(struct machine *m, const struct nic_state *found,
			  const struct reconcile *b, const struct fault *f)
{
	_cleanup_(nic_state_freep) struct nic_state *now = observe(m);
	bool as_found = nics_look_same(now, found), undo_failed = false;

	assert_non_null(f->message);
	for (size_t i = 0; b->results && i < b->plan->n_steps; i++) {
		undo_failed |= b->results[i].outcome == STEP_UNDO_FAILED;
		if (b->results[i].outcome == STEP_UNDO_FAILED)
			assert_non_null(b->results[i].message);
		assert_true(b->results[i].outcome != STEP_DONE);
	}
	if (!as_found && !strstr(f->message, "restored"))
		fail_msg("not restored, but: %s", f->message);
	if (as_found && strstr(f->message, "could not be restored"))
		fail_msg("restored, but: %s", f->message);
	if (as_found && undo_failed)
		CHECK_CONTAINS(f->message, "cannot be seen");
	return as_found;
}

/* For each call of it, and for each number of calls that fail from there on. */
static void fail_each(const struct nic_state *s, const struct config_interface *c, unsigned total,
		      unsigned *as_found, unsigned *left)
{
	static const unsigned lengths[] = { 1, 2, 3, 5, UINT32_MAX / 2 };

	for (unsigned n = 1; n <= total; n++)
		for (size_t k = 0; k < ARRAY_SIZE(lengths); k++) {
			_cleanup_machine_ struct machine m = machine_new(s);
			_cleanup_(nic_state_freep) struct nic_state *found = observe(&m);
			_cleanup_fault_ struct fault f = {};
			struct reconcile b;
			int r;

			assert_int_equal(sim_fail_range(m.backend, n, lengths[k], EIO, "no"), 0);
			r = bring(m.nic, c, &b, &f);
			assert_int_equal(sim_fail_at(m.backend, 0, 0, NULL), 0);
			assert_int_equal(r, ZCRX_KERNEL_REJECTED);
			if (check_failure(&m, found, &b, &f)) {
				++*as_found;
			} else {
				++*left;
				/* A step, its own inverse and an undo: that is made good. */
				if (lengths[k] <= 3)
					fail_msg("%u failures from call %u of %u: %s",
						 lengths[k], n, total, f.message);
			}
			reconcile_done(&b);
		}
}

static void test_every_failure(void **state)
{
	uint64_t seed = 8191;
	unsigned as_found = 0, left = 0, planned = 0;

	while (planned < PAIRS) {
		_cleanup_(nic_state_freep) struct nic_state *s = random_nic(&seed);
		struct config_interface c = random_config(&seed);
		_cleanup_machine_ struct machine m = machine_new(s);
		_cleanup_(plan_freep) struct plan *again = NULL;
		struct reconcile b;
		unsigned before = sim_operations(m.backend);
		int r = bring(m.nic, &c, &b, NULL);

		if (r == 0) {
			planned++;
			/* What it leaves is what another one would find nothing to change in. */
			b.state->split_was_set = b.memory.split_was_set || s->split_was_set;
			fail_each(s, &c, sim_operations(m.backend) - before, &as_found, &left);
		}
		reconcile_done(&b);
	}
	print_message("%u pairs: %u failures, %u of them with something left\n", planned,
		      as_found + left, left);
	assert_true(as_found > 10 * planned);
	assert_true(left > 0);
}

/* ---------------------------------------------------- drivers that close the interface */

/* Whichever of its steps fails, and whether or not the first undo does, too. */
static void test_what_the_driver_closed_is_up_again(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	struct config_interface c = { .channels_mode = CHANNELS_COUNT, .channels = 8, .zero_copy_queues = 2,
				      .tcp_data_split = true };

	assert_int_equal(sim_nic_state_new(IFINDEX, "eth0", "bnxt_en", 4, 16, &s), 0);
	for (unsigned n = 3; n <= 5; n++) {
		_cleanup_machine_ struct machine m = machine_new(s);
		_cleanup_(nic_state_freep) struct nic_state *now = NULL;
		_cleanup_fault_ struct fault f = {};
		struct reconcile b;

		sim_set_failure_closes(m.backend);
		assert_int_equal(sim_fail_range(m.backend, n, 2, EIO, "no"), 0);
		assert_int_equal(bring(m.nic, &c, &b, &f), ZCRX_KERNEL_REJECTED);
		now = observe(&m);
		assert_true(now->up && nics_look_same(s, now));
		CHECK_CONTAINS(f.message, "Its driver had closed eth0, which was brought up again");
		reconcile_done(&b);
	}
}

/* Of what was down before, and of what stays up, nothing is said. */
static void test_what_was_down_stays_down(void **state)
{
	for (int up = 0; up < 2; up++) {
		_cleanup_(nic_state_freep) struct nic_state *s = NULL, *now = NULL;
		_cleanup_fault_ struct fault f = {};
		struct config_interface c = { .channels_mode = CHANNELS_COUNT, .channels = 8,
					      .zero_copy_queues = 2, .tcp_data_split = true };
		struct reconcile b;

		assert_int_equal(sim_nic_state_new(IFINDEX, "eth0", "bnxt_en", 4, 16, &s), 0);
		s->up = up;
		_cleanup_machine_ struct machine m = machine_new(s);
		if (!up)
			sim_set_failure_closes(m.backend);
		assert_int_equal(sim_fail_at(m.backend, 3, EIO, "no"), 0);
		assert_int_equal(bring(m.nic, &c, &b, &f), ZCRX_KERNEL_REJECTED);
		now = observe(&m);
		assert_int_equal(now->up, up);
		assert_null(strstr(f.message, "closed"));
		reconcile_done(&b);
	}
}

static void test_what_cannot_be_brought_up_is_told(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL, *now = NULL;
	struct config_interface c = { .channels_mode = CHANNELS_COUNT, .channels = 8, .zero_copy_queues = 2,
				      .tcp_data_split = true };
	_cleanup_fault_ struct fault f = {};
	struct reconcile b;

	assert_int_equal(sim_nic_state_new(IFINDEX, "eth0", "bnxt_en", 4, 16, &s), 0);
	_cleanup_machine_ struct machine m = machine_new(s);
	sim_set_failure_closes(m.backend);
	sim_fail_operation(m.backend, "bring the interface up", EIO, "no");
	assert_int_equal(sim_fail_at(m.backend, 3, EIO, "no"), 0);
	assert_int_equal(bring(m.nic, &c, &b, &f), ZCRX_KERNEL_REJECTED);
	now = observe(&m);
	assert_false(now->up);
	CHECK_CONTAINS(f.message, "Its driver has closed eth0, and it could not be brought up again: Cannot bring "
				  "the interface up: Input/output error (no).");
	CHECK_CONTAINS(f.message, "Try: ip link set eth0 up");
	assert_null(strstr(f.message, "restored"));
	reconcile_done(&b);
}

/* ---------------------------------------------------------- drivers that answer back */

struct answering {
	struct nic nic;
	struct nic *below;
	enum step_op op; /* this one has RSS set to its default */
	unsigned times;
	const struct step *answer; /* or this done instead */
};

static int observe_below(struct nic *nic, struct nic_state **ret, struct fault *reterr)
{
	struct nic *below = ((struct answering *)nic)->below;

	return below->ops->observe(below, ret, reterr);
}

static int apply_and_answer(struct nic *nic, const struct step *steps, size_t n, struct fault *reterr)
{
	struct answering *a = (struct answering *)nic;
	const struct step reset = { .op = STEP_RSS };
	int r = a->below->ops->apply(a->below, steps, n, reterr);

	if (r != 0 || steps[n - 1].op != a->op || a->times == 0)
		return r;
	a->times--;
	return a->below->ops->apply(a->below, a->answer ?: &reset, 1, reterr);
}

static const struct nic_ops answering_ops = { .observe = observe_below, .apply = apply_and_answer };

static struct config_interface plain_config(void)
{
	return (struct config_interface) { .channels_mode = CHANNELS_COUNT,
					   .channels = 8,
					   .zero_copy_queues = 2,
					   .tcp_data_split = true };
}

static struct nic_state *plain_nic(const char *driver)
{
	struct nic_state *s;

	assert_int_equal(sim_nic_state_new(IFINDEX, "eth0", driver, 4, 16, &s), 0);
	return s;
}

/* igb writes the table anew at every change of its channels: it is set once more. */
static void test_table_lost(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = plain_nic("test"), *now = NULL;
	struct config_interface c = plain_config();
	_cleanup_machine_ struct machine m = machine_new(s);
	struct answering a = { { &answering_ops, IFINDEX }, m.nic, STEP_CHANNELS, UINT32_MAX };
	struct reconcile b;
	size_t last;

	c.zero_copy_queues = 5;
	assert_int_equal(bring(&a.nic, &c, &b, NULL), 0);
	last = b.plan->n_steps - 1;
	assert_int_equal(b.plan->steps[last].op, STEP_RSS);
	assert_int_equal(b.plan->steps[last - 1].op, STEP_CHANNELS);
	assert_int_equal(b.plan->steps[last - 2].op, STEP_RSS);
	for (size_t i = 0; i <= last; i++)
		assert_int_equal(b.results[i].outcome, STEP_DONE);
	now = observe(&m);
	assert_int_equal(rss_table_span(&now->rss), 3);
	reconcile_done(&b);
}

static void test_table_refused_quietly(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = plain_nic("test"), *now = NULL;
	struct config_interface c = plain_config();
	_cleanup_machine_ struct machine m = machine_new(s);
	struct answering a = { { &answering_ops, IFINDEX }, m.nic, STEP_RSS, UINT32_MAX };
	_cleanup_fault_ struct fault f = {};
	struct reconcile b;

	assert_int_equal(bring(&a.nic, &c, &b, &f), ZCRX_KERNEL_REJECTED);
	CHECK_CONTAINS(f.message, "The driver of eth0 reverts rss whenever it is set.");
	now = observe(&m);
	assert_true(nics_look_same(s, now));
	reconcile_done(&b);
}

/* bnxt has filters for some channels only: it is the count that is to blame, and all is put back. */
static void test_filters_that_go_with_more_channels(void **state)
{
	static const struct step off = { .op = STEP_NTUPLE };

	for (int before = 0; before < 2; before++) {
		_cleanup_(nic_state_freep) struct nic_state *s = plain_nic("test"), *now = NULL;
		struct config_interface c = plain_config();
		_cleanup_fault_ struct fault f = {};
		struct reconcile b;

		s->ntuple = before ? FEATURE_ON : FEATURE_OFF;
		_cleanup_machine_ struct machine m = machine_new(s);
		struct answering a = { { &answering_ops, IFINDEX }, m.nic, STEP_CHANNELS, 1, &off };

		assert_int_equal(bring(&a.nic, &c, &b, &f), ZCRX_NOT_SUPPORTED);
		assert_string_equal(f.subject, "channels");
		CHECK_CONTAINS(f.message, "With 8 receive queues the driver of eth0 switches ntuple filters off");
		now = observe(&m);
		assert_true(nics_look_same(s, now));
		reconcile_done(&b);
	}
}

/* Configured, with a table of its own before that. */
static struct machine configured(struct nic_state *s, struct nic_state **ret_found)
{
	struct config_interface c = plain_config();
	struct machine m;
	struct reconcile b;

	s->rss.entries[0] = 1;
	s->rss_was_set = true;
	m = machine_new(s);
	*ret_found = observe(&m);
	assert_int_equal(bring(m.nic, &c, &b, NULL), 0);
	reconcile_done(&b);
	return m;
}

static void test_restore_repeats_what_the_driver_reverts(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = plain_nic("test"), *found = NULL, *now = NULL;
	_cleanup_machine_ struct machine m = configured(s, &found);
	struct answering a = { { &answering_ops, IFINDEX }, m.nic, STEP_RSS, 2 };
	struct reconcile b;

	assert_int_equal(take_back(&a.nic, found, &b, NULL), 0);
	now = observe(&m);
	assert_true(nics_look_same(found, now) && nic_state_same_settings(found, b.state));
	assert_int_equal(a.times, 0);
	reconcile_done(&b);
}

/* It stays, and is told by what is seen: nobody can do better. */
static void test_restore_accepts_what_the_driver_does_not_take(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = plain_nic("test"), *found = NULL;
	_cleanup_machine_ struct machine m = configured(s, &found);
	struct answering a = { { &answering_ops, IFINDEX }, m.nic, STEP_RSS, UINT32_MAX };
	struct reconcile b;

	assert_int_equal(take_back(&a.nic, found, &b, NULL), 0);
	assert_int_equal(b.state->channels.combined, 4);
	assert_false(nic_state_same_settings(found, b.state));
	for (size_t i = 0; i < b.plan->n_steps; i++)
		assert_int_equal(b.results[i].outcome, STEP_DONE);
	reconcile_done(&b);
}

/* Whichever call fails, the NIC is as before or as found, and the message says what is not. */
static void test_restore_fails_to_where_it_was(void **state)
{
	unsigned n = 0, failed = 0;
	int r;

	do {
		_cleanup_(nic_state_freep) struct nic_state *s = plain_nic("test"), *found = NULL, *before = NULL;
		_cleanup_machine_ struct machine m = configured(s, &found);
		_cleanup_fault_ struct fault f = {};
		struct reconcile b;

		before = observe(&m);
		assert_int_equal(sim_fail_range(m.backend, ++n, 2, EIO, "no"), 0);
		r = take_back(m.nic, found, &b, &f);
		assert_int_equal(sim_fail_at(m.backend, 0, 0, NULL), 0);
		if (r != 0)
			failed += check_failure(&m, before, &b, &f);
		reconcile_done(&b);
	} while (r != 0);
	assert_int_equal(failed, n - 1);
	assert_true(n > 6);
}

/* Learnt from its refusal, and remembered. */
static void test_needs_gro(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = plain_nic("test");
	struct config_interface c = plain_config();

	s->split_needs_gro_hw = true;
	{
		_cleanup_machine_ struct machine m = machine_new(s);
		struct reconcile b;

		assert_int_equal(bring(m.nic, &c, &b, NULL), 0);
		assert_true(b.memory.split_needs_gro_hw);
		assert_true(b.memory.split_was_set);
		assert_int_equal(b.plan->steps[0].op, STEP_GRO_HW);
		assert_int_equal(b.state->gro_hw, FEATURE_ON);
		reconcile_done(&b);
	}
	/* Where that cannot be had either, the first refusal stands, and nothing was changed. */
	s->gro_hw = FEATURE_FIXED_OFF;
	{
		_cleanup_machine_ struct machine m = machine_new(s);
		_cleanup_(nic_state_freep) struct nic_state *now = NULL;
		_cleanup_fault_ struct fault f = {};
		struct reconcile b;

		assert_int_equal(bring(m.nic, &c, &b, &f), ZCRX_KERNEL_REJECTED);
		CHECK_CONTAINS(f.message, "Cannot set tcp-data-split");
		assert_false(b.memory.split_needs_gro_hw);
		now = observe(&m);
		assert_true(nics_look_same(s, now));
		reconcile_done(&b);
	}
}

/* The driver splits unasked, and has no threshold: there is still something to set. */
static void test_split_by_driver(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = plain_nic("idpf");
	struct config_interface c = plain_config();
	struct reconcile b, again;

	s->split = SPLIT_ENABLED;
	s->has_hds_threshold = false;
	s->hds_threshold = 0;
	_cleanup_machine_ struct machine m = machine_new(s);
	assert_int_equal(bring(m.nic, &c, &b, NULL), 0);
	assert_int_equal(b.plan->steps[0].op, STEP_TCP_DATA_SPLIT);
	assert_true(b.plan->steps[0].from.by_driver);
	assert_true(b.memory.split_was_set);
	/* Who remembers has nothing to do. */
	again = (struct reconcile) { .config = c, .memory = b.memory };
	assert_int_equal(reconcile_look(m.nic, &again, NULL), 0);
	assert_int_equal(reconcile_plan(&again, NULL), 0);
	assert_int_equal(again.plan->n_steps, 0);
	reconcile_done(&b);
	reconcile_done(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_failure),
		cmocka_unit_test(test_what_the_driver_closed_is_up_again),
		cmocka_unit_test(test_what_was_down_stays_down),
		cmocka_unit_test(test_what_cannot_be_brought_up_is_told),
		cmocka_unit_test(test_table_lost),
		cmocka_unit_test(test_table_refused_quietly),
		cmocka_unit_test(test_filters_that_go_with_more_channels),
		cmocka_unit_test(test_restore_repeats_what_the_driver_reverts),
		cmocka_unit_test(test_restore_accepts_what_the_driver_does_not_take),
		cmocka_unit_test(test_restore_fails_to_where_it_was),
		cmocka_unit_test(test_needs_gro),
		cmocka_unit_test(test_split_by_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
