/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of metrics, from what the daemon has in memory. Labels are interfaces, uids and words of zcrxd's own;
 * what clients choose, such as names of leases, is no label.
 */
#include <errno.h>
#include <inttypes.h>

#include "ending.h"
#include "json-build.h"
#include "log.h"
#include "metrics.h"
#include "problems.h"
#include "standing.h"

void metric_values_done(struct metric_values *v)
{
	for (size_t i = 0; i < v->n; i++)
		sd_json_variant_unref(v->list[i]);
	free(v->list);
	*v = (struct metric_values){};
}

/* ------------------------------------------------------------------------------ one value */

struct label {
	const char *name, *value; /* NULL: there is none */
};

#define LABEL(name, value) ((struct label){ name, value })
#define NO_LABEL ((struct label){})

static int append(struct metric_values *v, sd_json_variant *value)
{
	if (v->n == v->allocated) {
		size_t n = v->allocated * 2 + 64;
		sd_json_variant **list = reallocarray(v->list, n, sizeof(*list));

		if (!list)
			return -ENOMEM;
		v->list = list;
		v->allocated = n;
	}
	v->list[v->n++] = sd_json_variant_ref(value);
	return 0;
}

static void add(struct metric_values *v, enum metric m, const char *object, sd_json_variant *value, struct label a,
		struct label b)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *fields = NULL, *reply = NULL;
	char name[64];
	int r = v->r;

	snprintf(name, sizeof(name), METRICS_PREFIX "%s", metric_infos[m].name);
	if (r >= 0 && a.value)
		r = sd_json_variant_set_field_string(&fields, a.name, a.value);
	if (r >= 0 && b.value)
		r = sd_json_variant_set_field_string(&fields, b.name, b.value);
	if (r >= 0)
		r = sd_json_buildo(&reply, STRING("name", name), SD_JSON_BUILD_PAIR_VARIANT("value", value),
				   STRING_IF("object", object),
				   SD_JSON_BUILD_PAIR_CONDITION(fields != NULL, "fields", SD_JSON_BUILD_VARIANT(fields)));
	if (r >= 0)
		r = append(v, reply);
	v->r = r < 0 ? r : 0;
}

static void add_count(struct metric_values *v, enum metric m, const char *object, uint64_t count, struct label a,
		      struct label b)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;

	if (v->r == 0)
		v->r = sd_json_variant_new_unsigned(&value, count);
	add(v, m, object, value, a, b);
}

static void add_seconds(struct metric_values *v, enum metric m, uint64_t usec, struct label a)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;

	if (v->r == 0)
		v->r = sd_json_variant_new_real(&value, (double)usec / 1e6);
	add(v, m, NULL, value, a, NO_LABEL);
}

/* `bucket` is followed by its count and its sum. */
static void add_histogram(struct metric_values *v, enum metric bucket, const struct histogram *h, struct label a)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		add_count(v, bucket, NULL, histogram_below(h, i), a, LABEL("le", histogram_bound(i)));
	add_count(v, bucket + 1, NULL, histogram_below(h, HISTOGRAM_BUCKETS - 1), a, NO_LABEL);
	add_seconds(v, bucket + 2, h->sum_usec, a);
}

/* --------------------------------------------------------------------------------- groups */

static void collect_daemon(struct api *api, struct metric_values *v)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *problems = NULL;
	const struct turn_times *t = &api->devices->loop->times;

	if (v->r == 0)
		v->r = problems_list(api->devices, &problems);
	if (v->r < 0)
		return;
	v->r = 0;
	add_count(v, METRIC_BUILD_INFO, NULL, 1, LABEL("version", ZCRXD_VERSION), NO_LABEL);
	add_count(v, METRIC_PROBLEMS, NULL, sd_json_variant_elements(problems), NO_LABEL, NO_LABEL);
	add_count(v, METRIC_CONNECTIONS, NULL, api->server->n_connections, NO_LABEL, NO_LABEL);
	add_count(v, METRIC_TURNS, NULL, t->turns, NO_LABEL, NO_LABEL);
	add_count(v, METRIC_TURNS_OVER_BUDGET, NULL, t->over_budget, NO_LABEL, NO_LABEL);
	add_seconds(v, METRIC_LONGEST_TURN, t->longest_usec, NO_LABEL);
}

static void collect_interfaces(struct api *api, struct metric_values *v)
{
	static const char *const states[] = { "configured", "degraded", "missing" };
	const struct device *d;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		unsigned n = 0;

		TAILQ_FOREACH(d, &api->devices->list, entry)
			n += streq(device_phase_state(d->phase), states[i]);
		add_count(v, METRIC_INTERFACES, NULL, n, LABEL("state", states[i]), NO_LABEL);
	}
}

static enum lease_state queue_state(const struct device *d, const struct inventory_queue *q)
{
	const struct lease *l = q->lease ? leases_find(d->devices->leases, q->lease) : NULL;

	return l ? l->state : q->quarantine ? LEASE_QUARANTINED : LEASE_FREE;
}

static void collect_queues(struct api *api, struct metric_values *v)
{
	const struct device *d;

	TAILQ_FOREACH(d, &api->devices->list, entry) {
		const unsigned carved_out = d->inventory.carve_out.zero_copy_count;
		unsigned n[_LEASE_STATE_MAX] = {}, all;

		if (!d->observed)
			continue;
		all = nic_channels_rx(&d->observed->channels);
		for (unsigned i = 0; i < carved_out; i++)
			n[queue_state(d, &d->inventory.queues[i])]++;
		add_count(v, METRIC_QUEUES, device_name(d), all > carved_out ? all - carved_out : 0,
			  LABEL("state", "ordinary"), NO_LABEL);
		for (enum lease_state s = 0; s < _LEASE_STATE_MAX; s++)
			add_count(v, METRIC_QUEUES, device_name(d), n[s], LABEL("state", lease_state_to_string(s)),
				  NO_LABEL);
	}
}

struct metric_owner *metric_owner_of(struct metric_owner *owners, size_t *n, uid_t uid)
{
	for (size_t i = 0; i < *n; i++)
		if (owners[i].uid == uid)
			return &owners[i];
	if (*n == METRICS_OWNERS_MAX)
		return &owners[METRICS_OWNERS_MAX];
	owners[*n].uid = uid;
	return &owners[(*n)++];
}

static void collect_leases(struct api *api, struct metric_values *v)
{
	struct metric_owner owners[METRICS_OWNERS_MAX + 1] = {};
	const struct lease *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &api->leases->list, entry)
		metric_owner_of(owners, &n, l->owner_uid)->n[l->state]++;
	for (size_t i = 0; i <= METRICS_OWNERS_MAX; i++) {
		char uid[16];

		snprintf(uid, sizeof(uid), "%u", (unsigned)owners[i].uid);
		for (enum lease_state s = 0; s < _LEASE_STATE_MAX; s++)
			if (owners[i].n[s] > 0)
				add_count(v, METRIC_LEASES, NULL, owners[i].n[s],
					  LABEL("owner", i == METRICS_OWNERS_MAX ? "others" : uid),
					  LABEL("state", lease_state_to_string(s)));
	}
	for (enum lease_event e = 0; e < _LEASE_EVENT_MAX; e++)
		if (lease_step(LEASE_RESERVED, e).next == LEASE_DRAINING)
			add_count(v, METRIC_LEASE_ENDS, NULL, api->leases->n_ends[e],
				  LABEL("reason", lease_event_to_string(e)), NO_LABEL);
	add_histogram(v, METRIC_LEASE_END_BUCKET, &api->leases->end_times, NO_LABEL);
	add_seconds(v, METRIC_OLDEST_ENDING, leases_oldest_ending(api->leases), NO_LABEL);
}

struct use {
	uint64_t area;
	unsigned n[_FLOW_STATE_MAX], taken, shortages;
};

static void add_use(const struct device *d, const struct use *u, struct metric_values *v)
{
	const struct device_counts *c = &d->counts;
	const char *name = device_name(d);

	add_count(v, METRIC_AREA_BYTES, name, u->area, NO_LABEL, NO_LABEL);
	for (enum flow_state s = 0; s < _FLOW_STATE_MAX; s++)
		add_count(v, METRIC_FLOWS, name, u->n[s], LABEL("state", flow_state_to_string(s)), NO_LABEL);
	add_count(v, METRIC_TAKEN_FLOWS, name, u->taken, NO_LABEL, NO_LABEL);
	add_count(v, METRIC_SHORT_QUEUES, name, u->shortages, NO_LABEL, NO_LABEL);
	add_count(v, METRIC_SHORTAGES, name, c->shortages, NO_LABEL, NO_LABEL);
	add_count(v, METRIC_DRIFTS, name, c->drifts, NO_LABEL, NO_LABEL);
	add_count(v, METRIC_REPAIRS, name, c->repairs, NO_LABEL, NO_LABEL);
	add_count(v, METRIC_REPAIR_FAILURES, name, c->repair_failures, NO_LABEL, NO_LABEL);
}

static void use_by(const struct lease *l, struct use *u)
{
	u->area += lease_area(l);
	for (size_t i = 0; i < l->n_flows; i++) {
		u->n[l->flows[i]->state]++;
		u->taken += l->flows[i]->state == FLOW_INSTALLED && l->flows[i]->taken.any;
	}
	for (unsigned i = 0; i < l->n_queues; i++)
		u->shortages += l->per_queue[i].bound && supply_is_short(&l->per_queue[i].supply);
}

static void collect_use(struct api *api, struct metric_values *v)
{
	const struct device *d;
	const struct lease *l;

	TAILQ_FOREACH(d, &api->devices->list, entry) {
		struct use u = {};

		TAILQ_FOREACH(l, &api->leases->list, entry)
			if (l->device == d)
				use_by(l, &u);
		add_use(d, &u, v);
	}
}

static void collect_counters(struct api *api, struct metric_values *v)
{
	unsigned told = 0, left_out = 0;
	struct device *d;

	TAILQ_FOREACH(d, &api->devices->list, entry) {
		standing_tell_counts(d);
		for (size_t i = 0; i < d->counts.n_queues; i++) {
			const struct queue_counts *c = &d->counts.queues[i];
			const char *name = device_name(d);
			char number[24];
			struct label queue = LABEL("queue", number);

			if (!c->known || told == METRICS_QUEUES_MAX) {
				left_out += c->known;
				continue;
			}
			told++;
			snprintf(number, sizeof(number), "%zu", i);
			add_count(v, METRIC_QUEUE_PACKETS, name, c->packets, queue, NO_LABEL);
			add_count(v, METRIC_QUEUE_BYTES, name, c->bytes, queue, NO_LABEL);
			if (c->has_failures)
				add_count(v, METRIC_QUEUE_FAILURES, name, c->failures, queue, NO_LABEL);
			if (c->has_drops)
				add_count(v, METRIC_QUEUE_DROPS, name, c->drops, queue, NO_LABEL);
		}
	}
	add_count(v, METRIC_QUEUES_LEFT_OUT, NULL, left_out, NO_LABEL, NO_LABEL);
}

static const char *after_dot(const char *id)
{
	return strrchr(id, '.') + 1;
}

static void collect_calls(struct api *api, struct metric_values *v)
{
	for (int i = ZCRX_OK; i < _ZCRX_ERROR_MAX; i++)
		add_count(v, METRIC_REFUSALS, NULL, api->refusals[i],
			  LABEL("reason", i == ZCRX_OK ? "System" : after_dot(zcrx_error_info(i)->id)), NO_LABEL);
	for (int i = 0; i < _CALL_MAX; i++)
		add_histogram(v, METRIC_CALL_BUCKET, &api->call_times[i], LABEL("method", call_kind_to_string(i)));
}

bool metrics_collect(struct api *api, unsigned group, struct metric_values *ret)
{
	static void (*const groups[])(struct api *api, struct metric_values *v) = {
		collect_daemon, collect_interfaces, collect_queues, collect_leases,
		collect_use,	collect_counters,   collect_calls,
	};

	if (group >= ARRAY_SIZE(groups))
		return false;
	groups[group](api, ret);
	return true;
}
