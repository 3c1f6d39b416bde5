/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plan, open to everybody: what Apply would change. Made of what was observed, as the answers of Describe
 * and Explain, so that any number of callers costs the interface's worker one look.
 */
#include <errno.h>

#include "answers.h"
#include "devices.h"
#include "driver.h"
#include "gather.h"
#include "json.h"
#include "links.h"
#include "match.h"
#include "pending.h"

struct plan_call {
	struct gather gather;
	struct api *api;
	char *interface; /* as the caller named it; NULL for all */
	sd_json_variant *warnings;
};

/* What no step does, but each lease that comes of them. */
static int append_bind_effect(struct plan_call *q, const struct device *d)
{
	const char *effect = driver_bind_effect(d->observed->driver);
	_cleanup_free_ char *text = NULL;

	if (!effect)
		return 0;
	if (asprintf(&text, "%s: %s.", d->name, effect) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return sd_json_variant_append_arrayb(&q->warnings, SD_JSON_BUILD_STRING(text));
}

static int append_plan(struct plan_call *q, const struct device *d)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	int r = device_plan(d, &plan, &q->gather.fault);

	if (r == 0 && plan->n_steps > 0)
		r = append_bind_effect(q, d);
	return r != 0 ? r : changes_append(&q->gather.list, d, plan, NULL, false);
}

/* Devices may have come and gone since they were observed. */
static int append_all(struct plan_call *q)
{
	struct device *d;
	int r;

	if (q->interface) {
		r = gather_find(q->api, q->interface, &d, &q->gather.fault);
		return r != 0 ? r : append_plan(q, d);
	}
	TAILQ_FOREACH(d, &q->api->devices->list, entry) {
		r = device_is_managed(d) && d->observed ? append_plan(q, d) : 0;
		if (r != 0)
			return r;
	}
	return 0;
}

/* What of the configuration is for nothing that is there: no change says so. */
static int append_unmatched(struct api *api, sd_json_variant **array)
{
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
	for (size_t i = 0; i < n; i++) {
		if (r >= 0)
			r = sd_json_variant_append_arrayb(array, SD_JSON_BUILD_STRING(warnings[i]));
		free(warnings[i]);
	}
	free(warnings);
	return r < 0 ? r : 0;
}

static void plan_answer(void *userdata)
{
	struct plan_call *q = userdata;
	struct gather *g = &q->gather;
	int r = g->r;

	if (r == 0)
		r = append_all(q);
	if (r == 0 && !q->interface)
		r = append_unmatched(q->api, &q->warnings);
	if (r != 0)
		(void)reply_fault(g->link, r, &g->fault);
	else
		(void)sd_varlink_replybo(g->link, SD_JSON_BUILD_PAIR_VARIANT(g->key, g->list),
					 SD_JSON_BUILD_PAIR_CONDITION(q->warnings != NULL, "warnings",
								      SD_JSON_BUILD_VARIANT(q->warnings)));
	gather_done(g);
	sd_json_variant_unref(q->warnings);
	free(q->interface);
	free(q);
}

static void plan_finish(struct gather *g)
{
	struct plan_call *q = (struct plan_call *)g;

	answer_later(q->api, plan_answer, q);
}

static void on_observed(struct device *d, const struct device_report *report, void *userdata)
{
	gather_end(userdata, report->r, report->fault);
}

static int observe_one(struct plan_call *q, struct device *d)
{
	int r = device_refresh(d, on_observed, &q->gather);

	if (r == 0)
		gather_add(&q->gather);
	return r;
}

static int observe_all(struct plan_call *q, struct fault *reterr)
{
	struct device *d;
	int r = 0;

	if (q->interface) {
		r = gather_find(q->api, q->interface, &d, reterr);
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
	gather_init(&q->gather, c->link, "changes", plan_finish);
	q->api = c->api;
	q->interface = interface ? strdup(interface) : NULL;
	r = interface && !q->interface ? -ENOMEM : 0;
	if (r == 0 && !interface)
		r = sd_json_variant_new_array(&q->warnings, NULL, 0);
	if (r >= 0)
		r = observe_all(q, &c->fault);
	gather_end(&q->gather, r, &c->fault);
	return 0;
}

const struct method method_plan = {
	.kind = METHOD_OPEN,
	.fields = plan_fields,
	.size = sizeof(const char *),
	.act = plan,
};
