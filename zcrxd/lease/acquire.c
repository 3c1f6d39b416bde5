/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Acquire: take queues out of the inventory, have the kernel hold them for the lease, start its time.
 */
#include <errno.h>
#include <sys/random.h>

#include "acquire.h"
#include "busy.h"
#include "clock.h"
#include "drift.h"
#include "flows.h"
#include "leases.h"
#include "log.h"
#include "registrar.h"
#include "rules.h"
#include "rss.h"
#include "serve.h"

struct acquire {
	struct lease *lease;
	struct grant_request request;
	struct grant grant;
	bool table_is_seen_to; /* as nic_state_check_isolated() takes it */
	struct carve_out carve_out; /* where idle queues serve, RSS is taken away from these before they are granted */
	uint32_t *held;		    /* together with all others that it must not lead to */
	size_t n_held;
	char *change;
	bool taken;	       /* the queues are not free after all */
	unsigned tries;
	int r;
	struct fault fault;
	lease_done done;
	void *userdata;
};

static void acquire_done(void *data);

static int on_expiry(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)lease_event(userdata, LEASE_EXPIRED, "its time to live has expired", NULL);
	return 0;
}

int lease_set_time_to_live(struct lease *l, uint64_t usec)
{
	uint64_t now = now_usec(CLOCK_BOOTTIME);
	int r = 0;

	l->expiry = sd_event_source_disable_unref(l->expiry);
	l->expiry_usec = l->expiry_told = l->expiry_noted = 0;
	/* Nobody waits for the year 292277: far away is never. */
	if (usec > INT64_MAX / 2)
		return 0;
	r = sd_event_add_time(l->leases->loop->event, &l->expiry, CLOCK_BOOTTIME, now + usec, 0,
			      on_expiry, l);
	if (r < 0)
		return r;
	loop_set_protection(l->expiry);
	l->expiry_usec = now + usec;
	l->expiry_noted = now_usec(CLOCK_REALTIME) + usec;
	return 0;
}

static uint32_t lease_new_id(struct leases *leases)
{
	uint32_t id;

	do {
		if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
			id = 0;
	} while (id == 0 || leases_find(leases, id));
	return id;
}

static struct lease *lease_new(struct leases *leases, struct device *d, uint32_t id, const char *name)
{
	struct lease *l;

	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->n_ref = 1;
	l->leases = leases;
	l->device = d;
	l->id = id;
	for (unsigned i = 0; i < LEASE_QUEUES_MAX; i++)
		l->per_queue[i].client_pidfd = l->per_queue[i].export_fd = -EBADF;
	LIST_INIT(&l->proofs);
	LIST_INIT(&l->handles);
	LIST_INIT(&l->sharers);
	STAILQ_INIT(&l->waiters);
	STAILQ_INIT(&l->unbind.waiters);
	if (name) {
		l->name = strdup(name);
		if (!l->name)
			return lease_unref(l);
	}
	return l;
}

static struct lease *lease_new_for(struct leases *leases, const struct acquire_request *q)
{
	struct lease *l = lease_new(leases, q->device, lease_new_id(leases), q->name);

	if (!l)
		return NULL;
	l->ifindex = q->device->ifindex;
	l->owner_uid = q->peer->uid;
	l->acquirer_uid = q->acquirer->uid;
	l->owner_pid = q->acquirer->pid;
	l->n_queues = q->n_queues;
	l->persistent = q->persistent;
	l->area_permitted = q->area_permitted;
	/* root's own program will register on the hardware queue: the one case in which rules come
	 * before an ifq, and for which no netkit device may stand in between. */
	l->self_registered = q->persistent && q->n_flows > 0 && q->peer->uid == 0 && q->acquirer->uid == 0;
	l->creation_usec = now_usec(CLOCK_REALTIME);
	return l;
}

int lease_adopt(struct leases *leases, struct device *d, const struct record_lease *saved,
		enum lease_state state, const char *reason, struct lease **ret)
{
	struct lease *l = lease_new(leases, d, saved->id, saved->name);

	if (!l)
		return -ENOMEM;
	l->ifindex = saved->ifindex;
	l->max_flows = saved->max_flows;
	l->area_permitted = saved->area_permitted;
	l->owner_uid = saved->owner_uid;
	l->acquirer_uid = saved->acquirer_uid;
	l->owner_pid = saved->owner_pid;
	lease_set_state(l, state);
	l->reason = reason ? strdup(reason) : NULL;
	l->persistent = saved->persistent;
	l->self_registered = saved->self_registered;
	l->creation_usec = saved->creation_usec;
	l->unbind.regranting = saved->regranting;
	l->n_queues = (unsigned)saved->n_queues;
	for (size_t i = 0; i < saved->n_queues; i++) {
		l->queues[i] = saved->queues[i];
		l->per_queue[i].area = saved->areas[i];
		l->per_queue[i].saved_tuning = saved->found[i];
	}
	lease_list(l);
	*ret = l;
	return 0;
}

static enum grant_kind lease_grant_kind(const struct lease *l)
{
	const struct kernel_features *k = l->leases->backend->ops->features(l->leases->backend);

	if (l->device->ifindex == SOFTWARE_IFINDEX)
		return GRANT_SOFTWARE;
	return k->queue_leasing && !l->self_registered && l->device->devices->config->grants == GRANTS_AUTO
		       ? GRANT_NETKIT
		       : GRANT_DIRECT;
}

/* What Register would refuse is not granted. An interface that is down is asked when it is up. */
static int check_ways(struct nic *nic, struct acquire *a, struct fault *reterr)
{
	const struct own_steering own = { .table_is_seen_to = a->table_is_seen_to };
	_cleanup_(nic_state_freep) struct nic_state *state = NULL;
	int r = nic->ops->observe_steering(nic, &state, reterr);

	for (size_t i = 0; r == 0 && state->up && i < a->request.n_queues; i++)
		r = nic_state_check_isolated(state, a->request.queues[i], &own, reterr);
	if (r == 0 && a->carve_out.idle_queues == IDLE_SERVE &&
	    drift_table_leads(state, a->request.queues, a->request.n_queues))
		r = nic_serve(nic, state, &a->carve_out, &(struct busy_queues){ a->held, a->n_held }, &a->change, reterr);
	return r;
}

static void acquire_run(struct nic *nic, void *data)
{
	struct acquire *a = data;

	a->r = a->request.kind == GRANT_SOFTWARE ? 0 : check_ways(nic, a, &a->fault);
	if (a->r == 0)
		a->r = nic->ops->grant(nic, &a->request, &a->grant, &a->fault);
	a->taken = a->r == ZCRX_FLOW_CONFLICT ||
		   (a->r == ZCRX_KERNEL_REJECTED && a->fault.error == EBUSY);
}

static void acquire_free(struct acquire *a)
{
	free(a->held);
	free(a->change);
	free(a);
}

static int acquire_submit(struct acquire *a)
{
	struct device *d = a->lease->device;
	int r;

	free(TAKE_PTR(a->held));
	free(TAKE_PTR(a->change));
	a->table_is_seen_to = device_sees_to_table(d);
	a->carve_out = d->inventory.carve_out;
	a->n_held = 0;
	r = a->carve_out.idle_queues == IDLE_SERVE ? device_busy_queues(d, &a->held, &a->n_held) : 0;
	return r < 0 ? r : device_submit(d, acquire_run, acquire_done, a);
}

static void acquire_report(struct acquire *a, int r)
{
	a->done(a->lease, r, &a->fault, a->userdata);
	fault_done(&a->fault);
	a->lease->leases->hooks->acquired(a->lease->device);
	if (r == 0)
		registrar_expect(a->lease->leases);
	lease_op_end(a->lease);
	acquire_free(a);
}

static void acquire_fail(struct acquire *a, int r)
{
	(void)lease_event(a->lease, LEASE_ACQUIRE_FAILED, NULL, NULL);
	acquire_report(a, r);
}

/* Somebody outside uses a queue that we thought free, or leads to it. The device has looked again and
 * withholds it: try what else is free. */
static void on_looked_again(struct device *d, const struct device_report *report, void *userdata)
{
	struct acquire *a = userdata;
	struct lease *l = a->lease;
	unsigned n = (unsigned)a->request.n_queues;
	int r = a->r;

	if (l->state == LEASE_RESERVED && inventory_reserve(&d->inventory, l->id, n, l->queues)) {
		l->n_queues = n;
		fault_done(&a->fault);
		(void)lease_save(l);
		r = lease_check_saved(l, "grant a lease", &a->fault);
		if (r == 0)
			r = acquire_submit(a);
		if (r == 0)
			return;
	} else if (l->state == LEASE_RESERVED) {
		fault_done(&a->fault);
		r = inventory_refuse(&d->inventory, device_name(d), n, "", &a->fault);
	}
	acquire_fail(a, r);
}

static void on_early_flows(struct lease *l, int r, struct fault *fault,
			   const struct flow_list *added, void *userdata)
{
	struct acquire *a = userdata;

	if (r > 0) {
		a->fault = *fault;
		*fault = (struct fault){};
	}
	if (r != 0)
		(void)lease_event(l, LEASE_RELEASE, "its flows could not be steered", NULL);
	acquire_report(a, r);
}

/* A lease that registers by itself is steered at once. */
static int acquire_steer(struct acquire *a)
{
	struct lease *l = a->lease;
	struct flow_list list = { .flows = l->flows, .n = l->n_flows };
	int r;

	r = lease_event(l, LEASE_ADD_FLOW_EARLY, NULL, &a->fault);
	return r != 0 ? r : lease_flows_install(l, &list, on_early_flows, a);
}

static void acquire_early(struct lease *l, void *userdata)
{
	struct acquire *a = userdata;
	int r = acquire_steer(a);

	if (r == 0)
		return;
	(void)lease_event(l, LEASE_RELEASE, NULL, NULL);
	acquire_report(a, r);
}

static void acquire_granted(struct acquire *a)
{
	struct lease *l = a->lease;
	int r = 0;

	l->grant = a->grant;
	l->granted = true;
	(void)lease_save(l);
	if (l->state != LEASE_RESERVED)
		r = fault_set(&a->fault,
			      l->device->phase == DEVICE_GONE ? ZCRX_NO_SUCH_INTERFACE : ZCRX_NO_SUCH_LEASE,
			      device_name(l->device),
			      "The lease ended while it was being granted: %s.",
			      l->reason ?: "it was revoked");
	else if (l->self_registered) {
		if (!lease_needs_rss(l) || lease_setup_rss(l, acquire_early, a) < 0)
			acquire_early(l, a);
		return;
	}
	acquire_report(a, r);
}

static void acquire_done(void *data)
{
	struct acquire *a = data;
	struct lease *l = a->lease;
	struct device *d = l->device;

	if (a->change)
		log_message(LOG_DEBUG, &(struct log_fields){ .interface = d->name, .lease = l->id }, "%s: %s", d->name,
			    a->change);
	if (a->r == 0)
		acquire_granted(a);
	else if (a->taken && ++a->tries < 3) {
		/* They are free for others while we look, so they are not the lease's any more. */
		inventory_release(&d->inventory, l->id);
		l->n_queues = 0;
		(void)lease_save(l);
		if (device_refresh(d, on_looked_again, a) < 0)
			acquire_fail(a, a->r);
	} else
		acquire_fail(a, a->r);
}

static int acquire_prepare(struct lease *l, const struct acquire_request *q, struct acquire *a,
			   struct fault *reterr)
{
	struct flow_list noted = {};
	int r;

	r = q->n_flows > 0 ? lease_flows_check_quota(l, q->peer, q->n_flows, reterr) : 0;
	if (r != 0)
		return r;
	r = lease_flows_add(l, l->n_queues > 1 ? ALL_QUEUES : 0, q->flows, q->n_flows, NULL, &noted,
			    reterr);
	flow_list_done(&noted);
	if (r != 0)
		return r;
	r = lease_set_time_to_live(l, q->time_to_live);
	if (r < 0)
		return r;
	l->grant.kind = lease_grant_kind(l);
	a->request = (struct grant_request){ .kind = l->grant.kind, .queues = l->queues,
					     .n_queues = l->n_queues };
	lease_device_name(l->id, a->request.device);
	return 0;
}

int lease_acquire(struct leases *leases, const struct acquire_request *q, lease_done done,
		  void *userdata, struct fault *reterr)
{
	struct device *d = q->device;
	struct lease *l;
	struct acquire *a;
	int r;

	a = calloc(1, sizeof(*a));
	l = a ? lease_new_for(leases, q) : NULL;
	if (!l) {
		free(a);
		return -ENOMEM;
	}
	if (!inventory_reserve(&d->inventory, l->id, l->n_queues, l->queues)) {
		r = inventory_refuse(&d->inventory, device_name(d), l->n_queues, "", reterr);
		lease_unref(l);
		free(a);
		return r;
	}
	lease_list(l);
	lease_op_begin(l);
	*a = (struct acquire){ .lease = l, .done = done, .userdata = userdata };
	/* With all that is to be on record of it in place: the event writes it down. */
	r = acquire_prepare(l, q, a, reterr);
	(void)lease_event(l, LEASE_ACQUIRE, NULL, NULL);
	if (r == 0)
		r = lease_check_saved(l, "grant a lease", reterr);
	if (r == 0)
		r = acquire_submit(a);
	if (r != 0) {
		(void)lease_event(l, LEASE_ACQUIRE_FAILED, NULL, NULL);
		lease_op_end(l);
		acquire_free(a);
	}
	return r;
}
