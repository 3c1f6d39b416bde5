/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to an observed NIC, and what steps do to one. */
#include "testlib.h"

#include "plan.h"

static struct nic_state *nic(unsigned queues)
{
	struct nic_state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	strcpy(s->name, "eth0");
	s->driver = strdup("test");
	s->up = true;
	s->has_channels = true;
	s->channels = (struct nic_channels) { .combined = queues, .combined_max = 16 };
	s->has_rings = true;
	s->rx_ring = 512;
	s->rx_ring_max = 4096;
	s->has_split = true;
	s->has_hds_threshold = true;
	s->ntuple = FEATURE_OFF;
	s->gro_hw = FEATURE_OFF;
	s->has_rss = true;
	s->rss.n = 8;
	s->rss.entries = calloc(8, sizeof(uint32_t));
	for (unsigned i = 0; i < 8; i++)
		s->rss.entries[i] = i % queues;
	s->has_rules = true;
	s->n_queues = queues;
	s->queues = calloc(queues, sizeof(*s->queues));
	return s;
}

static void add_context(struct nic_state *s, uint32_t context, uint32_t queue)
{
	s->contexts = reallocarray(s->contexts, s->n_contexts + 1, sizeof(*s->contexts));
	s->contexts[s->n_contexts] = (struct rss_table) { .context = context, .n = 2 };
	s->contexts[s->n_contexts].entries = calloc(2, sizeof(uint32_t));
	s->contexts[s->n_contexts++].entries[1] = queue;
}

static void add_rule(struct nic_state *s, uint32_t location, enum rule_action action,
		     uint32_t target)
{
	s->rules = reallocarray(s->rules, s->n_rules + 1, sizeof(*s->rules));
	s->rules[s->n_rules++] =
		(struct nic_rule) { .location = location, .action = action, .target = target };
}

static void test_copy(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *a = nic(4), *b = NULL, *c = NULL;

	add_context(a, 3, 1);
	add_rule(a, 9, RULE_TO_QUEUE, 2);
	assert_int_equal(nic_state_copy(a, &b), 0);
	assert_string_equal(b->name, "eth0");
	assert_string_equal(b->driver, "test");
	assert_ptr_not_equal(b->driver, a->driver);
	assert_memory_equal(b->rss.entries, a->rss.entries, 8 * sizeof(uint32_t));
	assert_ptr_not_equal(b->rss.entries, a->rss.entries);
	assert_int_equal(b->contexts[0].entries[1], 1);
	assert_ptr_not_equal(b->contexts[0].entries, a->contexts[0].entries);
	assert_int_equal(b->rules[0].location, 9);
	assert_int_equal(b->n_queues, 4);
	/* An empty one has nothing to share either. */
	assert_int_equal(nic_state_copy(&(struct nic_state) {}, &c), 0);
	assert_string_equal(c->driver, "");
	assert_null(nic_state_free(NULL));
}

static void test_counts(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(4);

	assert_int_equal(
		nic_channels_rx(&(struct nic_channels) { .combined = 3, .rx = 2, .tx = 9 }), 5);
	assert_int_equal(nic_state_rss_queues(s), 4);
	for (unsigned i = 0; i < 8; i++)
		s->rss.entries[i] = i < 4 ? 3 : 0;
	assert_int_equal(nic_state_rss_queues(s), 2);
	s->rss.n = 0;
	assert_int_equal(nic_state_rss_queues(s), 0);
	assert_string_equal(data_split_to_string(SPLIT_UNKNOWN), "unknown");
	assert_string_equal(data_split_to_string(SPLIT_DISABLED), "disabled");
	assert_string_equal(data_split_to_string(SPLIT_ENABLED), "enabled");
}

static void test_clean(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(6);

	s->queues[1].io_uring = true;
	s->queues[2].dmabuf = true;
	s->queues[3].xsk = true;
	s->queues[4].leased = true;
	s->queues[5].napi_id = 7;
	assert_true(nic_state_queue_clean(s, 0));
	for (unsigned q = 1; q < 5; q++)
		assert_false(nic_state_queue_clean(s, q));
	assert_true(nic_state_queue_clean(s, 5));
	assert_false(nic_state_queue_clean(s, 6));
}

static void test_users_of_queues(void **state)
{
	const struct {
		struct nic_queue queue;
		const char *text;
	} cases[] = {
		{ { .io_uring = true }, "an io_uring: some process keeps the ring open" },
		{ { .dmabuf = true }, "a dma-buf binding: some process keeps it open" },
		{ { .xsk = true }, "an AF_XDP socket: some process keeps it open" },
		{ { .leased = true, .lease_ifindex = 7 },
		  "a network device that is none of zcrxd's: number 7 in `ip link`" },
		{ { .leased = true, .io_uring = true, .lease_ifindex = 7, .lease_elsewhere = true },
		  "a network device that is none of zcrxd's: number 7 in `ip link` of another network namespace" },
	};

	assert_false(nic_queue_is_used(&(struct nic_queue){ .napi_id = 7 }));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = nic_queue_describe_user(&cases[i].queue);

		assert_true(nic_queue_is_used(&cases[i].queue));
		assert_string_equal(text, cases[i].text);
	}
}

static void expect_way(const struct nic_state *s, unsigned queue, const uint32_t *own, size_t n_own,
		       const char *message)
{
	_cleanup_fault_ struct fault f = {};

	assert_int_equal(
		nic_state_check_isolated(
			s, queue, &(struct own_steering) { .rules = own, .n_rules = n_own }, &f),
		message ? ZCRX_FLOW_CONFLICT : 0);
	if (message)
		assert_string_equal(f.message, message);
	else
		assert_null(f.message);
}

static void test_leaks_refuse_isolation(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(3);
	const uint32_t own[] = { 4, 6 };

	expect_way(s, 2, NULL, 0,
		   "The RSS table of eth0 leads ordinary traffic to queue 2; narrow "
		   "it with: zcrxctl apply eth0");
	for (unsigned i = 0; i < 8; i++)
		s->rss.entries[i] = i % 2;
	expect_way(s, 2, NULL, 0, NULL);
	expect_way(s, 1, NULL, 0,
		   "The RSS table of eth0 leads ordinary traffic to queue 1; narrow "
		   "it with: zcrxctl apply eth0");

	s->rfs_queues = calloc(1, sizeof(*s->rfs_queues));
	s->rfs_queues[s->n_rfs_queues++] = 3;
	expect_way(s, 2, NULL, 0, NULL);
	expect_way(s, 3, NULL, 0,
		   "Accelerated RFS of eth0 may lead anybody's flows to queue 3. Switch it off for that queue: "
		   "echo 0 > /sys/class/net/eth0/queues/rx-3/rps_flow_cnt");
	s->n_rfs_queues = 0;

	add_rule(s, 1, RULE_TO_QUEUE, 0);
	add_rule(s, 2, RULE_DROP, 2);
	add_rule(s, 3, RULE_OTHER, 2);
	add_rule(s, 4, RULE_TO_QUEUE, 2);
	add_rule(s, 5, RULE_TO_CONTEXT, 2); /* context 2, not queue 2 */
	expect_way(s, 2, own, 2, NULL);
	expect_way(s, 2, own + 1, 1,
		   "Rule 4 of eth0, which is not zcrxd's, leads to queue 2; remove "
		   "it with: ethtool -N eth0 delete 4");
	expect_way(s, 2, NULL, 0,
		   "Rule 4 of eth0, which is not zcrxd's, leads to queue 2; remove it "
		   "with: ethtool -N eth0 delete 4");
	add_rule(s, 6, RULE_TO_QUEUE, 2);
	expect_way(s, 2, own, 2, NULL);
	expect_way(s, 2, own, 1,
		   "Rule 6 of eth0, which is not zcrxd's, leads to queue 2; remove it "
		   "with: ethtool -N eth0 delete 6");

	add_context(s, 1, 1);
	expect_way(s, 2, own, 2, NULL);
	add_context(s, 5, 2);
	expect_way(s, 2, own, 2,
		   "RSS context 5 of eth0, which is not zcrxd's, leads to queue 2; "
		   "narrow it, or remove it with: ethtool -X eth0 context 5 delete");
	s->has_rss = false;
	expect_way(s, 2, own, 2,
		   "The RSS table of eth0 cannot be read, so ordinary traffic may reach "
		   "queue 2; this needs a driver with RSS.");
}

/* A lease of queues 2 and 3 with context 7 of its own: ours by its id and its whole table. */
static void test_own_context(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(4);
	const uint32_t queues[] = { 2, 3 }, rule = 4;
	struct own_steering own = {
		.rules = &rule, .n_rules = 1, .context = 7, .queues = queues, .n_queues = 2
	};
	struct rss_table *t;

	for (unsigned i = 0; i < 8; i++)
		s->rss.entries[i] = i % 2;
	add_context(s, 5, 0);
	add_context(s, 7, 2);
	t = &s->contexts[s->n_contexts - 1];
	free(t->entries);
	t->n = 7; /* which 2 does not divide */
	t->entries = calloc(t->n, sizeof(*t->entries));
	rss_table_spread(queues, 2, t->entries, t->n);
	assert_int_equal(t->entries[5], 3);
	assert_int_equal(t->entries[6], 2);
	add_rule(s, 4, RULE_TO_CONTEXT, 7);
	assert_ptr_equal(nic_state_own_context(s, 7, queues, 2), t);
	assert_ptr_equal(nic_state_own_context(s, 0, queues, 2), t);
	assert_null(nic_state_own_context(s, 5, queues, 2));
	assert_null(nic_state_own_context(s, 7, queues, 1));
	assert_int_equal(nic_state_check_isolated(s, 2, &own, NULL), 0);
	assert_int_equal(nic_state_check_isolated(s, 3, &own, NULL), 0);
	/* Somebody else's rule into it. */
	add_rule(s, 5, RULE_TO_CONTEXT, 7);
	assert_int_equal(nic_state_check_isolated(s, 3, &own, NULL), ZCRX_FLOW_CONFLICT);
	s->n_rules--;
	/* Somebody else's by its id, by one entry, and by what is missing of it. */
	own.context = 8;
	assert_int_equal(nic_state_check_isolated(s, 3, &own, NULL), ZCRX_FLOW_CONFLICT);
	own.context = 7;
	t->entries[6] = 3;
	assert_int_equal(nic_state_check_isolated(s, 3, &own, NULL), ZCRX_FLOW_CONFLICT);
	t->entries[6] = 2;
	/* Twice as large, as the kernel makes it when channels are added. */
	t->entries = reallocarray(t->entries, 14, sizeof(*t->entries));
	memcpy(t->entries + 7, t->entries, 7 * sizeof(*t->entries));
	t->n = 14;
	assert_int_equal(nic_state_check_isolated(s, 2, &own, NULL), 0);
	t->entries[13] = 3;
	assert_int_equal(nic_state_check_isolated(s, 2, &own, NULL), ZCRX_FLOW_CONFLICT);
	t->n = 1;
	assert_int_equal(nic_state_check_isolated(s, 2, &own, NULL), ZCRX_FLOW_CONFLICT);
}

static int apply(struct nic_state *s, enum step_op op, unsigned number)
{
	return nic_state_apply(s, &(struct step) { .op = op, .to.number = number });
}

static int channels(struct nic_state *s, unsigned combined)
{
	return nic_state_apply(
		s, &(struct step) { .op = STEP_CHANNELS, .to.channels = { .combined = combined } });
}

static int rss(struct nic_state *s, unsigned n, unsigned modulus)
{
	uint32_t table[16];

	for (unsigned i = 0; i < n; i++)
		table[i] = i % modulus;
	return nic_state_apply(
		s, &(struct step) { .op = STEP_RSS, .to = { .rss = table, .n_rss = n } });
}

static void test_apply_channels(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(4);

	assert_int_equal(channels(s, 17), -EINVAL);
	assert_int_equal(channels(s, 0), -EINVAL);
	assert_int_equal(s->channels.combined, 4);
	/* A table that was never set follows. */
	assert_int_equal(channels(s, 8), 0);
	assert_int_equal(s->n_queues, 8);
	assert_int_equal(nic_state_rss_queues(s), 8);
	/* One that was set stays, and holds the queues it leads to. */
	assert_int_equal(rss(s, 8, 3), 0);
	assert_int_equal(channels(s, 16), 0);
	assert_int_equal(nic_state_rss_queues(s), 3);
	assert_int_equal(channels(s, 2), -EINVAL);
	assert_int_equal(channels(s, 3), 0);
	assert_int_equal(channels(s, 8), 0);
	/* So do rules, contexts and owners. */
	add_rule(s, 0, RULE_TO_QUEUE, 5);
	assert_int_equal(channels(s, 5), -EINVAL);
	assert_int_equal(channels(s, 6), 0);
	s->n_rules = 0;
	add_context(s, 1, 4);
	assert_int_equal(channels(s, 4), -EINVAL);
	assert_int_equal(channels(s, 5), 0);
	/* With a provider on queue 4 the kernel wants queue 5 to stay too. */
	assert_int_equal(channels(s, 8), 0);
	s->queues[4].io_uring = true;
	assert_int_equal(channels(s, 5), -EINVAL);
	assert_int_equal(channels(s, 6), 0);
	s->queues[4].io_uring = false;
	s->queues[5].leased = true;
	assert_int_equal(channels(s, 5), -EINVAL);
	assert_int_equal(channels(s, 7), 0);
	s->has_channels = false;
	assert_int_equal(channels(s, 8), -EINVAL);
}

static void test_apply_rss(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(4);

	assert_int_equal(rss(s, 8, 5), -EINVAL);
	assert_int_equal(rss(s, 7, 4), -EINVAL);
	assert_int_equal(nic_state_rss_queues(s), 4);
	assert_int_equal(rss(s, 8, 2), 0);
	assert_int_equal(nic_state_rss_queues(s), 2);
	assert_int_equal(nic_state_apply(s, &(struct step) { .op = STEP_RSS }), 0);
	assert_int_equal(nic_state_rss_queues(s), 4);
	assert_int_equal(channels(s, 2), 0);
	assert_int_equal(nic_state_rss_queues(s), 2);
	s->has_rss = false;
	assert_int_equal(rss(s, 8, 2), -EINVAL);
}

static void test_apply_numbers(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(4);

	assert_int_equal(apply(s, STEP_RINGS, 4097), -EINVAL);
	assert_int_equal(apply(s, STEP_RINGS, 0), -EINVAL);
	assert_int_equal(apply(s, STEP_RINGS, 64), 0);
	assert_int_equal(s->rx_ring, 64);
	assert_int_equal(apply(s, STEP_NTUPLE, 1), 0);
	assert_int_equal(s->ntuple, FEATURE_ON);
	assert_int_equal(apply(s, STEP_NTUPLE, 0), 0);
	assert_int_equal(s->ntuple, FEATURE_OFF);
	s->ntuple = FEATURE_FIXED_ON;
	assert_int_equal(apply(s, STEP_NTUPLE, 1), 0);
	assert_int_equal(apply(s, STEP_NTUPLE, 0), -EINVAL);
	s->gro_hw = FEATURE_FIXED_OFF;
	assert_int_equal(apply(s, STEP_GRO_HW, 1), -EINVAL);
	s->gro_hw = FEATURE_ABSENT;
	assert_int_equal(apply(s, STEP_GRO_HW, 1), -EINVAL);
	assert_int_equal(apply(s, STEP_HDS_THRESHOLD, 99), 0);
	assert_int_equal(s->hds_threshold, 99);
	assert_int_equal(apply(s, STEP_TCP_DATA_SPLIT, 3), -EINVAL);
	assert_int_equal(apply(s, STEP_TCP_DATA_SPLIT, SPLIT_ENABLED), 0);
	assert_int_equal(s->split, SPLIT_ENABLED);
	/* A bound queue needs both as they are. */
	s->queues[3].io_uring = true;
	assert_int_equal(apply(s, STEP_TCP_DATA_SPLIT, SPLIT_UNKNOWN), -EINVAL);
	assert_int_equal(apply(s, STEP_HDS_THRESHOLD, 1), -EINVAL);
	assert_int_equal(apply(s, STEP_HDS_THRESHOLD, 0), 0);
	s->has_split = s->has_hds_threshold = s->has_rings = false;
	assert_int_equal(apply(s, STEP_TCP_DATA_SPLIT, SPLIT_ENABLED), -EINVAL);
	assert_int_equal(apply(s, STEP_HDS_THRESHOLD, 0), -EINVAL);
	assert_int_equal(apply(s, STEP_RINGS, 64), -EINVAL);
}

static void test_apply_mlx5(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(4);

	free(s->driver);
	s->driver = strdup("mlx5_core");
	assert_int_equal(apply(s, STEP_TCP_DATA_SPLIT, SPLIT_ENABLED), -EINVAL);
	assert_int_equal(apply(s, STEP_GRO_HW, 1), 0);
	assert_int_equal(apply(s, STEP_TCP_DATA_SPLIT, SPLIT_ENABLED), 0);
	assert_int_equal(apply(s, STEP_GRO_HW, 0), -EINVAL);
	assert_int_equal(apply(s, STEP_TCP_DATA_SPLIT, SPLIT_UNKNOWN), 0);
	assert_int_equal(apply(s, STEP_GRO_HW, 0), 0);
}

/* Each thing that is compared, changed alone. */
static void expect_other_steering(void (*change)(struct nic_state *s))
{
	_cleanup_(nic_state_freep) struct nic_state *a = nic(4), *b = NULL;

	add_context(a, 3, 1);
	add_rule(a, 9, RULE_TO_QUEUE, 2);
	a->rules[0].understood = true;
	a->rules[0].flow = (struct flow) { .protocol = FLOW_TCP4, .destination_port = 80 };
	a->rfs_queues = calloc(1, sizeof(*a->rfs_queues));
	a->n_rfs_queues = 1;
	assert_int_equal(nic_state_copy(a, &b), 0);
	assert_true(nic_state_same_steering(a, b));
	change(b);
	assert_false(nic_state_same_steering(a, b));
}

#define CHANGE(name, what) static void change_##name(struct nic_state *s) { what; }
CHANGE(index, s->ifindex++)
CHANGE(name, s->name[0]++)
CHANGE(detached, s->detached = true)
CHANGE(up, s->up = false)
CHANGE(has_rss, s->has_rss = false)
CHANGE(table, s->rss.entries[7]++)
CHANGE(table_size, s->rss.n--)
CHANGE(contexts, free(s->contexts[--s->n_contexts].entries))
CHANGE(context, s->contexts[0].context++)
CHANGE(context_table, s->contexts[0].entries[1]++)
CHANGE(rfs, s->rfs_queues[0]++)
CHANGE(rfs_size, s->n_rfs_queues = 0)
CHANGE(has_rules, s->has_rules = false)
CHANGE(locations, s->chooses_locations = true)
CHANGE(rules, s->n_rules = 0)
CHANGE(location, s->rules[0].location++)
CHANGE(action, s->rules[0].action = RULE_DROP)
CHANGE(target, s->rules[0].target++)
CHANGE(understood, s->rules[0].understood = false)
CHANGE(protocol, s->rules[0].other_protocol = true)
CHANGE(flow, s->rules[0].flow.destination_port++)
CHANGE(guard, s->guard_lost = true)

static void test_other_steering(void **state)
{
	static void (*const changes[])(struct nic_state *s) = {
		change_index, change_name, change_detached, change_up, change_has_rss, change_table,
		change_table_size, change_contexts, change_context, change_context_table, change_rfs,
		change_rfs_size, change_has_rules, change_locations, change_rules, change_location,
		change_action, change_target, change_understood, change_protocol, change_flow, change_guard,
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		expect_other_steering(changes[i]);
}

static void test_same_steering_whatever_else_differs(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *a = nic(4), *b = NULL;

	assert_int_equal(nic_state_copy(a, &b), 0);
	b->guarded_urgent++;
	b->rx_ring++;
	b->queues[0].napi_id++;
	assert_true(nic_state_same_steering(a, b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_steering),
		cmocka_unit_test(test_same_steering_whatever_else_differs),
		cmocka_unit_test(test_copy),	       cmocka_unit_test(test_counts),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_users_of_queues),	       cmocka_unit_test(test_leaks_refuse_isolation),
		cmocka_unit_test(test_own_context),
		cmocka_unit_test(test_apply_channels), cmocka_unit_test(test_apply_rss),
		cmocka_unit_test(test_apply_numbers),  cmocka_unit_test(test_apply_mlx5),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
