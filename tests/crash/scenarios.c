/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scenarios.h"

#define HOUR 3600000000ULL

/* ----------------------------------------------------------------------------- beforehand */

static void must(const char *error)
{
	if (error)
		fail_msg("a call beforehand: %s", error);
}

static void nothing(struct world *w, struct subject *s)
{
	(void)w;
	(void)s;
}

static void reserved(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"timeToLiveUSec\":36000000000}"));
}

static void bound(struct world *w, struct subject *s)
{
	reserved(w, s);
	must(subject_register(w, s, 0));
}

static void steered(struct world *w, struct subject *s)
{
	bound(w, s);
	must(subject_add_socket(w, s));
}

static void set_addresses(struct world *w, size_t n);

/* The socket proves a single flow: there is one address. */
static void steered_once(struct world *w, struct subject *s)
{
	set_addresses(w, 1);
	steered(w, s);
}

static void steered_by_value(struct world *w, struct subject *s)
{
	bound(w, s);
	must(subject_add_value(w, s));
}

/* Where only the end of the ring gives the queue back, the client has closed it, and a daemon that
 * starts anew sees that. */
static void close_rings(struct world *w)
{
	if (!getenv("ZCRXD_GRANTS_DIRECT"))
		return;
	world_kill(w);
	for (uint32_t q = 0; q < SUBJECT_QUEUES_MOST; q++)
		assert_int_equal(sim_ring_closed(w->d.sim, SIM0, SUBJECT_QUEUE + q), 0);
	assert_true(world_start(w, 0));
	/* Now it has our connection. One that still waits would be the next daemon's, with its call. */
	world_barrier(w);
}

static void steered_and_closed(struct world *w, struct subject *s)
{
	steered(w, s);
	close_rings(w);
}

/* Of two queues, one is bound. */
static void half_bound(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"queues\":2,\"timeToLiveUSec\":36000000000}"));
	must(subject_register(w, s, 0));
}

static void half_bound_and_pending(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"queues\":2,\"flows\":[" SUBJECT_FLOW "]}"));
	must(subject_register(w, s, 0));
}

static void both_bound(struct world *w, struct subject *s)
{
	half_bound(w, s);
	must(subject_register(w, s, 1));
}

static void spread(struct world *w, struct subject *s)
{
	both_bound(w, s);
	must(subject_add_socket(w, s));
}

static void spread_and_closed(struct world *w, struct subject *s)
{
	spread(w, s);
	close_rings(w);
}

static void spread_and_client_gone(struct world *w, struct subject *s)
{
	spread_and_closed(w, s);
	world_kill(w);
	close(TAKE_FD(s->handle));
}

static void persistent(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"persistent\":true}"));
}

static void pending(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"flows\":[" SUBJECT_FLOW "]}"));
}

static void away(struct world *w, struct subject *s)
{
	steered_and_closed(w, s);
	world_kill(w);
}

static void away_and_client_gone(struct world *w, struct subject *s)
{
	away(w, s);
	close(TAKE_FD(s->handle));
}

static void close_listener(struct world *w)
{
	struct socket_facts facts;

	assert_int_equal(w->d.sim->ops->socket_facts(w->d.sim, world_listener(w), &facts, NULL), 0);
	assert_int_equal(sim_close_socket(w->d.sim, facts.cookie), 0);
}

static void away_and_socket_gone(struct world *w, struct subject *s)
{
	away(w, s);
	close_listener(w);
}

/* The subject's, and its context; those of the one by the side stay. */
static void remove_rules(struct world *w)
{
	_cleanup_(nic_state_freep) struct nic_state *n = observe(&w->d);

	for (size_t i = 0; i < n->n_rules; i++)
		if (n->rules[i].action == RULE_TO_CONTEXT || n->rules[i].target == SUBJECT_QUEUE)
			assert_int_equal(sim_remove_rule(w->d.sim, SIM0, n->rules[i].location), 0);
	for (size_t i = 0; i < n->n_contexts; i++)
		assert_int_equal(sim_remove_context(w->d.sim, SIM0, n->contexts[i].context), 0);
}

static void set_addresses(struct world *w, size_t n)
{
	static const struct local_address addresses[] = {
		{ .protocol = FLOW_TCP4, .bytes = { 127, 0, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 7 } },
	};

	assert_true(n <= ARRAY_SIZE(addresses));
	assert_int_equal(sim_set_addresses(w->d.sim, SIM0, addresses, n), 0);
}

/* -------------------------------------------------------------------------------- acts */

static const char *act_acquire(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_acquire(w, s, "{}");
}

static const char *act_acquire_persistent(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_acquire(w, s, "{\"persistent\":true}");
}

/* root's: it registers by itself, and is steered at once. */
static const char *act_acquire_steered(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_acquire(w, s, "{\"persistent\":true,\"flows\":[" SUBJECT_FLOW "]}");
}

static const char *act_open(struct world *w, struct subject *s, unsigned n)
{
	const char *error;

	world_arm(w, n);
	error = call(w->link, "Open", NULL, "{\"leaseId\":\"%s\"}", s->id);
	if (!error)
		s->handle = sd_varlink_take_fd(w->link, 0);
	return error;
}

static const char *act_register(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_register(w, s, 0);
}

/* With which they can be spread over both. */
static const char *act_register_last(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_register(w, s, 1);
}

static const char *act_acquire_spread(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_acquire(w, s, "{\"queues\":2,\"persistent\":true,\"flows\":[" SUBJECT_FLOW "]}");
}

/* The kernel says no, to the second operation of it. */
static const char *act_register_refused(struct world *w, struct subject *s, unsigned n)
{
	const char *error;

	assert_int_equal(sim_fail_at(w->d.sim, 2, EPERM, "not now"), 0);
	world_arm(w, n);
	error = subject_register(w, s, 0);
	sim_fail_at(w->d.sim, 0, 0, NULL);
	assert_non_null(error);
	return streq(error, DISCONNECTED) ? error : NULL;
}

static const char *act_add_socket(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_add_socket(w, s);
}

static const char *act_add_value(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_add_value(w, s);
}

static const char *act_remove_flow(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call_fds(w->link, "RemoveFlow", &s->handle, 1, NULL, "{" SUBJECT_LEASE ",\"flowId\":\"%s\"}", s->id,
			s->flow_id);
}

static const char *act_release(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_call(w, s, "Release");
}

static const char *act_renew(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call_fds(w->link, "Renew", &s->handle, 1, NULL, "{" SUBJECT_LEASE ",\"timeToLiveUSec\":%llu}", s->id,
			20 * HOUR);
}

static const char *act_expire(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call_fds(w->link, "Renew", &s->handle, 1, NULL, "{" SUBJECT_LEASE ",\"timeToLiveUSec\":1}", s->id);
}

#define TUNE "{" SUBJECT_LEASE ",\"deferHardIrqs\":%u,\"groFlushTimeoutNSec\":200000}"

static void tuned(struct world *w, struct subject *s)
{
	reserved(w, s);
	must(call_fds(w->link, "Tune", &s->handle, 1, NULL, TUNE, s->id, 2U));
}

static const char *act_tune(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call_fds(w->link, "Tune", &s->handle, 1, NULL, TUNE, s->id, 3U);
}

static const char *act_revoke(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call(w->link, "Revoke", NULL, "{\"leaseId\":\"%s\",\"graceUSec\":20000}", s->id);
}

static const char *act_revoke_by_force(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call(w->link, "Revoke", NULL, "{\"leaseId\":\"%s\",\"force\":true}", s->id);
}

static const char *act_device_deleted(struct world *w, struct subject *s, unsigned n)
{
	bool over = n > 0;

	world_arm(w, n);
	world_delete_netkit(w, s->id);
	/* For a moment it may be that the NIC itself goes. */
	for (time_t start = time(NULL); !over && world_is_patient(start); usleep(1000)) {
		_cleanup_free_ char *list = world_list(w);

		over = !strstr(list, s->id);
	}
	return UNANSWERED;
}

static const char *act_client_dies(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	close(TAKE_FD(s->handle));
	return UNANSWERED;
}

static const char *act_socket_closed(struct world *w, struct subject *s, unsigned n)
{
	(void)s;
	world_arm(w, n);
	close_listener(w);
	return UNANSWERED;
}

static const char *act_address_added(struct world *w, struct subject *s, unsigned n)
{
	(void)s;
	world_arm(w, n);
	set_addresses(w, 3);
	return UNANSWERED;
}

static const char *act_address_removed(struct world *w, struct subject *s, unsigned n)
{
	(void)s;
	world_arm(w, n);
	set_addresses(w, 1);
	return UNANSWERED;
}

static void undo_addresses(struct world *w)
{
	set_addresses(w, 2);
}

static const char *act_start(struct world *w, struct subject *s, unsigned n)
{
	(void)s;
	world_kill(w);
	(void)world_start(w, n);
	return UNANSWERED;
}

/* The lease as it was is what the start has to come back to. */
static const char *act_start_without_rules(struct world *w, struct subject *s, unsigned n)
{
	world_kill(w);
	remove_rules(w);
	return act_start(w, s, n);
}

/* ------------------------------------------------------------------- others at the NIC */

static bool is_put_back(struct world *w)
{
	_cleanup_(nic_state_freep) struct nic_state *n = observe(&w->d);
	bool back = false;

	for (size_t i = 0; i < n->n_rules; i++)
		back |= n->rules[i].target == SUBJECT_QUEUE;
	for (size_t i = 0; i < n->rss.n; i++)
		back &= n->rss.entries[i] < 4;
	return back;
}

static const char *act_reset(struct world *w, struct subject *s, unsigned n)
{
	time_t start = time(NULL);

	(void)s;
	world_arm(w, n);
	assert_int_equal(sim_reset(w->d.sim, SIM0), 0);
	/* The lease as it was is what it has to come back to: it must not be taken for done before. */
	while (!is_put_back(w) && !world_is_dead(w) && world_is_patient(start))
		usleep(1000);
	return UNANSWERED;
}

#define FOREIGN_LOCATION 900

static const char *act_foreign_rule(struct world *w, struct subject *s, unsigned n)
{
	static const struct nic_rule rule = { .location = FOREIGN_LOCATION,
					      .action = RULE_TO_QUEUE, .target = SUBJECT_QUEUE };
	static const struct step nothing_new = { .op = STEP_NTUPLE, .to.number = 1 };

	(void)s;
	world_arm(w, n);
	assert_int_equal(sim_foreign_rule(w->d.sim, SIM0, &rule), 0);
	/* It looks at once. */
	assert_int_equal(sim_foreign_step(w->d.sim, SIM0, &nothing_new), 0);
	return UNANSWERED;
}

/* The queue that it led to is withheld until it is seen that it does not any more. */
static void undo_foreign_rule(struct world *w)
{
	time_t start = time(NULL);
	const char *state = "";

	assert_int_equal(sim_remove_rule(w->d.sim, SIM0, FOREIGN_LOCATION), 0);
	while (!streq(state, "free") && world_is_patient(start)) {
		sd_json_variant *v;

		usleep(1000);
		must(call(w->link, "Describe", &v, "{}"));
		v = sd_json_variant_by_index(sd_json_variant_by_key(v, "interfaces"), 0);
		v = sd_json_variant_by_index(sd_json_variant_by_key(v, "queues"), SUBJECT_QUEUE);
		state = text_of(v, "state");
	}
}

/* ------------------------------------------------------------------------- of NICs alone */

void make_unconfigured(struct world *w, struct subject *s)
{
	static const struct step steps[] = {
		{ .op = STEP_RSS, .to = {} },
		{ .op = STEP_NTUPLE, .to.number = 0 },
		{ .op = STEP_HDS_THRESHOLD, .to.number = 256 },
		{ .op = STEP_TCP_DATA_SPLIT, .to.number = SPLIT_DISABLED },
		{ .op = STEP_CHANNELS, .to.channels.combined = 4 },
	};

	(void)s;
	world_kill(w);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		assert_int_equal(sim_foreign_step(w->d.sim, SIM0, &steps[i]), 0);
}

/* Nobody is told, and there is no lease to be watched. */
static void drifted(struct world *w, struct subject *s)
{
	(void)s;
	sim_set_silent(w->d.sim, true);
	assert_int_equal(sim_foreign_step(w->d.sim, SIM0, &(struct step){ .op = STEP_RSS }), 0);
	sim_set_silent(w->d.sim, false);
}

static const char *apply(struct world *w)
{
	return call(w->link, "Apply", NULL, "{}");
}

static const char *act_apply(struct world *w, struct subject *s, unsigned n)
{
	(void)s;
	world_arm(w, n);
	return apply(w);
}

void write_config(struct world *w, unsigned queues)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: %u\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    administer: true\n%s", queues,
		 (unsigned)getuid(), getenv("ZCRXD_GRANTS_DIRECT") ? "grants: direct\n" : "");
	daemon_write_config(&w->d, text);
}

static void drifted_far(struct world *w, struct subject *s)
{
	static const struct step steps[] = {
		{ .op = STEP_RSS, .to = {} },
		{ .op = STEP_HDS_THRESHOLD, .to.number = 256 },
		{ .op = STEP_TCP_DATA_SPLIT, .to.number = SPLIT_DISABLED },
	};

	(void)s;
	sim_set_silent(w->d.sim, true);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		assert_int_equal(sim_foreign_step(w->d.sim, SIM0, &steps[i]), 0);
	sim_set_silent(w->d.sim, false);
}

/* The kernel refuses the last step, and the others are undone; the next Apply meets nothing of it. */
static const char *act_apply_undone(struct world *w, struct subject *s, unsigned n)
{
	_cleanup_free_ char *text = NULL;
	sd_json_variant *reply;
	const char *error;

	(void)s;
	assert_int_equal(sim_fail_at(w->d.sim, 1 + 3, EPERM, "not now"), 0);
	world_arm(w, n);
	error = call(w->link, "Apply", &reply, "{}");
	sim_fail_at(w->d.sim, 0, 0, NULL);
	if (error)
		return error;
	assert_true(sd_json_variant_format(reply, 0, &text) >= 0);
	assert_non_null(strstr(text, "\"undone\""));
	return apply(w);
}

static const char *act_reload(struct world *w, struct subject *s, unsigned n)
{
	(void)s;
	write_config(w, 2);
	world_arm(w, n);
	return call(w->link, "Reload", NULL, "{}");
}

static void undo_reload(struct world *w)
{
	write_config(w, 4);
	world_kill(w);
	assert_true(world_start(w, 0));
}

#define INTERFACE "{\"interface\":\"sim0\"}"
#define FOR_A_TRY "{\"interface\":\"sim0\",\"confirmWithinUSec\":3600000000}"

static void restored(struct world *w, struct subject *s)
{
	(void)s;
	must(call(w->link, "Restore", NULL, INTERFACE));
}

static void tried(struct world *w, struct subject *s)
{
	restored(w, s);
	must(call(w->link, "Apply", NULL, FOR_A_TRY));
}

static void tried_in_vain(struct world *w, struct subject *s)
{
	tried(w, s);
	must(call(w->link, "Confirm", NULL, "{\"keep\":false}"));
}

static const char *act_restore(struct world *w, struct subject *s, unsigned n)
{
	(void)s;
	world_arm(w, n);
	return call(w->link, "Restore", NULL, INTERFACE);
}

static const char *act_confirm(struct world *w, struct subject *s, unsigned n)
{
	(void)s;
	world_arm(w, n);
	return call(w->link, "Confirm", NULL, INTERFACE);
}

static const char *act_try_in_vain(struct world *w, struct subject *s, unsigned n)
{
	const char *error;

	(void)s;
	world_arm(w, n);
	error = call(w->link, "Apply", NULL, FOR_A_TRY);
	return error ?: call(w->link, "Confirm", NULL, "{\"interface\":\"sim0\",\"keep\":false}");
}

static void undo_restore(struct world *w)
{
	must(call(w->link, "Apply", NULL, "{}"));
}

/* A lease is left on a NIC that the file does not name any more. */
static void away_and_not_configured(struct world *w, struct subject *s)
{
	must(subject_acquire(w, s, "{\"persistent\":true,\"flows\":[" SUBJECT_FLOW "]}"));
	world_kill(w);
	daemon_write_config(&w->d, "policy: []\n");
}

/* --------------------------------------------------------------------------------- lists */

const struct scenario lease_scenarios[] = {
	{ "Acquire", .prepare = nothing, .act = act_acquire },
	{ "Acquire, persistent", .prepare = nothing, .act = act_acquire_persistent },
	{ "Acquire, persistent, with a flow", .prepare = nothing, .act = act_acquire_steered },
	{ "Open", .prepare = persistent, .act = act_open },
	{ "Register", .prepare = reserved, .act = act_register },
	{ "Register, with a flow waiting", .prepare = pending, .act = act_register },
	{ "Register, refused", .prepare = reserved, .act = act_register_refused, .unchanged = true },
	{ "AddFlow by socket", .prepare = bound, .act = act_add_socket },
	{ "AddFlow by value", .prepare = steered, .act = act_add_value },
	{ "RemoveFlow, one of two of a socket", .prepare = steered, .act = act_remove_flow },
	{ "RemoveFlow, the last of a socket", .prepare = steered_once, .act = act_remove_flow,
	  .undo = undo_addresses },
	{ "RemoveFlow, the last", .prepare = steered_by_value, .act = act_remove_flow },
	{ "RemoveFlow, still waiting", .prepare = pending, .act = act_remove_flow },
	{ "Renew", .prepare = steered, .act = act_renew },
	{ "Tune", .prepare = reserved, .act = act_tune },
	{ "Tune, again", .prepare = tuned, .act = act_tune },
	{ "Release, tuned", .prepare = tuned, .act = act_release },
	{ "Release", .prepare = steered_and_closed, .act = act_release },
	{ "Release, not registered", .prepare = pending, .act = act_release },
	{ "Revoke with grace", .prepare = steered_and_closed, .act = act_revoke },
	{ "Revoke by force", .prepare = steered_and_closed, .act = act_revoke_by_force },
	{ "its device deleted", .certain = true, .netkit_only = true, .prepare = steered,
	  .act = act_device_deleted },
	{ "expiry", .prepare = steered_and_closed, .act = act_expire },
	{ "the client's death", .certain = true, .prepare = steered_and_closed,
	  .act = act_client_dies },
	{ "the socket's end", .certain = true, .prepare = steered, .act = act_socket_closed },
	{ "an address more", .certain = true, .prepare = steered, .act = act_address_added,
	  .undo = undo_addresses },
	{ "an address less", .certain = true, .prepare = steered, .act = act_address_removed,
	  .undo = undo_addresses },
	{ "a reset", .unchanged = true, .certain = true, .prepare = steered, .act = act_reset },
	{ "a foreign rule", .certain = true, .netkit_only = true, .prepare = steered, .act = act_foreign_rule,
	  .undo = undo_foreign_rule },
	{ "start with a lease", .unchanged = true, .prepare = steered, .act = act_start },
	{ "start, rules lost", .unchanged = true, .certain = true, .prepare = steered,
	  .act = act_start_without_rules },
	{ "Acquire, two queues, with a flow", .prepare = nothing, .act = act_acquire_spread },
	{ "Register, the last of two", .prepare = half_bound, .act = act_register_last },
	{ "Register, the last of two, with a flow waiting", .prepare = half_bound_and_pending,
	  .act = act_register_last },
	{ "AddFlow over two queues", .prepare = both_bound, .act = act_add_socket },
	{ "Release, two queues", .prepare = spread_and_closed, .act = act_release },
	{ "start with two queues", .unchanged = true, .prepare = spread, .act = act_start },
	{ "start, context and rules lost", .unchanged = true, .certain = true, .prepare = spread,
	  .act = act_start_without_rules },
	{ "start, the client of two queues gone", .certain = true,
	  .prepare = spread_and_client_gone, .act = act_start },
	{ "start, the client gone", .certain = true, .prepare = away_and_client_gone,
	  .act = act_start },
	{ "start, the socket gone", .certain = true, .prepare = away_and_socket_gone,
	  .act = act_start },
};
const size_t n_lease_scenarios = ARRAY_SIZE(lease_scenarios);

const struct scenario nic_scenarios[] = {
	{ "the first start", .certain = true, .prepare = make_unconfigured, .act = act_start },
	{ "Apply", .certain = true, .prepare = drifted, .act = act_apply },
	{ "Apply, undone and done", .certain = true, .prepare = drifted_far,
	  .act = act_apply_undone },
	{ "Restore", .prepare = nothing, .act = act_restore, .undo = undo_restore },
	{ "Apply, for a try in vain", .unchanged = true, .certain = true, .prepare = tried_in_vain,
	  .act = act_try_in_vain, .undo = undo_restore },
	{ "Confirm", .lapses = true, .prepare = tried, .act = act_confirm, .undo = undo_restore },
	{ "start, unconfirmed", .certain = true, .prepare = tried, .act = act_start,
	  .undo = undo_restore },
	{ "Reload", .certain = true, .prepare = nothing, .act = act_reload, .undo = undo_reload },
	{ "start, no longer configured", .certain = true, .prepare = away_and_not_configured,
	  .act = act_start, .undo = undo_reload },
};
const size_t n_nic_scenarios = ARRAY_SIZE(nic_scenarios);
