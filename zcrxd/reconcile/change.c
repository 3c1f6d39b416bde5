/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See change.h.
 */
#include <errno.h>

#include "change.h"
#include "log.h"

int change_init(struct change *c, struct device *d, device_done done, void *userdata)
{
	c->device = d;
	c->generation = d->generation;
	c->done = done;
	c->userdata = userdata;
	return baseline_path(d->devices->baseline_directory, d->ifindex, &c->path);
}

void change_done(struct change *c)
{
	reconcile_done(&c->reconcile);
	baseline_done(&c->baseline);
	fault_done(&c->fault);
	free(c->path);
	free(c->set_aside);
}

/* -------------------------------------------------------------------------------- worker */

int change_read(struct nic *nic, struct change *c)
{
	return baseline_read(c->path, nic->ifindex, c->reconcile.state->driver, &c->baseline, &c->set_aside,
			     &c->fault);
}

int change_look(struct nic *nic, struct change *c)
{
	int r = reconcile_look(nic, &c->reconcile, &c->fault);

	return r != 0 ? r : change_read(nic, c);
}

int change_note(struct nic *nic, struct change *c, const char *operation, const char *consequence)
{
	int r = baseline_write(c->path, nic->ifindex, c->reconcile.state->driver, &c->baseline);

	if (r == 0 || r == -ENOMEM)
		return r;
	return fault_kernel(&c->fault, -r, NULL, operation, "%s Can zcrxd write %s?", consequence, c->path);
}

/* ---------------------------------------------------------------------------------- loop */

bool change_is_current(const struct change *c)
{
	return device_is_open(c->device) && c->device->generation == c->generation;
}

void change_adopt(struct change *c)
{
	if (c->reconcile.state)
		device_set_observed(c->device, TAKE_PTR(c->reconcile.state));
	if (c->set_aside)
		log_error("%s. The baseline of %s is lost.", c->set_aside, c->device->name);
}

void change_report(struct change *c, uint64_t confirm_until)
{
	const struct device_report report = { .r = c->r,
					      .fault = &c->fault,
					      .plan = c->reconcile.plan,
					      .results = c->reconcile.results,
					      .found = c->reconcile.found,
					      .confirm_until = confirm_until };

	if (c->done)
		c->done(c->device, &report, c->userdata);
}
