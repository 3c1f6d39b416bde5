/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See drift.h. A rule is a lease's if it says exactly what one of its flows says; where it lies does
 * not matter, because drivers and people move them. What is not understood is somebody else's.
 */
#include "drift-internal.h"

void drift_done(struct drift *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->list[i].text);
		free(d->list[i].affected);
	}
	free(d->list);
	free(d->taken);
	*d = (struct drift) {};
}

int drift_add(struct drift *d, const struct drift_expected *e, enum drift_kind kind, char *text,
	      struct deviation **ret)
{
	struct deviation *list = reallocarray(d->list, d->n + 1, sizeof(*list));
	bool *affected = calloc(e->n_queues + 1, sizeof(*affected));

	if (list)
		d->list = list;
	if (!list || !affected || !text) {
		free(affected);
		free(text);
		return -ENOMEM;
	}
	d->n_queues = e->n_queues;
	*ret = &d->list[d->n++];
	**ret = (struct deviation) { .kind = kind, .severity = DRIFT_CHANGED, .text = text,
				     .affected = affected };
	drift_mix(*ret, &kind, sizeof(kind));
	return 0;
}

/* FNV-1a. */
static uint64_t mix(uint64_t digest, const void *value, size_t size)
{
	const uint8_t *bytes = value;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ bytes[i]) * 0x100000001b3;
	return digest;
}

void drift_mix(struct deviation *v, const void *value, size_t size)
{
	v->digest = mix(v->digest, value, size);
}

uint64_t drift_digest(const struct drift *d, const struct drift_expected *e)
{
	uint64_t digest = 0xcbf29ce484222325;

	if (d->n == 0)
		return 0;
	for (size_t i = 0; i < d->n; i++)
		digest = mix(digest, &d->list[i].digest, sizeof(d->list[i].digest));
	for (size_t i = 0; i < e->n_queues; i++) {
		const struct drift_queue *q = &e->queues[i];

		if (!drift_affects(d, i))
			continue;
		digest = mix(digest, &q->queue, sizeof(q->queue));
		digest = mix(digest, &q->lease, sizeof(q->lease));
		digest = mix(digest, &q->uid, sizeof(q->uid));
	}
	return digest ?: 1;
}

/* ------------------------------------------------------------------- where tables lead */

bool drift_table_leads(const struct nic_state *s, const uint32_t *queues, size_t n)
{
	for (size_t i = 0; s->has_rss && i < n; i++)
		if (rss_table_leads_to(&s->rss, queues[i]))
			return true;
	return false;
}

/* Carved-out or leased queues that the table leads to; it need not be one of RSS. */
static int find_wrong(const struct rss_table *t, const struct drift_expected *e, uint32_t **ret,
		      size_t *ret_n)
{
	const struct carve_out *c = &e->carve_out;
	uint32_t *queues = calloc(c->zero_copy_count + e->n_queues + 1, sizeof(*queues));
	size_t n = 0;

	if (!queues)
		return -ENOMEM;
	for (unsigned i = 0; i < c->zero_copy_count; i++)
		if (rss_table_leads_to(t, c->zero_copy_first + i))
			queues[n++] = c->zero_copy_first + i;
	/* A lease of an earlier daemon may hold one that is not carved out. */
	for (size_t i = 0; i < e->n_queues; i++)
		if (e->queues[i].queue - c->zero_copy_first >= c->zero_copy_count &&
		    rss_table_leads_to(t, e->queues[i].queue))
			queues[n++] = e->queues[i].queue;
	*ret = queues;
	*ret_n = n;
	return 0;
}

static void affect_queues(struct deviation *v, const struct drift_expected *e,
			  const uint32_t *queues, size_t n)
{
	drift_mix(v, queues, n * sizeof(*queues));
	for (size_t i = 0; i < e->n_queues; i++)
		for (size_t k = 0; k < n; k++)
			if (e->queues[i].queue == queues[k]) {
				v->affected[i] = true;
				if (e->queues[i].bound)
					v->severity = DRIFT_LEAK;
			}
}

/* -------------------------------------------------------------------------- steering */

/* Idle queues serve; from one that is leased and not bound yet the table is about to be taken away. */
static size_t keep_bound(const struct drift_expected *e, uint32_t *queues, size_t n)
{
	size_t bound = 0;

	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < e->n_queues; i++)
			if (e->queues[i].queue == queues[k] && e->queues[i].bound) {
				queues[bound++] = queues[k];
				break;
			}
	return bound;
}

static int find_table(const struct nic_state *s, const struct drift_expected *e, struct drift *d)
{
	_cleanup_free_ uint32_t *queues = NULL;
	_cleanup_free_ char *text = NULL;
	struct deviation *v;
	size_t n;
	int r;

	if (!s->has_rss)
		return 0;
	r = find_wrong(&s->rss, e, &queues, &n);
	if (r == 0 && e->carve_out.idle_queues == IDLE_SERVE)
		n = keep_bound(e, queues, n);
	if (r < 0 || n == 0)
		return r;
	r = drift_format_queues(queues, n, &text);
	if (r == 0)
		r = drift_add(d, e, DRIFT_TABLE,
			      text_format("the RSS table leads ordinary traffic to %s", text), &v);
	if (r == 0)
		affect_queues(v, e, queues, n);
	return r;
}

/* It chooses by itself, and what it has chosen nobody can see. */
static int find_rfs(const struct nic_state *s, const struct drift_expected *e, struct drift *d)
{
	const struct rss_table reached = { .entries = s->rfs_queues, .n = s->n_rfs_queues };
	_cleanup_free_ uint32_t *queues = NULL;
	_cleanup_free_ char *text = NULL;
	struct deviation *v;
	size_t n;
	int r = find_wrong(&reached, e, &queues, &n);

	if (r < 0 || n == 0)
		return r;
	r = drift_format_queues(queues, n, &text);
	if (r == 0)
		r = drift_add(d, e, DRIFT_RFS,
			      text_format("accelerated RFS may lead ordinary traffic to %s (echo 0 > /sys/class/net/"
					  "%s/queues/rx-%u/rps_flow_cnt ends it%s)", text, s->name, queues[0],
					  n > 1 ? ", of each" : ""), &v);
	if (r < 0)
		return r;
	v->severity = DRIFT_NOTED;
	affect_queues(v, e, queues, n);
	return 0;
}

static const struct rss_table *find_context(const struct nic_state *s, uint32_t context)
{
	for (size_t i = 0; i < s->n_contexts; i++)
		if (s->contexts[i].context == context)
			return &s->contexts[i];
	return NULL;
}

static bool is_own_context(const struct nic_state *s, const struct rss_table *t,
			   const struct drift_expected *e)
{
	for (size_t i = 0; i < e->n_contexts; i++) {
		const struct drift_context *c = &e->contexts[i];

		if (c->context == t->context &&
		    nic_state_own_context(s, c->context, c->queues, c->n_queues))
			return true;
	}
	return false;
}

/* Nothing gets into a context but by a rule. */
static int find_contexts(const struct nic_state *s, const struct drift_expected *e,
			 struct drift *d)
{
	for (size_t i = 0; i < s->n_contexts; i++) {
		_cleanup_free_ uint32_t *queues = NULL;
		_cleanup_free_ char *text = NULL;
		struct deviation *v;
		size_t n;
		int r;

		if (is_own_context(s, &s->contexts[i], e))
			continue;
		r = find_wrong(&s->contexts[i], e, &queues, &n);
		if (r == 0 && n > 0)
			r = drift_format_queues(queues, n, &text);
		if (r == 0 && n > 0)
			r = drift_add(d, e, DRIFT_CONTEXT,
				      text_format("RSS context %u, which is not zcrxd's, leads to %s (ethtool "
						 "-X %s context %u delete removes it)",
						 s->contexts[i].context, text, s->name,
						 s->contexts[i].context),
				      &v);
		if (r < 0)
			return r;
		if (n > 0) {
			drift_mix(v, &s->contexts[i].context, sizeof(s->contexts[i].context));
			affect_queues(v, e, queues, n);
			v->severity = DRIFT_NOTED;
		}
	}
	return 0;
}

static bool is_anyones(const struct nic_rule *rule, const struct drift_expected *e)
{
	for (size_t i = 0; i < e->n_flows; i++)
		if (nic_rule_is(rule, &e->flows[i].flow, &e->flows[i].target))
			return true;
	return false;
}

static int find_rule(const struct nic_state *s, const struct nic_rule *rule,
		     const struct drift_expected *e, struct drift *d)
{
	struct rss_table one = { .entries = (uint32_t *)&rule->target, .n = 1 };
	const struct rss_table *t = NULL;
	_cleanup_free_ uint32_t *queues = NULL;
	_cleanup_free_ char *text = NULL;
	struct deviation *v;
	size_t n;
	int r;

	if (rule->action == RULE_TO_QUEUE)
		t = &one;
	else if (rule->action == RULE_TO_CONTEXT)
		t = find_context(s, rule->target);
	if (!t || is_anyones(rule, e))
		return 0;
	r = find_wrong(t, e, &queues, &n);
	if (r < 0 || n == 0)
		return r;
	r = drift_format_queues(queues, n, &text);
	if (r == 0)
		r = drift_add(d, e, DRIFT_RULE,
			      text_format("rule %u, which is not zcrxd's, leads %s%s (ethtool -N %s delete %u "
					 "removes it)",
					 rule->location, t == &one ? "to " : "by its RSS context to ", text,
					 s->name, rule->location),
			      &v);
	if (r < 0)
		return r;
	v->severity = DRIFT_NOTED;
	drift_mix(v, &rule->location, sizeof(rule->location));
	drift_mix(v, &rule->action, sizeof(rule->action));
	affect_queues(v, e, queues, n);
	return 0;
}

static bool lease_has_flow(const struct drift_expected *e, uint32_t lease)
{
	for (size_t i = 0; i < e->n_flows; i++)
		if (e->flows[i].lease == lease)
			return true;
	return false;
}

static int find_guard(const struct nic_state *s, const struct drift_expected *e, struct drift *d)
{
	struct deviation *v;
	int r;

	if (!s->guard_lost || e->n_flows == 0)
		return 0;
	r = drift_add(d, e, DRIFT_GUARD,
		      strdup("what keeps urgent and signed segments from its flows, on which the kernel panics, "
			     "was gone"),
		      &v);
	if (r < 0)
		return r;
	v->severity = DRIFT_LEAK;
	for (size_t i = 0; i < e->n_queues; i++)
		v->affected[i] = lease_has_flow(e, e->queues[i].lease);
	return 0;
}

int drift_find_leaks(const struct nic_state *s, const struct drift_expected *e, struct drift *d)
{
	int r;

	r = find_table(s, e, d);
	if (r == 0)
		r = find_rfs(s, e, d);
	if (r == 0)
		r = find_guard(s, e, d);
	for (size_t i = 0; r == 0 && i < s->n_rules; i++)
		r = find_rule(s, &s->rules[i], e, d);
	if (r == 0)
		r = find_contexts(s, e, d);
	return r == 0 ? drift_find_own(s, e, d) : r;
}

/* --------------------------------------------------------------------------- settings */

static bool has_kind(const struct drift *d, enum drift_kind kind)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].kind == kind)
			return true;
	return false;
}

static int add_setting(char *text, const struct drift_expected *e, struct drift *d,
		       struct deviation **ret)
{
	int r = drift_add(d, e, DRIFT_SETTING, text, ret);

	for (size_t i = 0; r == 0 && i < e->n_queues; i++)
		(*ret)->affected[i] = e->queues[i].bound;
	return r;
}

int drift_add_setting(const char *text, const struct drift_expected *e, struct drift *d)
{
	struct deviation *v;
	int r = add_setting(strdup(text), e, d, &v);

	if (r == 0) /* nothing else is known of it */
		drift_mix(v, text, strlen(text));
	return r;
}

static int find_setting(const struct step *step, const struct drift_expected *e, struct drift *d)
{
	_cleanup_free_ char *from = NULL, *to = NULL;
	struct deviation *v;

	if (step_value_format(step->op, &step->from, &from) < 0 ||
	    step_value_format(step->op, &step->to, &to) < 0 ||
	    add_setting(text_format("%s is %s instead of %s", step_op_to_string(step->op), from, to), e, d,
			&v) < 0)
		return -ENOMEM;
	drift_mix(v, &step->op, sizeof(step->op));
	drift_mix(v, from, strlen(from) + 1);
	drift_mix(v, to, strlen(to));
	/* Only who has rules has lost something. */
	for (size_t i = 0; step->op == STEP_NTUPLE && i < e->n_queues; i++)
		v->affected[i] = lease_has_flow(e, e->queues[i].lease);
	return 0;
}

int drift_find_settings(const struct plan *plan, const struct drift_expected *e, struct drift *d)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_steps; i++)
		if (plan->steps[i].op != STEP_RSS ||
		    !(plan->steps[i].follows_leases || has_kind(d, DRIFT_TABLE)))
			r = find_setting(&plan->steps[i], e, d);
	for (size_t i = 0; r == 0 && i < plan->n_waiting; i++)
		r = find_setting(&plan->waiting[i].step, e, d);
	return r;
}
