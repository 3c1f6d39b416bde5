/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Of NICs: others change them under a lease, they are configured and put back, they go and return.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scenarios.h"

const char *act_start(struct world *w, struct subject *s, unsigned n)
{
	world_kill(w);
	(void)world_start(w, n);
	return UNANSWERED;
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

const char *act_reset(struct world *w, struct subject *s, unsigned n)
{
	time_t start = time(NULL);

	world_arm(w, n);
	assert_int_equal(sim_reset(w->d.sim, SIM0), 0);
	/* The lease as it was is what it has to come back to: it must not be taken for done before. */
	while (!is_put_back(w) && !world_is_dead(w) && world_is_patient(start))
		usleep(1000);
	return UNANSWERED;
}

#define FOREIGN_LOCATION 900

const char *act_foreign_rule(struct world *w, struct subject *s, unsigned n)
{
	static const struct nic_rule rule = { .location = FOREIGN_LOCATION,
					      .action = RULE_TO_QUEUE, .target = SUBJECT_QUEUE };
	static const struct step nothing_new = { .op = STEP_NTUPLE, .to.number = 1 };

	world_arm(w, n);
	assert_int_equal(sim_foreign_rule(w->d.sim, SIM0, &rule), 0);
	/* It looks at once. */
	assert_int_equal(sim_foreign_step(w->d.sim, SIM0, &nothing_new), 0);
	return UNANSWERED;
}

/* The queue that it led to is withheld until it is seen that it does not any more. */
void undo_foreign_rule(struct world *w)
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

	world_kill(w);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		assert_int_equal(sim_foreign_step(w->d.sim, SIM0, &steps[i]), 0);
}

/* Nobody is told, and there is no lease to be watched. */
static void drifted(struct world *w, struct subject *s)
{
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
	world_arm(w, n);
	return apply(w);
}

static void write_config_with(struct world *w, unsigned queues, const char *keys)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: %u\n%s"
		 "software:\n  queues: 1\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    administer: true\n"
		 "    max-area: 1G\n%s", queues, keys, /* so that rings are watched */
		 (unsigned)getuid(), getenv("ZCRXD_GRANTS_DIRECT") ? "grants: direct\n" : "");
	daemon_write_config(&w->d, text);
}

void write_config(struct world *w, unsigned queues)
{
	write_config_with(w, queues, "");
}

static void drifted_far(struct world *w, struct subject *s)
{
	static const struct step steps[] = {
		{ .op = STEP_RSS, .to = {} },
		{ .op = STEP_HDS_THRESHOLD, .to.number = 256 },
		{ .op = STEP_TCP_DATA_SPLIT, .to.number = SPLIT_DISABLED },
	};

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

	sim_fail_operation(w->d.sim, "set rss", EPERM, "not now");
	world_arm(w, n);
	error = call(w->link, "Apply", &reply, "{}");
	sim_fail_operation(w->d.sim, NULL, 0, NULL);
	if (error)
		return error;
	assert_true(sd_json_variant_format(reply, 0, &text) >= 0);
	assert_non_null(strstr(text, "\"undone\""));
	return apply(w);
}

static const char *act_reload(struct world *w, struct subject *s, unsigned n)
{
	write_config(w, 2);
	world_arm(w, n);
	return call(w->link, "Reload", NULL, "{}");
}

/* RSS leads to the queue that is about to be leased. */
static void serving(struct world *w, struct subject *s)
{
	write_config_with(w, 4, "    idle-queues: serve\n");
	must(call(w->link, "Reload", NULL, "{}"));
	must(apply(w));
}

static const char *act_acquire_serving(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return subject_acquire(w, s, "{\"persistent\":true}");
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
	world_arm(w, n);
	return call(w->link, "Restore", NULL, INTERFACE);
}

/* The kernel refuses to take the channels back, and what was restored by then is configured again. */
static const char *act_restore_undone(struct world *w, struct subject *s, unsigned n)
{
	_cleanup_free_ char *text = NULL;
	sd_json_variant *reply;
	const char *error;

	sim_fail_operation(w->d.sim, "set channels", EPERM, "not now");
	world_arm(w, n);
	error = call(w->link, "Restore", &reply, INTERFACE);
	sim_fail_operation(w->d.sim, NULL, 0, NULL);
	if (error)
		return error;
	assert_true(sd_json_variant_format(reply, 0, &text) >= 0);
	assert_non_null(strstr(text, "\"undone\""));
	return call(w->link, "Restore", NULL, INTERFACE);
}

static const char *act_confirm(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	return call(w->link, "Confirm", NULL, INTERFACE);
}

static const char *act_try_in_vain(struct world *w, struct subject *s, unsigned n)
{
	const char *error;

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

/* --------------------------------------------------------------------- they go and return */

/* The daemon knows, or is dead. */
static void await_end(struct world *w, const struct subject *s)
{
	time_t start = time(NULL);
	bool over = false;

	for (; !over && !world_is_dead(w) && world_is_patient(start); usleep(1000)) {
		_cleanup_free_ char *list = world_list(w);

		over = list && !strstr(list, s->id);
	}
}

/* To another network namespace and back, with all that is on it. */
static const char *act_move(struct world *w, struct subject *s, unsigned n)
{
	world_arm(w, n);
	assert_int_equal(sim_move_away(w->d.sim, SIM0), 0);
	await_end(w, s);
	assert_int_equal(sim_move_back(w->d.sim, SIM0), 0);
	return UNANSWERED;
}

/* Unplugged and plugged in again. */
static const char *act_replug(struct world *w, struct subject *s, unsigned n)
{
	_cleanup_(nic_state_freep) struct nic_state *as_new = NULL;

	assert_int_equal(sim_nic_state_new(SIM0, "sim0", "simulated", 8, 16, &as_new), 0);
	world_arm(w, n);
	assert_int_equal(sim_move_away(w->d.sim, SIM0), 0);
	await_end(w, s);
	assert_int_equal(sim_plug_back(w->d.sim, as_new), 0);
	return UNANSWERED;
}

/* It goes while no daemon is there, and returns to one that knows of it by the record only. */
static const char *act_start_while_away(struct world *w, struct subject *s, unsigned n)
{
	world_kill(w);
	assert_int_equal(sim_move_away(w->d.sim, SIM0), 0);
	(void)world_start(w, n);
	assert_int_equal(sim_move_back(w->d.sim, SIM0), 0);
	return UNANSWERED;
}

const struct scenario nic_scenarios[] = {
	{ "the first start", .certain = true, .prepare = make_unconfigured, .act = act_start },
	{ "Apply", .certain = true, .prepare = drifted, .act = act_apply },
	{ "Apply, undone and done", .certain = true, .prepare = drifted_far,
	  .act = act_apply_undone },
	{ "Restore", .prepare = nothing, .act = act_restore, .undo = undo_restore },
	{ "Restore, undone and done", .prepare = nothing, .act = act_restore_undone, .undo = undo_restore },
	{ "Apply, for a try in vain", .unchanged = true, .certain = true, .prepare = tried_in_vain,
	  .act = act_try_in_vain, .undo = undo_restore },
	{ "Confirm", .lapses = true, .prepare = tried, .act = act_confirm, .undo = undo_restore },
	{ "start, unconfirmed", .certain = true, .prepare = tried, .act = act_start,
	  .undo = undo_restore },
	{ "Reload", .certain = true, .prepare = nothing, .act = act_reload, .undo = undo_reload },
	{ "Acquire, idle queues serve", .prepare = serving, .act = act_acquire_serving, .undo = undo_reload },
	/* Without a netkit device, which the kernel deletes, a lease goes on if nobody saw it away. */
	{ "it moves away and back", .certain = true, .netkit_only = true, .prepare = spread,
	  .act = act_move },
	{ "it is unplugged and comes back", .certain = true, .netkit_only = true, .prepare = spread,
	  .act = act_replug },
	{ "start, while it is away", .certain = true, .netkit_only = true, .prepare = spread,
	  .act = act_start_while_away },
	{ "start, no longer configured", .certain = true, .prepare = away_and_not_configured,
	  .act = act_start, .undo = undo_reload },
};
const size_t n_nic_scenarios = ARRAY_SIZE(nic_scenarios);
