/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Draining, in its one order: rules away (flows fall back to ordinary queues), handle shut, grant
 * taken back, and then the kernel's word that the queues are nobody's. A step that fails is tried
 * again; when the time is over the lease is quarantined, and looked at for as long as it takes.
 */
#include <errno.h>

#include "leases.h"
#include "log.h"

/* A ring closes asynchronously, through a workqueue; the kernel's own tests wait up to 5 s. */
#define DRAIN_POLL_USEC (50 * 1000ULL)
#define DRAIN_TRIES 200			/* 10 s, then QUARANTINED */
#define QUARANTINE_POLL_USEC (2 * 1000000ULL)

struct drain {
	struct lease *lease;
	struct grant grant;
	bool granted;
	uint32_t queues[LEASE_QUEUES_MAX];
	unsigned n_queues;
	int r;
	struct fault fault;
};

static void drain_rules_gone(struct lease *l, int r, struct fault *fault,
			     const struct flow_list *added, void *userdata);

/* An interface that is gone took everything with it. */
static bool is_gone(int r)
{
	return r == ZCRX_NO_SUCH_INTERFACE;
}

static int on_drain_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	lease_drain(userdata);
	return 0;
}

static void drain_again(struct lease *l, const char *why)
{
	bool stuck = ++l->drain_tries >= DRAIN_TRIES;
	uint64_t wait = stuck ? QUARANTINE_POLL_USEC : DRAIN_POLL_USEC;
	int r;

	l->draining = false;
	if (stuck && l->state == LEASE_DRAINING)
		(void)lease_event(l, LEASE_STUCK, why, NULL);
	if (!l->drain_timer)
		r = sd_event_add_time_relative(l->manager->event, &l->drain_timer, CLOCK_MONOTONIC,
					       wait, 0, on_drain_timer, l);
	else
		r = sd_event_source_set_time_relative(l->drain_timer, wait);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->drain_timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_errno(r, "Cannot arm the drain timer of lease %08x", l->id);
}

/* ------------------------------------------------------- the grant and the queues */

static void take_back_run(struct nic *nic, void *data)
{
	struct drain *t = data;
	struct nic_queue found[LEASE_QUEUES_MAX];

	if (t->granted)
		t->r = nic->ops->ungrant(nic, &t->grant, &t->fault);
	if (t->r == 0)
		t->r = nic->ops->queues(nic, t->queues, t->n_queues, found, &t->fault);
	for (unsigned i = 0; t->r == 0 && i < t->n_queues; i++)
		if (found[i].io_uring || found[i].dmabuf || found[i].xsk || found[i].leased)
			t->r = fault_set(&t->fault, ZCRX_WRONG_STATE, "bound",
					 "Queue %u is still held by %s: some process keeps the ring open.",
					 t->queues[i], found[i].io_uring ? "an io_uring" :
						       found[i].leased	 ? "a queue lease" :
						       found[i].dmabuf	 ? "a dma-buf binding" :
									   "an AF_XDP socket");
}

static void take_back_done(void *data)
{
	struct drain *t = data;
	struct lease *l = t->lease;
	struct device *d = l->device;

	if (t->r == 0 || is_gone(t->r)) {
		l->draining = false;
		(void)lease_event(l, LEASE_CLEAN, NULL, NULL);
	} else
		drain_again(l, t->r > 0 ? t->fault.message : strerror(-t->r));
	fault_done(&t->fault);
	free(t);
	lease_unref(l);
	device_job_done(d);
}

static void drain_take_back(struct lease *l)
{
	struct drain *t;
	int r;

	lease_handles_shut(l);
	t = calloc(1, sizeof(*t));
	r = t ? 0 : -ENOMEM;
	if (t) {
		*t = (struct drain){ .lease = l, .grant = l->grant, .granted = l->granted,
				     .n_queues = l->n_queues };
		memcpy(t->queues, l->queues, sizeof(t->queues));
		r = device_submit(l->device, take_back_run, take_back_done, t);
	}
	if (r < 0) {
		free(t);
		drain_again(l, strerror(-r));
	} else
		lease_ref(l);
}

/* ------------------------------------------------------------------------ the rules */

static bool drain_rules(struct lease *l)
{
	struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };
	int r = list.flows ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < l->n_flows; i++)
		if (l->flows[i]->state == FLOW_INSTALLED)
			list.flows[list.n++] = l->flows[i];
	if (list.n > 0)
		r = lease_flows_remove(l, &list, drain_rules_gone, NULL);
	if (r < 0)
		drain_again(l, strerror(-r));
	r = r < 0 || list.n > 0;
	flow_list_done(&list);
	return r;
}

static void drain_rules_gone(struct lease *l, int r, struct fault *fault,
			     const struct flow_list *added, void *userdata)
{
	(void)added;
	(void)userdata;
	if (r == 0 || is_gone(r))
		drain_take_back(l);
	else
		drain_again(l, r > 0 ? fault->message : strerror(-r));
}

/* Idempotent: it goes on from wherever the last try ended. */
void lease_drain(struct lease *l)
{
	if (l->draining || l->n_busy > 0)
		return;
	l->draining = true;
	if (!drain_rules(l))
		drain_take_back(l);
}

void leases_recheck(struct device *d)
{
	struct lease *l, *next;

	for (l = TAILQ_FIRST(&d->manager->leases); l; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (l->device == d &&
		    (l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED))
			lease_drain(l);
	}
}
