/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is remembered of a NIC's past: the text behind the header, which says that nobody has changed
 * it. It is refused, or is the same when it is written and read again; and whatever it says, there is
 * a way back to it that the NIC either goes or refuses, and then is where it was.
 */
#include <assert.h>

#include "apply.h"
#include "fuzz.h"
#include "baseline.h"
#include "sim.h"

#define IFINDEX 2

static bool same_settings(const struct nic_state *a, const struct nic_state *b)
{
	return a && b ? nic_state_same_settings(a, b) : a == b;
}

static void check_same(const struct baseline *a, const struct baseline *b)
{
	assert(a->rollback_usec == b->rollback_usec && a->unmanaged == b->unmanaged);
	assert(same_settings(a->found, b->found) && same_settings(a->rollback, b->rollback));
}

static void check_round(const struct baseline *o)
{
	_cleanup_origin_ struct baseline again = {};
	_cleanup_free_ char *text = NULL;
	bool same;

	assert(baseline_format(IFINDEX, "simulated", o, &text) == 0);
	assert(baseline_parse(text, IFINDEX, "simulated", &again, &same) == 0);
	assert(same);
	check_same(o, &again);
}

static void check_way_back(const struct nic_state *to)
{
	_cleanup_(nic_state_freep) struct nic_state *start = NULL, *end = NULL;
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct nic_backend *sim = sim_new();
	struct step_result *results;
	struct nic *nic;
	int r;

	assert(sim && sim_nic_state_new(IFINDEX, "sim0", "simulated", 8, 16, &start) == 0);
	assert(sim_add_nic(sim, start, NULL, NULL) == 0);
	start = nic_state_free(start);
	assert(sim->ops->open(sim, IFINDEX, &nic, NULL) == 0);
	assert(nic->ops->observe(nic, &start, NULL) == 0);
	assert(plan_restore(to, start, NULL, true, &plan, NULL) == 0);
	results = step_results_new(plan);
	assert(results);
	r = plan_apply(nic, plan, 0, results, NULL);
	step_results_free(results, plan->n_steps);
	assert(nic->ops->observe(nic, &end, NULL) == 0);
	if (r != 0)
		assert(nic_state_same_settings(start, end));
	else if (to->has_channels)
		assert(end->channels.combined == to->channels.combined);
	nic->ops->close(nic);
	sim->ops->free(sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_origin_ struct baseline o = {};
	_cleanup_free_ char *text = strndup((const char *)data, size);
	bool same;

	if (!text || baseline_parse(text, IFINDEX, "simulated", &o, &same) < 0)
		return 0;
	check_round(&o);
	if (o.found)
		check_way_back(o.found);
	if (o.rollback)
		check_way_back(o.rollback);
	return 0;
}
