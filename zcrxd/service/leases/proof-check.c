/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Do the sockets that proved flows still prove them? Their end and the interface's addresses are
 * told by the kernel. That a socket listens elsewhere by now, was bound to another device, or that
 * the interface was put under another one is told by nobody: so as long as there are proofs, all of
 * them are looked at once a second.
 */
#include <errno.h>
#include <netinet/tcp.h>

#include "leases.h"
#include "log.h"

#define CHECK_USEC (1000 * 1000ULL)

static bool is_ending(const struct lease *l)
{
	return l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED;
}

/* NULL wants all of them. Those on their way in are dropped when they arrive (drop_unproved). */
static void remove_flows(const struct proof *p,
			 bool (*wanted)(const struct lease_flow *f, void *data), void *data)
{
	struct lease *l = p->lease;
	struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };
	int r = list.flows ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < l->n_flows; i++) {
		struct lease_flow *f = l->flows[i];

		if (f->proof != p || (wanted && !wanted(f, data)))
			continue;
		if (f->state == FLOW_INSTALLED)
			list.flows[list.n++] = f;
		else if (f->state == FLOW_INSTALLING)
			f->unproved = true;
	}
	if (list.n > 0)
		r = lease_flows_remove(l, &list, NULL, NULL);
	flow_list_done(&list);
	if (r < 0)
		log_errno(r, "Cannot remove flows of lease %08x", l->id);
}

void proof_set_gone(struct proof *p, const char *why)
{
	struct lease *l = p->lease;

	if (p->gone)
		return;
	p->gone = true;
	log_message(LOG_INFO, &(struct log_fields) { .lease = l->id },
		    "Lease %08x: the rules for port %u go, as their proof is over: %s", l->id,
		    p->facts.local_port, why);
	if (p->n_flows == 0)
		proof_free(p);
	else if (!is_ending(l))
		remove_flows(p, NULL, NULL);
}

static void for_each_proof(struct manager *m, void (*call)(struct proof *p, void *data), void *data)
{
	struct lease *l, *next_lease;
	struct proof *p, *next;

	for (l = TAILQ_FIRST(&m->leases); l; l = next_lease) {
		next_lease = TAILQ_NEXT(l, entry);
		for (p = LIST_FIRST(&l->proofs); p; p = next) {
			next = LIST_NEXT(p, entry);
			call(p, data);
		}
	}
}

static void match_cookie(struct proof *p, void *data)
{
	if (p->facts.cookie == *(uint64_t *)data)
		proof_set_gone(p, "The socket is closed.");
}

void proofs_socket_gone(struct manager *m, uint64_t cookie)
{
	for_each_proof(m, match_cookie, &cookie);
}

static void verify(struct proof *p, void *data)
{
	struct manager *m = data;
	bool exists;
	int r;

	r = m->backend->ops->socket_exists(m->backend, p->facts.cookie, &exists);
	if (r < 0)
		log_errno(r, "Cannot look for the socket of lease %08x", p->lease->id);
	else if (!exists)
		proof_set_gone(p, "The socket is closed.");
}

void proofs_verify_all(struct manager *m)
{
	for_each_proof(m, verify, m);
}

/* ------------------------------------------------------------------------- receiving */

int proof_check_flows(const struct lease *l, const struct socket_facts *facts, uid_t uid,
		      const struct flow *flows, size_t n, struct fault *reterr)
{
	struct nic_backend *b = l->manager->backend;
	_cleanup_free_ struct port_socket *sockets = NULL;
	size_t n_sockets;
	int r;

	r = b->ops->socket_receives(b, facts, l->ifindex, flows, n, reterr);
	/* A connection's flow is nobody else's, and root may see everything. */
	if (r != 0 || facts->tcp_state != TCP_LISTEN || uid == 0)
		return r;
	r = b->ops->sockets_at_port(b, facts->local_port, &sockets, &n_sockets);
	if (r < 0)
		return fault_kernel(reterr, -r, NULL, "look for other sockets at the port",
				    "Try again.");
	return flow_check_port(flows, n, l->ifindex, facts->uid, uid, sockets, n_sockets,
			       reterr);
}

static void check_one(struct proof *p, void *data)
{
	_cleanup_fault_ struct fault fault = {};
	struct nic_backend *b = p->lease->manager->backend;
	_cleanup_free_ struct flow *flows = calloc(p->lease->n_flows + 1, sizeof(*flows));
	struct lease *l = p->lease;
	size_t n = 0;
	int r = -ENOMEM;

	*(bool *)data = true;
	if (is_ending(l))
		return;
	if (p->gone) { /* a removal that failed */
		remove_flows(p, NULL, NULL);
		return;
	}
	for (size_t i = 0; flows && i < l->n_flows; i++)
		if (l->flows[i]->proof == p)
			flows[n++] = l->flows[i]->flow;
	if (flows)
		r = b->ops->socket_receives(b, &p->facts, l->ifindex, flows, n, &fault);
	if (r > 0)
		proof_set_gone(p, fault.message);
	else if (r < 0)
		log_errno(r, "Cannot check the socket of lease %08x", l->id);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	bool any = false;
	int r;

	(void)usec;
	for_each_proof(userdata, check_one, &any);
	if (!any)
		return 0;
	r = sd_event_source_set_time_relative(s, CHECK_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

void proofs_check(struct manager *m)
{
	bool any;

	for_each_proof(m, check_one, &any);
}

int proofs_watch(struct manager *m)
{
	int enabled, r;

	if (!m->proof_timer) {
		r = sd_event_add_time_relative(m->event, &m->proof_timer, CLOCK_MONOTONIC,
					       CHECK_USEC, 0, on_timer, m);
		if (r >= 0)
			loop_set_protection(m->proof_timer);
		return r;
	}
	r = sd_event_source_get_enabled(m->proof_timer, &enabled);
	if (r < 0 || enabled != SD_EVENT_OFF)
		return r < 0 ? r : 0;
	r = sd_event_source_set_time_relative(m->proof_timer, CHECK_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(m->proof_timer, SD_EVENT_ONESHOT);
}

/* ------------------------------------------------------------------------- addresses */

struct addresses {
	struct device *device;
	struct local_address *list;
	size_t n;
};

struct flow_set {
	struct flow *flows;
	size_t n;
};

static bool want_outside(const struct lease_flow *f, void *data)
{
	const struct flow_set *set = data;

	for (size_t i = 0; i < set->n; i++)
		if (flow_equal(&set->flows[i], &f->flow))
			return false;
	return true;
}

static bool lease_has_flow(const struct lease *l, const struct flow *flow)
{
	for (size_t i = 0; i < l->n_flows; i++)
		if (flow_equal(&l->flows[i]->flow, flow) && !l->flows[i]->unproved)
			return true;
	return false;
}

static void add_flow(struct proof *p, const struct flow *flow)
{
	_cleanup_fault_ struct fault fault = {};
	struct lease *l = p->lease;
	struct flow_list list = {};
	int r;

	r = proof_check_flows(l, &p->facts, l->owner_uid, flow, 1, &fault);
	if (r == 0)
		r = lease_flows_note(l, p->queue, flow, 1, p, &list, &fault);
	if (r == 0) {
		r = lease_flows_install(l, &list, NULL, NULL);
		if (r < 0)
			lease_flows_forget(l, &list);
	}
	flow_list_done(&list);
	if (r != 0)
		log_message(LOG_WARNING, &(struct log_fields) { .lease = l->id },
			    "Lease %08x: a new address of the interface is not steered: %s", l->id,
			    r > 0 ? fault.message : strerror(-r));
}

static void follow(struct proof *p, void *data)
{
	const struct addresses *a = data;
	_cleanup_free_ struct flow *flows = NULL;
	struct flow_set set = {};
	struct lease *l = p->lease;
	bool wildcard;

	if (l->device != a->device || p->gone ||
	    (l->state != LEASE_STEERED && l->state != LEASE_BOUND))
		return;
	/* Refused now: no address is left. Then no flow is. */
	(void)flow_prove(&p->facts, a->device->ifindex, a->list, a->n, &flows, &set.n, &wildcard,
			 NULL);
	set.flows = flows;
	for (size_t i = 0; p->wildcard && i < set.n; i++)
		if (!lease_has_flow(l, &flows[i]))
			add_flow(p, &flows[i]);
	remove_flows(p, want_outside, &set);
}

void proofs_addresses_changed(struct device *d)
{
	struct nic_backend *b = d->manager->backend;
	struct addresses a = { .device = d };
	_cleanup_free_ struct local_address *list = NULL;
	int r;

	r = b->ops->addresses(b, d->ifindex, &a.list, &a.n);
	if (r == -ENODEV)
		return; /* the message that it is gone is on its way */
	if (r != 0) {
		log_error("Cannot read the addresses of %s: %s", d->name,
			  strerror(r < 0 ? -r : EIO));
		return;
	}
	list = a.list;
	for_each_proof(d->manager, follow, &a);
}
