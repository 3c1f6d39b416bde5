/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The signals: reload, and stop. See manager.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include "clock.h"
#include "connection.h"
#include "listener.h"
#include "log.h"
#include "manager.h"
#include "problems.h"
#include "reload.h"
#include "restore.h"

/* What is under way at SIGTERM is finished; a client that holds its ring's lock is not waited for. */
#define STOP_DEADLINE_USEC (8 * 1000000ULL)
/* Some drivers take seconds for each setting; systemd waits for 90 s. */
#define RESTORE_DEADLINE_USEC (75 * 1000000ULL)
/* Who connected before SIGTERM is still answered, if that does not take long. */
#define LAST_CALLS_USEC	    (100 * 1000ULL)
#define LAST_CALLS_MAX_USEC (2 * 1000000ULL)

/* ---------------------------------------------------------------------------------- reload */

static void on_reloaded(int r, struct fault *fault, const struct reload_report *report, void *userdata)
{
	(void)sd_notify(0, "READY=1");
	status_update(userdata);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct manager *m = userdata;
	int r;

	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_usec(CLOCK_MONOTONIC));
	r = config_reload(&m->devices, on_reloaded, &m->devices);
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

	TAILQ_FOREACH(l, &m->leases.list, entry)
		if (l->n_busy > 0)
			return true;
	return false;
}

void manager_idle(struct manager *m)
{
	if (m->stopped_listening && m->devices.n_stopping == 0 && !manager_is_busy(m))
		(void)sd_event_exit(m->loop.event, 0);
}

static int on_last_calls(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	if (connections_have_calls(&m->server) &&
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

	log_warning("Some operations did not end in time; the next zcrxd completes them.");
	return sd_event_exit(m->loop.event, 0);
}

/* Leases outlive the daemon: their clients go on receiving, and the next daemon adopts them. Only where
 * the NIC is to be put back do they end. */
static int on_terminate(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct manager *m = userdata;
	int r;

	if (m->devices.stopping)
		return 0;
	m->devices.stopping = true;
	m->stop_usec = now_usec(CLOCK_MONOTONIC);
	(void)sd_notify(0, "STOPPING=1");
	listeners_free(&m->server);
	/* systemd tells a restart from a stop by the signal (RestartKillSignal=). */
	devices_stop(&m->devices, si->ssi_signo == SIGUSR1);
	log_info(m->devices.n_stopping > 0 ? "Stopping, and restoring interfaces first where that is due."
				   : "Stopping. Leases stay as they are.");
	r = sd_event_add_time_relative(m->loop.event, NULL, CLOCK_MONOTONIC, LAST_CALLS_USEC, 0,
				       on_last_calls, m);
	if (r >= 0)
		r = sd_event_add_time_relative(m->loop.event, NULL, CLOCK_MONOTONIC,
					       m->devices.n_stopping > 0 ? RESTORE_DEADLINE_USEC
								 : STOP_DEADLINE_USEC,
					       0, on_stop_deadline, m);
	return r < 0 ? sd_event_exit(m->loop.event, r) : 0;
}

/* --------------------------------------------------------------------------------- signals */

static int add_signal(struct manager *m, int number, sd_event_signal_handler_t handler)
{
	sd_event_source *s;
	int r;

	r = sd_event_add_signal(m->loop.event, &s, number, handler, m);
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

int manager_add_signals(struct manager *m)
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
