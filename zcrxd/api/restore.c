/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confirm: what was applied for a try stays, or goes back now. Restore: a NIC goes back to how it was
 * found.
 */
#include <errno.h>

#include "devices.h"
#include "gather.h"
#include "restore.h"

struct restore_parameters {
	const char *interface;
	bool force, keep;
};

/* ------------------------------------------------------------------------------ Confirm */

static void on_confirmed(struct device *d, const struct device_report *report, void *userdata)
{
	struct gather *q = userdata;
	int r = report->r;

	if (r == 0)
		r = sd_json_variant_append_arrayb(&q->list, SD_JSON_BUILD_STRING(device_name(d)));
	gather_end(q, r, report->fault);
}

static void confirm_one(struct gather *q, struct device *d, bool keep)
{
	const struct restore_request back = { .to = ROLLBACK_UNCONFIRMED, .force = true };
	_cleanup_fault_ struct fault fault = {};
	int r;

	gather_add(q); /* it may be answered before it returns */
	if (keep || d->trial.until == 0 || d->trial.state == TRIAL_CONFIRMING)
		r = device_confirm(d, on_confirmed, q, &fault);
	else
		r = device_restore(d, &back, on_confirmed, q, &fault);
	if (r != 0)
		gather_end(q, r, &fault);
}

static int confirm_all(struct gather *q, struct api *api, bool keep, struct fault *reterr)
{
	struct device *d;
	bool any = false;

	TAILQ_FOREACH(d, &api->devices->list, entry)
		if (d->trial.until > 0 && q->r == 0) {
			confirm_one(q, d, keep);
			any = true;
		}
	return any ? 0 : fault_set(reterr, ZCRX_WRONG_STATE, "confirmed", "There is nothing to confirm: the "
				   "changes were confirmed, or rolled back.");
}

static const sd_json_dispatch_field confirm_fields[] = {
	{ "interface", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_string,
	  offsetof(struct restore_parameters, interface), 0 },
	{ "keep", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_bool,
	  offsetof(struct restore_parameters, keep), 0 },
	{}
};

static int confirm(struct call *c, void *parameters)
{
	const struct restore_parameters *p = parameters;
	struct device *d = p->interface ? devices_find(c->api->devices, p->interface) : NULL;
	struct gather *q;
	int r = 0;

	if (p->interface && (!d || d->trial.until == 0))
		r = gather_find(c->api, p->interface, &d, &c->fault);
	if (r != 0)
		return r;
	q = gather_new(c->link, "interfaces");
	if (!q)
		return -ENOMEM;
	if (p->interface)
		confirm_one(q, d, p->keep);
	else
		r = confirm_all(q, c->api, p->keep, &c->fault);
	gather_end(q, r, &c->fault);
	return 0;
}

const struct method method_confirm = {
	.kind = METHOD_ADMIN,
	.act_name = "confirm what was applied to an interface",
	.fields = confirm_fields,
	.size = sizeof(struct restore_parameters),
	.defaults = &(const struct restore_parameters){ .keep = true },
	.act = confirm,
};

/* ------------------------------------------------------------------------------ Restore */

static const sd_json_dispatch_field restore_fields[] = {
	{ "interface", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
	  offsetof(struct restore_parameters, interface), SD_JSON_MANDATORY },
	{ "force", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_bool,
	  offsetof(struct restore_parameters, force), 0 },
	{}
};

static int restore(struct call *c, void *parameters)
{
	const struct restore_parameters *p = parameters;
	const struct restore_request back = { .to = RESTORE_BASELINE, .force = p->force };
	struct gather *q;
	struct device *d;
	int r = gather_find(c->api, p->interface, &d, &c->fault);

	if (r == 0)
		r = device_check_idle(d, &c->fault);
	if (r != 0)
		return r;
	q = gather_new(c->link, "changes");
	if (!q)
		return -ENOMEM;
	if (d->ifindex != SOFTWARE_IFINDEX) { /* of which nothing was ever changed */
		gather_add(q);
		r = device_restore(d, &back, gather_changes, q, &c->fault);
		if (r != 0)
			gather_end(q, r, &c->fault);
	}
	gather_end(q, 0, NULL);
	return 0;
}

const struct method method_restore = {
	.kind = METHOD_ADMIN,
	.act_name = "restore an interface",
	.fields = restore_fields,
	.size = sizeof(struct restore_parameters),
	.act = restore,
};
