/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See standstill.h.
 */
#include <systemd/sd-daemon.h>

#include "clock.h"
#include "device.h"
#include "log.h"
#include "standstill.h"
#include "worker.h"

static void end_zcrxd(const struct device *d)
{
	log_message(LOG_CRIT, &(struct log_fields){ .interface = d->name },
		    "The worker of %s is stalled within zcrxd itself. This is a bug in zcrxd, and no rule "
		    "of %s can be removed any more: the service manager is asked to restart zcrxd.", d->name, d->name);
	(void)sd_notify(0, "WATCHDOG=trigger");
}

static void on_standstill(bool stands, bool in_kernel, void *userdata)
{
	struct device *d = userdata;
	const struct log_fields fields = { .interface = d->name };
	bool before = d->standstill_usec > 0;

	if (stands && !before) {
		d->standstill_usec = now_usec(CLOCK_REALTIME) - WORKER_PATIENCE_USEC;
		log_message(LOG_WARNING, &fields,
			    "An operation on %s has made no progress for %llu s. Until it ends nothing else "
			    "can be done there; other interfaces are not affected.", d->name,
			    WORKER_PATIENCE_USEC / 1000000);
	} else if (!stands && before) {
		d->standstill_usec = 0;
		log_message(LOG_INFO, &fields, "%s makes progress again.", d->name);
	}
	/* Nothing ends a thread that the kernel does not let go, and the next zcrxd would have to wait for
	 * the end of this one: it would be one that cannot protect the other interfaces meanwhile. */
	if (stands && !in_kernel)
		end_zcrxd(d);
}

void device_watch_worker(struct device *d)
{
	worker_watch(d->worker, WORKER_PATIENCE_USEC, on_standstill, d);
}
