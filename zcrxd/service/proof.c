/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets that prove flows. A rule stays only as long as the socket that proved it: the kernel says
 * when it is destroyed (sock_diag), and an epoll of its own says when it leaves its state (shut down,
 * disconnected). The socket itself is not kept open: a registration in an epoll lives as long as
 * somebody has the socket, and keeps nobody's socket alive.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "fdstore.h"
#include "leases.h"
#include "log.h"

struct proof {
	LIST_ENTRY(proof) entry;
	struct lease *lease;
	unsigned queue;
	unsigned n_flows;
	struct socket_facts facts;
	bool wildcard; /* follows the addresses of the interface */
	bool gone;
	bool stored; /* the epoll is in the service manager's store */
	int epoll_fd;
	sd_event_source *source;
};

const struct socket_facts *proof_facts(const struct proof *p)
{
	return &p->facts;
}

bool proof_holds(const struct proof *p)
{
	return !p->gone;
}

unsigned proof_queue(const struct proof *p)
{
	return p->queue;
}

bool proof_is_wildcard(const struct proof *p)
{
	return p->wildcard;
}

struct proof *lease_first_proof(const struct lease *l)
{
	return LIST_FIRST(&l->proofs);
}

struct proof *proof_next(const struct proof *p)
{
	return LIST_NEXT(p, entry);
}

/* From here on the proof counts: it has to outlive this process. */
void proof_set_facts(struct proof *p, const struct socket_facts *facts, bool wildcard)
{
	char name[64];

	p->facts = *facts;
	p->wildcard = wildcard;
	fdstore_proof_name(p->lease->id, facts->cookie, name);
	fdstore_push(name, p->epoll_fd);
	p->stored = true;
}

struct proof *proof_free(struct proof *p)
{
	char name[64];

	if (!p)
		return NULL;
	if (p->stored) {
		fdstore_proof_name(p->lease->id, p->facts.cookie, name);
		fdstore_remove(name);
	}
	LIST_REMOVE(p, entry);
	sd_event_source_disable_unref(p->source);
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	free(p);
	return NULL;
}

void proof_ref_flow(struct proof *p)
{
	p->n_flows++;
}

void proof_unref_flow(struct proof *p)
{
	/* A listener on the wildcard may get an address again. */
	if (--p->n_flows == 0 && (p->gone || !p->wildcard))
		proof_free(p);
}

void proof_stop_following(struct proof *p)
{
	p->wildcard = false;
}

/* Flows on their way in are dropped when they arrive (drop_unproved). */
static void remove_flows(struct lease *l, const struct proof *p,
			 bool (*wanted)(const struct lease_flow *f, const void *data),
			 const void *data)
{
	struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };
	int r = list.flows ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < l->n_flows; i++)
		if (l->flows[i]->proof == p && l->flows[i]->state == FLOW_INSTALLED &&
		    wanted(l->flows[i], data))
			list.flows[list.n++] = l->flows[i];
	if (list.n > 0)
		r = lease_flows_remove(l, &list, NULL, NULL);
	flow_list_done(&list);
	if (r < 0)
		log_errno(r, "Cannot remove flows of lease %08x", l->id);
}

static bool want_all(const struct lease_flow *f, const void *data)
{
	(void)f;
	(void)data;
	return true;
}

void proof_set_gone(struct proof *p)
{
	struct lease *l = p->lease;

	if (p->gone)
		return;
	p->gone = true;
	log_message(LOG_INFO, &(struct log_fields){ .lease = l->id },
		    "Lease %08x: the socket that proved port %u is gone, and so are its rules.", l->id,
		    p->facts.local_port);
	if (p->n_flows == 0)
		proof_free(p);
	else if (l->state != LEASE_DRAINING && l->state != LEASE_QUARANTINED)
		remove_flows(l, p, want_all, NULL);
}

static int on_socket(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct epoll_event event;

	(void)s;
	(void)revents;
	if (epoll_wait(fd, &event, 1, 0) > 0 && event.events & (EPOLLHUP | EPOLLERR))
		proof_set_gone(userdata);
	return 0;
}

int proof_adopt(struct lease *l, int epoll_fd, const struct record_proof *record,
		struct proof **ret)
{
	struct proof *p;
	int r;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct proof){ .lease = l, .queue = record->queue, .facts = record->facts,
			     .wildcard = record->wildcard, .epoll_fd = -EBADF };
	if (epoll_fd >= 0) {
		r = sd_event_add_io(l->manager->event, &p->source, epoll_fd, EPOLLIN, on_socket, p);
		if (r < 0) {
			free(p);
			return r;
		}
		p->epoll_fd = epoll_fd;
		p->stored = true;
	}
	LIST_INSERT_HEAD(&l->proofs, p, entry);
	*ret = p;
	return 0;
}

void proofs_leave(struct lease *l)
{
	struct proof *p;

	LIST_FOREACH(p, &l->proofs, entry)
		p->stored = false;
}

int proof_new(struct lease *l, int socket_fd, unsigned queue, struct proof **ret)
{
	/* Edge triggered, and only what is reported always: hang-up and error. */
	struct epoll_event event = { .events = EPOLLET };
	struct proof *p;
	int r;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct proof){ .lease = l, .queue = queue, .epoll_fd = -EBADF };
	LIST_INSERT_HEAD(&l->proofs, p, entry);
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = p->epoll_fd < 0 ? -errno : 0;
	if (r == 0 && epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, socket_fd, &event) < 0)
		r = -errno;
	if (r == 0)
		r = sd_event_add_io(l->manager->event, &p->source, p->epoll_fd, EPOLLIN, on_socket, p);
	if (r < 0) {
		proof_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

/* ------------------------------------------------------------- what the kernel tells */

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
		proof_set_gone(p);
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
		proof_set_gone(p);
}

void proofs_verify_all(struct manager *m)
{
	for_each_proof(m, verify, m);
}

/* ------------------------------------------------------------------------- addresses */

struct addresses {
	struct device *device;
	struct local_address *list;
	size_t n;
};

struct flow_set {
	const struct flow *flows;
	size_t n;
};

static bool in_set(const struct flow_set *set, const struct flow *f)
{
	for (size_t i = 0; i < set->n; i++)
		if (flow_equal(&set->flows[i], f))
			return true;
	return false;
}

static bool want_outside(const struct lease_flow *f, const void *data)
{
	return !in_set(data, &f->flow);
}

static bool lease_has_flow(const struct lease *l, const struct flow *flow)
{
	for (size_t i = 0; i < l->n_flows; i++)
		if (flow_equal(&l->flows[i]->flow, flow))
			return true;
	return false;
}

static void add_flow(struct proof *p, const struct flow *flow)
{
	_cleanup_fault_ struct fault fault = {};
	struct lease *l = p->lease;
	struct flow_list list = {};
	int r;

	r = lease_flows_note(l, p->queue, flow, 1, p, &list, &fault);
	if (r == 0) {
		r = lease_flows_install(l, &list, NULL, NULL);
		if (r < 0)
			lease_flows_forget(l, &list);
	}
	flow_list_done(&list);
	if (r != 0)
		log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id },
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
	(void)flow_prove(&p->facts, a->device->ifindex, a->list, a->n, &flows, &set.n, &wildcard, NULL);
	set.flows = flows;
	for (size_t i = 0; p->wildcard && i < set.n; i++)
		if (!lease_has_flow(l, &flows[i]))
			add_flow(p, &flows[i]);
	remove_flows(l, p, want_outside, &set);
}

void proofs_addresses_changed(struct device *d)
{
	struct nic_backend *b = d->manager->backend;
	struct addresses a = { .device = d };
	_cleanup_free_ struct local_address *list = NULL;
	int r;

	r = b->ops->addresses(b, d->ifindex, &a.list, &a.n);
	if (r != 0) {
		log_error("Cannot read the addresses of %s: %s", d->name, strerror(r < 0 ? -r : EIO));
		return;
	}
	list = a.list;
	for_each_proof(d->manager, follow, &a);
}
