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

static void check_same(const struct baseline *a, const struct baseline *b)
{
	assert(a->has_found == b->has_found && a->has_rollback == b->has_rollback &&
	       a->rollback_usec == b->rollback_usec && a->unmanaged == b->unmanaged);
	assert(nic_settings_equal(&a->found, &b->found) &&
	       nic_settings_equal(&a->rollback, &b->rollback));
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

static struct nic_settings read_settings(struct nic *nic, struct nic_state **ret)
{
	struct nic_settings s;

	assert(nic->ops->observe(nic, ret, NULL) == 0);
	assert(nic_settings_read(*ret, &s) == 0);
	return s;
}

static void check_way_back(const struct nic_settings *to)
{
	_cleanup_(nic_state_freep) struct nic_state *start = NULL, *end = NULL;
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct nic_backend *sim = sim_new();
	struct step_result *results;
	struct nic_settings before, after;
	struct nic *nic;
	int r;

	assert(sim && sim_nic_state_new(IFINDEX, "sim0", "simulated", 8, 16, &start) == 0);
	assert(sim_add_nic(sim, start, NULL, NULL) == 0);
	start = nic_state_free(start);
	assert(sim->ops->open(sim, IFINDEX, &nic, NULL) == 0);
	before = read_settings(nic, &start);
	assert(plan_build_back(to, start, false, &plan, NULL) == 0);
	results = step_results_new(plan);
	assert(results);
	r = plan_apply(nic, plan, 0, results, NULL);
	step_results_free(results, plan->n_steps);
	after = read_settings(nic, &end);
	if (r != 0)
		assert(nic_settings_equal(&before, &after));
	else if (to->has_channels)
		assert(end->channels.combined == to->channels.combined);
	nic_settings_done(&before);
	nic_settings_done(&after);
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
	if (o.has_found)
		check_way_back(&o.found);
	if (o.has_rollback)
		check_way_back(&o.rollback);
	return 0;
}
