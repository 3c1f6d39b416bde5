/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See manager.h: start, reload and stop by signal.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <malloc.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include "accounts.h"
#include "adopt.h"
#include "answers.h"
#include "clock.h"
#include "connection.h"
#include "events.h"
#include "flow-guard.h"
#include "leases.h"
#include "links.h"
#include "listener.h"
#include "log.h"
#include "manager.h"
#include "methods.h"
#include "origin.h"
#include "problems.h"
#include "prover.h"
#include "registrar.h"
#include "reload.h"
#include "restore.h"
#include "server.h"
#include "lingering.h"
#include "strays.h"

/* What is under way at SIGTERM is finished; a client that holds its ring's lock is not waited for. */
#define STOP_DEADLINE_USEC (8 * 1000000ULL)
/* Some drivers take seconds for each setting; systemd waits for 90 s. */
#define RESTORE_DEADLINE_USEC (75 * 1000000ULL)
/* Who connected before SIGTERM is still answered, if that does not take long. */
#define LAST_CALLS_USEC	    (100 * 1000ULL)
#define LAST_CALLS_MAX_USEC (2 * 1000000ULL)

/* ------------------------------------------------------------------- what the kernel tells */

static int on_backend(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;
	int r;

	(void)s;
	(void)fd;
	(void)revents;
	m->loop.doing = "notifications of the kernel";
	r = m->backend->ops->dispatch(m->backend, manager_on_nic_event, m);
	if (r < 0)
		log_errno(r, "Cannot read kernel notifications");
	return 0;
}

/* --------------------------------------------------------------------------- service manager */

static void manager_check_ready(struct manager *m)
{
	int r;

	if (m->ready || m->starting > 0)
		return;
	r = listeners_start(m);
	if (r < 0) {
		log_errno(r, "Cannot answer clients");
		(void)sd_event_exit(m->event, r);
		return;
	}
	m->ready = true;
	log_info("Ready.");
	(void)sd_notify(0, "READY=1");
	manager_update_status(m);
}

void manager_device_started(struct manager *m)
{
	if (m->starting > 0)
		m->starting--;
	manager_check_ready(m);
}

static void on_reloaded(struct manager *m, int r, struct fault *fault, char *const *warnings,
			size_t n_warnings, void *userdata)
{
	(void)r;
	(void)fault;
	(void)warnings;
	(void)n_warnings;
	(void)userdata;
	(void)sd_notify(0, "READY=1");
	manager_update_status(m);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct manager *m = userdata;
	int r;

	(void)s;
	(void)si;
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_usec(CLOCK_MONOTONIC));
	r = manager_reload(m, on_reloaded, NULL);
	if (r < 0) {
		log_errno(r, "Cannot reload");
		(void)sd_notify(0, "READY=1");
	}
	return 0;
}

/* ------------------------------------------------------------------------------------- stop */

static bool manager_is_busy(const struct manager *m)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &m->leases, entry)
		if (l->n_busy > 0)
			return true;
	return false;
}

void manager_idle(struct manager *m)
{
	if (m->stopped_listening && m->n_stopping == 0 && !manager_is_busy(m))
		(void)sd_event_exit(m->event, 0);
}

static int on_last_calls(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)usec;
	if (connections_have_calls(m) &&
	    now_usec(CLOCK_MONOTONIC) < m->stop_usec + LAST_CALLS_MAX_USEC &&
	    sd_event_source_set_time_relative(s, LAST_CALLS_USEC) >= 0 &&
	    sd_event_source_set_enabled(s, SD_EVENT_ONESHOT) >= 0)
		return 0;
	m->stopped_listening = true;
	manager_idle(m);
	return 0;
}

static int on_stop_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)usec;
	log_warning("Some operations did not end in time; the next zcrxd sorts it out.");
	return sd_event_exit(m->event, 0);
}

/* Leases outlive the daemon: their clients go on receiving, and the next daemon adopts them. Only where
 * the NIC is to be put back do they end. */
static int on_terminate(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct manager *m = userdata;
	int r;

	(void)s;
	if (m->stopping)
		return 0;
	m->stopping = true;
	m->stop_usec = now_usec(CLOCK_MONOTONIC);
	(void)sd_notify(0, "STOPPING=1");
	listeners_free(m);
	/* systemd tells a restart from a stop by the signal (RestartKillSignal=). */
	devices_stop(m, si->ssi_signo == SIGUSR1);
	log_info(m->n_stopping > 0 ? "Stopping, and putting back what has to be."
				   : "Stopping. Leases stay as they are.");
	r = sd_event_add_time_relative(m->event, NULL, CLOCK_MONOTONIC, LAST_CALLS_USEC, 0,
				       on_last_calls, m);
	if (r >= 0)
		r = sd_event_add_time_relative(m->event, NULL, CLOCK_MONOTONIC,
					       m->n_stopping > 0 ? RESTORE_DEADLINE_USEC
								 : STOP_DEADLINE_USEC,
					       0, on_stop_deadline, m);
	return r < 0 ? sd_event_exit(m->event, r) : 0;
}

/* ------------------------------------------------------------------------------------ start */

static int add_signal(struct manager *m, int number, sd_event_signal_handler_t handler)
{
	sd_event_source *s;
	int r;

	r = sd_event_add_signal(m->event, &s, number, handler, m);
	if (r < 0)
		return r;
	loop_set_protection(s);
	(void)sd_event_source_set_floating(s, true);
	sd_event_source_unref(s);
	return 0;
}

int manager_block_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGCHLD };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&mask, numbers[i]);
	return sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : 0;
}

static int add_signals(struct manager *m)
{
	int r;

	r = manager_block_signals();
	if (r >= 0)
		r = add_signal(m, SIGTERM, on_terminate);
	if (r >= 0)
		r = add_signal(m, SIGINT, on_terminate);
	if (r >= 0)
		r = add_signal(m, SIGUSR1, on_terminate);
	if (r >= 0)
		r = add_signal(m, SIGHUP, on_hangup);
	return r;
}

/* systemd makes one that is there for as long as the machine (StateDirectory=). */
static char *choose_origin_directory(const char *state_path)
{
	const char *directory = getenv("STATE_DIRECTORY");
	_cleanup_free_ char *copy = strdup(state_path);

	if (directory && *directory)
		return strdup(directory);
	return copy ? strdup(dirname(copy)) : NULL;
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
	LIST_INIT(&m->listeners);
	TAILQ_INIT(&m->connections);
	LIST_INIT(&m->sessions);
	LIST_INIT(&m->users);
	TAILQ_INIT(&m->devices);
	TAILQ_INIT(&m->leases);
	TAILQ_INIT(&m->strays);
	TAILQ_INIT(&m->lingering);
	LIST_INIT(&m->watchers);
	STAILQ_INIT(&m->answers);
	LIST_INIT(&m->registrars);
	m->config_path = strdup(config_path);
	m->state_path = strdup(state_path);
	m->origin_directory = choose_origin_directory(state_path);
	r = m->config_path && m->state_path && m->origin_directory ? sd_event_new(&m->event) : -ENOMEM;
	if (r >= 0)
		r = add_signals(m);
	if (r >= 0)
		r = sd_event_set_watchdog(m->event, true);
	if (r >= 0)
		r = sd_event_add_io(m->event, &m->backend_source, backend->ops->get_fd(backend),
				    EPOLLIN, on_backend, m);
	if (r < 0) {
		manager_free(m);
		return r;
	}
	loop_set_protection(m->backend_source);
	m->backend = backend;
	*ret = m;
	return 0;
}

struct manager *manager_free(struct manager *m)
{
	struct device *d;

	if (!m)
		return NULL;
	server_free(m);
	m->accounts = accounts_free(m->accounts);
	prover_free(m->prover); /* first: what it answers may be jobs for the others */
	TAILQ_FOREACH(d, &m->devices, entry)
		worker_join(TAKE_PTR(d->worker));
	answers_free(m);
	registrars_free(&m->registrars);
	leases_leave(m);
	urgent_free_all(m);
	strays_free(m);
	lingering_free(m);
	while ((d = TAILQ_FIRST(&m->devices)))
		device_drop(d);
	sd_event_source_disable_unref(m->backend_source);
	sd_event_source_disable_unref(m->proof_timer);
	sd_event_source_disable_unref(m->sync_timer);
	sd_event_source_disable_unref(m->save_timer);
	sd_event_unref(m->event);
	if (m->backend)
		m->backend->ops->free(m->backend);
	config_free(m->config);
	free(m->config_path);
	free(m->state_path);
	free(m->origin_directory);
	free(m->state_set_aside);
	free(m->refused_config);
	free(m->status);
	free(m);
	return NULL;
}

static void manager_keep_rings(struct manager *m, struct stored_fds *passed)
{
	int stored = stored_fds_take(passed, FDSTORE_RINGS);

	m->rings_stored = stored >= 0;
	m->rings_fd = m->backend->ops->rings(m->backend, stored);
}

static void manager_warn_unsafe(const struct manager *m)
{
	_cleanup_free_ char *unsafe = NULL;

	if (flow_guard_explain(m, &unsafe) == 0 && unsafe)
		log_error("%s", unsafe);
}

static int manager_take_up(struct manager *m, const char *socket_path, const struct record *record,
			   struct stored_fds *passed)
{
	int r;

	if (m->backend->ops->features(m->backend)->ptrace_denied)
		log_error(PROBLEM_PTRACE);
	manager_warn_unsafe(m);
	manager_keep_rings(m, passed);
	m->store_marked = fdstore_mark(passed);
	r = server_new(m, methods_bind, socket_path, passed);
	if (r == -EADDRINUSE) {
		log_error("Cannot listen on %s: somebody does, systemd perhaps. Nothing was touched. Either: "
			  "systemctl start zcrxd; or: systemctl stop zcrxd.socket", socket_path);
		return r;
	}
	if (r < 0)
		return log_errno(r, "Cannot listen on %s", socket_path);
	r = prover_new(m->event, m->backend, &m->prover);
	if (r < 0)
		return log_errno(r, "Cannot ask the kernel about sockets");
	r = manager_create_devices(m);
	if (r == 0)
		r = manager_adopt(m, record, passed);
	if (r == 0)
		r = devices_take_up_unfinished(m);
	if (r < 0)
		return log_errno(r, "Cannot take up what an earlier zcrxd has left");
	r = manager_sync_devices(m);
	if (r < 0)
		return log_errno(r, "Cannot look for interfaces");
	manager_check_ready(m);
	return 0;
}

/* What it refuses to start with is said, and nothing was touched. */
static int manager_read(struct manager *m, struct stored_fds *passed, struct record *ret)
{
	_cleanup_fault_ struct fault fault = {};
	int r;

	r = config_load(m->config_path, &m->config, &fault);
	if (r < 0)
		return log_errno(r, "Cannot read %s", m->config_path);
	if (r == 0) {
		r = accounts_new(m, &m->accounts);
		if (r < 0)
			return log_errno(r, "Cannot set up");
		accounts_take_policy(m, NULL);
		r = origin_sweep(m->origin_directory, &fault);
	}
	if (r == 0)
		r = stored_fds_collect(passed);
	if (r == 0)
		r = manager_read_record(m, passed, ret, &fault);
	if (r < 0)
		return log_errno(r, "Cannot take up what an earlier zcrxd has left");
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
		r = manager_take_up(m, socket_path, &record, &passed);
	stored_fds_done(&passed, r == 0);
	return r;
}

int manager_run(struct manager *m)
{
	return loop_run(&m->loop, m->event);
}
