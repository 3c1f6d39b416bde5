/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See manager.h: what the parts do for each other, and the start.
 */
#include <errno.h>
#include <libgen.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>

#include "accounts.h"
#include "adopt.h"
#include "answers.h"
#include "attach.h"
#include "drain.h"
#include "drift-watch.h"
#include "events.h"
#include "fdstore-later.h"
#include "flow-guard.h"
#include "lingering.h"
#include "links.h"
#include "listener.h"
#include "log.h"
#include "manager.h"
#include "methods.h"
#include "baseline.h"
#include "problems.h"
#include "prover.h"
#include "record.h"
#include "registrar.h"
#include "reload.h"
#include "restore.h"
#include "retry.h"
#include "server.h"
#include "serving.h"
#include "standing.h"
#include "orphans.h"

/* ------------------------------------------------------------------- what the kernel tells */

static int on_backend(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;
	int r;

	m->loop.doing = "notifications of the kernel";
	r = m->backend->ops->dispatch(m->backend, events_dispatch, &m->devices);
	if (r < 0)
		log_errno(r, "Cannot read kernel notifications");
	return 0;
}

/* ------------------------------------------------------------------------------------ hooks */

static void manager_check_ready(struct manager *m)
{
	int r;

	if (m->devices.ready || m->devices.n_starting > 0)
		return;
	r = listeners_start(&m->server);
	if (r < 0) {
		log_errno(r, "Cannot answer clients");
		(void)sd_event_exit(m->loop.event, r);
		return;
	}
	m->devices.ready = true;
	log_info("Ready.");
	(void)sd_notify(0, "READY=1");
	status_update(&m->devices);
}

/* It has the devices and the leases of every hook. */
static struct manager *manager_of(struct devices *devices)
{
	return (struct manager *)((char *)devices - offsetof(struct manager, devices));
}

static void on_device_gone(struct device *d)
{
	drift_reset(d);
	device_retry_done(d);
	flow_guard_forget(d);
}

static void on_device_started(struct devices *devices)
{
	if (devices->n_starting > 0)
		devices->n_starting--;
	manager_check_ready(manager_of(devices));
}

static void on_device_stopped(struct devices *devices)
{
	manager_idle(manager_of(devices));
}

static void on_queue_freed(struct device *d)
{
	device_retry_pending(d);
	device_serve(d);
}

static const struct device_hooks device_hooks = {
	.queue_freed = on_queue_freed,
	.recheck = leases_retry_drain,
	.gone = on_device_gone,
	.started = on_device_started,
	.stopped = on_device_stopped,
};

static void on_lease_changed(struct lease *l)
{
	status_update_soon(l->leases->devices);
	drift_monitor_start(l);
}

/* It got queues that were kept free: others are, from now on. */
static void on_lease_acquired(struct device *d)
{
	if (d->inventory.carve_out.keep_free > 0)
		device_serve(d);
}

static void on_lease_freed(struct device *d)
{
	struct devices *devices = d->devices;

	device_on_lease_freed(d);
	status_update_soon(devices);
}

static void on_look_wanted(struct device *d)
{
	drift_request_scan(d, true);
}

static void on_leases_saved(struct leases *leases)
{
	status_update(leases->devices);
}

static void on_lease_idle(struct leases *leases)
{
	manager_idle(manager_of(leases->devices));
}

static const struct lease_hooks lease_hooks = {
	.changed = on_lease_changed,
	.acquired = on_lease_acquired,
	.freed = on_lease_freed,
	.look = on_look_wanted,
	.saved = on_leases_saved,
	.idle = on_lease_idle,
	.touched = standing_end,
};

/* ------------------------------------------------------------------------------------ start */

/* systemd makes one that is there for as long as the machine (StateDirectory=). */
static char *choose_origin_directory(const char *state_path)
{
	const char *directory = getenv("STATE_DIRECTORY");
	_cleanup_free_ char *copy = strdup(state_path);

	if (directory && *directory)
		return strdup(directory);
	return copy ? strdup(dirname(copy)) : NULL;
}

/* Each part knows those that it stands on. */
static void manager_wire(struct manager *m)
{
	server_init(&m->server);
	devices_init(&m->devices);
	leases_init(&m->leases);
	STAILQ_INIT(&m->api.answers);
	m->server.loop = m->devices.loop = m->leases.loop = &m->loop;
	m->devices.server = m->api.server = &m->server;
	m->leases.devices = m->api.devices = &m->devices;
	m->devices.leases = m->api.leases = &m->leases;
	m->devices.hooks = &device_hooks;
	m->leases.hooks = &lease_hooks;
	m->server.userdata = &m->api;
}

int manager_new(struct nic_backend *backend, const char *config_path, const char *state_path,
		struct manager **ret)
{
	struct manager *m;
	int r;

	/* A connection's buffers go back to the kernel with it, instead of staying between others. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	manager_wire(m);
	m->devices.config_path = strdup(config_path);
	m->server.config_path = m->devices.config_path;
	m->leases.state.path = strdup(state_path);
	m->devices.baseline_directory = choose_origin_directory(state_path);
	r = m->devices.config_path && m->leases.state.path && m->devices.baseline_directory
		    ? sd_event_new(&m->loop.event)
		    : -ENOMEM;
	if (r >= 0)
		r = manager_add_signals(m);
	if (r >= 0)
		r = sd_event_set_watchdog(m->loop.event, true);
	if (r >= 0)
		r = sd_event_add_io(m->loop.event, &m->backend_source, backend->ops->get_fd(backend),
				    EPOLLIN, on_backend, m);
	if (r >= 0)
		r = fdstore_later_begin(m->loop.event);
	if (r < 0) {
		manager_free(m);
		return r;
	}
	loop_set_protection(m->backend_source);
	m->backend = m->devices.backend = m->leases.backend = backend;
	*ret = m;
	return 0;
}

struct manager *manager_free(struct manager *m)
{
	struct device *d;

	if (!m)
		return NULL;
	server_done(&m->server);
	prover_free(m->leases.prover); /* first: what it answers may be jobs for the others */
	TAILQ_FOREACH(d, &m->devices.list, entry) {
		standing_forget(d);
		worker_join(TAKE_PTR(d->worker));
	}
	workers_join(&m->devices.retired);
	answers_free(&m->api);
	registrars_free(&m->leases);
	leases_detach(&m->leases);
	urgent_free_all(&m->leases);
	orphans_free(&m->leases);
	lingering_free(&m->leases);
	while ((d = TAILQ_FIRST(&m->devices.list)))
		device_drop(d);
	leases_done(&m->leases);
	devices_done(&m->devices);
	fdstore_later_end();
	sd_event_source_disable_unref(m->backend_source);
	sd_event_unref(m->loop.event);
	if (m->backend)
		m->backend->ops->free(m->backend);
	free(m);
	return NULL;
}

static void manager_keep_rings(struct manager *m, struct stored_fds *passed)
{
	int stored = stored_fds_take(passed, FDSTORE_RINGS);

	m->leases.ring_epoll_stored = stored >= 0;
	m->leases.ring_epoll_fd = m->backend->ops->rings(m->backend, stored);
}

static void manager_warn_unsafe(const struct manager *m)
{
	_cleanup_free_ char *unsafe = NULL;

	if (flow_guard_explain(&m->devices, &unsafe) == 0 && unsafe)
		log_error("%s", unsafe);
}

static int manager_resume(struct manager *m, const char *socket_path, const struct record *record,
			  struct stored_fds *passed)
{
	int r;

	if (m->backend->ops->features(m->backend)->ptrace_denied)
		log_error(PROBLEM_PTRACE);
	manager_warn_unsafe(m);
	manager_keep_rings(m, passed);
	m->leases.store_marked = fdstore_mark(passed);
	r = server_start(&m->server, socket_path, passed);
	if (r >= 0)
		r = methods_bind(m->server.varlink);
	if (r == -EADDRINUSE) {
		log_error("Cannot listen on %s: another process does, systemd perhaps. Nothing was changed. Either: "
			  "systemctl start zcrxd; or: systemctl stop zcrxd.socket", socket_path);
		return r;
	}
	if (r < 0)
		return log_errno(r, "Cannot listen on %s", socket_path);
	r = prover_new(m->loop.event, m->backend, &m->leases.prover);
	if (r < 0)
		return log_errno(r, "Cannot ask the kernel about sockets");
	r = devices_create_missing(&m->devices);
	if (r == 0)
		r = leases_adopt(&m->leases, record, passed);
	if (r == 0)
		r = devices_resume_rollbacks(&m->devices);
	if (r < 0)
		return log_errno(r, "Cannot restore the previous instance's state");
	r = devices_sync(&m->devices);
	if (r < 0)
		return log_errno(r, "Cannot list interfaces");
	manager_check_ready(m);
	return 0;
}

/* What it refuses to start with is said, and nothing was touched. */
static int manager_read(struct manager *m, struct stored_fds *passed, struct record *ret)
{
	_cleanup_fault_ struct fault fault = {};
	int r;

	r = config_load(m->devices.config_path, &m->devices.config, &fault);
	if (r < 0)
		return log_errno(r, "Cannot read %s", m->devices.config_path);
	if (r == 0) {
		r = accounts_new(&m->server, &m->server.accounts);
		if (r < 0)
			return log_errno(r, "Cannot set up");
		accounts_take_policy(&m->server, m->devices.config, NULL);
		r = baseline_remove_stale(m->devices.baseline_directory, &fault);
	}
	if (r == 0)
		r = stored_fds_collect(passed);
	if (r == 0)
		r = leases_read_record(&m->leases, passed, ret, &fault);
	if (r < 0)
		return log_errno(r, "Cannot restore the previous instance's state");
	if (r > 0)
		log_error("%s", fault.message);
	return r > 0 ? -EINVAL : 0;
}

int manager_start(struct manager *m, const char *socket_path)
{
	_cleanup_record_ struct record record = {};
	struct stored_fds passed = {};
	int r;

	r = manager_read(m, &passed, &record);
	if (r == 0)
		r = manager_resume(m, socket_path, &record, &passed);
	stored_fds_done(&passed, r == 0);
	return r;
}

int manager_run(struct manager *m)
{
	return loop_run(&m->loop);
}
