/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One simulated NIC as nic.h sees it. A handle knows its slot only, so that it outlives the NIC.
 */
#include "memstream.h"
#include "sim-internal.h"

static struct sim_handle *handle_of(struct nic *nic)
{
	return (struct sim_handle *)nic; /* its first member */
}

int sim_enter(struct sim_handle *h, struct nic_state **ret, struct fault *reterr)
{
	struct nic_state *s = sim_state(h->sim, h->slot);
	char index[16];

	if (!s) {
		snprintf(index, sizeof(index), "%u", h->nic.ifindex);
		return fault_set(reterr, ZCRX_NO_SUCH_INTERFACE, index,
				 "The interface with index %u is gone.", h->nic.ifindex);
	}
	sim_sync(h->sim, h->slot);
	*ret = s;
	return 0;
}

int sim_check_present(const struct sim_handle *h, const struct nic_state *s, const char *operation,
		      struct fault *reterr)
{
	return h->sim->nics[h->slot].detached ? nic_detached(s->name, operation, reterr) : 0;
}

int sim_begin(struct sim_handle *h, const char *name, struct fault *reterr)
{
	for (unsigned slept = 0; slept < h->sim->delay; slept++)
		usleep(1000);
	return sim_operation(h->sim, name, reterr);
}

static int observe_parts(struct nic *nic, bool queues, struct nic_state **ret, struct fault *reterr)
{
	struct sim_handle *h = handle_of(nic);
	struct nic_state *s, *copy, parts;
	int r;

	r = sim_begin(h, "observe the interface", reterr);
	if (r != 0)
		return r;
	SIM_LOCK(h->sim);
	r = sim_enter(h, &s, reterr);
	if (r == 0 && s->software && !h->sim->shared->features.software)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "software queues",
				 "Queues without a NIC need Linux 7.1 or later; this is %s.",
				 h->sim->shared->features.release);
	if (r == 0)
		r = sim_check_present(h, s, "observe the interface", reterr);
	if (r != 0)
		return r;
	parts = *s;
	if (!queues)
		parts.n_queues = 0;
	r = nic_state_copy(&parts, &copy);
	if (r != 0)
		return r;
	for (size_t i = copy->n_contexts; i-- > 0;)
		if (h->lost >> copy->contexts[i].context % 64 & 1) {
			free(copy->contexts[i].entries);
			copy->contexts[i] = copy->contexts[--copy->n_contexts];
		}
	/* The kernel says nothing about the queues of an interface that is down. */
	if (!copy->up)
		copy->n_queues = 0;
	if (!copy->up && h->sim->nics[h->slot].hides_rules)
		copy->n_rules = 0;
	copy->rss_was_set = false; /* nor about this, nor about what follows */
	copy->split_was_set = false;
	copy->split_needs_gro_hw = false;
	for (size_t q = 0; q < copy->n_queues; q++)
		copy->split_was_set |= copy->queues[q].io_uring || copy->queues[q].dmabuf;
	*ret = copy;
	return 0;
}

static int observe(struct nic *nic, struct nic_state **ret, struct fault *reterr)
{
	return observe_parts(nic, true, ret, reterr);
}

static int observe_steering(struct nic *nic, struct nic_state **ret, struct fault *reterr)
{
	return observe_parts(nic, false, ret, reterr);
}

/* It could not be opened again with the setting, nor without. */
static void close_device(struct sim_handle *h)
{
	struct nic_state *s;

	SIM_LOCK(h->sim);
	if (!h->sim->shared->failure_closes || sim_enter(h, &s, NULL) != 0)
		return;
	s->up = false;
	(void)sim_push(h->sim, NIC_EVENT_LINK, s->ifindex, 0);
}

static int bring_up(struct nic *nic, struct fault *reterr)
{
	SIM_PRESENT_NIC(nic, "bring the interface up", h, s, reterr);

	s->up = true;
	return sim_push(h->sim, NIC_EVENT_LINK, s->ifindex, 0);
}

/* "set tcp-data-split, rings" */
static int name_operation(const struct step *steps, size_t n, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);

	for (size_t i = 0; r == 0 && i < n; i++)
		fprintf(m.f, "%s %s", i > 0 ? "," : "set", step_op_to_string(steps[i].op));
	return memstream_end(&m, r, ret);
}

/* Those in front of one that is refused stay, as they may with a driver. */
static int apply(struct nic *nic, const struct step *steps, size_t n, struct fault *reterr)
{
	struct sim_handle *h = handle_of(nic);
	_cleanup_free_ char *operation = NULL;
	struct nic_state *s;
	int r;

	r = name_operation(steps, n, &operation);
	if (r == 0)
		r = sim_begin(h, operation, reterr);
	if (r != 0) {
		close_device(h);
		return r;
	}
	SIM_LOCK(h->sim);
	r = sim_enter(h, &s, reterr);
	if (r == 0)
		r = sim_check_present(h, s, operation, reterr);
	if (r != 0)
		return r;
	if (!s->up && h->sim->nothing_while_down)
		return fault_kernel(reterr, ENETDOWN, "the device is down", operation,
				    "Bring it up.");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = nic_state_apply(s, &steps[i]);
	sim_sync(h->sim, h->slot);
	if (r == -EINVAL)
		return fault_kernel(reterr, EINVAL, "not possible now", operation,
				    "The simulated NIC follows the kernel's rules here.");
	return r < 0 ? r : sim_push(h->sim, NIC_EVENT_SETTINGS, s->ifindex, 0);
}

int sim_down(const struct nic_state *s, struct fault *reterr)
{
	return fault_set(reterr, ZCRX_INTERFACE_DOWN, s->name,
			 "%s is down, and its queues with it; ip link set %s up", s->name, s->name);
}

static int queues(struct nic *nic, const uint32_t *wanted, size_t n, struct nic_queue *ret,
		  struct fault *reterr)
{
	SIM_NIC(nic, "get queues", h, s, reterr);

	if (!s->up)
		return sim_down(s, reterr);
	for (size_t i = 0; i < n; i++)
		if (wanted[i] >= s->n_queues)
			return fault_kernel(reterr, EINVAL, NULL, "get queues",
					    "%s has %zu queues.", s->name, s->n_queues);
	for (size_t i = 0; i < n; i++)
		ret[i] = s->queues[wanted[i]];
	return 0;
}

/* No operation that could fail: a timer asks. */
static int counters(struct nic *nic, const uint32_t *wanted, size_t n, struct nic_queue *ret,
		    struct fault *reterr)
{
	struct sim_handle *h = handle_of(nic);
	struct nic_state *s;
	int r;

	SIM_LOCK(h->sim);
	r = sim_enter(h, &s, reterr);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct sim_nic *slot = &h->sim->nics[h->slot];

		if (slot->arriving > 0 && slot->arriving_queue == wanted[i] && wanted[i] < s->n_queues) {
			slot->arriving--;
			s->queues[wanted[i]].packets++;
		}
		ret[i] = s->up && wanted[i] < s->n_queues ? s->queues[wanted[i]] : (struct nic_queue) {};
	}
	return r;
}

static int check_clean(const struct nic_state *s, const struct grant_request *request,
		       struct fault *reterr)
{
	for (size_t i = 0; i < request->n_queues; i++) {
		if (request->queues[i] >= s->n_queues)
			return fault_kernel(reterr, ERANGE, NULL, "lease the queue",
					    "%s has no queue %u.", s->name, request->queues[i]);
		if (!nic_state_queue_clean(s, request->queues[i]))
			return fault_kernel(reterr, EBUSY, NULL, "lease the queue",
					    "Queue %u of %s is somebody else's.",
					    request->queues[i], s->name);
	}
	return 0;
}

static int make_netkit(struct sim_handle *h, const struct grant_request *request,
		       struct grant *grant, struct fault *reterr)
{
	struct sim *s = h->sim;
	struct sim_netkit *netkits;

	if (!s->shared->features.queue_leasing)
		return fault_kernel(reterr, EOPNOTSUPP, NULL, "create a netkit device",
				    "This kernel has no queue leasing.");
	for (size_t i = 0; i < s->n_netkits; i++)
		if (streq(s->netkits[i].name, request->device))
			return fault_kernel(reterr, EEXIST, NULL, "create a netkit device",
					    "There is a device %s.", request->device);
	netkits = reallocarray(s->netkits, s->n_netkits + 1, sizeof(*netkits));
	if (!netkits)
		return -ENOMEM;
	s->netkits = netkits;
	grant->ifindex = s->next_ifindex++;
	s->netkits[s->n_netkits] =
		(struct sim_netkit) { .ifindex = grant->ifindex, .slot = h->slot };
	memcpy(s->netkits[s->n_netkits++].name, request->device, IFNAMSIZ);
	for (size_t i = 0; i < request->n_queues; i++) {
		struct sim_owner *o = &s->shared->nics[h->slot].queues[request->queues[i]];

		grant->queues[i] = (uint32_t)i + 1; /* its queue 0 is never leased */
		grant->hardware[i] = request->queues[i];
		o->lease_queue = (unsigned)i + 1;
		o->lease_ifindex = grant->ifindex;
	}
	return 0;
}

static int grant(struct nic *nic, const struct grant_request *request, struct grant *ret,
		 struct fault *reterr)
{
	struct grant g = { .kind = request->kind, .n_queues = request->n_queues };
	int r;

	if (request->n_queues == 0 || request->n_queues > LEASE_QUEUES_MAX)
		return -EINVAL;
	SIM_PRESENT_NIC(nic, "lease queues", h, s, reterr);

	if (request->kind == GRANT_DIRECT && !s->up)
		return sim_down(s, reterr);
	r = check_clean(s, request, reterr);
	if (r != 0)
		return r;
	g.ifindex = s->ifindex;
	memcpy(g.queues, request->queues, request->n_queues * sizeof(*g.queues));
	if (request->kind == GRANT_NETKIT)
		r = make_netkit(h, request, &g, reterr);
	if (r == 0)
		*ret = g;
	return r;
}

/* The one that is meant; or, as it is not there, that which has its queues elsewhere. */
static bool is_of_grant(const struct sim_handle *h, const struct sim_netkit *n, const struct grant *g)
{
	if (!n->moved)
		return n->ifindex == g->ifindex;
	for (size_t i = 0; i < g->n_queues; i++)
		if (h->sim->shared->nics[h->slot].queues[g->hardware[i]].lease_ifindex == n->ifindex)
			return true;
	return false;
}

static int ungrant(struct nic *nic, const struct grant *g, struct fault *reterr)
{
	struct sim_handle *h = handle_of(nic);
	const struct nic_state *s;
	int r;

	r = sim_begin(h, "delete the netkit device", reterr);
	if (r != 0 || g->kind != GRANT_NETKIT)
		return r;
	SIM_LOCK(h->sim);
	s = sim_state(h->sim, h->slot);
	if (s)
		r = sim_check_present(h, s, "delete the netkit device", reterr);
	if (r != 0)
		return r;
	for (size_t i = 0; i < h->sim->n_netkits; i++)
		if (is_of_grant(h, &h->sim->netkits[i], g)) {
			sim_delete_netkit(h->sim, i);
			break;
		}
	return 0;
}

static struct nic *nic_close(struct nic *nic)
{
	if (nic)
		free(handle_of(nic)->guard);
	free(nic ? handle_of(nic) : NULL);
	return NULL;
}

static const struct nic_ops nic_ops = {
	.observe = observe,
	.observe_steering = observe_steering,
	.reach = sim_reach,
	.apply = apply,
	.bring_up = bring_up,
	.queues = queues,
	.counters = counters,
	.grant = grant,
	.ungrant = ungrant,
	.context_create = sim_context_create,
	.context_delete = sim_context_delete,
	.rule_insert = sim_rule_insert,
	.rule_delete = sim_rule_delete,
	.guard_set = sim_guard_set,
	.guard_keep = sim_guard_keep,
	.napi_get = sim_napi_get,
	.napi_set = sim_napi_set,
	.irq_get = sim_irq_get,
	.irq_set = sim_irq_set,
	.close = nic_close,
};

int sim_open(struct nic_backend *b, unsigned ifindex, struct nic **ret, struct fault *reterr)
{
	struct sim *s = sim_of(b);
	struct sim_handle *h;
	size_t slot;
	int r;

	r = sim_operation(s, "open the interface", reterr);
	if (r != 0)
		return r;
	SIM_LOCK(s);
	r = ifindex == SOFTWARE_IFINDEX ? sim_find_software(s, &slot) : sim_find(s, ifindex, &slot);
	if (r == -ENOMEM)
		return r;
	/* A netkit device can be deleted through itself. */
	for (size_t i = 0; r < 0 && i < s->n_netkits; i++)
		if (s->netkits[i].ifindex == ifindex) {
			slot = s->netkits[i].slot;
			r = 0;
		}
	if (r < 0)
		return fault_set(reterr, ZCRX_NO_SUCH_INTERFACE, NULL,
				 "There is no interface with index %u.", ifindex);
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct sim_handle) { .nic = { &nic_ops, ifindex }, .sim = s, .slot = slot,
				    .id = ++s->next_handle };
	*ret = &h->nic;
	return 0;
}
