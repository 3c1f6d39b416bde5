/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See serving.h. The record needs no word of it: whoever starts has the table made as it is to be with the leases that
 * there are.
 */
#include <errno.h>

#include "busy.h"
#include "log.h"
#include "serve.h"
#include "serving.h"

struct serving {
	struct device *device;
	struct carve_out carve_out;
	uint32_t *held;
	size_t n_held;
	char *change;
	int r;
	struct fault fault;
};

static void serving_free(struct serving *s)
{
	free(s->held);
	free(s->change);
	fault_done(&s->fault);
	free(s);
}

static void serving_run(struct nic *nic, void *data)
{
	struct serving *s = data;
	const struct busy_queues held = { s->held, s->n_held };
	_cleanup_(nic_state_freep) struct nic_state *state = NULL;

	s->r = nic->ops->observe_steering(nic, &state, &s->fault);
	if (s->r == 0 && state->has_rss)
		s->r = nic_serve(nic, state, &s->carve_out, &held, &s->change, &s->fault);
}

/* Nobody is harmed if it stays as it is: no lease gets a queue to which it leads. */
static void serving_done(void *data)
{
	struct serving *s = data;
	struct device *d = s->device;
	const struct log_fields fields = { .interface = d->name };
	bool again = rerun_end(&d->serving);

	if (s->change)
		log_message(LOG_DEBUG, &fields, "%s: %s", d->name, s->change);
	if (s->r != 0 && s->r != ZCRX_NO_SUCH_INTERFACE && device_is_managed(d))
		log_message(LOG_WARNING, &fields, "RSS of %s does not follow the leases: %s", d->name,
			    fault_text(s->r, &s->fault));
	serving_free(s);
	if (again)
		device_serve(d);
}

void device_serve(struct device *d)
{
	struct serving *s;
	int r;

	if (d->inventory.carve_out.idle_queues != IDLE_SERVE || !device_is_managed(d) ||
	    !device_phase_is_leasable(d->phase) || d->configuring.n > 0 || !rerun_ask(&d->serving))
		return;
	s = calloc(1, sizeof(*s));
	r = s ? 0 : -ENOMEM;
	if (s) {
		*s = (struct serving){ .device = d, .carve_out = d->inventory.carve_out };
		r = device_busy_queues(d, &s->held, &s->n_held);
	}
	if (r == 0)
		r = device_submit(d, serving_run, serving_done, s);
	if (r == 0) {
		rerun_begin(&d->serving);
		return;
	}
	if (s)
		serving_free(s);
	log_errno(r, "Cannot set RSS of %s", d->name);
}
