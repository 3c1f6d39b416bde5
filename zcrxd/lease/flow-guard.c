/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See flow-guard.h.
 */
#include <errno.h>

#include "clock.h"
#include "flow-guard.h"
#include "leases.h"
#include "log.h"
#include "steering.h"

/* What a rule has led to its queue before it was removed may lie in the NIC's ring for as long as the
 * client does not poll: a second by Tune. The ring is emptied when the queue is taken back. */
#define LINGER_USEC (3 * 1000000ULL)
#define RETRY_USEC (1000 * 1000ULL)
#define TRIES 3

struct guard_linger {
	struct flow flow;
	uint64_t until; /* CLOCK_MONOTONIC */
	bool was_steered; /* all its connections have been guarded since they began, or since they were asked */
};

static bool is_possible(const struct devices *devices)
{
	return devices->backend->ops->features(devices->backend)->guard;
}

/* Without a NIC no payload is out of the CPU's reach. */
static bool is_needed(const struct device *d)
{
	return d->ifindex != SOFTWARE_IFINDEX;
}

int flow_guard_explain(const struct devices *devices, char **ret)
{
	bool refuse = devices->config->unsafe_kernel == UNSAFE_KERNEL_REFUSE;

	*ret = NULL;
	if (is_possible(devices))
		return 0;
	if (asprintf(ret, "This kernel panics on urgent or signed TCP segments to a steered flow, and cannot "
			  "be kept from them, as it has no nf_tables at a NIC's ingress; so %s. To have it: "
			  "modprobe nf_tables (CONFIG_NF_TABLES_NETDEV), and systemctl restart zcrxd. %s",
		     refuse ? "no flow is steered"
			    : "whoever can send to a steered flow can crash this machine",
		     refuse ? "To steer without, where everybody who can send to these flows is trusted with "
			      "this machine: \"unsafe-kernel: allow\" in the configuration, and zcrxctl reload."
			    : "To steer no flow until then: \"unsafe-kernel: refuse\" in the configuration.") <
	    0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* ------------------------------------------------------------------------- which flows */

/* One whose rule was lifted comes back while its connections go on. */
static bool is_guarded(const struct lease_flow *f)
{
	return f->state != FLOW_PENDING || f->lifted;
}

static void forget_expired(struct flow_guard *g, uint64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->n_lingering; i++)
		if (g->lingering[i].until > now)
			g->lingering[kept++] = g->lingering[i];
	g->n_lingering = kept;
}

int guard_job_prepare(struct device *d, struct guard_job *ret)
{
	const struct devices *devices = d->devices;
	struct flow_guard *g = &d->guard;
	struct guard_job j = { .needed = is_needed(d), .possible = is_possible(devices),
			       .refuse = devices->config->unsafe_kernel == UNSAFE_KERNEL_REFUSE };
	const struct lease *l;
	size_t n = 0;

	forget_expired(g, now_usec(CLOCK_MONOTONIC));
	TAILQ_FOREACH(l, &devices->leases->list, entry)
		n += l->device == d ? l->n_flows : 0;
	j.flows = calloc(n + g->n_lingering + 1, sizeof(*j.flows));
	if (!j.flows)
		return -ENOMEM;
	TAILQ_FOREACH(l, &devices->leases->list, entry)
		for (size_t i = 0; l->device == d && i < l->n_flows; i++)
			if (is_guarded(l->flows[i]))
				j.flows[j.n++] = l->flows[i]->flow;
	for (size_t i = 0; i < g->n_lingering; i++)
		j.flows[j.n++] = g->lingering[i].flow;
	*ret = j;
	return 0;
}

void guard_job_done(struct guard_job *j)
{
	free(j->flows);
	*j = (struct guard_job){};
}

int guard_job_run(struct nic *nic, const struct guard_job *j, struct fault *reterr)
{
	int r;

	if (!j->needed)
		return 0;
	if (j->possible) {
		r = nic->ops->guard_set(nic, j->flows, j->n, reterr);
		if (r == 0 || j->refuse || r == ZCRX_NO_SUCH_INTERFACE || r == -ENOMEM)
			return r;
		fault_done(reterr);
		return 0;
	}
	if (!j->refuse || j->n == 0)
		return 0;
	return fault_set(reterr, ZCRX_NOT_SUPPORTED, "unsafe-kernel",
			 "This kernel panics on urgent or signed TCP segments to a steered flow, and cannot "
			 "be kept from them: it has no nf_tables at a NIC's ingress. Load it (modprobe "
			 "nf_tables; systemctl restart zcrxd), or accept that whoever can send to a steered "
			 "flow can crash this machine (\"unsafe-kernel: allow\" in the configuration; zcrxctl "
			 "reload).");
}

/* ------------------------------------------------------------------------------- setting */

struct set_job {
	struct device *device;
	struct guard_job guard;
	int r;
	struct fault fault;
};

static void set_again_in(struct device *d, uint64_t usec);

static void set_run(struct nic *nic, void *data)
{
	struct set_job *j = data;

	j->r = guard_job_run(nic, &j->guard, &j->fault);
}

/* What cannot be guarded may not be steered: the rules go with the queues that they lead to. Rules that are
 * on their way in have a guard of their own to be set first. */
static void end_steered(struct device *d, const char *why)
{
	_cleanup_lease_ways_ struct lease_steering w = {};

	if (leases_steering(d, &w) < 0)
		return; /* the next try comes here again */
	for (size_t i = 0; i < w.expected.n_flows; i++)
		if (w.expected.flows[i].installed)
			lease_revoke_leaking(d->devices->leases, w.expected.flows[i].lease, why);
}

static void set_failed(struct device *d, const struct set_job *j)
{
	const char *why = fault_text(j->r, &j->fault);

	if (d->guard.failures++ == 0)
		log_message(LOG_ERR, &(struct log_fields){ .interface = d->name },
			    "The flows of %s cannot be guarded: %s", d->name, why);
	if (!j->guard.possible || d->guard.failures >= TRIES)
		end_steered(d, why);
	set_again_in(d, RETRY_USEC);
}

static void set_done(void *data)
{
	struct set_job *j = data;
	struct device *d = j->device;

	if (j->r == 0)
		d->guard.failures = 0;
	else if (j->r != ZCRX_NO_SUCH_INTERFACE && device_is_open(d))
		set_failed(d, j);
	guard_job_done(&j->guard);
	fault_done(&j->fault);
	free(j);
}

static void submit(struct device *d)
{
	struct set_job *j;
	int r;

	if (!device_is_open(d) || !is_needed(d))
		return;
	j = calloc(1, sizeof(*j));
	r = j ? guard_job_prepare(d, &j->guard) : -ENOMEM;
	if (r == 0) {
		j->device = d;
		r = device_submit(d, set_run, set_done, j);
	}
	if (r == 0)
		return;
	if (j)
		guard_job_done(&j->guard);
	free(j);
	log_errno(r, "Cannot guard the flows of %s", device_name(d));
	set_again_in(d, RETRY_USEC);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct device *d = userdata;

	submit(d);
	if (d->guard.n_lingering > 0)
		set_again_in(d, RETRY_USEC);
	return 0;
}

static void set_again_in(struct device *d, uint64_t usec)
{
	struct flow_guard *g = &d->guard;
	int enabled = SD_EVENT_OFF, r;

	if (g->timer)
		(void)sd_event_source_get_enabled(g->timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return; /* it comes soon enough, and sees what else there is */
	r = loop_arm_protection(d->devices->loop, &g->timer, usec, on_timer, d);
	if (r < 0)
		log_errno(r, "Cannot arm a timer for %s", device_name(d));
}

void flow_guard_linger(struct device *d, const struct flow *flow, bool was_steered)
{
	struct flow_guard *g = &d->guard;
	uint64_t until = now_usec(CLOCK_MONOTONIC) + LINGER_USEC;
	struct guard_linger *grown;

	if (!is_needed(d) || !is_possible(d->devices))
		return;
	set_again_in(d, LINGER_USEC);
	for (size_t i = 0; i < g->n_lingering; i++)
		if (flow_equal(&g->lingering[i].flow, flow)) {
			g->lingering[i].until = until;
			g->lingering[i].was_steered |= was_steered;
			return;
		}
	grown = reallocarray(g->lingering, g->n_lingering + 1, sizeof(*grown));
	if (!grown) { /* it is guarded until the next setting */
		log_errno(-ENOMEM, "Cannot guard a flow of %s for a moment longer", device_name(d));
		return;
	}
	g->lingering = grown;
	g->lingering[g->n_lingering++] = (struct guard_linger){ *flow, until, was_steered };
}

void flow_guard_set(struct device *d)
{
	d->guard.n_lingering = 0;
	submit(d);
}

bool flow_guard_decides(const struct device *d)
{
	return is_needed(d) && is_possible(d->devices) &&
	       d->devices->config->unsafe_kernel == UNSAFE_KERNEL_REFUSE;
}

bool flow_guard_has_been_on(const struct device *d, const struct flow *flow)
{
	const struct flow_guard *g = &d->guard;

	for (size_t i = 0; i < g->n_lingering; i++)
		if (flow_equal(&g->lingering[i].flow, flow))
			return g->lingering[i].was_steered;
	return false;
}

bool flow_guard_stands(const struct device *d)
{
	const struct lease *l;

	if (!is_needed(d) || !is_possible(d->devices))
		return false;
	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (size_t i = 0; l->device == d && i < l->n_flows; i++)
			if (is_guarded(l->flows[i]))
				return true;
	return d->guard.n_lingering > 0;
}

void flow_guard_forget(struct device *d)
{
	sd_event_source_disable_unref(d->guard.timer);
	free(d->guard.lingering);
	d->guard = (struct flow_guard){};
}

static bool has_lease(unsigned ifindex, void *userdata)
{
	const struct devices *devices = userdata;
	const struct lease *l;

	TAILQ_FOREACH(l, &devices->leases->list, entry)
		if (l->ifindex == ifindex)
			return true;
	return false;
}

void flow_guard_sweep(struct devices *devices)
{
	struct nic_backend *b = devices->backend;
	int r = b->ops->features(b)->guard ? b->ops->guard_sweep(b, has_lease, devices) : 0;

	if (r < 0)
		log_errno(r, "Cannot delete the guard of leases that have ended");
}
