/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where flows land, for each kind of rule, and in which order the rules are asked. */
#include "testlib.h"

#include "flow-target.h"

static uint32_t default_entries[] = { 3, 0, 1, 0, 3 };
static uint32_t context_entries[] = { 7, 6, 7 };
static struct rss_table contexts[] = { { .context = 2, .entries = context_entries, .n = 3 } };

/* tcp4 to a port; from a port too if that is not 0. */
static struct flow to_port(uint16_t port, uint16_t source_port)
{
	return (struct flow){ .protocol = FLOW_TCP4, .destination_port = port,
			      .source_port = source_port };
}

static struct nic_rule rule(uint32_t location, enum rule_action action, uint32_t target,
			    struct flow flow)
{
	return (struct nic_rule){ .location = location, .action = action, .target = target,
				  .understood = true, .flow = flow };
}

/* What the targets say, as text: "SHARE LOCATION|rss QUEUE,QUEUE". */
static void expect_of(const char *driver, const struct nic_rule *rules, size_t n_rules, struct flow f,
		      bool has_rss, const char *expected)
{
	struct nic_state s = { .driver = (char *)driver, .rules = (struct nic_rule *)rules, .n_rules = n_rules,
			       .contexts = contexts, .n_contexts = 1, .has_rss = has_rss,
			       .rss = { .entries = default_entries, .n = 5 } };
	_cleanup_free_ struct flow_target *list = NULL;
	char said[256] = "";
	size_t n, at = 0;

	assert_int_equal(flow_targets(&s, &f, &list, &n), 0);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ uint32_t *queues = NULL;
		size_t n_queues;

		assert_int_equal(flow_target_queues(&list[i], &queues, &n_queues), 0);
		at += (size_t)snprintf(said + at, sizeof(said) - at, "%s%s%s ", i ? "; " : "",
				       list[i].tied ? "perhaps " : "",
				       target_share_to_string(list[i].share));
		if (list[i].rule)
			at += (size_t)snprintf(said + at, sizeof(said) - at, "%u",
					       list[i].rule->location);
		else
			at += (size_t)snprintf(said + at, sizeof(said) - at, "rss");
		for (size_t k = 0; k < n_queues; k++)
			at += (size_t)snprintf(said + at, sizeof(said) - at, "%c%u", k ? ',' : ' ',
					       queues[k]);
	}
	assert_string_equal(said, expected);
}

static void expect(const struct nic_rule *rules, size_t n_rules, struct flow f, bool has_rss,
		   const char *expected)
{
	expect_of("", rules, n_rules, f, has_rss, expected);
}

static void test_no_rule(void **state)
{
	struct nic_rule other = rule(1, RULE_TO_QUEUE, 7, to_port(81, 0));
	struct nic_rule six = rule(1, RULE_TO_QUEUE, 7,
				   (struct flow){ .protocol = FLOW_TCP6, .destination_port = 80 });

	expect(NULL, 0, to_port(80, 0), true, "all rss 0,1,3");
	expect(NULL, 0, to_port(80, 0), false, "all rss");
	expect(&other, 1, to_port(80, 0), true, "all rss 0,1,3");
	expect(&six, 1, to_port(80, 0), true, "all rss 0,1,3");
}

static void test_each_action(void **state)
{
	static const struct {
		enum rule_action action;
		uint32_t target;
		const char *expected;
	} cases[] = {
		{ RULE_TO_QUEUE, 7, "all 9 7" },
		{ RULE_TO_CONTEXT, 2, "all 9 6,7" },
		{ RULE_TO_CONTEXT, 5, "all 9" }, /* deleted meanwhile */
		{ RULE_DROP, 0, "all 9" },
		{ RULE_OTHER, 0, "all 9" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nic_rule r = rule(9, cases[i].action, cases[i].target, to_port(80, 0));

		expect(&r, 1, to_port(80, 0), true, cases[i].expected);
		expect(&r, 1, to_port(80, 4000), true, cases[i].expected);
	}
}

static void test_part_of_it(void **state)
{
	struct nic_rule narrow = rule(9, RULE_TO_QUEUE, 7, to_port(80, 4000));
	struct nic_rule strange = { .location = 9, .action = RULE_TO_QUEUE, .target = 7 };

	expect(&narrow, 1, to_port(80, 0), true, "some 9 7; rest rss 0,1,3");
	expect(&narrow, 1, to_port(80, 4001), true, "all rss 0,1,3");
	/* What is not understood may match anything. */
	expect(&strange, 1, to_port(80, 0), true, "some 9 7; rest rss 0,1,3");
}

static void test_the_lower_location_is_asked_first(void **state)
{
	struct nic_rule wide_first[] = {
		rule(12, RULE_TO_QUEUE, 7, to_port(80, 4000)),
		rule(3, RULE_TO_QUEUE, 6, to_port(80, 0)),
	};
	struct nic_rule narrow_first[] = {
		rule(12, RULE_TO_QUEUE, 6, to_port(80, 0)),
		rule(3, RULE_DROP, 0, to_port(80, 4000)),
		rule(40, RULE_TO_QUEUE, 5, to_port(80, 4000)),
	};

	expect(wide_first, 2, to_port(80, 4000), true, "all 3 6");
	expect(wide_first, 2, to_port(80, 0), true, "all 3 6");
	expect(narrow_first, 3, to_port(80, 0), true, "some 3; rest 12 6");
	expect(narrow_first, 3, to_port(80, 4000), true, "all 3");
	expect(narrow_first, 3, to_port(0, 4000), true,
	       "some 3; some 12 6; some 40 5; rest rss 0,1,3");
}

/* mlx5: more fields win, wherever the rule lies; of as many, nobody knows. */
static void test_more_fields_are_asked_first(void **state)
{
	struct nic_rule rules[] = {
		rule(0, RULE_TO_QUEUE, 7, to_port(80, 0)),
		rule(9, RULE_TO_QUEUE, 6, to_port(80, 4000)),
		rule(5, RULE_TO_QUEUE, 5, to_port(0, 4000)),
	};

	expect_of("mlx5_core", rules, 2, to_port(80, 4000), true, "all 9 6");
	expect_of("mlx5_core", rules, 2, to_port(80, 0), true, "some 9 6; rest 0 7");
	expect_of("mlx5_core", rules, 3, to_port(80, 0), true, "some 9 6; perhaps some 0 7; perhaps some 5 5");
	rules[1].understood = false;
	expect_of("mlx5_core", rules, 2, to_port(80, 0), true, "some 9 6; rest 0 7");
	rules[1].other_protocol = true;
	expect_of("mlx5_core", rules, 2, to_port(80, 0), true, "all 0 7");
}

/* bnxt: which of two wins is not known; of one there is no question. */
static void test_no_order(void **state)
{
	const struct nic_rule rules[] = {
		rule(3, RULE_TO_QUEUE, 7, to_port(80, 0)),
		rule(9, RULE_TO_QUEUE, 6, to_port(80, 4000)),
	};

	expect_of("bnxt_en", rules, 1, to_port(80, 4000), true, "all 3 7");
	expect_of("bnxt_en", rules, 2, to_port(80, 4000), true, "perhaps some 3 7; perhaps some 9 6");
	expect_of("bnxt_en", rules + 1, 1, to_port(80, 0), true, "some 9 6; rest rss 0,1,3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_rule),
		cmocka_unit_test(test_each_action),
		cmocka_unit_test(test_part_of_it),
		cmocka_unit_test(test_the_lower_location_is_asked_first),
		cmocka_unit_test(test_more_fields_are_asked_first),
		cmocka_unit_test(test_no_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
