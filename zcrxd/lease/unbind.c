/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program closes its rings and its lease goes on: it starts anew by exec, or a worker of it died. The kernel
 * then keeps the ifqs for our exports of them, the rules lead to a queue that nobody empties, and its flows
 * stand still. So, in this order: the rules are lifted (the flows and their proofs stay, and are copied), the
 * RSS context and the grant go, as at the end of the lease, and a new grant is made. Then the queues are free,
 * the lease is reserved, and Register works again, after which the rules come back.
 *
 * The grant is renewed, and not just our export closed, because clients can have exports of their own that the
 * kernel shows to nobody: without ours, one of those could close at the same time as the device is deleted
 * (export.c). It has all queues of a lease, so all their rings have to be closed. A
 * queue whose rings alone are closed is still bound, and who replaces its process can share it (sharing.c).
 *
 * That a ring was closed is no event: abandoned.c looks.
 */
#include <errno.h>

#include "clock.h"
#include "drain.h"
#include "dry.h"
#include "export.h"
#include "log.h"
#include "reclaim.h"
#include "rules.h"
#include "sharing.h"
#include "snapshot.h"
#include "unbind.h"

#define LOOK_USEC (1000 * 1000ULL)
/* Without a netkit device the kernel frees the queue by itself, some time after the ring was closed. */
#define SOON_USEC (50 * 1000ULL)
#define SOON_TRIES 100 /* 5 s; then whoever waits hears of it, and it is looked at once a second */
#define RULES_TRIES 3
/* Each time a queue restarts. Who does it again within a minute waits 1 s, then 2 s, 4 s and 8 s. */
#define AGAIN_USEC (1000 * 1000ULL)
#define AGAIN_MAX 3
#define QUIET_USEC (60 * 1000 * 1000ULL)

struct unbind_waiter {
	STAILQ_ENTRY(unbind_waiter) entry;
	unbind_done done;
	void *userdata;
};

struct unbind_job {
	struct reclaim reclaim;
	struct grant_request request;
	struct grant grant;
	bool down; /* the interface does not tell; nothing was done */
};

/* ------------------------------------------------------------------------- who waits for it */

bool lease_is_unbinding(const struct lease *l)
{
	return l->unbind.wanted;
}

static void tell_waiters(struct lease *l)
{
	struct unbind_waiter *w;

	while ((w = STAILQ_FIRST(&l->unbind.waiters))) {
		STAILQ_REMOVE_HEAD(&l->unbind.waiters, entry);
		w->done(l, w->userdata);
		free(w);
	}
}

void lease_unbind_end(struct lease *l)
{
	l->unbind.timer = sd_event_source_disable_unref(l->unbind.timer);
	l->unbind.wanted = false;
	tell_waiters(l);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	lease_unbind_go_on(userdata);
	return 0;
}

static void go_on_in(struct lease *l, uint64_t usec)
{
	int r = loop_arm_protection(l->leases->loop, &l->unbind.timer, usec, on_timer, l);

	if (r < 0)
		log_errno(r, "Cannot arm a timer for lease %08x", l->id);
}

/* It ends like any other: draining tries for as long as it takes. */
static void give_up(struct lease *l, const char *why)
{
	_cleanup_free_ char *reason = NULL;

	l->unbind.wanted = false;
	if (asprintf(&reason, "its rings were closed, and its queues could not be taken back: %s", why) < 0)
		reason = NULL;
	(void)lease_event(l, LEASE_REVOKE, reason, NULL);
	tell_waiters(l);
}

/* --------------------------------------------------------------------------- the queues */

static void unbind_run(struct nic *nic, void *data)
{
	struct unbind_job *j = data;
	struct reclaim *t = &j->reclaim;
	struct nic_queue q;

	t->r = nic->ops->queues(nic, t->queues, 1, &q, &t->fault);
	j->down = t->r == ZCRX_INTERFACE_DOWN;
	if (t->r != 0)
		return;
	reclaim_run(nic, t);
	j->down = nic_is_detached(t->r, &t->fault);
	if (t->r == 0)
		t->r = nic->ops->grant(nic, &j->request, &j->grant, &t->fault);
}

static void unbound(struct lease *l, const struct grant *grant)
{
	l->grant = *grant;
	for (unsigned i = 0; i < l->n_queues; i++) {
		struct lease_queue *q = &l->per_queue[i];

		q->bound = q->watched = false;
		q->area = 0;
		lease_forget_client(l, i);
	}
	lease_forget_exports(l);
	lease_forget_sharers(l);
	l->unbind.wanted = false;
	l->unbind.last = now_usec(CLOCK_MONOTONIC);
	if (l->state == LEASE_BOUND)
		(void)lease_event(l, LEASE_UNBOUND, NULL, NULL);
	else
		(void)lease_save(l);
	tell_waiters(l);
}

/* The kernel is at it, or the interface does not tell: nothing is known to be wrong. */
static void later(struct lease *l)
{
	bool soon = l->unbind.tries++ < SOON_TRIES;

	if (!soon)
		tell_waiters(l);
	l->unbind.wait_until = now_usec(CLOCK_MONOTONIC) + (soon ? SOON_USEC : LOOK_USEC);
}

static void unbind_job_done(void *data)
{
	struct unbind_job *j = data;
	struct reclaim *t = &j->reclaim;
	struct lease *l = t->lease;
	bool wait = j->down || (l->grant.kind != GRANT_NETKIT && t->r > 0);

	l->granted = t->r == 0 || t->granted;
	l->unbind.regranting = l->unbind.regranting && wait;
	l->unbind.working = false;
	lease_forget_record(l);
	if (t->context == 0 && l->rss == LEASE_RSS_CONTEXT)
		l->rss = LEASE_RSS_NONE;
	if (!t->deletion.held)
		question_abandon(&l->question);
	if (t->r == 0)
		unbound(l, &j->grant);
	else if (l->state == LEASE_DRAINING)
		lease_unbind_end(l);
	else if (wait) {
		later(l);
		/* What was put on record before is as it was: nothing has been taken back. */
		if (l->unbind.tries == 1)
			(void)lease_save(l);
	} else
		give_up(l, t->r > 0 ? t->fault.message : strerror(-t->r));
	fault_done(&t->fault);
	deletion_done(&t->deletion);
	free(j);
	lease_op_end(l);
}

/* Where it ends in the middle, the next daemon goes on with it. */
static int save_regranting(struct lease *l)
{
	l->unbind.regranting = true;
	return lease_save(l);
}

static int start_job(struct lease *l)
{
	struct unbind_job *j = calloc(1, sizeof(*j));
	struct reclaim *t;
	int r;

	if (!j)
		return -ENOMEM;
	t = &j->reclaim;
	*t = (struct reclaim) { .lease = l, .grant = l->grant, .granted = l->granted, .n_queues = l->n_queues };
	if (l->rss == LEASE_RSS_CONTEXT)
		t->context = l->context;
	memcpy(t->queues, l->queues, sizeof(t->queues));
	j->request = (struct grant_request) { .kind = l->grant.kind, .queues = l->queues, .n_queues = l->n_queues };
	lease_device_name(l->id, j->request.device);
	r = deletion_prepare(l, &t->deletion);
	if (r == 0 && l->grant.kind == GRANT_NETKIT) {
		l->granted = false; /* that its device goes is no news */
		if (!l->unbind.regranting)
			r = save_regranting(l);
	}
	if (r == 0)
		r = device_submit(l->device, unbind_run, unbind_job_done, j);
	if (r != 0) {
		l->unbind.regranting = false;
		l->granted = t->granted;
		lease_forget_record(l);
		deletion_done(&t->deletion);
		question_abandon(&l->question);
		free(j);
		return r < 0 ? r : -EIO;
	}
	l->unbind.working = true;
	lease_op_begin(l);
	return 0;
}

/* ------------------------------------------------------------------------------ in order */

/* 0: there are no rules. */
static int lift_flows(struct lease *l, flows_done done)
{
	struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };
	int r = list.flows ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < l->n_flows; i++)
		if (l->flows[i]->state == FLOW_INSTALLED) {
			l->flows[i]->lifted = true;
			list.flows[list.n++] = l->flows[i];
		}
	if (list.n > 0)
		r = lease_flows_remove(l, &list, done, NULL);
	for (size_t i = 0; r < 0 && i < list.n; i++)
		list.flows[i]->lifted = false;
	r = r < 0 ? r : list.n > 0;
	flow_list_done(&list);
	return r;
}

static void on_lifted(struct lease *l, int r, struct fault *fault, const struct flow_list *added,
		      void *userdata)
{
	if (r == 0 || l->state == LEASE_DRAINING)
		return; /* the end of the operation goes on */
	if (++l->unbind.tries >= RULES_TRIES)
		give_up(l, r > 0 ? fault->message : strerror(-r));
	else
		l->unbind.wait_until = now_usec(CLOCK_MONOTONIC) + LOOK_USEC;
}

/* Over a minute later it is the first time again. */
static uint64_t not_before(struct lease *l, uint64_t now)
{
	if (l->unbind.last == 0 || now - l->unbind.last > QUIET_USEC)
		l->unbind.often = 0;
	else if (l->unbind.often < AGAIN_MAX + 1)
		l->unbind.often++;
	return l->unbind.often == 0 ? 0 : l->unbind.last + (AGAIN_USEC << (l->unbind.often - 1));
}

static void step(struct lease *l)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	int r;

	/* One more ring was on its way. */
	if (!l->unbind.begun && !l->unbind.regranting && !lease_is_abandoned(l)) {
		lease_unbind_end(l);
		return;
	}
	l->unbind.begun = true;
	if (l->unbind.wait_until > now) {
		go_on_in(l, l->unbind.wait_until - now);
		return;
	}
	r = lift_flows(l, on_lifted);
	if (r > 0)
		return;
	if (r == 0 && dry_is_in_the_way(l)) {
		go_on_in(l, SOON_USEC);
		return;
	}
	/* The flows go on meanwhile. */
	if (r == 0 && l->unbind.start_after > now) {
		go_on_in(l, l->unbind.start_after - now);
		return;
	}
	if (r == 0)
		r = start_job(l);
	if (r < 0) {
		log_errno(r, "Cannot take back the queues of lease %08x, whose rings were closed", l->id);
		go_on_in(l, LOOK_USEC);
	}
}

void lease_unbind_go_on(struct lease *l)
{
	if (!l->unbind.wanted || l->unbind.working || l->n_busy > 0)
		return;
	if (l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED)
		lease_unbind_end(l);
	else if (l->device->phase != DEVICE_GONE)
		step(l);
}

static void begin(struct lease *l)
{
	l->unbind.wanted = true;
	l->unbind.begun = false;
	l->unbind.tries = 0;
	l->unbind.wait_until = 0;
	l->unbind.start_after = not_before(l, now_usec(CLOCK_MONOTONIC));
	lease_unbind_go_on(l);
}

int lease_unbind(struct lease *l, unbind_done done, void *userdata)
{
	struct unbind_waiter *w;

	if (done) {
		w = malloc(sizeof(*w));
		if (!w)
			return -ENOMEM;
		*w = (struct unbind_waiter) { .done = done, .userdata = userdata };
		STAILQ_INSERT_TAIL(&l->unbind.waiters, w, entry);
	}
	if (!l->unbind.wanted)
		begin(l);
	return 0;
}
