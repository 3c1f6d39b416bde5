/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How simulated queues are polled, and where their interrupts go.
 */
#include "sim-internal.h"

/* The queue, up and with a NAPI of its own. */
static int find_napi(const struct nic_state *s, uint32_t queue, struct nic_queue **ret,
		     struct fault *reterr)
{
	if (!s->up)
		return sim_down(s, reterr);
	if (queue >= s->n_queues || s->software)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "napi", "Queue %u of %s has no NAPI.",
				 queue, s->name);
	*ret = &s->queues[queue];
	return 0;
}

int sim_napi_get(struct nic *nic, uint32_t queue, struct napi_settings *ret, struct fault *reterr)
{
	struct nic_queue *q;
	int r;

	SIM_NIC(nic, "read the polling of a queue", h, s, reterr);

	r = find_napi(s, queue, &q, reterr);
	if (r == 0)
		*ret = q->napi;
	return r;
}

int sim_napi_set(struct nic *nic, uint32_t queue, const struct napi_settings *settings,
		 unsigned which, struct fault *reterr)
{
	struct nic_queue *q;
	int r;

	SIM_NIC(nic, "set the polling of a queue", h, s, reterr);

	r = find_napi(s, queue, &q, reterr);
	if (r == 0) {
		napi_settings_apply(&q->napi, settings, which);
		q->has_napi = true;
	}
	return r;
}

static int find_irq(const struct nic_state *s, uint32_t queue, struct irq_affinity **ret,
		    struct fault *reterr)
{
	int r = s->up ? 0 : sim_down(s, reterr);

	if (r == 0)
		r = nic_queues_check_irq(s->queues, s->n_queues, queue, s->name, reterr);
	if (r == 0)
		*ret = &s->queues[queue].interrupt;
	return r;
}

int sim_irq_get(struct nic *nic, uint32_t queue, struct irq_affinity *ret, struct fault *reterr)
{
	struct irq_affinity *a;
	int r;

	SIM_NIC(nic, "read the affinity of an interrupt", h, s, reterr);

	r = find_irq(s, queue, &a, reterr);
	if (r == 0)
		*ret = *a;
	return r;
}

int sim_irq_set(struct nic *nic, uint32_t queue, const struct irq_affinity *affinity,
		struct fault *reterr)
{
	static const char operation[] = "set the affinity of an interrupt";
	struct irq_affinity *a;
	int r;

	SIM_NIC(nic, operation, h, s, reterr);

	r = find_irq(s, queue, &a, reterr);
	if (r != 0)
		return r;
	if (a->irq != affinity->irq)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "irq",
				 "The queue has another interrupt by now.");
	if (strtoul(affinity->cpus, NULL, 10) >= SIM_CPUS)
		return fault_kernel(reterr, EINVAL, NULL, operation, "None of these CPUs is online.");
	*a = *affinity;
	return 0;
}
