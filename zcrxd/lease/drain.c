/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Draining, in its one order: rules away (flows fall back to ordinary queues), handle shut, RSS
 * context deleted, grant taken back, and then the kernel's word that the queues are nobody's. The rules
 * that are there go at once; the rest waits for the lease's operations, of which a client may have queued
 * as many as it likes. A step
 * that fails is tried again; when the time is over the lease is quarantined, and looked at for as
 * long as it takes.
 */
#include <errno.h>
#include <poll.h>

#include "clock.h"
#include "drain.h"
#include "dry.h"
#include "export.h"
#include "handle.h"
#include "log.h"
#include "rules.h"
#include "sharing.h"
#include "snapshot.h"
#include "orphans.h"
#include "reclaim.h"

/* A ring closes asynchronously, through a workqueue; the kernel's own tests wait up to 5 s. */
#define DRAIN_POLL_USEC (50 * 1000ULL)
#define DRAIN_TRIES 200			/* 10 s, then QUARANTINED */
#define DRAIN_TRIES_FORCE 20		/* 1 s, then the client of a forced revocation is killed */
#define QUARANTINE_POLL_USEC (2 * 1000000ULL)
/* A NIC that goes takes what leases from it with it, first: which of the two it was shows soon. */
#define GRANT_LOST_USEC (100 * 1000ULL)
/* Without an export of ours (leases of earlier daemons): what the kernel is given to close the rings of a
 * client that let go of its lease, or died, before the device that they go through is deleted: at the
 * same time the two may meet in netif_mp_close_rxq(), which warns then (7.2). Who keeps the ring all the
 * same, the client or a fork of it, keeps the queue no longer than this. */
#define RING_POLL_USEC (10 * 1000ULL) /* then 20 ms, 40 ms, and 80 ms from there on */
#define RING_TRIES 6		      /* 310 ms */
#define RING_TRIES_DEAD 16	      /* 1.1 s: the kernel is at it, or a fork has it */

static void drain_rules_gone(struct lease *l, int r, struct fault *fault,
			     const struct flow_list *added, void *userdata);

/* An interface that is gone took everything with it: see orphans.h. */
static bool is_gone(int r)
{
	return r == ZCRX_NO_SUCH_INTERFACE;
}

static int on_drain_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct lease *l = userdata;

	if (l->state != LEASE_DRAINING && l->state != LEASE_QUARANTINED) {
		(void)lease_event(l, LEASE_REVOKE, l->grant_moved ?
				  "its netkit device was moved to another network namespace" :
				  "its netkit device was deleted", NULL);
		return 0;
	}
	/* Nobody is there to be asked, and the kernel took it all with the interface. */
	if (l->device->phase == DEVICE_GONE && !l->device->worker)
		(void)lease_event(l, LEASE_CLEAN, NULL, NULL);
	else
		lease_drain(l);
	return 0;
}

static void drain_in(struct lease *l, uint64_t wait)
{
	int r;

	l->draining = false;
	r = loop_arm_protection(l->leases->loop, &l->drain_timer, wait, on_drain_timer, l);
	if (r < 0)
		log_errno(r, "Cannot arm the drain timer of lease %08x", l->id);
}

void lease_netkit_deleted(struct lease *l, bool moved)
{
	l->grant_moved = moved;
	drain_in(l, GRANT_LOST_USEC);
}

/* Only where the kernel cannot take the queue back from a living ring. Forks of the client that keep
 * it are beyond this: then the queue is quarantined. */
static void kill_clients(struct lease *l)
{
	struct nic_backend *b = l->leases->backend;
	const struct log_fields fields = { .lease = l->id };

	for (unsigned i = 0; i < l->n_queues; i++) {
		const struct lease_queue *q = &l->per_queue[i];
		int r;

		lease_kill_sharers(l, i);
		if (q->client_pidfd < 0)
			continue;
		log_message(LOG_WARNING, &fields,
			    "Lease %08x: killing its client, which keeps queue %u.", l->id,
			    l->queues[i]);
		r = b->ops->kill_client(b, q->client_pidfd, q->client_uid);
		if (r == -EPERM)
			log_message(LOG_WARNING, &fields,
				    "Lease %08x: its client is not a process of uid %u any more, and is "
				    "not killed. End it by hand.", l->id, (unsigned)q->client_uid);
		else if (r < 0 && r != -ESRCH)
			log_errno(r, "Cannot kill the client of lease %08x", l->id);
	}
}

static void drain_again(struct lease *l, const char *why)
{
	bool stuck = ++l->drain_tries >= DRAIN_TRIES;

	l->draining = false;
	if (l->force && !l->killed && l->drain_tries >= DRAIN_TRIES_FORCE) {
		l->killed = true;
		kill_clients(l);
	}
	if (stuck && l->state == LEASE_DRAINING)
		(void)lease_event(l, LEASE_STUCK, why, NULL);
	drain_in(l, stuck ? QUARANTINE_POLL_USEC : DRAIN_POLL_USEC);
}

/* Nothing of the lease leads to its queues any more, so that nobody needs to hurry but who waits for
 * them: its client has until the next try. */
static void drain_held(struct lease *l)
{
	l->draining = false;
	if (!l->killed && (l->force || ++l->area_tries > 1)) {
		l->killed = true;
		kill_clients(l);
	}
	if (l->state == LEASE_DRAINING)
		(void)lease_event(l, LEASE_STUCK, DELETION_HELD, NULL);
	drain_in(l, QUARANTINE_POLL_USEC);
}

/* ------------------------------------------------------- the grant and the queues */

static void take_back_done(void *data)
{
	struct reclaim *t = data;
	struct lease *l = t->lease;
	bool context_gone = !t->waits && t->context == 0 && l->rss == LEASE_RSS_CONTEXT;

	if (t->context_lost)
		orphan_context(l, l->context);
	if (context_gone)
		l->rss = LEASE_RSS_NONE;
	if (!t->deletion.held)
		question_abandon(&l->question);
	if (t->deletion.unanswered)
		lease_forget_exports(l);
	if (t->waits) {
		drain_in(l, RING_POLL_USEC << (l->ring_tries < 3 ? l->ring_tries : 3));
		l->ring_tries++;
	} else if (t->r == 0 || is_gone(t->r)) {
		if (is_gone(t->r))
			orphan_record(l);
		l->draining = false;
		(void)lease_event(l, LEASE_CLEAN, NULL, NULL);
	} else if (t->deletion.held)
		drain_held(l);
	else
		drain_again(l, fault_text(t->r, &t->fault));
	/* The context's number may be somebody else's by the time of the next daemon. */
	if (context_gone && l->state != LEASE_FREE)
		(void)lease_save(l);
	fault_done(&t->fault);
	deletion_done(&t->deletion);
	free(t);
	lease_unref(l);
}

static bool client_is_dead(const struct lease *l)
{
	for (unsigned i = 0; i < l->n_queues; i++) {
		struct pollfd p = { .fd = l->per_queue[i].client_pidfd, .events = POLLIN };

		if (p.fd >= 0 && poll(&p, 1, 0) > 0)
			return true;
	}
	return false;
}

/* A client closes handle and ring in either order, and both when it ends, a moment before it is dead. */
static bool ring_may_be_closing(const struct lease *l)
{
	if (!l->granted || l->grant.kind != GRANT_NETKIT || lease_has_exports(l))
		return false;
	if (client_is_dead(l))
		return l->ring_tries < RING_TRIES_DEAD;
	return l->ring_tries < RING_TRIES && (l->n_handles == 0 || l->end == LEASE_RELEASE);
}

static void drain_reclaim(struct lease *l)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	struct reclaim *t;
	bool ring_first;
	int r;

	if (l->grace_until > now) {
		drain_in(l, l->grace_until - now);
		return;
	}
	if (lease_is_bound(l) && dry_is_in_the_way(l)) {
		drain_in(l, DRAIN_POLL_USEC);
		return;
	}
	ring_first = ring_may_be_closing(l);
	lease_handles_shut(l);
	t = calloc(1, sizeof(*t));
	r = t ? 0 : -ENOMEM;
	if (t) {
		*t = (struct reclaim) { .lease = l,
					.grant = l->grant,
					.granted = l->granted,
					.ring_first = ring_first,
					.gone = l->device->phase == DEVICE_GONE,
					.n_queues = l->n_queues };
		if (l->rss == LEASE_RSS_CONTEXT && !t->gone)
			t->context = l->context;
		memcpy(t->queues, l->queues, sizeof(t->queues));
		for (unsigned i = 0; i < l->n_queues; i++)
			t->found[i] = l->per_queue[i].saved_tuning;
		r = deletion_prepare(l, &t->deletion);
	}
	if (r == -EAGAIN) {
		free(t);
		drain_held(l);
		return;
	}
	if (r == 0)
		r = device_submit_reclaim(l->device, reclaim_run, take_back_done, t);
	if (r < 0) {
		if (t)
			deletion_done(&t->deletion);
		free(t);
		question_abandon(&l->question);
		drain_again(l, strerror(-r));
	} else
		lease_ref(l);
}

/* ------------------------------------------------------------------------ the rules */

/* 0: there are none. */
static int remove_installed(struct lease *l, flows_done done)
{
	struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };
	int r = list.flows ? 0 : -ENOMEM;

	/* What has its index by now is another one, or the same with what orphans_remove() takes
	 * away. */
	for (size_t i = 0; r == 0 && i < l->n_flows && l->device->phase != DEVICE_GONE; i++)
		if (l->flows[i]->state == FLOW_INSTALLED)
			list.flows[list.n++] = l->flows[i];
	if (list.n > 0)
		r = lease_flows_remove(l, &list, done, NULL);
	r = r < 0 ? r : list.n > 0;
	flow_list_done(&list);
	return r;
}

static bool drain_rules(struct lease *l)
{
	int r = remove_installed(l, drain_rules_gone);

	if (r < 0)
		drain_again(l, strerror(-r));
	return r != 0;
}

static void drain_rules_gone(struct lease *l, int r, struct fault *fault,
			     const struct flow_list *added, void *userdata)
{
	if (r == 0 || is_gone(r))
		drain_reclaim(l);
	else
		drain_again(l, fault_text(r, fault));
}

/* Idempotent: it goes on from wherever the last try ended. */
void lease_drain(struct lease *l)
{
	if (l->draining)
		return;
	l->drain_due = l->n_busy > 0;
	if (l->drain_due) {
		(void)remove_installed(l, NULL); /* what could not be removed is tried again below */
		return;
	}
	l->draining = true;
	if (!drain_rules(l))
		drain_reclaim(l);
}

void lease_skip_grace(struct lease *l)
{
	l->grace_until = 0;
	if (l->state == LEASE_DRAINING)
		lease_drain(l);
}

void lease_revoke(struct lease *l, uint64_t grace_usec, bool force, const char *reason)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC), until, deadline;
	bool again = l->state == LEASE_DRAINING, harder = force && !l->force;

	if (__builtin_add_overflow(now, grace_usec, &until))
		until = UINT64_MAX;
	if (!again || until < l->grace_until)
		l->grace_until = until;
	l->force = l->force || force;
	/* Otherwise it goes on record with the change of state. */
	if (harder && (again || l->state == LEASE_QUARANTINED))
		(void)lease_save(l);
	deadline = now_usec(CLOCK_REALTIME) + (l->grace_until > now ? l->grace_until - now : 0);
	lease_announce(l, "revoked", reason, deadline);
	if (l->grace_until > now && l->state != LEASE_QUARANTINED)
		lease_handles_notice(l, deadline);
	(void)lease_event(l, LEASE_REVOKE, reason, NULL);
	if (again)
		lease_drain(l);
}

void leases_retry_drain(struct device *d)
{
	struct lease *l, *next;

	for (l = LIST_FIRST(&d->devices->leases->ending); l; l = next) {
		next = LIST_NEXT(l, ending_entry);
		if (l->device == d)
			lease_drain(l);
	}
}
