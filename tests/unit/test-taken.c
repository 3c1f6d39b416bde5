/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a rule of ours gets what it is for: each kind of rule before it, behind it, and of each order
 * in which drivers ask their rules; in these words. And that Explain's targets say the same.
 */
#include "testlib.h"

#include "taken.h"

#define PORT 80

static struct flow to(uint16_t port, uint16_t source_port, unsigned prefix)
{
	struct flow f = { .protocol = FLOW_TCP4, .destination_port = port, .source_port = source_port,
			  .destination.prefix = (uint8_t)prefix };

	if (prefix > 0)
		memcpy(f.destination.bytes, (uint8_t[]){ 10, 9, 0, prefix == 32 ? 1 : 0 }, 4);
	return f;
}

struct row {
	const char *name, *driver;
	uint32_t own; /* where the flow's own rule is; UINT32_MAX: nowhere */
	struct nic_rule rule;
	/* NULL: nothing is in the way */
	const char *text;
	bool sure, movable;
};

#define OWN 5 /* the queue of the lease */
#define REMOVES " (ethtool -N nic0 delete 2 removes it)"
#define FLOW "tcp4,dst=10.9.0.1,dst-port=80"
/* The rule has one field, the flow two. */
#define RULE(action, target) { 2, action, target, true, { .protocol = FLOW_TCP4, .destination_port = PORT } }
/* As many as the flow; and more. */
#define SOURCE(port, address)                                                                      \
	{ 2, RULE_TO_QUEUE, 0, true,                                                               \
	  { .protocol = FLOW_TCP4, .destination_port = port, .source_port = 4000,                  \
	    .destination = { { 10, 9, 0, 1 }, address } } }

static const struct row rows[] = {
	{ "before", "", 3, RULE(RULE_TO_QUEUE, 0), "rule 2, which is not zcrxd's, takes " FLOW " to queue 0" REMOVES,
	  true, true },
	{ "behind", "", 1, RULE(RULE_TO_QUEUE, 0), NULL },
	{ "gone itself", "", UINT32_MAX, RULE(RULE_TO_QUEUE, 0), NULL },
	{ "to a context", "", 3, RULE(RULE_TO_CONTEXT, 1),
	  "rule 2, which is not zcrxd's, takes " FLOW " to RSS context 1" REMOVES, true, true },
	{ "dropped, which is not gone around", "", 3, RULE(RULE_DROP, 0),
	  "rule 2, which is not zcrxd's, drops " FLOW REMOVES, true, false },
	{ "elsewhere", "", 3, RULE(RULE_OTHER, 0),
	  "rule 2, which is not zcrxd's, takes " FLOW " elsewhere, to a virtual function or to wake the "
	  "machine" REMOVES, true, true },
	{ "to the same queue", "", 3, RULE(RULE_TO_QUEUE, OWN), NULL },
	{ "a part of it", "", 3, SOURCE(PORT, 32),
	  "rule 2, which is not zcrxd's, takes part of " FLOW " to queue 0" REMOVES, true, true },
	{ "another port", "", 3, SOURCE(81, 32), NULL },
	{ "not understood", "", 3, { 2, RULE_TO_QUEUE, 0, false },
	  "rule 2, which is not zcrxd's, may take " FLOW " to queue 0; what it matches is more than zcrxd "
	  "knows" REMOVES },
	{ "not understood, to be dropped", "", 3, { 2, RULE_DROP, 0, false },
	  "rule 2, which is not zcrxd's, may drop " FLOW "; what it matches is more than zcrxd knows" REMOVES },
	{ "not TCP", "", 3, { 2, RULE_TO_QUEUE, 0, false, {}, true }, NULL },
	{ "fewer fields, by fields", "mlx5_core", 3, RULE(RULE_TO_QUEUE, 0), NULL },
	{ "more fields, by fields, behind it", "mlx5_core", 1, SOURCE(PORT, 32),
	  "rule 2, which is not zcrxd's, takes part of " FLOW " to queue 0; this driver goes by the rule "
	  "with more fields, wherever it lies" REMOVES, true, false },
	{ "as many fields, by fields", "mlx5_core", 1, SOURCE(PORT, 0),
	  "rule 2, which is not zcrxd's, may take " FLOW " to queue 0; this driver does not tell which of two "
	  "rules it goes by" REMOVES },
	{ "not understood, by fields", "mlx5_core", 1, { 2, RULE_TO_QUEUE, 0, false },
	  "rule 2, which is not zcrxd's, may take " FLOW " to queue 0; what it matches is more than zcrxd "
	  "knows" REMOVES },
	{ "by chance", "bnxt_en", 1, RULE(RULE_TO_QUEUE, 0),
	  "rule 2, which is not zcrxd's, may take " FLOW " to queue 0; this driver does not tell which of two "
	  "rules it goes by" REMOVES },
};

static struct drift_flow lease_flow(void)
{
	return (struct drift_flow){ .id = 1, .lease = 1, .target = { RULE_TO_QUEUE, OWN },
				    .flow = to(PORT, 0, 32), .installed = true };
}

static void check(const struct row *row)
{
	const struct drift_flow flow = lease_flow();
	struct nic_rule rules[] = { row->rule, { row->own, RULE_TO_QUEUE, OWN, true, flow.flow } };
	struct nic_state s = { .name = "nic0", .driver = (char *)row->driver, .rules = rules,
			       .n_rules = row->own == UINT32_MAX ? 1 : 2 };
	_cleanup_free_ char *text = NULL;
	struct taken t;

	assert_int_equal(taken_find(&s, &flow, 1, &t), 0);
	assert_int_equal(t.has_own, row->own != UINT32_MAX);
	assert_int_equal(t.own_location, t.has_own ? row->own : 0);
	if (t.any)
		assert_int_equal(taken_format(&t, &flow.flow, "nic0", &text), 0);
	if (!row->text != !text || (text && strcmp(text, row->text) != 0))
		fail_msg("%s: %s", row->name, text ?: "nothing");
	if (taken_is_sure(&t) != row->sure || t.movable != row->movable)
		fail_msg("%s: sure %d, movable %d", row->name, taken_is_sure(&t), t.movable);
}

static void test_taken_by_each_rule_order(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check(&rows[i]);
}

/* Sockets that share a port: each flow has its own rule, also where all of them were moved. */
static void test_a_rule_each(void **state)
{
	struct drift_flow flows[3];
	struct nic_rule rules[3];
	struct nic_state s = { .rules = rules, .n_rules = 3 };
	struct taken t[3];

	for (uint32_t i = 0; i < 3; i++) {
		flows[i] = lease_flow();
		flows[i].location = 3 - i;
		rules[i] = (struct nic_rule){ i + 1, RULE_TO_QUEUE, OWN, true, flows[i].flow };
	}
	assert_int_equal(taken_find(&s, flows, 3, t), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(t[i].has_own && t[i].own_location == 3 - i);
	for (uint32_t i = 0; i < 3; i++)
		rules[i].location += 10;
	assert_int_equal(taken_find(&s, flows, 3, t), 0);
	assert_true(t[0].own_location != t[1].own_location && t[1].own_location != t[2].own_location &&
		    t[0].own_location != t[2].own_location);
	s.n_rules = 2;
	assert_int_equal(taken_find(&s, flows, 3, t), 0);
	assert_int_equal(t[0].has_own + t[1].has_own + t[2].has_own, 2);
}

/* Before the rule there is no room, or the driver has the choice. */
static void test_not_movable(void **state)
{
	const struct drift_flow flow = lease_flow();
	struct nic_rule rules[] = { { 0, RULE_TO_QUEUE, 0, true, to(PORT, 0, 0) },
				    { 7, RULE_TO_QUEUE, OWN, true, flow.flow } };
	struct nic_state s = { .rules = rules, .n_rules = 2 };
	struct taken t;

	assert_int_equal(taken_find(&s, &flow, 1, &t), 0);
	assert_true(taken_is_sure(&t) && !t.movable);
	rules[0].location = 1;
	assert_int_equal(taken_find(&s, &flow, 1, &t), 0);
	assert_true(taken_is_sure(&t) && t.movable);
	s.chooses_locations = true;
	assert_int_equal(taken_find(&s, &flow, 1, &t), 0);
	assert_true(taken_is_sure(&t) && !t.movable);
}

/* Of several: what takes all of it, then what takes some, then what may; of two alike, the first. Other
 * leases' rules are no strangers. */
static void test_the_worst_rule_is_reported(void **state)
{
	const struct drift_flow flows[] = { lease_flow(),
					    { .id = 2, .lease = 2, .target = { RULE_TO_QUEUE, 6 },
					      .flow = to(PORT, 4001, 32) } };
	struct nic_rule rules[] = {
		{ 9, RULE_TO_QUEUE, OWN, true, flows[0].flow }, { 0, RULE_TO_QUEUE, 6, true, flows[1].flow },
		{ 1, RULE_TO_QUEUE, 1, false, {} },		{ 2, RULE_TO_QUEUE, 2, true, to(PORT, 7, 0) },
		{ 4, RULE_TO_QUEUE, 4, true, to(PORT, 0, 0) },	{ 3, RULE_TO_QUEUE, 3, true, to(PORT, 0, 24) },
	};
	static const struct {
		size_t n;
		uint32_t location; /* of what takes it; 0: nothing */
		enum target_share share;
	} cells[] = { { 1, 0, TARGET_ALL },  { 2, 0, TARGET_ALL }, { 3, 1, TARGET_SOME },
		      { 4, 2, TARGET_SOME }, { 5, 4, TARGET_ALL }, { 6, 3, TARGET_ALL } };
	struct taken t[2];

	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
		struct nic_state s = { .rules = rules, .n_rules = cells[i].n };

		assert_int_equal(taken_find(&s, flows, 2, t), 0);
		assert_int_equal(t[0].any, cells[i].location != 0);
		assert_int_equal(t[0].any ? t[0].rule.location : 0, cells[i].location);
		assert_int_equal(t[0].any ? t[0].share : TARGET_ALL, cells[i].share);
	}
}

/* What Explain says of the flow: something else than its own rule comes first, or beside it. */
static bool lands_elsewhere(const struct nic_state *s, const struct drift_flow *f)
{
	_cleanup_free_ struct flow_target *list = NULL;
	bool elsewhere = false, own = false, tied = false;
	size_t n;

	assert_int_equal(flow_targets(s, &f->flow, &list, &n), 0);
	for (size_t i = 0; i < n; i++) {
		if (list[i].rule && nic_rule_is(list[i].rule, &f->flow, &f->target)) {
			own = true;
			tied = list[i].tied;
		} else if (list[i].rule && (!own || (tied && list[i].tied)))
			elsewhere = true;
	}
	return elsewhere || !own;
}

static void test_same_as_explain(void **state)
{
	static const char *const drivers[] = { "", "mlx5_core", "bnxt_en" };
	const struct drift_flow flow = lease_flow();
	unsigned seed = 1, n_taken = 0;

	for (unsigned round = 0; round < 3000; round++) {
		struct nic_rule rules[2] = { { 2, RULE_TO_QUEUE, OWN, true, flow.flow } };
		struct nic_state s = { .driver = (char *)drivers[round % 3], .rules = rules, .n_rules = 2 };
		struct taken t;

		seed = seed * 1103515245 + 12345;
		rules[1] = (struct nic_rule){ .location = seed >> 16 & 1 ? 1 : 3, .target = 0,
					      .understood = (seed >> 17 & 3) != 0,
					      .other_protocol = (seed >> 17 & 31) == 0 };
		if (rules[1].understood)
			rules[1].flow = to(seed >> 22 & 1 ? PORT : 81, seed >> 23 & 1 ? 4000 : 0,
					   (seed >> 24 & 3) == 0 ? 0 : (seed >> 24 & 3) == 1 ? 24 : 32);
		assert_int_equal(taken_find(&s, &flow, 1, &t), 0);
		assert_int_equal(t.any, lands_elsewhere(&s, &flow));
		n_taken += t.any;
	}
	assert_true(n_taken > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_by_each_rule_order),
		cmocka_unit_test(test_a_rule_each),
		cmocka_unit_test(test_not_movable),
		cmocka_unit_test(test_the_worst_rule_is_reported),
		cmocka_unit_test(test_same_as_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
