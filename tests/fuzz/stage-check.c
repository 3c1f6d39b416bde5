/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What must be true of the daemon and its machine, whatever the clients do. It looks into both
 * without asking either: an operation of the simulation would count as one of the daemon's.
 */
#include <assert.h>
#include <systemd/sd-id128.h>

#include "check-record.h"
#include "proof.h"
#include "record.h"
#include "sim-internal.h"
#include "regular-file.h"
#include "snapshot.h"
#include "stage.h"
#include "state-file.h"

static bool lease_has_queue(const struct lease *l, unsigned ifindex, uint32_t queue)
{
	if (l->ifindex != ifindex)
		return false;
	for (unsigned i = 0; i < l->n_queues; i++)
		if (l->queues[i] == queue)
			return true;
	return false;
}

static void check_lease(const struct lease *l)
{
	const struct device *d = l->device;
	const struct inventory_queue *q;
	const struct lease *other;

	assert(l->state != LEASE_FREE && l->n_ref > 0 && l->n_queues <= LEASE_QUEUES_MAX);
	assert(l->n_flows <= LEASE_FLOWS_MAX && l->n_handles <= LEASE_HANDLES_MAX);
	assert(l->persistent || l->n_handles > 0 || l->n_busy > 0 || l->state >= LEASE_DRAINING);
	for (unsigned i = 0; i < l->n_queues; i++) {
		TAILQ_FOREACH(other, &stage.manager->leases.list, entry)
			assert(other == l || !lease_has_queue(other, l->ifindex, l->queues[i]));
		q = inventory_get(&d->inventory, l->queues[i]);
		assert(!q || d->phase == DEVICE_GONE || q->lease == l->id || q->quarantine);
	}
	for (size_t i = 0; i < l->n_flows; i++)
		assert(l->flows[i]->queue == ALL_QUEUES || l->flows[i]->queue < l->n_queues);
}

static bool leads_to(const struct lease *l, unsigned ifindex, const struct nic_rule *r)
{
	return r->action == RULE_TO_CONTEXT
		       ? l->ifindex == ifindex && l->rss == LEASE_RSS_CONTEXT &&
				 l->context == r->target
		       : lease_has_queue(l, ifindex, r->target);
}

/* A rule that leads into the carved-out queues is some lease's. */
static void check_rule(unsigned ifindex, const struct nic_rule *r)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &stage.manager->leases.list, entry) {
		if (!leads_to(l, ifindex, r))
			continue;
		for (size_t i = 0; i < l->n_flows; i++)
			if (flow_equal(&l->flows[i]->flow, &r->flow))
				return;
	}
	assert(!"a rule leads to a queue that no lease has");
}

/* A context leads to queues that one lease has, all of them bound once. */
static void check_context(const struct nic_state *s, const struct rss_table *t)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &stage.manager->leases.list, entry)
		if (l->ifindex == s->ifindex && l->n_queues > 1 &&
		    nic_state_own_context(s, t->context, l->queues, l->n_queues))
			return;
	assert(!"a context leads to queues that no lease has");
}

/* What its phase says is so, and nothing of an earlier one is left. */
static void check_device(const struct device *d)
{
	bool closed = d->phase == DEVICE_MISSING || d->phase == DEVICE_CLOSED;

	assert((d->phase == DEVICE_MISSING) == (d->ifindex == 0));
	assert(!device_is_open(d) || d->worker);
	assert(!closed || !d->worker);
	assert(!d->reason == (d->phase == DEVICE_CONFIGURED));
	assert(!device_phase_needs_entry(d->phase) || device_has_entry(d));
	assert(d->phase != DEVICE_ORPHANED || !device_has_entry(d));
	/* What nothing keeps is freed, or missing. */
	assert(!device_is_unused(d) || (d->phase != DEVICE_GONE && d->phase != DEVICE_ORPHANED));
	/* Only in the time between two daemons a change is overdue on what is not open. */
	assert(device_is_open(d) || d->trial.state == TRIAL_NONE ||
	       (d->phase == DEVICE_CLOSED && d->trial.state == TRIAL_OVERDUE));
	assert((d->trial.until > 0) == (d->trial.state >= TRIAL_APPLYING && d->trial.state <= TRIAL_CONFIRMING));
	assert(d->trial.timer == NULL || d->trial.state == TRIAL_AWAITED || d->trial.state == TRIAL_OVERDUE ||
	       d->trial.state == TRIAL_APPLYING);
}

void stage_check_leases(void)
{
	const struct device *d;
	const struct lease *l;

	TAILQ_FOREACH(l, &stage.manager->leases.list, entry)
		check_lease(l);
	TAILQ_FOREACH(d, &stage.manager->devices.list, entry) {
		unsigned n = 0;

		TAILQ_FOREACH(l, &stage.manager->leases.list, entry)
			n += l->device == d;
		assert(n == d->n_leases);
		check_device(d);
	}
}

void stage_check_record(void)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *there = NULL, *right = NULL;
	_cleanup_free_ char *text = NULL, *file = NULL;
	char boot[SD_ID128_STRING_MAX];
	const char *record;
	struct lease *l;
	size_t size, n;
	sd_id128_t id;

	TAILQ_FOREACH(l, &stage.manager->leases.list, entry)
		free(TAKE_PTR(l->record)); /* what has not been saved is not marked by this */
	assert(leases_format_record(&stage.manager->leases, &text) == 0);
	assert(sd_json_parse(text, 0, &right, NULL, NULL) == 0);
	assert(regular_file_read(stage.state_path, 0, 1 << 26, &file, &size) == 0);
	assert(sd_id128_get_boot(&id) >= 0);
	assert(state_check(file, size, sd_id128_to_string(id, boot), &record, &n) == 0);
	assert(state_parse(record, n, &there) == 0);
	if (!sd_json_variant_equal(there, right)) {
		fprintf(stderr, "On record: %sShould be: %s", file, text);
		abort();
	}
	check_record(&stage.manager->leases, text);
}

void stage_check(void)
{
	const struct sim *sim = sim_of(stage.sim);
	uint32_t id;

	stage_check_leases();
	for (size_t i = 0; i < sim->n_nics; i++)
		for (size_t k = 0; sim->nics[i].state && k < sim->nics[i].state->n_rules; k++)
			check_rule(sim->nics[i].state->ifindex, &sim->nics[i].state->rules[k]);
	for (size_t i = 0; i < sim->n_nics; i++)
		for (size_t k = 0; sim->nics[i].state && k < sim->nics[i].state->n_contexts; k++)
			check_context(sim->nics[i].state, &sim->nics[i].state->contexts[k]);
	for (size_t i = 0; i < sim->n_netkits; i++) {
		assert(lease_id_from_device(sim->netkits[i].name, &id) == 0);
		assert(leases_find(&stage.manager->leases, id));
	}
}

static bool socket_exists(const struct sim *sim, uint64_t cookie)
{
	for (size_t i = 0; i < sim->n_sockets; i++)
		if (sim->sockets[i].facts.cookie == cookie)
			return cookie != sim->strayed;
	return false;
}

void stage_check_proofs(void)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &stage.manager->leases.list, entry)
		for (size_t i = 0; i < l->n_flows; i++)
			assert(!l->flows[i]->proof || l->flows[i]->state != FLOW_INSTALLED ||
			       socket_exists(sim_of(stage.sim), l->flows[i]->proof->facts.cookie));
}

static bool is_left_to_people(const struct device *d)
{
	return d->phase == DEVICE_UNMANAGED || d->phase == DEVICE_RESTORING || !device_has_entry(d) ||
	       d->trial.until > 0 || d->refused;
}

static bool something_is_degraded(void)
{
	const struct device *d;

	TAILQ_FOREACH(d, &stage.manager->devices.list, entry)
		if (device_phase_is_degraded(d->phase) && !is_left_to_people(d))
			return true;
	return false;
}

void stage_check_degraded(void)
{
	for (unsigned i = 0; i < 4 && something_is_degraded(); i++)
		stage_pass(70000);
	assert(!something_is_degraded());
}

void stage_check_clean(void)
{
	const struct sim *sim = sim_of(stage.sim);
	const struct device *d;

	assert(TAILQ_EMPTY(&stage.manager->leases.list));
	assert(sim->n_netkits == 0);
	for (size_t i = 0; i < sim->n_nics; i++) {
		const struct nic_state *s = sim->nics[i].state;

		assert(!s || (s->n_rules == 0 && s->n_contexts == 0));
		for (unsigned q = 0; s && q < SIM_QUEUES_MAX; q++)
			assert(!sim->shared->nics[i].queues[q].io_uring &&
			       sim->shared->nics[i].queues[q].lease_ifindex == 0);
	}
	TAILQ_FOREACH(d, &stage.manager->devices.list, entry)
		assert(inventory_free_count(&d->inventory) == d->inventory.carve_out.zero_copy_count);
}
