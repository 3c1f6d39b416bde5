/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See strays.h.
 */
#include <errno.h>

#include "leases.h"
#include "log.h"
#include "steering.h"
#include "strays.h"

struct stray_job {
	struct device *device;
	struct nic_rule *rules;
	size_t n, n_removed;
	int r;
	struct fault fault;
};

static bool is_stray(const struct device *d, const struct nic_rule *rule)
{
	for (size_t i = 0; i < d->n_strays; i++)
		if (nic_rule_is(rule, &d->strays[i].flow, &d->strays[i].target))
			return true;
	return false;
}

void stray_note(struct device *d, const struct flow *flow, const struct rule_target *target)
{
	const struct nic_rule rule = { .action = target->action, .target = target->number, .understood = true,
				       .flow = *flow };

	if (is_stray(d, &rule))
		return;
	if (d->n_strays == STRAYS_MAX)
		memmove(d->strays, d->strays + 1, --d->n_strays * sizeof(*d->strays));
	d->strays[d->n_strays++] = (struct stray) { *flow, *target };
}

static void remove_run(struct nic *nic, void *data)
{
	struct stray_job *j = data;

	for (size_t i = 0; i < j->n && j->r == 0; i++) {
		const struct nic_rule *rule = &j->rules[i];

		nic_progress(nic);
		j->r = nic->ops->rule_delete(nic, rule->location, &rule->flow,
					     &(struct rule_target) { rule->action, rule->target }, &j->fault);
		j->n_removed += j->r == 0;
	}
}

static void remove_done(void *data)
{
	struct stray_job *j = data;
	struct log_fields fields = { .interface = j->device->name };

	if (j->n_removed > 0)
		log_message(LOG_INFO, &fields, "%s has brought back %zu rules of leases that are over; they are "
			    "removed.", j->device->name, j->n_removed);
	if (j->r != 0 && j->r != ZCRX_NO_SUCH_INTERFACE)
		log_message(LOG_WARNING, &fields, "Rules of leases that are over, which %s has brought back, could "
			    "not be removed: %s", j->device->name, fault_text(j->r, &j->fault));
	fault_done(&j->fault);
	free(j->rules);
	free(j);
}

bool strays_remove(struct device *d, const struct nic_state *seen)
{
	struct stray_job *j = d->n_strays > 0 ? calloc(1, sizeof(*j)) : NULL;
	bool any;
	int r = 0;

	if (!j)
		return d->n_strays > 0;
	j->device = d;
	j->rules = calloc(seen->n_rules + 1, sizeof(*j->rules));
	for (size_t i = 0; j->rules && i < seen->n_rules; i++)
		if (is_stray(d, &seen->rules[i]) && !leases_find_rule(d, &seen->rules[i]))
			j->rules[j->n++] = seen->rules[i];
	any = !j->rules || j->n > 0;
	if (j->n > 0)
		r = device_submit_reclaim(d, remove_run, remove_done, j);
	if (r < 0)
		log_errno(r, "Cannot remove rules of leases that are over on %s", d->name);
	if (j->n == 0 || r < 0) {
		free(j->rules);
		free(j);
	}
	return any;
}
