/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tune: how the queues of a lease are polled, and where their interrupts go. The bounds keep what shares
 * the NAPI with the queue going, the completions of its channel's sends: whoever waits for one waits no
 * longer than these. Interrupts go where the client could burn the CPU itself, so that they are no way
 * onto CPUs that are kept for somebody else.
 */
#include "methods.h"
#include "policy.h"
#include "tune.h"

#define DEFER_HARD_IRQS_MOST	  100
#define GRO_FLUSH_TIMEOUT_MOST	  10000000  /* 10 ms */
#define IRQ_SUSPEND_TIMEOUT_MOST 100000000 /* 100 ms */

struct tune_parameters {
	struct lease_reference lease;
	uint64_t queue;
	uint64_t defer_hard_irqs, gro_flush_timeout, irq_suspend_timeout;
	const char *irq_affinity;
};

#define NOT_GIVEN UINT64_MAX

static int take_setting(const char *field, uint64_t value, uint64_t most, unsigned bit,
			unsigned *which, struct fault *reterr)
{
	if (value == NOT_GIVEN)
		return 0;
	if (value > most)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, field, "%s is a number from 0 to %ju.",
				 field, (uintmax_t)most);
	*which |= bit;
	return 0;
}

static int take_affinity(const char *list, struct tuning *ret, struct fault *reterr)
{
	struct cpus ignored;
	int r;

	if (!list)
		return 0;
	r = cpus_parse(list, &ignored);
	if (r == -ERANGE)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "irqAffinity",
				 "irqAffinity names a CPU beyond %d, the last that a kernel can have.", CPUS_MAX - 1);
	if (r < 0)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "irqAffinity",
				 "irqAffinity is a list of CPUs such as 0-3,8; not a mask, as in smp_affinity.");
	if (strlen(list) >= sizeof(ret->irq.cpus))
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "irqAffinity",
				 "irqAffinity is longer than %zu bytes. Write neighbours as ranges (0-3).",
				 sizeof(ret->irq.cpus) - 1);
	strcpy(ret->irq.cpus, list);
	return 0;
}

static int take_tuning(const struct tune_parameters *p, struct tuning *ret, struct fault *reterr)
{
	struct tuning t = { .napi = { (uint32_t)p->defer_hard_irqs, p->gro_flush_timeout,
				      p->irq_suspend_timeout } };
	int r = take_setting("deferHardIrqs", p->defer_hard_irqs, DEFER_HARD_IRQS_MOST,
			     NAPI_DEFER_HARD_IRQS, &t.which, reterr);

	if (r == 0)
		r = take_setting("groFlushTimeoutNSec", p->gro_flush_timeout, GRO_FLUSH_TIMEOUT_MOST,
				 NAPI_GRO_FLUSH_TIMEOUT, &t.which, reterr);
	if (r == 0)
		r = take_setting("irqSuspendTimeoutNSec", p->irq_suspend_timeout,
				 IRQ_SUSPEND_TIMEOUT_MOST, NAPI_IRQ_SUSPEND_TIMEOUT, &t.which, reterr);
	if (r == 0)
		r = take_affinity(p->irq_affinity, &t, reterr);
	if (r == 0 && t.which == 0 && !*t.irq.cpus)
		r = fault_set(reterr, ZCRX_INVALID_PARAMETER, "deferHardIrqs",
			      "Nothing to set: give deferHardIrqs, groFlushTimeoutNSec, "
			      "irqSuspendTimeoutNSec or irqAffinity.");
	*ret = t;
	return r;
}

/* The policy's word on all of it. */
static int authorise(sd_varlink *link, const struct api *api, const struct peer *peer,
		     const struct tuning *t, struct fault *reterr)
{
	struct cpus asked, own;
	int r = policy_check_tune(api->devices->config, peer, reterr);

	if (r != 0 || !*t->irq.cpus)
		return r;
	r = cpus_parse(t->irq.cpus, &asked);
	if (r == 0)
		r = peer_cpus(link, peer, &own);
	return r < 0 ? r : policy_check_cpus(api->devices->config, peer, &asked, &own, reterr);
}

static void on_tuned(struct lease *l, int r, struct fault *fault, void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;

	if (r != 0)
		(void)reply_fault(link, r, fault);
	else
		(void)sd_varlink_reply(link, NULL);
}

#define OPTIONAL(name, field)                                                                      \
	{ name, _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_uint64,                           \
	  offsetof(struct tune_parameters, field), 0 }

static const sd_json_dispatch_field tune_fields[] = {
	LEASE_FIELDS,
	OPTIONAL("queue", queue),
	OPTIONAL("deferHardIrqs", defer_hard_irqs),
	OPTIONAL("groFlushTimeoutNSec", gro_flush_timeout),
	OPTIONAL("irqSuspendTimeoutNSec", irq_suspend_timeout),
	{ "irqAffinity", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
	  offsetof(struct tune_parameters, irq_affinity), SD_JSON_NULLABLE },
	{}
};

/* Nonsense is refused before anything is looked for. */
static int tune(struct call *c, void *parameters)
{
	const struct tune_parameters *p = parameters;
	unsigned queue = p->queue == NOT_GIVEN ? TUNE_EVERY_QUEUE :
			 p->queue < LEASE_QUEUES_MAX ? (unsigned)p->queue : LEASE_QUEUES_MAX;
	struct lease *l = NULL;
	struct tuning tuning;
	int r = take_tuning(p, &tuning, &c->fault);

	if (r == 0)
		r = request_lease(c->link, c->api, &c->peer, p->lease.id, p->lease.handle, &l, &c->fault);
	if (r == 0)
		r = authorise(c->link, c->api, &c->peer, &tuning, &c->fault);
	if (r == 0)
		r = lease_tune(l, queue, &tuning, on_tuned, c->link, &c->fault);
	if (r == 0)
		sd_varlink_ref(c->link);
	return r;
}

const struct method method_tune = {
	.kind = METHOD_PEER,
	.fields = tune_fields,
	.size = sizeof(struct tune_parameters),
	.defaults = &(const struct tune_parameters){ .lease.handle = NO_INDEX, .queue = NOT_GIVEN,
						.defer_hard_irqs = NOT_GIVEN,
						.gro_flush_timeout = NOT_GIVEN,
						.irq_suspend_timeout = NOT_GIVEN },
	.act = tune,
};
