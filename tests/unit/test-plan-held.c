/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans with queues held, by drivers that differ, and back to what was found: as text. "+" is done
 * now, "?" waits for the queues behind it. */
#include "testlib.h"

#include "driver.h"
#include "plan.h"

static struct nic_state *nic(const char *driver, unsigned queues, unsigned max, unsigned rss_over)
{
	struct nic_state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	strcpy(s->name, "eth0");
	s->driver = strdup(driver);
	s->up = true;
	s->has_channels = true;
	s->channels = (struct nic_channels) { .combined = queues, .combined_max = max };
	s->has_rings = true;
	s->rx_ring = 512;
	s->rx_ring_max = 4096;
	s->has_split = s->split_was_set = true;
	s->split = SPLIT_ENABLED;
	s->ntuple = FEATURE_ON;
	s->gro_hw = FEATURE_OFF;
	s->has_rss = true;
	s->rss.n = driver_rss_entries(driver, queues) ?: 128;
	s->rss.entries = calloc(s->rss.n, sizeof(uint32_t));
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = i % rss_over;
	s->rss_was_set = rss_over != queues;
	s->has_rules = true;
	s->n_queues = queues;
	s->queues = calloc(queues, sizeof(*s->queues));
	return s;
}

static void put_step(FILE *f, const struct step *s)
{
	_cleanup_free_ char *from = NULL, *to = NULL;

	assert_int_equal(step_value_format(s->op, &s->from, &from), 0);
	assert_int_equal(step_value_format(s->op, &s->to, &to), 0);
	fprintf(f, "%s: %s -> %s", step_op_to_string(s->op), from, to);
}

static void check_plan(const struct plan *p, const char *expected)
{
	_cleanup_free_ char *s = NULL;
	size_t n;
	FILE *f = open_memstream(&s, &n);

	for (size_t i = 0; i < p->n_steps; i++) {
		fputs("+ ", f);
		put_step(f, &p->steps[i]);
		fputc('\n', f);
	}
	for (size_t i = 0; i < p->n_waiting; i++) {
		fputs("? ", f);
		put_step(f, &p->waiting[i].step);
		for (size_t k = 0; k < p->waiting[i].n_queues; k++)
			fprintf(f, " %u", p->waiting[i].queues[k]);
		fputc('\n', f);
	}
	fclose(f);
	assert_string_equal(s, expected);
}

/* zero-copy queues from `first` on, those to lease from `lease` on. */
static void check(const struct nic_state *s, unsigned channels, unsigned zero_copy,
		  const struct busy_queues *held, unsigned first, unsigned lease,
		  const char *expected)
{
	struct config_interface c = {
		.channels_mode = channels ? CHANNELS_COUNT : CHANNELS_KEEP,
		.channels = channels,
		.zero_copy_queues = zero_copy,
		.tcp_data_split = true,
	};
	_cleanup_(plan_freep) struct plan *p = NULL;

	assert_int_equal(plan_build(&c, s, held, &p, NULL), 0);
	check_plan(p, expected);
	assert_int_equal(p->carve_out.zero_copy_first, first);
	assert_int_equal(p->carve_out.lease_first, lease);
}

#define HELD(...)                                                                                  \
	(&(struct busy_queues) { (uint32_t[]) { __VA_ARGS__ },                                     \
				 sizeof((uint32_t[]) { __VA_ARGS__ }) / sizeof(uint32_t) })

static void test_carve_out(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 16, 32, 12);

	/* Growing it is no matter. */
	check(s, 16, 8, HELD(12, 15), 8, 8,
	      "+ rss: equal over 12 of 16 queues -> equal over 8 of 16 queues\n");
	/* Shrinking goes as far as the lowest. */
	check(s, 16, 2, HELD(15), 14, 14,
	      "+ rss: equal over 12 of 16 queues -> equal over 14 of 16 queues\n");
	check(s, 16, 1, HELD(15, 14, 13), 13, 15,
	      "+ rss: equal over 12 of 16 queues -> equal over 13 of 16 queues\n"
	      "? rss: equal over 13 of 16 queues -> equal over 15 of 16 queues 14 13\n");
	check(s, 16, 2, HELD(12), 12, 14,
	      "? rss: equal over 12 of 16 queues -> equal over 14 of 16 queues 12\n");
	/* Somebody has led traffic to a held one: that is closed, whatever else waits. */
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = i % 16;
	check(s, 16, 2, HELD(12), 12, 14,
	      "+ rss: default -> equal over 12 of 16 queues\n"
	      "? rss: equal over 12 of 16 queues -> equal over 14 of 16 queues 12\n");
}

static void test_channels_wait(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("mlx5_core", 8, 32, 4);

	/* Both ways, and nobody is to come meanwhile. */
	check(s, 16, 4, HELD(7), 7, 8,
	      "+ rss: equal over 4 of 8 queues -> equal over 7 of 8 queues\n"
	      "? channels: combined 8 -> combined 16 7\n"
	      "? rss: equal over 7 of 8 queues -> equal over 12 of 16 queues 7\n");
	check(s, 4, 2, HELD(6), 2, 8,
	      "+ rss: equal over 4 of 8 queues -> equal over 2 of 8 queues\n"
	      "? channels: combined 8 -> combined 4 6\n");
	/* What has nothing to do with it is done. */
	free(s->driver);
	s->driver = strdup("gve");
	s->ntuple = FEATURE_OFF;
	check(s, 9, 5, HELD(4), 4, 8,
	      "+ ntuple-feature: off -> on\n"
	      "? channels: combined 8 -> combined 9 4\n");
}

/* On bnxt every change bounces the link. */
static void test_all_wait(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("bnxt_en", 8, 32, 4);

	check(s, 8, 6, HELD(5, 6), 4, 4,
	      "? rss: equal over 4 of 8 queues -> equal over 2 of 8 queues 5 6\n");
	/* It may lead no further than now, and no lease is made on what it will lead to. */
	check(s, 8, 2, HELD(7), 4, 6,
	      "? rss: equal over 4 of 8 queues -> equal over 6 of 8 queues 7\n");
	check(s, 16, 2, HELD(7), 4, 8,
	      "? channels: combined 8 -> combined 16 7\n"
	      "? rss: equal over 4 of 8 queues -> equal over 14 of 16 queues 7\n");
	/* Traffic in a held queue is worse than a bounce. */
	s->rss.entries[0] = 7;
	check(s, 8, 4, HELD(7), 4, 4,
	      "+ rss: uneven over 5 of 8 queues -> equal over 4 of 8 queues\n");
}

/* Without them no lease is of use: only those that receive already are waited for. */
static void test_split_waits_for_bound(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 8, 8, 4);

	s->split = SPLIT_UNKNOWN;
	s->has_hds_threshold = true;
	s->hds_threshold = 128;
	check(s, 8, 4, HELD(7), 4, 4,
	      "+ tcp-data-split: unknown -> enabled\n"
	      "+ hds-threshold: 128 -> 0\n");
	s->queues[7].io_uring = true;
	check(s, 8, 4, HELD(7), 4, 8,
	      "? tcp-data-split: unknown -> enabled 7\n"
	      "? hds-threshold: 128 -> 0 7\n");
	/* Queues are held, so somebody has set it. */
	s->split = SPLIT_ENABLED;
	s->split_was_set = false;
	s->hds_threshold = 0;
	check(s, 8, 4, HELD(7), 4, 4, "");
	check(s, 8, 4, NULL, 4, 4, "+ tcp-data-split: enabled by the driver -> enabled\n");
}

static void test_queue_0(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 8, 8, 4);
	struct config_interface c = { .zero_copy_queues = 4 };
	_cleanup_fault_ struct fault f = {};
	struct plan *p;

	assert_int_equal(plan_build(&c, s, HELD(0), &p, &f), ZCRX_WRONG_STATE);
	assert_string_equal(f.message, "Queue 0 of eth0 is leased, which leaves none for ordinary "
				       "traffic; see zcrxctl leases.");
}

/* Nothing is changed only for the kernel to refuse the end of it. */
static void test_in_the_way(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 8, 8, 4);
	struct config_interface c = { .channels_mode = CHANNELS_COUNT, .channels = 6,
				      .zero_copy_queues = 2 };
	_cleanup_fault_ struct fault f = {};
	struct plan *p;

	s->n_rules = 2;
	s->rules = calloc(2, sizeof(*s->rules));
	s->rules[0] = (struct nic_rule) { .location = 4, .action = RULE_TO_QUEUE, .target = 5 };
	s->rules[1] = (struct nic_rule) { .location = 9, .action = RULE_TO_QUEUE, .target = 6 };
	assert_int_equal(plan_build(&c, s, NULL, &p, &f), ZCRX_FLOW_CONFLICT);
	assert_string_equal(f.message, "Rule 9 of eth0 leads to queue 6, which would be gone with 6 "
				       "channels; remove it with: ethtool -N eth0 delete 9");
	s->rules[1].action = RULE_DROP;
	s->n_contexts = 1;
	s->contexts = calloc(1, sizeof(*s->contexts));
	s->contexts[0] = (struct rss_table) { .context = 3, .n = 2, .entries = calloc(2, 4) };
	s->contexts[0].entries[1] = 7;
	assert_int_equal(plan_build(&c, s, NULL, &p, &f), ZCRX_FLOW_CONFLICT);
	CHECK_CONTAINS(f.message, "RSS context 3 of eth0 leads to queue 7, which would be gone");
	CHECK_CONTAINS(f.message, "ethtool -X eth0 context 3 delete");
	s->contexts[0].entries[1] = 5;
	check(s, 6, 2, NULL, 4, 4, "+ channels: combined 8 -> combined 6\n");
}

/* mlx5's table grows with the channels, and before Linux 7.1 a set one keeps them from growing. */
static void test_table_size(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("mlx5_core", 64, 128, 60);
	_cleanup_(nic_state_freep) struct nic_state *unset = nic("mlx5_core", 128, 128, 128);

	check(s, 128, 4, NULL, 124, 124,
	      "+ rss: equal over 60 of 64 queues -> default\n"
	      "+ channels: combined 64 -> combined 128\n"
	      "+ rss: default -> equal over 124 of 128 queues\n");
	check(unset, 64, 4, NULL, 60, 60,
	      "+ channels: combined 128 -> combined 64\n"
	      "+ rss: default -> equal over 60 of 64 queues\n");
	assert_int_equal(driver_rss_entries("mlx5_core", 1), 256);
	assert_int_equal(driver_rss_entries("mlx5_core", 64), 256);
	assert_int_equal(driver_rss_entries("mlx5_core", 65), 512);
	assert_int_equal(driver_rss_entries("gve", 65), 0);
	assert_int_equal(driver_rss_entries(NULL, 65), 0);
}

static void test_fit(void **state)
{
	static const uint32_t equal[] = { 0, 1, 2, 0 }, uneven[] = { 3, 0, 0 };
	uint32_t to[7];

	rss_table_fit(equal, 4, to, 7);
	assert_memory_equal(to, ((uint32_t[]) { 0, 1, 2, 0, 1, 2, 0 }), sizeof(to));
	rss_table_fit(uneven, 3, to, 7);
	assert_memory_equal(to, ((uint32_t[]) { 3, 0, 0, 3, 0, 0, 3 }), sizeof(to));
	rss_table_fit(equal, 4, to, 2);
	assert_memory_equal(to, ((uint32_t[]) { 0, 1 }), 8);
}

/* Of a table that the queues do not divide, some get one entry more; who, is nobody's business. */
static void test_uneven_size(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 8, 8, 8);

	for (unsigned i = 0; i < 128; i++)
		s->rss.entries[i] = i * 5 / 128; /* in blocks */
	check(s, 8, 3, NULL, 5, 5, "");
	s->rss.entries[0] = s->rss.entries[1] = 4; /* too many */
	check(s, 8, 3, NULL, 5, 5,
	      "+ rss: uneven over 5 of 8 queues -> equal over 5 of 8 queues\n");
}

/* Receive queues out of one pool (ice, idpf), out of two, or of one kind. */
static void test_max(void **state)
{
	static const struct {
		struct nic_channels found;
		unsigned queues;
		const char *to;
	} cases[] = {
		{ { .combined = 4, .combined_max = 16 }, 16, "combined 16" },
		{ { .rx = 4, .rx_max = 8, .tx = 2, .tx_max = 8 }, 8, "rx 8, tx 2" },
		{ { .combined = 2, .combined_max = 16, .rx = 2, .rx_max = 16 }, 16,
		  "combined 14, rx 2, tx 0" },
		{ { .combined = 3, .combined_max = 8, .rx = 1, .rx_max = 2 }, 9,
		  "combined 8, rx 1, tx 0" },
		{ { .combined_max = 8, .rx = 4, .rx_max = 6, .tx = 4, .tx_max = 6 }, 6,
		  "rx 6, tx 4" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config_interface c = { .channels_mode = CHANNELS_MAX, .zero_copy_queues = 2 };
		_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 4, 16, 4);
		_cleanup_(plan_freep) struct plan *p = NULL;
		char *to;

		s->channels = cases[i].found;
		assert_int_equal(plan_build(&c, s, NULL, &p, NULL), 0);
		assert_int_equal(p->carve_out.zero_copy_first, cases[i].queues - 2);
		for (size_t k = 0; k < p->n_steps; k++) {
			if (p->steps[k].op != STEP_CHANNELS)
				continue;
			assert_int_equal(step_value_format(STEP_CHANNELS, &p->steps[k].to, &to), 0);
			take_and_compare(to, cases[i].to);
		}
	}
}

/* ------------------------------------------------------------------------------- restore */

static void check_back(const struct nic_state *found, const struct nic_state *now,
		       const struct busy_queues *held, const char *expected)
{
	_cleanup_(plan_freep) struct plan *p = NULL;

	assert_int_equal(plan_restore(found, now, held, false, &p, NULL), 0);
	check_plan(p, expected);
	assert_int_equal(p->carve_out.zero_copy_count, 0);
}

static void test_restore(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *found = nic("mlx5_core", 4, 16, 4);
	_cleanup_(nic_state_freep) struct nic_state *now = nic("mlx5_core", 12, 16, 8);

	found->split = SPLIT_DISABLED;
	found->ntuple = FEATURE_OFF;
	found->has_hds_threshold = now->has_hds_threshold = true;
	found->hds_threshold = 99;
	now->rx_ring = 1024;
	now->gro_hw = FEATURE_ON;
	check_back(found, now, NULL,
		   "+ rss: equal over 8 of 12 queues -> default\n"
		   "+ channels: combined 12 -> combined 4\n"
		   "+ ntuple-feature: on -> off\n"
		   "+ rings: 1024 -> 512\n"
		   "+ tcp-data-split: enabled -> disabled\n"
		   "+ hds-threshold: 0 -> 99\n"
		   "+ gro-hw: on -> off\n");
	check_back(found, found, NULL, "");
	/* bnxt takes smaller rings only while it splits. */
	found->rx_ring = 8191;
	now->rx_ring_max = 2047;
	check_back(found, now, NULL,
		   "+ rss: equal over 8 of 12 queues -> default\n"
		   "+ channels: combined 12 -> combined 4\n"
		   "+ ntuple-feature: on -> off\n"
		   "+ tcp-data-split: enabled -> disabled\n"
		   "+ hds-threshold: 0 -> 99\n"
		   "+ gro-hw: on -> off\n"
		   "+ rings: 1024 -> 8191\n");
	found->rx_ring = 512;
	now->rx_ring_max = 4096;
	/* Rules that somebody made since keep the feature; held queues keep all of it. */
	now->rules = calloc(1, sizeof(*now->rules));
	now->n_rules = 1;
	now->gro_hw = FEATURE_OFF;
	now->hds_threshold = 99;
	check_back(found, now, HELD(11),
		   "? rss: equal over 8 of 12 queues -> default 11\n"
		   "? channels: combined 12 -> combined 4 11\n"
		   "? rings: 1024 -> 512 11\n"
		   "? tcp-data-split: enabled -> disabled 11\n");
	/* The kernel says nothing of a split that is unknown. */
	found->split = SPLIT_UNKNOWN;
	found->has_split = false;
	found->rx_ring = 1024;
	found->channels.combined = 12;
	for (unsigned i = 0; i < found->rss.n; i++)
		found->rss.entries[i] = i % 3;
	check_back(found, now, NULL,
		   "+ rss: equal over 8 of 12 queues -> equal over 3 of 12 queues\n"
		   "+ tcp-data-split: enabled -> unknown\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_carve_out),    cmocka_unit_test(test_channels_wait),
		cmocka_unit_test(test_all_wait),     cmocka_unit_test(test_split_waits_for_bound),
		cmocka_unit_test(test_queue_0),	     cmocka_unit_test(test_in_the_way),
		cmocka_unit_test(test_table_size),   cmocka_unit_test(test_fit),
		cmocka_unit_test(test_uneven_size),  cmocka_unit_test(test_max),
		cmocka_unit_test(test_restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
