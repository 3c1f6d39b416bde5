/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to the simulated machine from outside: other administrators, rings that are closed.
 * Each tells its event as the kernel would. What links do is in sim-links.c.
 */
#include "sim-internal.h"

static void spread(struct nic_state *s, unsigned queues)
{
	for (size_t i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = (uint32_t)(i % queues);
}

int sim_nic_state_new(unsigned ifindex, const char *name, const char *driver, unsigned queues,
		      unsigned max, struct nic_state **ret)
{
	_cleanup_(nic_state_freep) struct nic_state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct nic_state) {
		.ifindex = ifindex,
		.driver = strdup(driver),
		.up = true,
		.numa_node = -1,
		.has_channels = true,
		.channels = { .combined = queues, .combined_max = max },
		.has_rings = true,
		.rx_ring = 512,
		.rx_ring_max = 8192,
		.has_split = true,
		.has_hds_threshold = true,
		.hds_threshold = 256,
		.ntuple = FEATURE_OFF,
		.gro_hw = FEATURE_OFF,
		.has_rss = true,
		.rss = { .entries = calloc(128, sizeof(uint32_t)), .n = 128 },
		.has_rules = true,
		.queues = calloc(queues, sizeof(*s->queues)),
		.n_queues = queues,
	};
	snprintf(s->name, sizeof(s->name), "%s", name);
	if (!s->driver || !s->rss.entries || !s->queues)
		return -ENOMEM;
	spread(s, queues);
	for (unsigned q = 0; q < queues; q++)
		s->queues[q].napi_id = 8192 + q;
	*ret = TAKE_PTR(s);
	return 0;
}

int sim_set_addresses(struct nic_backend *b, unsigned ifindex,
		      const struct local_address *addresses, size_t n)
{
	struct sim *s = sim_of(b);
	struct local_address *copy, **list;
	struct sim_other *other;
	size_t slot;

	SIM_LOCK(s);
	other = sim_find_other(s, ifindex);
	if (!other && sim_find(s, ifindex, &slot) < 0)
		return -ENODEV;
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copy[i] = addresses[i];
		copy[i].ifindex = ifindex;
	}
	list = other ? &other->addresses : &s->nics[slot].addresses;
	free(*list);
	*list = copy;
	*(other ? &other->n_addresses : &s->nics[slot].n_addresses) = n;
	return sim_push(s, NIC_EVENT_ADDRESSES, ifindex, 0);
}

static int tell_drift(struct sim *s, unsigned ifindex)
{
	return s->silent ? 0 : sim_push(s, NIC_EVENT_SETTINGS, ifindex, 0);
}

void sim_set_silent(struct nic_backend *b, bool silent)
{
	SIM_LOCK(sim_of(b));
	sim_of(b)->silent = silent;
}

void sim_set_short_rings(struct nic_backend *b, bool set)
{
	SIM_LOCK(sim_of(b));
	sim_of(b)->short_rings = set;
}

int sim_foreign_step(struct nic_backend *b, unsigned ifindex, const struct step *step)
{
	int r;

	SIM_AT(b, ifindex, s, slot);

	sim_sync(s, slot);
	r = nic_state_apply(s->nics[slot].state, step);
	if (r < 0)
		return r;
	sim_sync(s, slot);
	return tell_drift(s, ifindex);
}

void sim_set_interrupt(struct nic_backend *b, unsigned ifindex, uint32_t queue,
		       const struct irq_affinity *affinity)
{
	struct sim *s = sim_of(b);
	size_t slot;

	SIM_LOCK(s);
	if (sim_find(s, ifindex, &slot) == 0 && queue < s->nics[slot].state->n_queues)
		s->nics[slot].state->queues[queue].interrupt = *affinity;
}

void sim_set_counters(struct nic_backend *b, unsigned ifindex, uint32_t queue, uint64_t packets,
		      uint64_t failures, uint64_t in_use)
{
	struct sim *s = sim_of(b);
	struct nic_queue *q;
	size_t slot;

	SIM_LOCK(s);
	if (sim_find(s, ifindex, &slot) < 0 || queue >= s->nics[slot].state->n_queues)
		return;
	q = &s->nics[slot].state->queues[queue];
	q->has_counters = q->has_failures = q->has_pool = true;
	q->packets = packets;
	q->failures = failures;
	q->pool_bytes = in_use;
}

void sim_set_arriving(struct nic_backend *b, unsigned ifindex, uint32_t queue, unsigned looks)
{
	struct sim *s = sim_of(b);
	size_t slot;

	sim_set_counters(b, ifindex, queue, 1, 0, 0);
	SIM_LOCK(s);
	if (sim_find(s, ifindex, &slot) < 0)
		return;
	s->nics[slot].arriving_queue = queue;
	s->nics[slot].arriving = looks;
}

unsigned sim_arriving(struct nic_backend *b, unsigned ifindex)
{
	struct sim *s = sim_of(b);
	size_t slot;

	SIM_LOCK(s);
	return sim_find(s, ifindex, &slot) < 0 ? 0 : s->nics[slot].arriving;
}

void sim_set_napi(struct nic_backend *b, unsigned ifindex, uint32_t queue, uint32_t id)
{
	struct sim *s = sim_of(b);
	size_t slot;

	SIM_LOCK(s);
	if (sim_find(s, ifindex, &slot) == 0 && queue < s->nics[slot].state->n_queues)
		s->nics[slot].state->queues[queue].napi_id = id;
}

/* The kernel tells nobody of rules. */
int sim_foreign_rule(struct nic_backend *b, unsigned ifindex, const struct nic_rule *rule)
{
	struct nic_state *state;
	struct nic_rule *rules;

	SIM_AT(b, ifindex, s, slot);

	state = s->nics[slot].state;
	rules = reallocarray(state->rules, state->n_rules + 1, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	state->rules = rules;
	state->rules[state->n_rules++] = *rule;
	return 0;
}

int sim_remove_rule(struct nic_backend *b, unsigned ifindex, uint32_t location)
{
	struct nic_state *state;

	SIM_AT(b, ifindex, s, slot);

	state = s->nics[slot].state;
	for (size_t i = 0; i < state->n_rules; i++)
		if (state->rules[i].location == location) {
			state->rules[i] = state->rules[--state->n_rules];
			return 0;
		}
	return -ENOENT;
}

int sim_foreign_context(struct nic_backend *b, unsigned ifindex, uint32_t context, uint32_t queue)
{
	struct nic_state *state;
	struct rss_table *contexts;
	uint32_t *entry;

	SIM_AT(b, ifindex, s, slot);

	state = s->nics[slot].state;
	contexts = reallocarray(state->contexts, state->n_contexts + 1, sizeof(*contexts));
	if (!contexts)
		return -ENOMEM;
	state->contexts = contexts;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	*entry = queue;
	state->contexts[state->n_contexts++] =
		(struct rss_table) { .context = context, .entries = entry, .n = 1 };
	return tell_drift(s, ifindex);
}

int sim_set_rfs(struct nic_backend *b, unsigned ifindex, uint32_t queue, bool on)
{
	struct nic_state *state;

	SIM_AT(b, ifindex, s, slot);

	state = s->nics[slot].state;
	state->n_rfs_queues = on ? 1 : 0;
	free(state->rfs_queues);
	state->rfs_queues = on ? malloc(sizeof(queue)) : NULL;
	if (on && !state->rfs_queues)
		return -ENOMEM;
	if (on)
		*state->rfs_queues = queue;
	return 0; /* nobody is told */
}

int sim_reset(struct nic_backend *b, unsigned ifindex)
{
	const struct step table = { .op = STEP_RSS };
	struct nic_state *state;
	int r;

	SIM_AT(b, ifindex, s, slot);

	state = s->nics[slot].state;
	state->n_rules = 0;
	while (state->n_contexts > 0)
		free(state->contexts[--state->n_contexts].entries);
	r = nic_state_apply(state, &table);
	return r < 0 ? r : tell_drift(s, ifindex);
}

int sim_set_detached(struct nic_backend *b, unsigned ifindex, bool detached)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].detached = detached;
	return sim_push(s, NIC_EVENT_LINK, ifindex, 0); /* drivers switch the carrier off and on as well */
}

int sim_set_hides_rules(struct nic_backend *b, unsigned ifindex)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].hides_rules = true;
	return 0;
}

int sim_set_bound(struct nic_backend *b, unsigned ifindex, uint32_t queue, bool bound)
{
	SIM_AT(b, ifindex, s, slot);

	if (queue >= s->nics[slot].state->n_queues)
		return -ERANGE;
	s->shared->nics[slot].queues[queue].io_uring = bound;
	if (!bound)
		sim_close_rings(s, &s->shared->nics[slot].queues[queue]);
	return sim_push(s, NIC_EVENT_PAGE_POOL, ifindex, 0);
}

void sim_set_quiet(struct nic_backend *b, bool quiet)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	s->quiet = quiet;
}

void sim_set_nothing_while_down(struct nic_backend *b)
{
	sim_of(b)->nothing_while_down = true;
}

void sim_set_failure_closes(struct nic_backend *b)
{
	sim_of(b)->shared->failure_closes = true;
}

void sim_set_clients_root(struct nic_backend *b, bool root)
{
	sim_of(b)->clients_are_root = root;
}

unsigned sim_socket_looks(struct nic_backend *b)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	return s->n_looks;
}

unsigned sim_awaited_sockets(struct nic_backend *b)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	return s->n_awaited;
}

unsigned sim_let_pass(struct nic_backend *b)
{
	return atomic_load(&sim_of(b)->n_let_pass);
}

int sim_overrun(struct nic_backend *b)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	s->n_events = 0;
	return sim_push(s, NIC_EVENT_OVERRUN, 0, 0);
}
