/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has drifted, from values alone: each kind, whose it is, how bad, and in which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "drift.h"
#include "sim.h"

#define SECOND 1000000ULL

static const struct flow flow = { .protocol = FLOW_TCP4, .destination_port = 80 };
static const struct flow other_flow = { .protocol = FLOW_TCP4, .destination_port = 81 };

/* Queues 4 to 7 are carved out; 5 is bound by lease 1, 6 is only leased by lease 2. */
static const struct drift_queue queues[] = {
	{ .queue = 5, .lease = 1, .uid = 1000, .bound = true },
	{ .queue = 6, .lease = 2, .uid = 1001 },
};
static const struct drift_flow flows[] = {
	{ .id = 11, .lease = 1, .target = { RULE_TO_QUEUE, 5 }, .flow = flow, .installed = true },
	{ .id = 12, .lease = 1, .target = { RULE_TO_QUEUE, 5 }, .flow = other_flow }, /* on its way */
};
static const struct drift_expected expected = {
	.carve_out = { .ordinary = 4, .zero_copy_first = 4, .zero_copy_count = 4 },
	.queues = queues,
	.n_queues = ARRAY_SIZE(queues),
	.flows = flows,
	.n_flows = ARRAY_SIZE(flows),
};

static const struct nic_rule own = { .location = 3, .action = RULE_TO_QUEUE, .target = 5,
				     .understood = true, .flow = flow };

static struct nic_state *nic(uint32_t span, const struct nic_rule *rules, size_t n)
{
	struct nic_state *s;

	assert_int_equal(sim_nic_state_new(2, "nic0", "driver", 8, 8, &s), 0);
	for (size_t i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = (uint32_t)(i % span);
	s->rules = calloc(n + 1, sizeof(*s->rules));
	assert_non_null(s->rules);
	for (size_t i = 0; i < n; i++)
		s->rules[i] = rules[i];
	s->n_rules = n;
	return s;
}

static void add_context(struct nic_state *s, uint32_t id, uint32_t queue)
{
	s->contexts = calloc(1, sizeof(*s->contexts));
	s->contexts[0] = (struct rss_table){ .context = id, .n = 1, .entries = malloc(sizeof(queue)) };
	s->contexts[0].entries[0] = queue;
	s->n_contexts = 1;
}

struct row {
	const char *name;
	uint32_t span; /* of the table: 4 is right */
	struct nic_rule rules[2];
	size_t n_rules;
	uint32_t context, context_queue; /* if not 0 */
	/* NULL: nothing */
	const char *text;
	enum drift_kind kind;
	enum drift_severity severity;
	bool affected[2];
};

static const struct row rows[] = {
	{ "as it should be", 4, { own }, 1, 0, 0, NULL },
	{ "at another location", 4, { { 900, RULE_TO_QUEUE, 5, true, flow } }, 1, 0, 0, NULL },
	{ "one on its way is there already",
	  4,
	  { own, { 9, RULE_TO_QUEUE, 5, true, other_flow } },
	  2,
	  0,
	  0,
	  NULL },
	{ "others' rules among themselves",
	  4,
	  { own, { 9, RULE_TO_QUEUE, 3, false } },
	  2,
	  0,
	  0,
	  NULL },
	{ "dropping is nobody's way", 4, { own, { 9, RULE_DROP, 5, false } }, 2, 0, 0, NULL },
	{ "a table to a bound queue",
	  6,
	  { own },
	  1,
	  0,
	  0,
	  "the RSS table leads ordinary traffic to queues 4 and 5; "
	  "affected: lease 00000001 of uid 1000 (queue 5)",
	  DRIFT_TABLE,
	  DRIFT_LEAK,
	  { true, false } },
	{ "a table to a carved-out queue",
	  5,
	  { own },
	  1,
	  0,
	  0,
	  "the RSS table leads ordinary traffic to queue 4",
	  DRIFT_TABLE,
	  DRIFT_CHANGED },
	{ "a rule to a bound queue",
	  4,
	  { own, { 9, RULE_TO_QUEUE, 5, false } },
	  2,
	  0,
	  0,
	  "rule 9, which is not zcrxd's, leads to queue 5 (ethtool -N nic0 delete 9 removes it); "
	  "affected: lease 00000001 of uid 1000 (queue 5)",
	  DRIFT_RULE,
	  DRIFT_LEAK,
	  { true, false } },
	{ "a rule to a leased queue",
	  4,
	  { own, { 9, RULE_TO_QUEUE, 6, false } },
	  2,
	  0,
	  0,
	  "rule 9, which is not zcrxd's, leads to queue 6 (ethtool -N nic0 delete 9 removes it); "
	  "affected: lease 00000002 of uid 1001 (queue 6)",
	  DRIFT_RULE,
	  DRIFT_NOTED,
	  { false, true } },
	{ "our flow to another queue of ours is not ours",
	  4,
	  { own, { 9, RULE_TO_QUEUE, 6, true, flow } },
	  2,
	  0,
	  0,
	  "rule 9, which is not zcrxd's, leads to queue 6 (ethtool -N nic0 delete 9 removes it); "
	  "affected: lease 00000002 of uid 1001 (queue 6)",
	  DRIFT_RULE,
	  DRIFT_NOTED,
	  { false, true } },
	{ "a context that no rule uses",
	  4,
	  { own },
	  1,
	  7,
	  5,
	  "RSS context 7, which is not zcrxd's, leads to queue 5 (ethtool -X nic0 context 7 delete "
	  "removes it); affected: lease 00000001 of uid 1000 (queue 5)",
	  DRIFT_CONTEXT,
	  DRIFT_NOTED,
	  { true, false } },
	{ "a rule before ours",
	  4,
	  { own, { 1, RULE_TO_QUEUE, 3, true, flow } },
	  2,
	  0,
	  0,
	  "rule 1, which is not zcrxd's, takes tcp4,dst-port=80 to queue 3 (ethtool -N nic0 delete "
	  "1 removes "
	  "it); affected: lease 00000001 of uid 1000 (queue 5)",
	  DRIFT_TAKEN,
	  DRIFT_CHANGED,
	  { true, false } },
	{ "what may come before ours is nobody's change",
	  4,
	  { own, { 1, RULE_TO_QUEUE, 3, false } },
	  2,
	  0,
	  0,
	  NULL },
	{ "a lost rule",
	  4,
	  {},
	  0,
	  0,
	  0,
	  "the rule tcp4,dst-port=80 to queue 5 is gone; "
	  "affected: lease 00000001 of uid 1000 (queue 5)",
	  DRIFT_RULE_LOST,
	  DRIFT_CHANGED,
	  { true, false } },
};

static void check_row(const struct row *row)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(row->span, row->rules, row->n_rules);
	_cleanup_drift_ struct drift d = {};
	_cleanup_free_ char *text = NULL;

	if (row->context)
		add_context(s, row->context, row->context_queue);
	assert_int_equal(drift_find_leaks(s, &expected, &d), 0);
	assert_int_equal(drift_format(&d, &expected, &text), 0);
	if (!row->text) {
		if (text)
			fail_msg("%s: %s", row->name, text);
		return;
	}
	if (d.n != 1)
		fail_msg("%s: %zu deviations: %s", row->name, d.n, text ?: "");
	assert_string_equal(text, row->text);
	assert_int_equal(d.list[0].kind, row->kind);
	assert_int_equal(d.list[0].severity, row->severity);
	assert_memory_equal(d.list[0].affected, row->affected, sizeof(row->affected));
	assert_int_equal(d.list[0].flow, row->kind == DRIFT_RULE_LOST || row->kind == DRIFT_TAKEN ? 11 : 0);
	assert_int_equal(drift_is_taken_only(&d), row->kind == DRIFT_TAKEN);
}

static uint64_t digest_of(const struct row *row)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic(row->span, row->rules, row->n_rules);
	_cleanup_drift_ struct drift d = {};

	if (row->context)
		add_context(s, row->context, row->context_queue);
	assert_int_equal(drift_find_leaks(s, &expected, &d), 0);
	return drift_digest(&d, &expected);
}

/* One is another than before exactly if people would be told something else. */
static void test_digests(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(digest_of(&rows[i]) == 0, rows[i].text == NULL);
		for (size_t k = 0; k < i; k++)
			if (rows[i].text && rows[k].text)
				assert_int_equal(digest_of(&rows[i]) == digest_of(&rows[k]),
						 strcmp(rows[i].text, rows[k].text) == 0);
	}
}

static void test_leaks_are_found(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

/* Of the ordinary queues it is nobody's business. */
static void test_accelerated_rfs(void **state)
{
	static const struct {
		uint32_t queues[3];
		size_t n;
		const char *text;
		enum drift_severity severity;
	} cases[] = {
		{ { 0, 3 }, 2, NULL, DRIFT_NOTED },
		{ { 0, 7 },
		  2,
		  "accelerated RFS may lead ordinary traffic to queue 7 (echo 0 > "
		  "/sys/class/net/nic0/queues/rx-7/rps_flow_cnt ends it)",
		  DRIFT_NOTED },
		{ { 0, 4, 5 },
		  3,
		  "accelerated RFS may lead ordinary traffic to queues 4 and 5 (echo 0 > "
		  "/sys/class/net/nic0/queues/rx-4/rps_flow_cnt ends it, of each); affected: lease 00000001 of "
		  "uid 1000 (queue 5)",
		  DRIFT_LEAK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = nic(4, &own, 1);
		_cleanup_free_ char *text = NULL;
		_cleanup_drift_ struct drift d = {};

		s->rfs_queues = calloc(3, sizeof(*s->rfs_queues));
		memcpy(s->rfs_queues, cases[i].queues, sizeof(cases[i].queues));
		s->n_rfs_queues = cases[i].n;
		assert_int_equal(drift_find_leaks(s, &expected, &d), 0);
		assert_int_equal(drift_format(&d, &expected, &text), 0);
		assert_int_equal(d.n, !!cases[i].text);
		if (!cases[i].text)
			continue;
		assert_string_equal(text, cases[i].text);
		assert_int_equal(d.list[0].kind, DRIFT_RFS);
		assert_int_equal(d.list[0].severity, cases[i].severity);
	}
}

/* By a rule that uses it a context is a way like any other. */
static void test_rule_to_context(void **state)
{
	const struct nic_rule rules[] = { own, { 9, RULE_TO_CONTEXT, 7, false } };
	_cleanup_(nic_state_freep) struct nic_state *s = nic(4, rules, 2);
	_cleanup_drift_ struct drift d = {};

	add_context(s, 7, 5);
	assert_int_equal(drift_find_leaks(s, &expected, &d), 0);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.list[0].kind, DRIFT_RULE);
	assert_int_equal(d.list[0].severity, DRIFT_LEAK);
	assert_int_equal(d.list[1].kind, DRIFT_CONTEXT);
}

/* A context of a lease is its own as long as it is what it was; else it is gone. */
static void test_own_context(void **state)
{
	static const uint32_t over[] = { 5 };
	const struct drift_context context = { .lease = 1, .context = 7, .queues = over, .n_queues = 1 };
	struct drift_expected e = expected;
	_cleanup_(nic_state_freep) struct nic_state *s = nic(4, &own, 1);
	_cleanup_drift_ struct drift d = {};
	_cleanup_free_ char *text = NULL;

	e.contexts = &context;
	e.n_contexts = 1;
	add_context(s, 7, 5);
	assert_int_equal(drift_find_leaks(s, &e, &d), 0);
	assert_int_equal(d.n, 0);
	s->contexts[0].entries[0] = 6;
	assert_int_equal(drift_find_leaks(s, &e, &d), 0);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.list[0].kind, DRIFT_CONTEXT);
	assert_int_equal(d.list[1].kind, DRIFT_CONTEXT_LOST);
	assert_int_equal(d.list[1].lease, 1);
	assert_int_equal(drift_format(&d, &e, &text), 0);
	assert_non_null(strstr(text, "RSS context 7 of lease 00000001 is gone or changed"));
}

/* With no carve-out known, as in a daemon that has just started, leases are what counts. */
static void test_without_carve_out(void **state)
{
	struct drift_expected e = expected;
	_cleanup_(nic_state_freep) struct nic_state *s = nic(8, &own, 1);
	_cleanup_drift_ struct drift d = {};

	e.carve_out = (struct carve_out){};
	assert_int_equal(drift_find_leaks(s, &e, &d), 0);
	assert_int_equal(d.n, 1);
	assert_string_equal(d.list[0].text, "the RSS table leads ordinary traffic to queues 5 and 6");
}

static void test_settings(void **state)
{
	struct step steps[] = {
		{ .op = STEP_HDS_THRESHOLD, .from.number = 64 },
		{ .op = STEP_NTUPLE, .to.number = 1 },
	};
	const struct plan plan = { .steps = steps, .n_steps = ARRAY_SIZE(steps) };
	_cleanup_drift_ struct drift d = {};

	assert_int_equal(drift_find_settings(&plan, &expected, &d), 0);
	assert_int_equal(d.n, 2);
	assert_string_equal(d.list[0].text, "hds-threshold is 64 instead of 0");
	assert_true(d.list[0].affected[0] && !d.list[0].affected[1]);
	assert_string_equal(d.list[1].text, "ntuple-feature is off instead of on");
	assert_true(d.list[1].affected[0] && !d.list[1].affected[1]);
}

/* It says how many, instead of everything. */
static void test_many(void **state)
{
	struct nic_rule rules[10];
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_drift_ struct drift d = {};
	_cleanup_free_ char *text = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i] = (struct nic_rule){ .location = i, .action = RULE_TO_QUEUE, .target = 5 };
	s = nic(8, rules, ARRAY_SIZE(rules));
	assert_int_equal(drift_find_leaks(s, &expected, &d), 0);
	assert_int_equal(d.n, 12); /* the table, ten rules, the lost one */
	assert_int_equal(drift_format(&d, &expected, &text), 0);
	assert_non_null(strstr(text, "; and 6 more; affected: "));
}

static void test_narrow(void **state)
{
	static const struct carve_out c = { .ordinary = 4, .zero_copy_first = 4, .zero_copy_count = 4 };
	static const uint32_t bound[] = { 5 };
	_cleanup_(nic_state_freep) struct nic_state *s = nic(8, NULL, 0);
	struct step step;

	assert_true(drift_table_leads(s, bound, 1));
	assert_false(drift_table_leads(s, bound, 0));
	assert_int_equal(rss_step(&c, NULL, s, &step), 0);
	assert_int_equal(nic_state_apply(s, &step), 0);
	free(step.to.rss);
	assert_false(drift_table_leads(s, bound, 1));
	assert_int_equal(nic_state_rss_queues(s), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaks_are_found),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_accelerated_rfs),
		cmocka_unit_test(test_rule_to_context),
		cmocka_unit_test(test_own_context),
		cmocka_unit_test(test_without_carve_out),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
