/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See json.h. The names of the fields are the protocol's (shared/zcrx-idl.c).
 */
#include <errno.h>
#include <inttypes.h>

#include "clock.h"
#include "control-group.h"
#include "driver.h"
#include "flow-guard.h"
#include "json.h"
#include "json-build.h"
#include "receivers.h"
#include "retry.h"
#include "shortage.h"
#include "steering.h"


int json_kernel(const struct kernel_features *k, sd_json_variant **ret)
{
	return sd_json_buildo(ret, STRING("release", k->release),
			      BOOLEAN("zeroCopyReceive", k->zero_copy_receive),
			      BOOLEAN("control", k->control),
			      BOOLEAN("largeBuffers", k->large_buffers),
			      BOOLEAN("software", k->software),
			      BOOLEAN("queueLeasing", k->queue_leasing),
			      BOOLEAN("events", k->events),
			      BOOLEAN("addedAreas", k->added_areas),
			      BOOLEAN("guard", k->guard));
}

int json_loop(const struct turn_times *t, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *buckets = NULL;
	int r = sd_json_variant_new_array(&buckets, NULL, 0);

	for (unsigned i = 0; r >= 0 && i < TURN_BUCKETS; i++) {
		uint64_t below = turn_bucket_below(i);

		r = sd_json_variant_append_arraybo(&buckets, UNSIGNED_IF(below != UINT64_MAX, "belowUSec", below),
						   UNSIGNED("turns", t->buckets[i]));
	}
	if (r < 0)
		return r;
	return sd_json_buildo(ret, UNSIGNED("turns", t->turns), UNSIGNED("overBudget", t->over_budget),
			      UNSIGNED("longestUSec", t->longest_usec),
			      UNSIGNED_IF(t->turns > 0, "longestAtUSec", t->longest_at_usec),
			      SD_JSON_BUILD_PAIR_VARIANT("buckets", buckets));
}

int json_caller(const struct peer *p, bool administers, sd_json_variant **ret)
{
	static const char *const names[] = {
		[NAMESPACE_NETWORK] = "network",
		[NAMESPACE_USER] = "user",
		[NAMESPACE_PROCESS] = "process",
	};
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *others = NULL;
	_cleanup_free_ char *cgroup = NULL;
	bool host = p->where == WHERE_HOST;

	for (int i = 0; i < _NAMESPACE_MAX; i++) {
		int r = p->foreign[i] ? sd_json_variant_append_arrayb(
						&others, SD_JSON_BUILD_STRING(names[i])) : 0;

		if (r < 0)
			return r;
	}
	if (p->cgroup && control_group_show(p->cgroup, &cgroup) < 0)
		return -ENOMEM;
	return sd_json_buildo(ret, UNSIGNED("uid", p->uid),
			      STRING("where", host ? "host" : "container"),
			      SD_JSON_BUILD_PAIR_CONDITION(others != NULL, "otherNamespaces",
							   SD_JSON_BUILD_VARIANT(others)),
			      BOOLEAN("assumed", p->where == WHERE_ASSUMED), STRING_IF("controlGroup", cgroup),
			      BOOLEAN("administers", administers));
}

/* ------------------------------------------------------------------------ interfaces */

static int json_queue(struct device *d, uint32_t queue, sd_json_variant **ret)
{
	static const struct nic_queue nothing;
	const struct nic_state *s = d->observed;
	const struct nic_queue *n = queue < s->n_queues ? &s->queues[queue] : &nothing;
	const struct inventory_queue *i = inventory_get(&d->inventory, queue);
	const struct lease *l = i && i->lease ? leases_find(d->devices->leases, i->lease) : NULL;
	enum lease_state state = l ? l->state : i && i->quarantine ? LEASE_QUARANTINED : LEASE_FREE;
	const char *name = i ? lease_state_to_string(state) : NULL;
	const char *reason = l && l->state == LEASE_QUARANTINED ? l->reason : i ? i->quarantine : NULL;
	char digits[LEASE_ID_DIGITS + 1] = "";
	const char *id = l ? digits : NULL;

	if (l)
		lease_id_format(l->id, digits);
	return sd_json_buildo(ret, UNSIGNED("queue", queue),
			      STRING("kind", i ? "zeroCopy" : "ordinary"),
			      STRING_IF("state", name), STRING_IF("reason", reason),
			      SD_JSON_BUILD_PAIR_CONDITION(i && s->has_rss, "servesRss",
							   SD_JSON_BUILD_BOOLEAN(rss_table_leads_to(&s->rss, queue))),
			      STRING_IF("leaseId", id),
			      UNSIGNED_IF(n->napi_id != 0, "napiId", n->napi_id),
			      UNSIGNED_IF(n->interrupt.irq != 0, "irq", n->interrupt.irq),
			      STRING_IF("irqAffinity", *n->interrupt.cpus ? n->interrupt.cpus : NULL),
			      UNSIGNED_IF(n->has_napi, "deferHardIrqs", n->napi.defer_hard_irqs),
			      UNSIGNED_IF(n->has_napi, "groFlushTimeoutNSec",
					  n->napi.gro_flush_timeout),
			      UNSIGNED_IF(n->has_napi, "irqSuspendTimeoutNSec",
					  n->napi.irq_suspend_timeout),
			      UNSIGNED_IF(s->numa_node >= 0, "numaNode", (unsigned)s->numa_node),
			      UNSIGNED_IF(n->has_counters, "receivedPackets", n->packets),
			      UNSIGNED_IF(n->has_counters, "receivedBytes", n->bytes),
			      UNSIGNED_IF(n->has_failures, "allocationFailures", n->failures),
			      UNSIGNED_IF(n->has_drops, "hardwareDrops", n->drops),
			      UNSIGNED_IF(n->has_pool, "buffersInUse", n->pool_buffers),
			      UNSIGNED_IF(n->has_pool, "bufferBytesInUse", n->pool_bytes));
}

static int json_queues(struct device *d, sd_json_variant **ret)
{
	unsigned n = nic_channels_rx(&d->observed->channels);
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	int r;

	/* A driver that tells no channels still has the queues that the kernel lists. */
	if (d->observed->software)
		n = d->inventory.carve_out.zero_copy_count;
	else if (!d->observed->has_channels)
		n = (unsigned)d->observed->n_queues;
	r = sd_json_variant_new_array(&array, NULL, 0);
	for (uint32_t q = 0; r >= 0 && q < n; q++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

		r = json_queue(d, q, &v);
		if (r >= 0)
			r = sd_json_variant_append_array(&array, v);
	}
	*ret = TAKE_PTR(array);
	return r;
}

static unsigned count_foreign_rules(const struct device *d)
{
	unsigned n = 0;

	for (size_t i = 0; i < d->observed->n_rules; i++)
		n += !leases_find_rule(d, &d->observed->rules[i]);
	return n;
}

static unsigned count_taken_flows(const struct device *d)
{
	const struct lease *l;
	unsigned n = 0;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (size_t i = 0; l->device == d && i < l->n_flows; i++)
			n += l->flows[i]->state == FLOW_INSTALLED && l->flows[i]->taken.any;
	return n;
}

/* With when something is tried next by itself, where it is. */
static int json_reason(const struct device *d, char **ret)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC), next = device_next_try(d);

	if (next == 0 || !d->reason) {
		*ret = d->reason ? strdup(d->reason) : NULL;
		return d->reason && !*ret ? -ENOMEM : 0;
	}
	return asprintf(ret, "%s (next try in %" PRIu64 " s)", d->reason,
			next > now ? (next - now + 999999) / 1000000 : 0) < 0
		       ? -ENOMEM
		       : 0;
}

static int json_missing(struct device *d, sd_json_variant **ret)
{
	return sd_json_buildo(ret, STRING("name", device_name(d)), UNSIGNED("index", device_kernel_index(d)),
			      STRING("driver", ""), STRING("state", device_phase_state(d->phase)),
			      STRING_IF("reason", d->reason), UNSIGNED("combinedChannels", 0),
			      UNSIGNED("zeroCopyFirst", 0), UNSIGNED("zeroCopyCount", 0),
			      STRING("tcpDataSplit", data_split_to_string(SPLIT_UNKNOWN)),
			      UNSIGNED("rssQueues", 0), UNSIGNED("foreignRules", 0),
			      SD_JSON_BUILD_PAIR("queues", SD_JSON_BUILD_EMPTY_ARRAY));
}

static int json_problems(struct device *d, sd_json_variant **ret)
{
	char *problems[PROBLEMS_MAX];
	int r = device_problems(d, problems);

	for (size_t i = 0; r >= 0 && i < PROBLEMS_MAX && problems[i]; i++)
		r = sd_json_variant_append_arrayb(ret, SD_JSON_BUILD_STRING(problems[i]));
	for (size_t i = 0; i < PROBLEMS_MAX; i++)
		free(problems[i]);
	return r;
}

int json_interface(struct device *d, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *problems = NULL;
	const char *bond = d->receiver.at.bond ? d->receiver.at.name : NULL;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *queues = NULL;
	const struct nic_state *s = d->observed;
	const struct carve_out *c = &d->inventory.carve_out;
	_cleanup_free_ char *reason = NULL, *small_area = NULL;
	bool guarded = flow_guard_stands(d), serves = c->idle_queues == IDLE_SERVE;
	struct nic_demand demand;
	int r;

	if (!s)
		return json_missing(d, ret);
	r = json_queues(d, &queues);
	if (r >= 0)
		r = json_reason(d, &reason);
	if (r >= 0)
		r = json_problems(d, &problems);
	if (r >= 0)
		r = leases_small_area_format(d, &small_area);
	if (r < 0)
		return r;
	device_demand(d, &demand);
	return sd_json_buildo(
		ret, STRING("name", device_name(d)), UNSIGNED("index", device_kernel_index(d)),
		STRING("driver", s->driver ?: ""), STRING("state", device_phase_state(d->phase)),
		STRING_IF("reason", reason),
		UNSIGNED_IF(d->trial.until != 0, "confirmUntilUSec",
			    tell_boottime(d->trial.until, &d->trial.told)),
		UNSIGNED_IF(d->standstill_usec != 0, "standstillUSec", d->standstill_usec),
		UNSIGNED("observationUSec", d->observed_usec),
		UNSIGNED("combinedChannels", nic_channels_rx(&s->channels)),
		UNSIGNED("zeroCopyFirst", c->zero_copy_first),
		UNSIGNED("zeroCopyCount", c->zero_copy_count),
		STRING("tcpDataSplit", data_split_to_string(s->has_split ? s->split : SPLIT_UNKNOWN)),
		UNSIGNED_IF(s->has_hds_threshold, "hdsThreshold", s->hds_threshold),
		UNSIGNED("rssQueues", nic_state_rss_queues(s)),
		STRING_IF("idleQueues", s->software ? NULL : serves ? "serve" : "reserve"),
		UNSIGNED_IF(serves, "keepFree", c->keep_free),
		UNSIGNED("foreignRules", count_foreign_rules(d)), STRING_IF("bindEffect", driver_bind_effect(s->driver)),
		UNSIGNED_IF(s->has_rings, "ringEntries", s->rx_ring), UNSIGNED_IF(d->link.mtu > 0, "mtu", d->link.mtu),
		UNSIGNED_IF(demand.least > 0, "leastAreaBytes", demand.least),
		UNSIGNED_IF(demand.ring > 0, "recommendedAreaBytes", demand.recommended),
		STRING_IF("smallArea", small_area),
		STRING_IF("bond", bond),
		SD_JSON_BUILD_PAIR_CONDITION(bond != NULL, "standby",
					     SD_JSON_BUILD_BOOLEAN(d->link.standby)),
		SD_JSON_BUILD_PAIR_CONDITION(problems != NULL, "problems", SD_JSON_BUILD_VARIANT(problems)),
		UNSIGNED("takenFlows", count_taken_flows(d)),
		UNSIGNED_IF(guarded, "urgentSegments", s->guarded_urgent),
		UNSIGNED_IF(guarded, "signedSegments", s->guarded_signed),
		SD_JSON_BUILD_PAIR_VARIANT("queues", queues));
}

static int json_change_with(const struct device *d, const struct step *step, const char *effect,
			    const char *outcome, const char *message, sd_json_variant *blocked_by, sd_json_variant **ret)
{
	_cleanup_free_ char *from = NULL, *to = NULL;
	int r;

	r = step_value_format(step->op, &step->from, &from);
	if (r == 0)
		r = step_value_format(step->op, &step->to, &to);
	if (r < 0)
		return r;
	return sd_json_buildo(ret, STRING("interface", device_name(d)),
			      STRING("step", step_op_to_string(step->op)), STRING("from", from),
			      STRING("to", to), STRING("effect", effect),
			      STRING_IF("outcome", outcome), STRING_IF("message", message),
			      SD_JSON_BUILD_PAIR_CONDITION(!!blocked_by, "blockedBy",
							   SD_JSON_BUILD_VARIANT(blocked_by)));
}

int json_change(const struct device *d, const struct plan *plan, size_t i, const struct step_result *result,
		sd_json_variant **ret)
{
	_cleanup_free_ char *effect = NULL;
	int r = plan_effect_format(plan, i, d->link.driver, &effect);

	if (r < 0)
		return r;
	return json_change_with(d, &plan->steps[i], effect, result ? step_outcome_to_string(result->outcome) : NULL,
				result ? result->message : NULL, NULL, ret);
}

int json_waiting_change(const struct device *d, const struct pending_step *w, bool tried,
			sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	_cleanup_free_ char *message = NULL, *effect = NULL;
	_cleanup_free_ uint32_t *ids = NULL;
	size_t n = 0;
	int r;

	r = step_effect_format(w->step.op, d->link.driver, &effect);
	if (r >= 0)
		r = pending_format(d, w, &message);
	if (r >= 0)
		r = pending_leases(d, w, &ids, &n);
	if (r >= 0)
		r = sd_json_variant_new_array(&array, NULL, 0);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		char digits[LEASE_ID_DIGITS + 1];

		lease_id_format(ids[i], digits);
		r = sd_json_variant_append_arrayb(&array, SD_JSON_BUILD_STRING(digits));
	}
	if (r < 0)
		return r;
	return json_change_with(d, &w->step, effect, tried ? "waits" : NULL, message, array, ret);
}
