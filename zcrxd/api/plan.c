/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plan, open to everybody: what Apply would change. Made of what was observed, as the answers of Describe
 * and Explain, so that any number of callers costs the interface's worker one look.
 */
#include <errno.h>

#include "answers.h"
#include "devices.h"
#include "json.h"
#include "links.h"
#include "match.h"
#include "methods.h"
#include "pending.h"

struct plan_call {
	struct api *api;
	sd_varlink *link;
	char *interface; /* as the caller named it; NULL for all */
	unsigned n_waiting;
	int r; /* the first refusal */
	struct fault fault;
};

static void plan_call_free(struct plan_call *q)
{
	sd_varlink_unref(q->link);
	fault_done(&q->fault);
	free(q->interface);
	free(q);
}
DEFINE_CLEANUP(struct plan_call *, plan_call_free)

static int append_plan(struct plan_call *q, const struct device *d, sd_json_variant **changes)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	int r = device_plan(d, &plan, &q->fault);

	return r != 0 ? r : changes_append(changes, d, plan, NULL, false);
}

/* Devices may have come and gone since they were observed. */
static int append_all(struct plan_call *q, sd_json_variant **changes)
{
	struct device *d;
	int r;

	if (q->interface) {
		r = gather_find(q->api, q->interface, &d, &q->fault);
		return r != 0 ? r : append_plan(q, d, changes);
	}
	TAILQ_FOREACH(d, &q->api->devices->list, entry) {
		r = device_is_managed(d) && d->observed ? append_plan(q, d, changes) : 0;
		if (r != 0)
			return r;
	}
	return 0;
}

/* What of the configuration is for nothing that is there: no change says so. */
static int json_unmatched(struct api *api, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	struct nic_link *links;
	char **warnings;
	size_t n_links, n;
	int r = devices_links(api->devices, &links, &n_links);

	if (r < 0)
		return r;
	r = config_find_unmatched(api->devices->config, links, n_links, &warnings, &n);
	nic_links_free(links, n_links);
	if (r < 0)
		return r;
	r = sd_json_variant_new_array(&array, NULL, 0);
	for (size_t i = 0; i < n; i++) {
		if (r >= 0)
			r = sd_json_variant_append_arrayb(&array, SD_JSON_BUILD_STRING(warnings[i]));
		free(warnings[i]);
	}
	free(warnings);
	if (r >= 0)
		*ret = TAKE_PTR(array);
	return r;
}

static void plan_answer(void *userdata)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *changes = NULL, *warnings = NULL;
	_cleanup_(plan_call_freep) struct plan_call *q = userdata;
	int r = q->r;

	if (r == 0)
		r = sd_json_variant_new_array(&changes, NULL, 0);
	if (r >= 0 && q->r == 0)
		r = append_all(q, &changes);
	if (r == 0 && !q->interface)
		r = json_unmatched(q->api, &warnings);
	if (r != 0)
		(void)reply_fault(q->link, r, &q->fault);
	else
		(void)sd_varlink_replybo(q->link, SD_JSON_BUILD_PAIR_VARIANT("changes", changes),
					 SD_JSON_BUILD_PAIR_CONDITION(warnings != NULL, "warnings",
								      SD_JSON_BUILD_VARIANT(warnings)));
}

static void plan_finish(struct plan_call *q)
{
	if (--q->n_waiting == 0)
		answer_later(q->api, plan_answer, q);
}

static void on_observed(struct device *d, const struct device_report *report, void *userdata)
{
	struct plan_call *q = userdata;

	if (q->r == 0) {
		q->r = report->r;
		if (q->r > 0)
			fault_copy(report->fault, &q->fault);
	}
	plan_finish(q);
}

static int observe_one(struct plan_call *q, struct device *d)
{
	int r = device_refresh(d, on_observed, q);

	q->n_waiting += r == 0;
	return r;
}

static int observe_all(struct plan_call *q)
{
	struct device *d;
	int r = 0;

	if (q->interface) {
		r = gather_find(q->api, q->interface, &d, &q->fault);
		return r != 0 ? r : observe_one(q, d);
	}
	TAILQ_FOREACH(d, &q->api->devices->list, entry)
		if (device_is_managed(d) && r == 0)
			r = observe_one(q, d);
	return r;
}

static const sd_json_dispatch_field plan_fields[] = {
	{ "interface", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_string, 0, 0 },
	{}
};

static int plan(struct call *c, void *parameters)
{
	const char *interface = *(const char **)parameters;
	struct plan_call *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	*q = (struct plan_call){ .api = c->api, .link = sd_varlink_ref(c->link), .n_waiting = 1 };
	q->interface = interface ? strdup(interface) : NULL;
	r = interface && !q->interface ? -ENOMEM : observe_all(q);
	if (q->r == 0)
		q->r = r;
	plan_finish(q);
	return 0;
}

const struct method method_plan = {
	.kind = METHOD_OPEN,
	.fields = plan_fields,
	.size = sizeof(const char *),
	.act = plan,
};
