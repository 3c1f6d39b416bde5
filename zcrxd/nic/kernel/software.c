/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See software.h. Nothing here can be set or steered; what is left of a NIC is who has which queue.
 */
#include <inttypes.h>

#include "rings.h"
#include "software.h"

struct software_nic {
	struct nic nic;
	const struct kernel_features *features;
	int rings;
};

static const struct software_nic *software_nic(const struct nic *nic)
{
	return (const struct software_nic *)nic; /* its first member */
}

static void mark_used(uint64_t key, void *userdata)
{
	bool *used = userdata;

	if (key < SOFTWARE_QUEUES_MAX)
		used[key] = true;
}

/* Which queues have a ring, one byte each. */
static int read_rings(int rings, bool ret[SOFTWARE_QUEUES_MAX])
{
	memset(ret, 0, SOFTWARE_QUEUES_MAX * sizeof(*ret));
	return rings_read(rings, mark_used, ret);
}

static int observe(struct nic *nic, struct nic_state **ret, struct fault *reterr)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	bool used[SOFTWARE_QUEUES_MAX];
	int r;

	if (!software_nic(nic)->features->software)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "software queues",
				 "Queues without a NIC need Linux 7.1 or later with "
				 "CONFIG_IO_URING_ZCRX; this is %s.",
				 software_nic(nic)->features->release);
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct nic_state) {
		.ifindex = SOFTWARE_IFINDEX,
		.name = SOFTWARE_NAME,
		.driver = strdup(""),
		.software = true,
		.up = true,
		.numa_node = -1,
		.has_rss = true, /* which leads nowhere */
		.queues = calloc(SOFTWARE_QUEUES_MAX, sizeof(*s->queues)),
		.n_queues = SOFTWARE_QUEUES_MAX,
	};
	if (!s->driver || !s->queues)
		return -ENOMEM;
	r = read_rings(software_nic(nic)->rings, used);
	for (size_t q = 0; q < s->n_queues; q++)
		s->queues[q].io_uring = r == 0 && used[q];
	if (r == 0)
		*ret = TAKE_PTR(s);
	return r;
}

static int queues(struct nic *nic, const uint32_t *wanted, size_t n, struct nic_queue *ret,
		  struct fault *reterr)
{
	bool used[SOFTWARE_QUEUES_MAX];
	int r = read_rings(software_nic(nic)->rings, used);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (wanted[i] >= SOFTWARE_QUEUES_MAX)
			return fault_kernel(reterr, EINVAL, NULL, "look at a software queue",
					    "There is no queue %" PRIu32 ".", wanted[i]);
	for (size_t i = 0; r == 0 && i < n; i++)
		ret[i] = (struct nic_queue) { .io_uring = used[wanted[i]] };
	return r;
}

static int grant(struct nic *nic, const struct grant_request *request, struct grant *ret,
		 struct fault *reterr)
{
	struct grant g = { .kind = GRANT_SOFTWARE, .ifindex = SOFTWARE_IFINDEX,
			   .n_queues = request->n_queues };
	struct nic_queue found[LEASE_QUEUES_MAX];
	int r = queues(nic, request->queues, request->n_queues, found, reterr);

	for (size_t i = 0; r == 0 && i < request->n_queues; i++) {
		g.queues[i] = request->queues[i];
		if (found[i].io_uring)
			r = fault_kernel(reterr, EBUSY, NULL, "take a software queue",
					 "Some process keeps the ring that had it open.");
	}
	if (r == 0)
		*ret = g;
	return r;
}

static int ungrant(struct nic *nic, const struct grant *g, struct fault *reterr)
{
	return 0; /* there is nothing to take away: the ring goes, or it does not */
}

static int nothing_to(const char *act, struct fault *reterr)
{
	return fault_set(reterr, ZCRX_NOT_SUPPORTED, SOFTWARE_NAME,
			 "The queues of " SOFTWARE_NAME " have no NIC: there is nothing to %s.",
			 act);
}

static int apply(struct nic *nic, const struct step *steps, size_t n, struct fault *reterr)
{
	return nothing_to("set", reterr);
}

static int bring_up(struct nic *nic, struct fault *reterr)
{
	return nothing_to("bring up", reterr);
}

static int context_create(struct nic *nic, const uint32_t *queues, size_t n, uint32_t *ret_context,
			  struct fault *reterr)
{
	return nothing_to("spread over them", reterr);
}

static int context_delete(struct nic *nic, uint32_t context, const uint32_t *queues, size_t n,
			  struct fault *reterr)
{
	return 0;
}

static int rule_insert(struct nic *nic, const struct flow *flow, const struct rule_target *target,
		       size_t held, uint32_t *ret_location, struct fault *reterr)
{
	return nothing_to("steer", reterr);
}

static int rule_delete(struct nic *nic, uint32_t location, const struct flow *flow,
		       const struct rule_target *target, struct fault *reterr)
{
	return 0;
}

/* TCP's connections are this machine's own: their payload is copied, and never out of reach. */
static int guard_set(struct nic *nic, const struct flow *flows, size_t n, struct fault *reterr)
{
	return 0;
}

static int counters(struct nic *nic, const uint32_t *queues, size_t n, struct nic_queue *ret,
		    struct fault *reterr)
{
	memset(ret, 0, n * sizeof(*ret));
	return 0;
}

static int guard_keep(struct nic *nic, bool *ret_lost, struct fault *reterr)
{
	*ret_lost = false;
	return 0;
}

static int napi_get(struct nic *nic, uint32_t queue, struct napi_settings *ret,
		    struct fault *reterr)
{
	return nothing_to("poll", reterr);
}

static int napi_set(struct nic *nic, uint32_t queue, const struct napi_settings *settings,
		    unsigned which, struct fault *reterr)
{
	return nothing_to("poll", reterr);
}

static int irq_get(struct nic *nic, uint32_t queue, struct irq_affinity *ret, struct fault *reterr)
{
	return nothing_to("interrupt", reterr);
}

static int irq_set(struct nic *nic, uint32_t queue, const struct irq_affinity *affinity,
		   struct fault *reterr)
{
	return nothing_to("interrupt", reterr);
}

/* Nothing of it carries traffic of others. */
static int reach(struct nic *nic, struct reach *ret, struct fault *reterr)
{
	*ret = (struct reach) {};
	return 0;
}

static struct nic *nic_close(struct nic *nic)
{
	free(nic);
	return NULL;
}

static const struct nic_ops software_ops = {
	.observe = observe,
	.observe_steering = observe,
	.reach = reach,
	.apply = apply,
	.bring_up = bring_up,
	.queues = queues,
	.counters = counters,
	.grant = grant,
	.ungrant = ungrant,
	.context_create = context_create,
	.context_delete = context_delete,
	.rule_insert = rule_insert,
	.rule_delete = rule_delete,
	.guard_set = guard_set,
	.guard_keep = guard_keep,
	.napi_get = napi_get,
	.napi_set = napi_set,
	.irq_get = irq_get,
	.irq_set = irq_set,
	.close = nic_close,
};

int software_open(int rings, const struct kernel_features *features, struct nic **ret)
{
	struct software_nic *nic = malloc(sizeof(*nic));

	if (!nic)
		return -ENOMEM;
	*nic = (struct software_nic) { .nic = { &software_ops, SOFTWARE_IFINDEX },
				       .features = features, .rings = rings };
	*ret = &nic->nic;
	return 0;
}
