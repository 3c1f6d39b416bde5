/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record, written down after each change. What cannot be written is tried again until it can be, and
 * is a problem that everybody is told of meanwhile (methods/problems.c).
 */
#include "leases.h"
#include "log.h"
#include "snapshot.h"
#include "state-file.h"

#define AGAIN_USEC (5 * 1000000ULL)

static int save(struct manager *m)
{
	_cleanup_free_ char *text = NULL;
	int r;

	r = leases_format_record(m, &text);
	return r < 0 ? r : state_write(m->state_path, text);
}

static int on_again(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	(void)leases_save(userdata);
	return 0;
}

/* Nobody tells that there is room again. */
static void save_again_later(struct manager *m)
{
	int r;

	m->save_timer = sd_event_source_disable_unref(m->save_timer);
	r = sd_event_add_time_relative(m->event, &m->save_timer, CLOCK_MONOTONIC, AGAIN_USEC, 0,
				       on_again, m);
	if (r < 0 && r != -ESTALE) /* the daemon ends */
		log_errno(r, "Cannot arm the timer that writes %s again", m->state_path);
}

int leases_save(struct manager *m)
{
	int r = save(m), before = m->state_error;

	if (r < 0 && before == 0)
		log_errno(r, "Cannot write %s; no lease is granted until that works", m->state_path);
	if (r >= 0 && before < 0)
		log_info("%s can be written again.", m->state_path);
	m->state_error = r < 0 ? r : 0;
	if (r < 0)
		save_again_later(m);
	else
		m->save_timer = sd_event_source_disable_unref(m->save_timer);
	if (m->state_error != before)
		manager_update_status(m);
	return m->state_error;
}

int lease_save(struct lease *l)
{
	lease_forget_record(l);
	return leases_save(l->manager);
}

int lease_check_saved(const struct lease *l, const char *act, struct fault *reterr)
{
	const struct manager *m = l->manager;

	if (m->state_error == 0)
		return 0;
	return fault_kernel(reterr, -m->state_error, NULL, act,
			    "zcrxd could not write down in %s who owns what, so nothing was done. Is "
			    "there room in /run?", m->state_path);
}
