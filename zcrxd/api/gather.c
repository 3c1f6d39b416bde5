/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See gather.h.
 */
#include <errno.h>

#include "gather.h"
#include "json.h"

void gather_init(struct gather *q, sd_varlink *link, const char *key, void (*answer)(struct gather *q))
{
	*q = (struct gather) { .link = sd_varlink_ref(link), .n_waiting = 1, .key = key, .answer = answer };
	q->r = sd_json_variant_new_array(&q->list, NULL, 0);
}

void gather_done(struct gather *q)
{
	sd_varlink_unref(q->link);
	sd_json_variant_unref(q->list);
	fault_done(&q->fault);
}

static void answer(struct gather *q)
{
	if (q->r != 0)
		(void)reply_fault(q->link, q->r, &q->fault);
	else
		(void)sd_varlink_replybo(
			q->link, SD_JSON_BUILD_PAIR_VARIANT(q->key, q->list),
			SD_JSON_BUILD_PAIR_CONDITION(q->confirm_until > 0, "confirmUntilUSec",
						     SD_JSON_BUILD_UNSIGNED(q->confirm_until)));
	gather_done(q);
	free(q);
}

struct gather *gather_new(sd_varlink *link, const char *key)
{
	struct gather *q = calloc(1, sizeof(*q));

	if (q)
		gather_init(q, link, key, answer);
	return q;
}

void gather_add(struct gather *q)
{
	q->n_waiting++;
}

void gather_end(struct gather *q, int r, const struct fault *fault)
{
	if (r != 0 && q->r == 0) {
		q->r = r;
		fault_copy(fault, &q->fault);
	}
	if (--q->n_waiting == 0)
		q->answer(q);
}

int gather_find(struct api *api, const char *interface, struct device **ret, struct fault *reterr)
{
	struct device *d;
	int r = request_device(api, interface, &d, reterr);

	if (r != 0)
		return r;
	if (!device_is_managed(d))
		return fault_set(reterr, ZCRX_NO_SUCH_INTERFACE, interface, "%s: %s.", interface,
				 d->reason ?: "it is going away");
	*ret = d;
	return 0;
}

/* ----------------------------------------------------------------------------- changes */

static int append_change(sd_json_variant **changes, int r, sd_json_variant *change)
{
	if (r >= 0)
		r = sd_json_variant_append_array(changes, change);
	sd_json_variant_unref(change);
	return r;
}

int changes_append(sd_json_variant **changes, const struct device *d, const struct plan *plan,
		   const struct step_result *results, bool tried)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->n_steps; i++) {
		const struct step_result *result = results ? &results[i] : NULL;
		sd_json_variant *v = NULL;

		r = json_change(d, plan, i, result, &v);
		r = append_change(changes, r, v);
	}
	for (size_t i = 0; r >= 0 && i < plan->n_waiting; i++) {
		sd_json_variant *v = NULL;

		r = json_waiting_change(d, &plan->waiting[i], tried, &v);
		r = append_change(changes, r, v);
	}
	return r;
}

static bool some_step_failed(const struct device_report *report)
{
	for (size_t i = 0; report->plan && report->results && i < report->plan->n_steps; i++)
		if (report->results[i].outcome == STEP_FAILED)
			return true;
	return false;
}

void gather_changes(struct device *d, const struct device_report *report, void *userdata)
{
	struct gather *q = userdata;
	int r = report->r;

	if (report->confirm_until > q->confirm_until)
		q->confirm_until = report->confirm_until;
	if (report->plan && (r == 0 || some_step_failed(report)))
		/* the failed step carries the message */
		r = changes_append(&q->list, d, report->plan, report->results, true);
	gather_end(q, r, report->fault);
}
