/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Of leases: what clients, administrators and time do to them, and starts with one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scenarios.h"

#define HOUR 3600000000ULL

static const char *act_acquire(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_acquire(w, s, "{}");
}

static const char *act_acquire_software(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_acquire(w, s, "{\"interface\":\"software\"}");
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

static const char *act_share(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call_fds(w->link, "Share", &s->handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":0}", s->id);
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
#define MOVE "{" SUBJECT_LEASE ",\"irqAffinity\":\"%u\"}"

static void tuned(struct world *w, struct subject *s)
{
	reserved(w, s);
	must(call_fds(w->link, "Tune", &s->handle, 1, NULL, TUNE, s->id, 2U));
	must(call_fds(w->link, "Tune", &s->handle, 1, NULL, MOVE, s->id, 2U));
}

static const char *act_tune(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call_fds(w->link, "Tune", &s->handle, 1, NULL, TUNE, s->id, 3U);
}

static const char *act_move(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call_fds(w->link, "Tune", &s->handle, 1, NULL, MOVE, s->id, 3U);
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

/* The deletion waits for a client's area, and then it does not. */
static const char *act_revoke_held(struct world *w, struct subject *s, unsigned n)
{
	const char *error;

	sim_set_clients_root(w->d.sim, true); /* we are the client, and are not to be killed for it */
	sim_hold_areas(w->d.sim, true);
	world_arm(w, n);
	error = call(w->link, "Revoke", NULL, "{\"leaseId\":\"%s\"}", s->id);
	sim_hold_areas(w->d.sim, false);
	usleep(20000); /* until who asks has seen it */
	if (!error) /* which looks at once */
		error = call(w->link, "Revoke", NULL, "{\"leaseId\":\"%s\"}", s->id);
	return error;
}

static void undo_held(struct world *w)
{
	sim_set_clients_root(w->d.sim, false);
}

/* They are closed, and nobody registers others: that is looked for once a second. */
static const char *act_rings_closed(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	for (uint32_t q = 0; q < SUBJECT_QUEUES_MOST; q++)
		assert_int_equal(sim_ring_closed(w->d.sim, SIM0, SUBJECT_QUEUE + q), 0);
	if (n == 0)
		wait_until_reserved(w, s);
	return UNANSWERED;
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
	world_arm(w, n);
	close_listener(w);
	return UNANSWERED;
}

static const char *act_address_added(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	set_addresses(w, 3);
	return UNANSWERED;
}

static const char *act_address_removed(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	set_addresses(w, 1);
	return UNANSWERED;
}

static void undo_addresses(struct world *w)
{
	set_addresses(w, 2);
}

/* The lease as it was is what the start has to come back to. */
static const char *act_start_without_rules(struct world *w, struct subject *s, unsigned n)
{
	world_kill(w);
	remove_rules(w);
	return act_start(w, s, n);
}

static const char *act_start_detached(struct world *w, struct subject *s, unsigned n)
{
	world_kill(w);
	assert_int_equal(sim_set_detached(w->d.sim, SIM0, true), 0);
	(void)world_start(w, n);
	assert_int_equal(sim_set_detached(w->d.sim, SIM0, false), 0);
	return UNANSWERED;
}

const struct scenario lease_scenarios[] = {
	{ "Acquire", .prepare = nothing, .act = act_acquire },
	{ "Acquire, persistent", .prepare = nothing, .act = act_acquire_persistent },
	{ "Acquire, persistent, with a flow", .prepare = nothing, .act = act_acquire_steered },
	{ "Open", .prepare = persistent, .act = act_open },
	{ "Register", .prepare = reserved, .act = act_register },
	{ "Register, with a flow waiting", .prepare = pending, .act = act_register },
	{ "Register, refused", .prepare = reserved, .act = act_register_refused, .unchanged = true },
	{ "Share", .netkit_only = true, .prepare = steered, .act = act_share, .unchanged = true },
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
	{ "Tune, interrupts", .prepare = reserved, .act = act_move },
	{ "Release, tuned", .prepare = tuned, .act = act_release },
	{ "Release", .prepare = steered_and_closed, .act = act_release },
	{ "Release, its ring open", .netkit_only = true, .prepare = steered, .act = act_release },
	{ "Release, not registered", .prepare = pending, .act = act_release },
	{ "its ring closed", .certain = true, .prepare = steered, .act = act_rings_closed },
	{ "its rings closed, of two queues", .certain = true, .prepare = spread,
	  .act = act_rings_closed },
	{ "Register, again", .prepare = unbound, .act = act_register },
	{ "Revoke with grace", .prepare = steered_and_closed, .act = act_revoke },
	{ "Revoke by force", .prepare = steered_and_closed, .act = act_revoke_by_force },
	{ "Revoke while an area is added", .netkit_only = true, .prepare = steered,
	  .act = act_revoke_held, .undo = undo_held },
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
	{ "Acquire, software", .prepare = nothing, .act = act_acquire_software },
	{ "Register, software", .prepare = software, .act = act_register },
	{ "Release, software", .prepare = software_bound_and_closed, .act = act_release },
	{ "the client's death, software", .certain = true, .prepare = software_bound_and_closed,
	  .act = act_client_dies },
	{ "start with a lease, software", .unchanged = true, .prepare = software_bound,
	  .act = act_start },
	{ "start with a lease", .unchanged = true, .prepare = steered, .act = act_start },
	{ "start, the interface detached", .unchanged = true, .certain = true, .prepare = steered,
	  .act = act_start_detached },
	{ "start with two queues, the interface detached", .unchanged = true, .certain = true, .prepare = spread,
	  .act = act_start_detached },
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
