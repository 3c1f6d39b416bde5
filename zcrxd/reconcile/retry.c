/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See retry.h.
 */
#include <errno.h>

#include "clock.h"
#include "device.h"
#include "log.h"
#include "retry.h"

#define FIRST_USEC   1000000ULL
#define DOUBLED_MOST 6 /* 64 s */

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct device *d = userdata;
	int r;

	d->retry_usec = 0;
	if (!device_is_managed(d))
		return 0;
	r = device_configure(d, CONFIGURE_AGAIN, NULL, NULL);
	if (r < 0) {
		log_errno(r, "Cannot configure %s", d->name);
		device_retry(d);
	}
	return 0;
}

void device_retry(struct device *d)
{
	uint64_t wait = FIRST_USEC << (d->n_retries < DOUBLED_MOST ? d->n_retries : DOUBLED_MOST);
	int r;

	if (d->retry_usec > 0 || !device_is_managed(d))
		return;
	d->n_retries++;
	r = loop_arm(d->devices->loop, &d->retry, wait, on_retry, d);
	if (r >= 0)
		d->retry_usec = now_usec(CLOCK_MONOTONIC) + wait;
	else
		log_errno(r, "Cannot arm a timer for %s", d->name);
}

void device_retry_done(struct device *d)
{
	d->retry = sd_event_source_disable_unref(d->retry);
	d->n_retries = 0;
	d->retry_usec = 0;
	free(TAKE_PTR(d->refused));
}

uint64_t device_next_try(const struct device *d)
{
	const struct drift_watch *w = &d->drift.watch;

	if (!device_phase_is_degraded(d->phase))
		return 0;
	if (d->retry_usec > 0)
		return d->retry_usec;
	return w->found && d->devices->config->on_drift == ON_DRIFT_REPAIR ? w->due : 0;
}
