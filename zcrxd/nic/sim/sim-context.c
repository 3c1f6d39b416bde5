/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RSS contexts of a simulated NIC: ours by nic.h, and what others do to them.
 */
#include "sim-internal.h"

static struct rss_table *find_context(struct nic_state *s, uint32_t context)
{
	for (size_t i = 0; i < s->n_contexts; i++)
		if (s->contexts[i].context == context)
			return &s->contexts[i];
	return NULL;
}

static int add_context(struct nic_state *s, const uint32_t *queues, size_t n, uint32_t *ret)
{
	struct rss_table *contexts =
		reallocarray(s->contexts, s->n_contexts + 1, sizeof(*s->contexts));
	uint32_t *entries = calloc(s->rss.n, sizeof(*entries)), id = 1;

	if (contexts)
		s->contexts = contexts;
	if (!contexts || !entries) {
		free(entries);
		return -ENOMEM;
	}
	while (find_context(s, id))
		id++;
	rss_table_spread(queues, n, entries, s->rss.n);
	s->contexts[s->n_contexts++] =
		(struct rss_table) { .context = id, .entries = entries, .n = s->rss.n };
	*ret = id;
	return 0;
}

int sim_context_create(struct nic *nic, const uint32_t *queues, size_t n, uint32_t *ret_context,
		       struct fault *reterr)
{
	static const char operation[] = "create an RSS context";
	size_t max;
	int r;

	SIM_PRESENT_NIC(nic, operation, h, s, reterr);

	max = h->sim->nics[h->slot].contexts_max;
	if (s->n_contexts >= max)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, s->name, "%s has %s.", s->name,
				 max == 0 ? "no RSS contexts" : "no RSS context left");
	for (size_t i = 0; i < n; i++)
		if (queues[i] >= nic_channels_rx(&s->channels))
			return fault_kernel(reterr, EINVAL, "queue out of range", operation,
					    "There is no queue %u.", queues[i]);
	r = add_context(s, queues, n, ret_context);
	return r != 0 ? r : sim_push(h->sim, NIC_EVENT_SETTINGS, s->ifindex, 0);
}

static int delete_context(struct nic_state *s, uint32_t context)
{
	struct rss_table *t = find_context(s, context);

	if (!t)
		return -ENOENT;
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].action == RULE_TO_CONTEXT && s->rules[i].target == context)
			return -EBUSY;
	free(t->entries);
	*t = s->contexts[--s->n_contexts];
	return 0;
}

int sim_context_delete(struct nic *nic, uint32_t context, const uint32_t *queues, size_t n,
		       struct fault *reterr)
{
	static const char operation[] = "delete the RSS context";
	int r;

	SIM_PRESENT_NIC(nic, operation, h, s, reterr);

	if (!nic_state_own_context(s, context, queues, n))
		return 0;
	if (h->sim->nics[h->slot].contexts_lost >> context % 64 & 1) {
		h->lost |= UINT64_C(1) << context % 64;
		return fault_kernel(reterr, EINVAL, NULL, operation, "The driver has lost context %u.", context);
	}
	r = delete_context(s, context);
	if (r == -EBUSY)
		return fault_kernel(reterr, EBUSY, NULL, operation, "A rule leads to context %u.",
				    context);
	return r != 0 ? r : sim_push(h->sim, NIC_EVENT_SETTINGS, s->ifindex, 0);
}

/* ------------------------------------------------------------------- the world outside */

int sim_lose_contexts(struct nic_backend *b, unsigned ifindex)
{
	const struct step table = { .op = STEP_RSS };
	struct nic_state *state;

	SIM_AT(b, ifindex, s, slot);

	state = s->nics[slot].state;
	state->n_rules = 0;
	for (size_t i = 0; i < state->n_contexts; i++)
		s->nics[slot].contexts_lost |= UINT64_C(1) << state->contexts[i].context % 64;
	return nic_state_apply(state, &table);
}

int sim_set_contexts_max(struct nic_backend *b, unsigned ifindex, size_t n)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].contexts_max = n;
	return 0;
}

int sim_set_rules_max(struct nic_backend *b, unsigned ifindex, size_t n)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].rules_max = n;
	return 0;
}

int sim_remove_context(struct nic_backend *b, unsigned ifindex, uint32_t context)
{
	int r;

	SIM_AT(b, ifindex, s, slot);

	r = delete_context(s->nics[slot].state, context);
	return r < 0 ? r : sim_push(s, NIC_EVENT_SETTINGS, ifindex, 0);
}
