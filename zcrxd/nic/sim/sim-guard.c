/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard of a simulated NIC: the flows that it stands for, and who has set it.
 */
#include "sim-internal.h"

static int copy_flows(struct flow **to, size_t *to_n, const struct flow *flows, size_t n)
{
	struct flow *copy = calloc(n + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n > 0)
		memcpy(copy, flows, n * sizeof(*copy));
	free(*to);
	*to = copy;
	*to_n = n;
	return 0;
}

static bool is_among(const struct flow *flow, const struct flow *flows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (flow_covers(&flows[i], flow))
			return true;
	return false;
}

bool sim_guards(const struct sim_nic *nic, const struct flow *flow)
{
	return is_among(flow, nic->guard, nic->n_guard);
}

static bool has_rule(const struct sim_nic *nic, const struct flow *flow)
{
	for (size_t i = 0; i < nic->state->n_rules; i++)
		if (nic->state->rules[i].understood && flow_equal(&nic->state->rules[i].flow, flow))
			return true;
	return false;
}

/* With the lock held. */
static int set(struct sim_handle *h)
{
	struct sim_nic *nic = &h->sim->nics[h->slot];

	for (size_t i = 0; nic->state && i < nic->n_guard; i++)
		if (has_rule(nic, &nic->guard[i]) && !is_among(&nic->guard[i], h->guard, h->n_guard))
			h->sim->n_unguarded++;
	nic->guard_owner = h->id;
	return copy_flows(&nic->guard, &nic->n_guard, h->guard, h->n_guard);
}

int sim_guard_set(struct nic *nic, const struct flow *flows, size_t n, struct fault *reterr)
{
	int r;

	SIM_NIC(nic, "guard the flows", h, s, reterr);

	if (!h->sim->shared->features.guard)
		return fault_kernel(reterr, EOPNOTSUPP, NULL, "guard the flows",
				    "There is no nf_tables.");
	r = copy_flows(&h->guard, &h->n_guard, flows, n);
	return r == 0 ? set(h) : r;
}

int sim_guard_keep(struct nic *nic, bool *ret_lost, struct fault *reterr)
{
	const struct sim_nic *there;

	SIM_NIC(nic, "look at the guard", h, s, reterr);

	there = &h->sim->nics[h->slot];
	*ret_lost = h->n_guard > 0 && (there->guard_owner != h->id || there->n_guard == 0);
	return *ret_lost ? set(h) : 0;
}

int sim_guard_sweep(struct nic_backend *b, bool (*is_needed)(unsigned ifindex, void *userdata),
		    void *userdata)
{
	struct sim *s = sim_of(b);
	int r = sim_operation(s, "sweep guards", NULL);

	if (r != 0)
		return r < 0 ? r : -s->shared->fail_error;
	SIM_LOCK(s);
	for (size_t i = 0; i < s->n_nics; i++)
		if (s->nics[i].state && !is_needed(s->nics[i].state->ifindex, userdata))
			s->nics[i].n_guard = 0;
	return 0;
}

/* ------------------------------------------------------------------- the world outside */

int sim_remove_guard(struct nic_backend *b, unsigned ifindex)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].n_guard = 0;
	return 0;
}

bool sim_is_guarded(struct nic_backend *b, unsigned ifindex, const struct flow *flow)
{
	struct sim *s = sim_of(b);
	size_t slot;

	SIM_LOCK(s);
	return sim_find(s, ifindex, &slot) == 0 && sim_guards(&s->nics[slot], flow);
}

unsigned sim_unguarded(struct nic_backend *b)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	return s->n_unguarded;
}

size_t sim_count_guarded(struct nic_backend *b, unsigned ifindex)
{
	struct sim *s = sim_of(b);
	size_t slot;

	SIM_LOCK(s);
	return sim_find(s, ifindex, &slot) < 0 ? 0 : s->nics[slot].n_guard;
}
