/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See device.h. Here: life and death of the object, jobs, refreshing. Interfaces that come and
 * go are in reconcile/attach.c, bringing the NIC to its configuration is in reconcile/configure.c.
 */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

#include "clock.h"
#include "device.h"
#include "log.h"
#include "watch.h"

const char *device_name(const struct device *d)
{
	return d->ifindex > 0 ? d->name : d->match;
}

unsigned device_kernel_index(const struct device *d)
{
	return d->ifindex == SOFTWARE_IFINDEX ? 0 : d->ifindex;
}

static char *match_describe(const struct config_interface *c)
{
	char *s;

	if (c->name)
		return strdup(c->name);
	if (asprintf(&s, "%s %s", c->driver ? "driver" : c->mac ? "mac" : "path",
		     c->driver ?: c->mac ?: c->path ?: "?") < 0)
		return NULL;
	return s;
}

static void device_free(struct device *d)
{
	d->devices->hooks->gone(d);
	sd_event_source_disable_unref(d->recheck);
	sd_event_source_disable_unref(d->trial.timer);
	inventory_done(&d->inventory);
	device_counts_done(&d->counts);
	nic_state_free(d->observed);
	free(d->match);
	receiver_done(&d->receiver);
	free(d->link.altnames);
	free(d->link.path);
	free(d->reason);
	free(d);
}

int device_new(struct devices *devices, const struct config_interface *config, struct device **ret)
{
	struct device *d;

	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->devices = devices;
	if (config)
		d->config = *config;
	d->match = match_describe(&d->config);
	d->reason = strdup("no such interface now");
	inventory_init(&d->inventory);
	if (!d->match || !d->reason) {
		device_free(d);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&devices->list, d, entry);
	d->n_users = 1;
	*ret = d;
	return 0;
}

static void device_unref(struct device *d)
{
	assert(d->n_users > 0);
	if (--d->n_users == 0)
		device_free(d);
}

void device_drop(struct device *d)
{
	assert(d->n_leases == 0);
	TAILQ_REMOVE(&d->devices->list, d, entry);
	worker_retire(TAKE_PTR(d->worker), &d->devices->retired);
	device_unref(d);
}

/* ---------------------------------------------------------------------- jobs */

struct device_job {
	struct device *device;
	job_run run;
	job_done done;
	void *data;
};

static void on_run(struct nic *nic, void *data)
{
	struct device_job *j = data;

	j->run(nic, j->data);
}

static void on_done(void *data)
{
	struct device_job *j = data;
	struct device *d = j->device;

	j->done(j->data);
	free(j);
	d->devices->loop->doing = "what was done on an interface";
	device_unref(d);
}

static int submit(struct device *d, enum job_order order, job_run run, job_done done, void *data)
{
	struct device_job *j;
	int r;

	if (!d->worker)
		return -ENODEV;
	j = malloc(sizeof(*j));
	if (!j)
		return -ENOMEM;
	*j = (struct device_job){ .device = d, .run = run, .done = done, .data = data };
	r = worker_submit(d->worker, order, on_run, on_done, j);
	if (r < 0)
		free(j);
	else
		d->n_users++;
	return r;
}

int device_submit(struct device *d, job_run run, job_done done, void *data)
{
	return submit(d, JOB_IN_TURN, run, done, data);
}

int device_submit_reclaim(struct device *d, job_run run, job_done done, void *data)
{
	return submit(d, JOB_RECLAIM, run, done, data);
}

/* ---------------------------------------------------------------- a look of the worker's own */

struct device_look {
	struct device *device;
	job_look look;
	job_done done;
	job_late late;
	void *data;
};

static bool on_look(struct nic *nic, void *data)
{
	struct device_look *k = data;

	return k->look(nic, k->data);
}

static void on_look_late(void *data)
{
	struct device_look *k = data;

	k->late(k->data);
}

static void on_look_done(void *data)
{
	struct device_look *k = data;
	struct device *d = k->device;

	if (d->look == k)
		d->look = NULL;
	k->done(k->data);
	free(k);
	d->devices->loop->doing = "what an interface's worker has seen";
	device_unref(d);
}

int device_look(struct device *d, uint64_t period_usec, job_look look, job_done done, job_late late, void *data)
{
	struct device_look *k;
	int r;

	assert(!d->look);
	if (!d->worker)
		return -ENODEV;
	k = malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	*k = (struct device_look){ d, look, done, late, data };
	r = worker_look(d->worker, period_usec, on_look, on_look_done, on_look_late, k);
	if (r < 0) {
		free(k);
		return r;
	}
	d->look = k;
	d->n_users++;
	return 0;
}

bool device_look_end(struct device *d)
{
	struct device_look *k = TAKE_PTR(d->look);

	if (!worker_look_end(d->worker))
		return false;
	free(k);
	device_unref(d);
	return true;
}

void device_announce(const struct device *d, const char *event, const char *reason)
{
	watch_announce(d->devices->server, &(struct announcement){ .event = event, .interface = device_name(d),
							    .reason = reason });
}

void device_set_config(struct device *d, const struct config_interface *config)
{
	char *match = match_describe(config);

	d->config = *config;
	if (match) {
		free(d->match);
		d->match = match;
	}
}

/* ------------------------------------------------------------------- refresh */

void device_demand(const struct device *d, struct nic_demand *ret)
{
	static const struct nic_state nothing;

	nic_demand(d->observed ?: &nothing, d->link.mtu, ret);
}

int device_check_area(const struct device *d, uint64_t size, uint64_t buffer_length, struct fault *reterr)
{
	int r = d->observed ? nic_demand_check_buffer(d->observed, buffer_length, reterr) : 0;

	return r == 0 && d->observed ? nic_demand_check(d->observed, d->link.mtu, size, reterr) : r;
}

void device_set_observed(struct device *d, struct nic_state *state)
{
	nic_state_free(d->observed);
	d->observed = state;
	if (sd_event_now(d->devices->loop->event, CLOCK_REALTIME, &d->observed_usec) < 0)
		d->observed_usec = 0;
}

bool device_is_stalled(const struct device *d)
{
	uint64_t now;

	return d->n_refreshing > 0 &&
	       sd_event_now(d->devices->loop->event, CLOCK_MONOTONIC, &now) >= 0 &&
	       now - d->refreshing_since >= DESCRIBE_TIMEOUT_USEC;
}

struct device_waiter {
	STAILQ_ENTRY(device_waiter) entry;
	device_done done;
	void *userdata;
};
STAILQ_HEAD(device_waiters, device_waiter);

struct refresh {
	struct device *device;
	unsigned generation; /* the device may have come back as another interface meanwhile */
	struct device_waiters waiters;
	atomic_bool begun;
	struct nic_state *state;
	struct fault fault;
	int r;
};

static void refresh_run(struct nic *nic, void *data)
{
	struct refresh *f = data;

	atomic_store(&f->begun, true);
	f->r = nic->ops->observe(nic, &f->state, &f->fault);
}

static void refresh_done(void *data)
{
	struct refresh *f = data;
	struct device *d = f->device;
	struct device_report report = { .r = f->r, .fault = &f->fault };
	struct device_waiter *w;

	d->n_refreshing--;
	if (d->refresh == f)
		d->refresh = NULL;
	d->refreshing_since = now_usec(CLOCK_MONOTONIC);
	if (f->r == 0 && device_is_open(d) && d->generation == f->generation) {
		device_set_observed(d, TAKE_PTR(f->state));
		device_update_quarantine(d);
	}
	while ((w = STAILQ_FIRST(&f->waiters))) {
		STAILQ_REMOVE_HEAD(&f->waiters, entry);
		if (w->done)
			w->done(d, &report, w->userdata);
		free(w);
	}
	nic_state_free(f->state);
	fault_done(&f->fault);
	free(f);
}

static int refresh_submit(struct device *d)
{
	struct refresh *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->device = d;
	f->generation = d->generation;
	STAILQ_INIT(&f->waiters);
	r = device_submit(d, refresh_run, refresh_done, f);
	if (r < 0) {
		free(f);
		return r;
	}
	d->refresh = f;
	if (d->n_refreshing++ == 0)
		d->refreshing_since = now_usec(CLOCK_MONOTONIC);
	return 0;
}

int device_refresh(struct device *d, device_done done, void *userdata)
{
	struct device_waiter *w;
	int r = 0;

	if (!d->worker)
		return -ENODEV;
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct device_waiter){ .done = done, .userdata = userdata };
	if (!d->refresh || d->refresh->generation != d->generation || atomic_load(&d->refresh->begun))
		r = refresh_submit(d);
	if (r < 0) {
		free(w);
		return r;
	}
	STAILQ_INSERT_TAIL(&d->refresh->waiters, w, entry);
	return 0;
}
