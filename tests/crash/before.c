/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a scenario finds: leases at every stage of their life, with and without a daemon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scenarios.h"

void must(const char *error)
{
	if (error)
		fail_msg("a call beforehand: %s", error);
}

void nothing(struct world *w, struct subject *s)
{
}

void reserved(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"timeToLiveUSec\":36000000000}"));
}

void bound(struct world *w, struct subject *s)
{
	reserved(w, s);
	must(subject_register(w, s, 0));
}

void steered(struct world *w, struct subject *s)
{
	bound(w, s);
	must(subject_add_socket(w, s));
}

void set_addresses(struct world *w, size_t n)
{
	static const struct local_address addresses[] = {
		{ .protocol = FLOW_TCP4, .bytes = { 127, 0, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 7 } },
	};

	assert_true(n <= ARRAY_SIZE(addresses));
	assert_int_equal(sim_set_addresses(w->d.sim, SIM0, addresses, n), 0);
}

/* The socket proves a single flow: there is one address. */
void steered_once(struct world *w, struct subject *s)
{
	set_addresses(w, 1);
	steered(w, s);
}

void steered_by_value(struct world *w, struct subject *s)
{
	bound(w, s);
	must(subject_add_value(w, s));
}

void wait_until_reserved(struct world *w, const struct subject *s)
{
	time_t start = time(NULL);

	while (world_is_patient(start) && !streq(lease_state(&w->d, s->id), "reserved"))
		usleep(2000);
	assert_string_equal(lease_state(&w->d, s->id), "reserved");
}

/* Its ring was closed, and its flow waits for another. */
void unbound(struct world *w, struct subject *s)
{
	steered(w, s);
	assert_int_equal(sim_ring_closed(w->d.sim, SIM0, SUBJECT_QUEUE), 0);
	wait_until_reserved(w, s);
}

/* The client has closed them, and a daemon that starts anew sees that: else each end of a lease
 * waits for it, as long as it may. The lease is reserved then. */
static void close_rings(struct world *w, const struct subject *s)
{
	world_kill(w);
	for (uint32_t q = 0; q < SUBJECT_QUEUES_MOST; q++)
		assert_int_equal(sim_ring_closed(w->d.sim, SIM0, SUBJECT_QUEUE + q), 0);
	assert_true(world_start(w, 0));
	/* Now it has our connection. One that still waits would be the next daemon's, with its call. */
	world_barrier(w);
	wait_until_reserved(w, s);
}

/* Without a NIC. */
void software(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"interface\":\"software\"}"));
}

void software_bound(struct world *w, struct subject *s)
{
	software(w, s);
	must(subject_register(w, s, 0));
}

void software_bound_and_closed(struct world *w, struct subject *s)
{
	software_bound(w, s);
	world_kill(w);
	assert_int_equal(sim_ring_closed(w->d.sim, SOFTWARE_IFINDEX, 0), 0);
	assert_true(world_start(w, 0));
	world_barrier(w);
}

void steered_and_closed(struct world *w, struct subject *s)
{
	steered(w, s);
	close_rings(w, s);
}

/* Of two queues, one is bound. */
void half_bound(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"queues\":2,\"timeToLiveUSec\":36000000000}"));
	must(subject_register(w, s, 0));
}

void half_bound_and_pending(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"queues\":2,\"flows\":[" SUBJECT_FLOW "]}"));
	must(subject_register(w, s, 0));
}

void both_bound(struct world *w, struct subject *s)
{
	half_bound(w, s);
	must(subject_register(w, s, 1));
}

void spread(struct world *w, struct subject *s)
{
	both_bound(w, s);
	must(subject_add_socket(w, s));
}

void spread_and_closed(struct world *w, struct subject *s)
{
	spread(w, s);
	close_rings(w, s);
}

void spread_and_client_gone(struct world *w, struct subject *s)
{
	spread_and_closed(w, s);
	world_kill(w);
	close(TAKE_FD(s->handle));
}

void persistent(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"persistent\":true}"));
}

void pending(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"flows\":[" SUBJECT_FLOW "]}"));
}

void away(struct world *w, struct subject *s)
{
	steered_and_closed(w, s);
	world_kill(w);
}

void away_and_client_gone(struct world *w, struct subject *s)
{
	away(w, s);
	close(TAKE_FD(s->handle));
}

void close_listener(struct world *w)
{
	struct socket_facts facts;

	assert_int_equal(w->d.sim->ops->socket_facts(w->d.sim, world_listener(w), &facts, NULL), 0);
	assert_int_equal(sim_close_socket(w->d.sim, facts.cookie), 0);
}

void away_and_socket_gone(struct world *w, struct subject *s)
{
	away(w, s);
	close_listener(w);
}

/* The subject's, and its context; those of the one by the side stay. */
void remove_rules(struct world *w)
{
	_cleanup_(nic_state_freep) struct nic_state *n = observe(&w->d);

	for (size_t i = 0; i < n->n_rules; i++)
		if (n->rules[i].action == RULE_TO_CONTEXT || n->rules[i].target == SUBJECT_QUEUE)
			assert_int_equal(sim_remove_rule(w->d.sim, SIM0, n->rules[i].location), 0);
	for (size_t i = 0; i < n->n_contexts; i++)
		assert_int_equal(sim_remove_context(w->d.sim, SIM0, n->contexts[i].context), 0);
}
