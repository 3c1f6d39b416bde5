/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables of docs/RECOVERY.md, a row each: what a starting daemon decides.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "macro.h"
#include "recovery.h"

#define SIM0   2
#define DEVICE 77

struct scene {
	struct record_flow flow;
	struct record_lease lease;
	struct nic_queue queues[8];
	struct nic_rule rule;
	struct nic_state nic;
	struct recovery_facts facts;
};

/* A steered lease of queue 5 by netkit, all as it should be. */
static void scene_init(struct scene *s)
{
	*s = (struct scene){
		.flow = { .id = 1, .state = FLOW_INSTALLED, .location = 3,
			  .target = { RULE_TO_QUEUE, 5 },
			  .flow = { .protocol = FLOW_TCP4, .destination_port = 80 } },
		.lease = { .id = 0xabc, .ifindex = SIM0, .state = LEASE_STEERED, .granted = true,
			   .grant = GRANT_NETKIT, .queues = { 5 }, .n_queues = 1, .n_flows = 1,
			   .areas = { 4096 } },
		.rule = { .location = 3, .action = RULE_TO_QUEUE, .target = 5, .understood = true,
			  .flow = { .protocol = FLOW_TCP4, .destination_port = 80 } },
		.nic = { .ifindex = SIM0, .up = true, .n_queues = 8, .n_rules = 1 },
		.facts = { .has_handle = true, .device_ifindex = DEVICE, .now_usec = 1000 },
	};
	s->queues[5] = (struct nic_queue){ .io_uring = true, .leased = true,
					   .lease_ifindex = DEVICE };
	s->lease.flows = &s->flow;
	s->nic.queues = s->queues;
	s->nic.rules = &s->rule;
	s->facts.nic = &s->nic;
}

static void expect(const struct scene *s, enum recovery_verdict verdict, const char *reason)
{
	struct recovery r = recovery_decide(&s->lease, &s->facts);

	assert_int_equal(r.verdict, verdict);
	if (reason)
		assert_string_equal(r.reason, reason);
	else
		assert_null(r.reason);
}

static void test_living_leases_are_adopted(void **state)
{
	struct scene s;

	scene_init(&s);
	expect(&s, RECOVERY_ADOPT, NULL);
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_STEERED);
	s.flow.state = FLOW_PENDING;
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_BOUND);
	s.queues[5].io_uring = false;
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_RESERVED);
	/* A NIC that is down says nothing of its queues: the record counts. */
	s.nic.up = false;
	s.nic.n_queues = 0;
	s.lease.state = LEASE_BOUND;
	expect(&s, RECOVERY_ADOPT, NULL);
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_BOUND);
	/* A direct grant has no device. */
	s.lease.grant = GRANT_DIRECT;
	s.facts.device_ifindex = 0;
	expect(&s, RECOVERY_ADOPT, NULL);
	/* A persistent lease needs no handle. */
	s.lease.persistent = true;
	s.facts.has_handle = false;
	expect(&s, RECOVERY_ADOPT, NULL);
}

static void test_leases_that_cannot_continue_are_reclaimed(void **state)
{
	struct scene s;

	scene_init(&s);
	s.facts.nic = NULL;
	expect(&s, RECOVERY_DISCARD, "the interface is gone");
	scene_init(&s);
	s.lease.damaged = "persistent";
	expect(&s, RECOVERY_RECLAIM, "its record could not be read");
	scene_init(&s);
	s.lease.state = LEASE_DRAINING;
	expect(&s, RECOVERY_RECLAIM, "it was being reclaimed");
	s.lease.state = LEASE_QUARANTINED;
	expect(&s, RECOVERY_RECLAIM, "it was being reclaimed");
	scene_init(&s);
	s.lease.granted = false;
	expect(&s, RECOVERY_RECLAIM, "zcrxd ended while the lease was being made");
	scene_init(&s);
	s.facts.has_handle = false;
	expect(&s, RECOVERY_RECLAIM, "its handle was closed while zcrxd was away");
	s.facts.store_lost = true;
	expect(&s, RECOVERY_RECLAIM,
	       "the service manager did not keep its handle while zcrxd was away");
	scene_init(&s);
	s.lease.expiry_usec = 1000;
	expect(&s, RECOVERY_RECLAIM, "its time to live ended while zcrxd was away");
	s.lease.expiry_usec = 1001;
	expect(&s, RECOVERY_ADOPT, NULL);
	scene_init(&s);
	s.facts.device_ifindex = 0;
	expect(&s, RECOVERY_RECLAIM, "its netkit device was deleted while zcrxd was away");
	s.queues[5].lease_elsewhere = true;
	expect(&s, RECOVERY_RECLAIM,
	       "its netkit device was moved to another network namespace while zcrxd was away");
	s.queues[4].lease_elsewhere = true; /* somebody else's */
	s.queues[5].lease_elsewhere = false;
	expect(&s, RECOVERY_RECLAIM, "its netkit device was deleted while zcrxd was away");
	scene_init(&s);
	s.queues[5].lease_ifindex = DEVICE + 1;
	expect(&s, RECOVERY_RECLAIM, "its queues are not leased to its netkit device");
	s.queues[5].leased = false;
	expect(&s, RECOVERY_RECLAIM, "its queues are not leased to its netkit device");
}

/* The daemon ended between the two. What there is of a device is for nothing but to be deleted. */
static void test_queues_that_were_being_granted_again(void **state)
{
	struct scene s;

	scene_init(&s);
	s.lease.regranting = true;
	s.lease.granted = false;
	s.lease.state = LEASE_BOUND;
	s.flow.state = FLOW_PENDING;
	expect(&s, RECOVERY_ADOPT, NULL);
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_BOUND);
	s.queues[5] = (struct nic_queue){};
	expect(&s, RECOVERY_ADOPT, NULL);
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_RESERVED);
	s.facts.device_ifindex = 0;
	expect(&s, RECOVERY_ADOPT, NULL);
	s.facts.has_handle = false;
	expect(&s, RECOVERY_RECLAIM, "its handle was closed while zcrxd was away");
}

static void test_flows(void **state)
{
	static const struct {
		enum flow_state state;
		bool there, proved;
		enum recovery_flow expected;
	} rows[] = {
		{ FLOW_PENDING, false, true, RECOVERY_FLOW_REINSERT },
		{ FLOW_PENDING, false, false, RECOVERY_FLOW_DROP },
		{ FLOW_PENDING, true, true, RECOVERY_FLOW_KEEP },
		{ FLOW_PENDING, true, false, RECOVERY_FLOW_DROP },
		{ FLOW_INSTALLED, true, true, RECOVERY_FLOW_KEEP },
		{ FLOW_INSTALLED, false, true, RECOVERY_FLOW_REINSERT },
		{ FLOW_INSTALLED, true, false, RECOVERY_FLOW_REMOVE },
		{ FLOW_INSTALLED, false, false, RECOVERY_FLOW_DROP },
		{ FLOW_INSTALLING, true, true, RECOVERY_FLOW_REMOVE },
		{ FLOW_INSTALLING, true, false, RECOVERY_FLOW_REMOVE },
		{ FLOW_INSTALLING, false, true, RECOVERY_FLOW_DROP },
		{ FLOW_INSTALLING, false, false, RECOVERY_FLOW_DROP },
		{ FLOW_REMOVING, true, true, RECOVERY_FLOW_REMOVE },
		{ FLOW_REMOVING, true, false, RECOVERY_FLOW_REMOVE },
		{ FLOW_REMOVING, false, true, RECOVERY_FLOW_DROP },
		{ FLOW_REMOVING, false, false, RECOVERY_FLOW_DROP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t location = 99;
		struct scene s;

		scene_init(&s);
		s.flow.state = rows[i].state;
		s.nic.n_rules = rows[i].there;
		assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, rows[i].proved, &s.nic,
						      &location),
				 rows[i].expected);
		if (rows[i].there)
			assert_int_equal(location, 3);
	}
}

/* Rules may be there, whether or not it shows them, on one that is detached or down: the record counts. */
static void test_an_interface_that_is_detached(void **state)
{
	static const enum recovery_flow expected[_FLOW_STATE_MAX] = {
		[FLOW_PENDING] = RECOVERY_FLOW_REINSERT,
		[FLOW_INSTALLED] = RECOVERY_FLOW_KEEP,
		[FLOW_INSTALLING] = RECOVERY_FLOW_REMOVE,
		[FLOW_REMOVING] = RECOVERY_FLOW_REMOVE,
	};
	static const struct nic_state silent[] = { { .detached = true }, { .up = false } };
	uint32_t location, context;
	struct scene s;

	for (unsigned i = 0; i < 2 * _FLOW_STATE_MAX; i++) {
		const struct nic_state *nic = &silent[i % 2];

		scene_init(&s);
		s.facts.nic = nic;
		s.flow.state = i / 2;
		expect(&s, RECOVERY_ADOPT, NULL);
		assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, true, nic, &location),
				 expected[s.flow.state]);
		if (s.flow.state != FLOW_PENDING)
			assert_int_equal(location, 3);
		assert_true(recovery_is_bound(&s.lease, 0, nic));
	}
	s.lease.rss = LEASE_RSS_CONTEXT;
	s.lease.context = 9;
	assert_int_equal(recovery_decide_spread(&s.lease, &silent[0], &context), LEASE_RSS_CONTEXT);
	assert_int_equal(context, 9);
}

static void expect_flow(const struct scene *s, enum recovery_flow expected)
{
	uint32_t location;

	assert_int_equal(recovery_decide_flow(&s->lease, &s->flow, true, &s->nic, &location), expected);
}

/* A flow waits for the ifq of its queue, unless its lease needs none of us. */
static void test_waiting_flows(void **state)
{
	struct scene s;

	scene_init(&s);
	s.flow.state = FLOW_PENDING;
	s.nic.n_rules = 0;
	expect_flow(&s, RECOVERY_FLOW_REINSERT);
	s.queues[5].io_uring = false;
	expect_flow(&s, RECOVERY_FLOW_PENDING);
	s.lease.self_registered = true;
	expect_flow(&s, RECOVERY_FLOW_REINSERT);
	/* A NIC that is down says nothing of its queues: the record counts. */
	s.lease.self_registered = false;
	s.nic.up = false;
	expect_flow(&s, RECOVERY_FLOW_REINSERT);
	s.lease.state = LEASE_RESERVED;
	expect_flow(&s, RECOVERY_FLOW_PENDING);
}

/* A lease of queues 5 and 6, and what became of its RSS context. */
static void test_spread(void **state)
{
	uint32_t table[] = { 5, 6, 5, 6 }, other[] = { 5, 6, 6, 5 };
	struct rss_table contexts[] = { { .context = 3, .entries = other, .n = 4 },
					{ .context = 4, .entries = table, .n = 4 } };
	static const struct {
		enum lease_rss state;
		uint32_t context;
		size_t n_contexts;
		enum lease_rss expected;
	} rows[] = {
		{ LEASE_RSS_NONE, 0, 2, LEASE_RSS_NONE },
		{ LEASE_RSS_PER_FLOW, 0, 2, LEASE_RSS_PER_FLOW },
		{ LEASE_RSS_CONTEXT, 4, 2, LEASE_RSS_CONTEXT },
		{ LEASE_RSS_CONTEXT, 4, 1, LEASE_RSS_NONE },	 /* gone */
		{ LEASE_RSS_CONTEXT, 3, 2, LEASE_RSS_NONE },	 /* somebody else's by now */
		{ LEASE_RSS_CREATING, 0, 2, LEASE_RSS_CONTEXT }, /* it was made */
		{ LEASE_RSS_CREATING, 0, 1, LEASE_RSS_NONE },	 /* it was not */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t context = 99;
		struct scene s;

		scene_init(&s);
		s.lease.queues[1] = 6;
		s.lease.n_queues = 2;
		s.lease.rss = rows[i].state;
		s.lease.context = rows[i].context;
		s.nic.contexts = contexts;
		s.nic.n_contexts = rows[i].n_contexts;
		assert_int_equal(recovery_decide_spread(&s.lease, &s.nic, &context),
				 rows[i].expected);
		assert_int_equal(context, rows[i].expected == LEASE_RSS_CONTEXT ? 4 : 99);
	}
}

/* A flow over all queues: by the context, one queue a flow, or waiting for the last of them. */
static void test_flows_over_all_queues(void **state)
{
	struct scene s;

	scene_init(&s);
	s.lease.queues[1] = 6;
	s.lease.areas[1] = 4096;
	s.lease.n_queues = 2;
	s.flow.queue = ALL_QUEUES;
	s.flow.target = (struct rule_target){ RULE_TO_CONTEXT, 4 };
	expect_flow(&s, RECOVERY_FLOW_REINSERT); /* there is one to a queue: not ours */
	s.rule.action = RULE_TO_CONTEXT;
	s.rule.target = 4;
	expect_flow(&s, RECOVERY_FLOW_KEEP);
	s.flow.target = (struct rule_target){ RULE_TO_QUEUE, 6 };
	s.rule.action = RULE_TO_QUEUE;
	s.rule.target = 6;
	expect_flow(&s, RECOVERY_FLOW_KEEP);

	s.flow.state = FLOW_PENDING;
	s.nic.n_rules = 0;
	expect_flow(&s, RECOVERY_FLOW_PENDING);
	s.queues[6].io_uring = true;
	expect_flow(&s, RECOVERY_FLOW_REINSERT);
	s.nic.up = false;
	expect_flow(&s, RECOVERY_FLOW_REINSERT);
	s.lease.areas[1] = 0; /* it was not registered */
	expect_flow(&s, RECOVERY_FLOW_PENDING);
}

static void test_untold_proofs(void **state)
{
	struct scene s;

	scene_init(&s);
	s.flow.proof = 9;
	assert_false(recovery_is_untold(&s.lease, 9, 0));
	s.flow.state = FLOW_INSTALLING;
	assert_true(recovery_is_untold(&s.lease, 9, 0));
	assert_false(recovery_is_untold(&s.lease, 9, 1));
	assert_false(recovery_is_untold(&s.lease, 8, 0)); /* it waits for an address */
}

/* Only a rule of exactly this flow to exactly this queue is the lease's. */
static void test_foreign_rules_are_not_ours(void **state)
{
	uint32_t location;
	struct scene s;

	scene_init(&s);
	s.rule.target = 4;
	assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, true, &s.nic, &location),
			 RECOVERY_FLOW_REINSERT);
	scene_init(&s);
	s.rule.flow.destination_port = 81;
	assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, false, &s.nic, &location),
			 RECOVERY_FLOW_DROP);
	scene_init(&s);
	s.rule.understood = false;
	assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, false, &s.nic, &location),
			 RECOVERY_FLOW_DROP);
	scene_init(&s);
	s.rule.location = 12; /* the driver moved it */
	assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, true, &s.nic, &location),
			 RECOVERY_FLOW_KEEP);
	assert_int_equal(location, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_living_leases_are_adopted),
		cmocka_unit_test(test_leases_that_cannot_continue_are_reclaimed),
		cmocka_unit_test(test_queues_that_were_being_granted_again),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_an_interface_that_is_detached),
		cmocka_unit_test(test_waiting_flows),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_flows_over_all_queues),
		cmocka_unit_test(test_untold_proofs),
		cmocka_unit_test(test_foreign_rules_are_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
