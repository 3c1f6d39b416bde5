/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Register: nobody else may reach the queue -> the ifq goes on the client's ring (registrar.c) -> the
 * kernel shows it there. Three stages, the first and last on the device's worker.
 */
#include <errno.h>
#include <fcntl.h>

#include "closed.h"
#include "drift.h"
#include "dry.h"
#include "export.h"
#include "flows.h"
#include "inquiry.h"
#include "leases.h"
#include "log.h"
#include "proof-check.h"
#include "register.h"
#include "registrar.h"
#include "rules.h"
#include "rss.h"
#include "shortage.h"
#include "steering.h"
#include "unbind.h"

/* Looks at the ways to the queue, while what leads to it is being closed. */
#define WAYS_TRIES 3

struct registration {
	struct lease *lease;
	unsigned queue;
	struct ifq_request request; /* with descriptors of its own */
	struct own_steering own;    /* with memory of its own */
	uint32_t *own_rules;
	uint32_t hardware_queue;
	struct ifq ifq;
	struct nic_queue found[LEASE_QUEUES_MAX]; /* all queues of the lease: a bind may give each another NAPI id */
	int r;
	struct fault fault;
	struct inquiry inquiry;
	bool table; /* it was the RSS table that led to the queue */
	unsigned tries;
	register_done done;
	void *userdata;
};

static void registration_free(struct registration *g)
{
	closep(&g->request.pidfd);
	closep(&g->request.area_fd);
	inquiry_end(&g->inquiry);
	fault_done(&g->fault);
	free(g->own_rules);
	free(g);
}

static void registration_report(struct registration *g, int r)
{
	struct lease *l = g->lease;
	struct register_reply reply = { .ifq = &g->ifq, .hardware_queue = g->hardware_queue,
					.napi_id = g->found[g->queue].napi_id };

	l->per_queue[g->queue].registering = l->per_queue[g->queue].binding = false;
	/* Not the client's doing: something is wrong with how this machine is set up. */
	if (r == ZCRX_KERNEL_REJECTED && g->fault.error == EPERM)
		log_message(LOG_ERR, &(struct log_fields){ .lease = l->id },
			    "Lease %08x: the queue cannot be registered: %s", l->id,
			    g->fault.message);
	if (!l->per_queue[g->queue].bound) {
		l->per_queue[g->queue].area = 0;
		l->per_queue[g->queue].watched = false;
		lease_forget_client(l, g->queue);
		(void)lease_save(l);
	}
	g->done(l, r, &g->fault, &reply, g->userdata);
	registration_free(g);
	lease_op_end(l);
}

/* -------------------------------------------------------- stage 3: it is there */

static void scan_run(struct nic *nic, void *data)
{
	struct registration *g = data;

	g->r = nic->ops->queues(nic, g->lease->queues, g->lease->n_queues, g->found, &g->fault);
}

/* The last of several: flows can be spread over them from now on. */
static void on_rss_done(struct lease *l, void *userdata)
{
	struct registration *g = userdata;
	int r = lease_may(l, LEASE_REGISTER, &g->fault);

	if (r == 0)
		(void)lease_flows_install_pending(l, ALL_QUEUES);
	registration_report(g, r);
}

static void registration_finish(struct registration *g)
{
	struct lease *l = g->lease;

	(void)lease_flows_install_pending(l, g->queue);
	l->per_queue[g->queue].registering = false;
	/* What changed while it was reserved. */
	if (l->n_proofs > 0)
		proofs_addresses_changed(l->device);
	if (leases_watch_rings(l->leases) < 0)
		log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id },
			    "Lease %08x: that its rings are closed will not be noticed.", l->id);
	for (unsigned i = 0; i < l->n_queues; i++)
		if (l->per_queue[i].registering) {
			registration_report(g, 0);
			return;
		}
	if (!lease_needs_rss(l) || lease_setup_rss(l, on_rss_done, g) < 0)
		registration_report(g, 0);
}

static void scan_done(void *data)
{
	struct registration *g = data;
	struct lease *l = g->lease;
	int r = 0;

	/* An interface that is down says nothing; the registration stands all the same. */
	fault_done(&g->fault);
	for (unsigned i = 0; i < l->n_queues; i++)
		l->per_queue[i].napi_id = g->found[i].napi_id ?: l->per_queue[i].napi_id;
	if (l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED)
		r = lease_may(l, LEASE_REGISTER, &g->fault);
	else
		r = lease_event(l, LEASE_REGISTERED, NULL, &g->fault);
	if (r == 0)
		registration_finish(g);
	else
		registration_report(g, r);
}

/* ------------------------------------------------------ stage 2: the client's ring */

/* A lease that the next daemon could not end safely is ended by this one. */
static void take_export(struct registration *g, int fd)
{
	struct lease *l = g->lease;
	int r = lease_set_export(l, g->queue, fd, true);

	if (r < 0)
		(void)lease_event(l, LEASE_REVOKE,
				  "the service manager does not store the export of its queue", NULL);
	else if (g->request.must_export && fd < 0)
		(void)lease_event(l, LEASE_REVOKE, "its client kept its ring from zcrxd", NULL);
}

static void on_looked(void *userdata)
{
	struct registration *g = userdata;

	registration_report(g, g->r);
}

static void on_registered(int r, const struct ifq *ifq, int export_fd, struct fault *fault,
			  void *userdata)
{
	struct registration *g = userdata;

	if (r == 0) {
		g->ifq = *ifq;
		/* Bound from here on, whatever follows: draining has to know. */
		g->lease->per_queue[g->queue].bound = true;
		take_export(g, export_fd);
		r = device_submit(g->lease->device, scan_run, scan_done, g);
		if (r == 0)
			return;
	} else {
		g->r = r;
		g->fault = *fault;
		*fault = (struct fault){};
		if (lease_look_closed(g->lease, g->hardware_queue, &g->fault, on_looked, g) == 0)
			return;
	}
	registration_report(g, r);
}

static bool driver_is_busy(void *userdata)
{
	struct registration *g = userdata;

	return inquiry_is_open(&g->inquiry, g->lease->device, g->hardware_queue);
}

/* --------------------------------------------- stage 1: nobody else reaches the queue */

static void ways_run(struct nic *nic, void *data)
{
	struct registration *g = data;
	struct nic_state *state = NULL;

	g->r = nic->ops->observe_steering(nic, &state, &g->fault);
	if (g->r == 0 && !state->up)
		g->r = fault_set(&g->fault, ZCRX_INTERFACE_DOWN, state->name,
				 "%s is down. Bring it up (ip link set %s up) and try again.",
				 state->name, state->name);
	if (g->r == 0)
		g->r = nic_state_check_isolated(state, g->hardware_queue, &g->own, &g->fault);
	g->table = g->r == ZCRX_FLOW_CONFLICT && drift_table_leads(state, &g->hardware_queue, 1);
	nic_state_free(state);
}

/* Who holds the ring is known before there is an ifq on it, whatever happens to us in between. */
static int start_registrar(struct registration *g)
{
	struct lease *l = g->lease;
	struct leases *leases = l->leases;
	int pidfd = fcntl(g->request.pidfd, F_DUPFD_CLOEXEC, 3), r = 0;

	if (pidfd < 0)
		return -errno;
	if (g->request.ring_epoll_fd >= 0)
		r = leases_store_rings(leases);
	if (r == 0)
		r = lease_check_store(l, 1, &g->fault);
	if (r != 0) {
		close(pidfd);
		return r;
	}
	r = lease_set_client(l, g->queue, pidfd, g->request.uid, true);
	if (r < 0)
		return r;
	return registrar_start(leases, &g->request, driver_is_busy, on_registered, g, &g->fault);
}

static void ways_done(void *data);

/* Somebody has opened a way, and an old ioctl tells nobody. Where the table is put right by ourselves it
 * is looked at once more: nobody is told to do what is being done. With `on-drift: report` it is left
 * alone, as nothing is in use behind it yet, and the refusal says what to do. */
static bool look_again(struct registration *g)
{
	struct lease *l = g->lease;

	l->leases->hooks->look(l->device);
	if (!g->table || l->device->devices->config->on_drift != ON_DRIFT_REPAIR || ++g->tries >= WAYS_TRIES ||
	    device_submit(l->device, ways_run, ways_done, g) < 0)
		return false;
	fault_done(&g->fault);
	return true;
}

/* Much may have happened meanwhile: it begins once more. */
static void on_another_ended(struct lease *other, void *userdata)
{
	struct registration *g = userdata;
	int r = device_submit(g->lease->device, ways_run, ways_done, g);

	if (r != 0)
		registration_report(g, r);
}

static void ways_done(void *data)
{
	struct registration *g = data;
	struct lease *l = g->lease;
	int r = g->r;

	if (r == ZCRX_FLOW_CONFLICT && look_again(g))
		return;
	if (r == 0)
		r = lease_may(l, LEASE_REGISTER, &g->fault);
	if (r == 0)
		r = dry_wait(l, on_another_ended, g);
	if (r == -EINPROGRESS)
		return;
	if (r == 0) {
		l->per_queue[g->queue].binding = true;
		r = start_registrar(g);
	}
	if (r != 0)
		registration_report(g, r);
}

/* ----------------------------------------------------------------------- entry */

static int check_queue(struct lease *l, unsigned queue, struct fault *reterr)
{
	if (queue >= l->n_queues)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "queue",
				 "The lease has %u queue%s, counted from 0; there is no queue %u.",
				 l->n_queues, l->n_queues == 1 ? "" : "s", queue);
	if (l->self_registered)
		return fault_set(reterr, ZCRX_WRONG_STATE, "selfRegistered",
				 "This lease was made with flows for a program that registers on the "
				 "hardware queue by itself. Acquire one without flows for Register.");
	if (lease_can_be_taken_over(l, queue))
		return fault_set(reterr, ZCRX_WRONG_STATE, "bound",
				 "The ring of queue %u of the lease is closed, but other queues of the lease "
				 "are in use, so that this one cannot be registered again. Take it over as it "
				 "is, by Share (zcrx_queue_set_share) with the memory that its dead process "
				 "had; or close the rings of the others, too.", queue);
	if (l->per_queue[queue].bound || l->per_queue[queue].registering)
		return fault_set(reterr, ZCRX_WRONG_STATE, "bound",
				 "Queue %u of the lease has an ifq already, and some process keeps its "
				 "ring, or that of another queue of the lease. Close all of them, or "
				 "release the lease and acquire another.", queue);
	return 0;
}

static int registration_dup_fds(struct registration *g, const struct ifq_request *q)
{
	g->request.pidfd = fcntl(q->pidfd, F_DUPFD_CLOEXEC, 3);
	if (g->request.pidfd < 0)
		return -errno;
	g->request.area_fd = fcntl(q->area_fd, F_DUPFD_CLOEXEC, 3);
	return g->request.area_fd < 0 ? -errno : 0;
}

/* As what the grant is by now. */
static void registration_address(struct registration *g)
{
	struct lease *l = g->lease;
	const struct kernel_features *k = l->leases->backend->ops->features(l->leases->backend);
	const bool counted = g->request.watched; /* as Register was asked for */
	const bool software = l->grant.kind == GRANT_SOFTWARE;

	g->request.kind = l->grant.kind;
	g->request.ifindex = l->grant.ifindex;
	g->request.queue = l->grant.queues[g->queue];
	g->request.export = l->grant.kind == GRANT_NETKIT && k->control;
	g->request.must_export = g->request.export && k->added_areas;
	g->request.watched = true;
	g->request.ring_key = software ? g->request.queue : nic_ring_key(l->id, g->queue);
	if (!software && !counted)
		g->request.ring_key |= NIC_RING_UNCOUNTED;
	g->request.ring_epoll_fd = l->leases->ring_epoll_fd;
}

static int registration_start(struct registration *g)
{
	struct lease *l = g->lease;
	int r;

	registration_address(g);
	r = lease_own_steering(l, &g->own, &g->own_rules);
	if (r == 0)
		r = device_submit(l->device, ways_run, ways_done, g);
	if (r != 0)
		return r;
	lease_op_begin(l);
	l->per_queue[g->queue].registering = true;
	/* What is repaired anyway is closed at once, as for a queue in use. */
	l->per_queue[g->queue].binding = l->device->devices->config->on_drift == ON_DRIFT_REPAIR;
	l->per_queue[g->queue].area = g->request.area_size;
	l->per_queue[g->queue].watched = true; /* for the next daemon, from the moment that there is a ring */
	shortage_reset(l, g->queue);
	(void)lease_save(l);
	return 0;
}

/* ------------------------------------------------- what an earlier ring has left behind */

static bool has_to_wait(struct lease *l, unsigned queue)
{
	return queue < l->n_queues && l->per_queue[queue].bound && !l->per_queue[queue].registering &&
	       (lease_is_unbinding(l) || lease_is_abandoned(l));
}

uint64_t lease_replaced_area(struct lease *l, uint64_t queue)
{
	return queue < l->n_queues && has_to_wait(l, (unsigned)queue) ? l->per_queue[queue].area : 0;
}

static void on_unbound(struct lease *l, void *userdata)
{
	const struct register_reply reply = {};
	struct registration *g = userdata;
	int r = lease_may(l, LEASE_REGISTER, &g->fault);

	if (r == 0)
		r = check_queue(l, g->queue, &g->fault);
	if (r == 0)
		r = registration_start(g);
	if (r == 0)
		return;
	g->done(l, r, &g->fault, &reply, g->userdata);
	registration_free(g);
}

/* Whoever closed a ring to register another need not wait until that is noticed. */
static int registration_wait(struct registration *g)
{
	struct lease_queue *q = &g->lease->per_queue[g->queue];

	/* Both count until the first is gone. */
	q->area = q->area > g->request.area_size ? q->area : g->request.area_size;
	return lease_unbind(g->lease, on_unbound, g);
}

int lease_register(struct lease *l, unsigned queue, const struct ifq_request *request,
		   register_done done, void *userdata, struct fault *reterr)
{
	struct registration *g;
	bool waits;
	int r;

	r = lease_may(l, LEASE_REGISTER, reterr);
	if (r != 0)
		return r;
	waits = has_to_wait(l, queue);
	r = waits ? 0 : check_queue(l, queue, reterr);
	if (r != 0)
		return r;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct registration){ .lease = l, .queue = queue, .request = *request,
				    .hardware_queue = l->queues[queue], .done = done,
				    .userdata = userdata };
	g->request.pidfd = g->request.area_fd = -EBADF;
	r = registration_dup_fds(g, request);
	if (r == 0)
		r = waits ? registration_wait(g) : registration_start(g);
	if (r != 0)
		registration_free(g);
	return r;
}
