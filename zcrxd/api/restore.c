/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confirm: what was applied for a try stays, or goes back now. Restore: a NIC goes back to how it was
 * found.
 */
#include <errno.h>

#include "devices.h"
#include "methods.h"
#include "restore.h"

struct restore_parameters {
	const char *interface;
	bool force, keep;
};

/* ------------------------------------------------------------------------------ Confirm */

struct confirmation {
	sd_varlink *link;
	unsigned n_waiting;
	sd_json_variant *interfaces;
	int r; /* the first refusal */
	struct fault fault;
};

static void confirmation_finish(struct confirmation *q)
{
	if (--q->n_waiting > 0)
		return;
	if (q->r != 0)
		(void)reply_fault(q->link, q->r, &q->fault);
	else
		(void)sd_varlink_replybo(q->link,
					 SD_JSON_BUILD_PAIR_VARIANT("interfaces", q->interfaces));
	sd_varlink_unref(q->link);
	sd_json_variant_unref(q->interfaces);
	fault_done(&q->fault);
	free(q);
}

static void on_confirmed(struct device *d, const struct device_report *report, void *userdata)
{
	struct confirmation *q = userdata;
	int r = report->r;

	if (r == 0)
		r = sd_json_variant_append_arrayb(&q->interfaces, SD_JSON_BUILD_STRING(device_name(d)));
	if (r != 0 && q->r == 0) {
		q->r = r;
		q->fault = *report->fault;
		*report->fault = (struct fault){};
	}
	confirmation_finish(q);
}

static int confirm_one(struct confirmation *q, struct device *d, bool keep)
{
	const struct restore_request back = { .to = ROLLBACK_UNCONFIRMED, .force = true };
	int r;

	q->n_waiting++; /* it may be answered before it returns */
	if (keep || d->trial.until == 0 || d->trial.state == TRIAL_CONFIRMING)
		r = device_confirm(d, on_confirmed, q, &q->fault);
	else
		r = device_restore(d, &back, on_confirmed, q, &q->fault);
	if (r != 0)
		q->n_waiting--;
	return r;
}

static void confirm_all(struct confirmation *q, struct api *api, bool keep)
{
	struct device *d;
	bool any = false;

	TAILQ_FOREACH(d, &api->devices->list, entry)
		if (d->trial.until > 0 && q->r == 0) {
			q->r = confirm_one(q, d, keep);
			any = true;
		}
	if (!any)
		q->r = fault_set(&q->fault, ZCRX_WRONG_STATE, "confirmed",
				 "There is nothing to confirm: the changes were confirmed, or rolled back.");
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
	struct confirmation *q;
	int r = 0;

	if (p->interface && (!d || d->trial.until == 0))
		r = gather_find(c->api, p->interface, &d, &c->fault);
	if (r != 0)
		return r;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct confirmation){ .link = sd_varlink_ref(c->link), .n_waiting = 1 };
	q->r = sd_json_variant_new_array(&q->interfaces, NULL, 0);
	if (q->r == 0 && p->interface)
		q->r = confirm_one(q, d, p->keep);
	else if (q->r == 0)
		confirm_all(q, c->api, p->keep);
	confirmation_finish(q);
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
	q = gather_new(c->link);
	if (!q)
		return -ENOMEM;
	if (d->ifindex == SOFTWARE_IFINDEX) { /* nothing of it was ever changed */
		gather_end(q, 0, NULL);
		return 0;
	}
	gather_add(q);
	r = device_restore(d, &back, gather_done, q, &c->fault);
	if (r != 0)
		gather_done(d, &(struct device_report) { .r = r, .fault = &c->fault }, q);
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
