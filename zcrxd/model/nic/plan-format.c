/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Steps in words: for zcrxctl plan, the journal and the tests.
 */
#include "driver.h"
#include "memstream.h"
#include "plan.h"

const char *step_op_to_string(enum step_op op)
{
	static const char *const names[_STEP_OP_MAX] = {
		[STEP_GRO_HW] = "gro-hw",
		[STEP_TCP_DATA_SPLIT] = "tcp-data-split",
		[STEP_HDS_THRESHOLD] = "hds-threshold",
		[STEP_RINGS] = "rings",
		[STEP_NTUPLE] = "ntuple-feature",
		[STEP_RSS] = "rss",
		[STEP_CHANNELS] = "channels",
	};

	return op >= 0 && op < _STEP_OP_MAX ? names[op] : "unknown";
}

static char *print_channels(const struct nic_channels *c)
{
	if (c->rx == 0 && c->tx == 0)
		return text_format("combined %u", c->combined);
	if (c->combined == 0)
		return text_format("rx %u, tx %u", c->rx, c->tx);
	return text_format("combined %u, rx %u, tx %u", c->combined, c->rx, c->tx);
}

/* The highest queue plus one, if the table is entry[i] = i mod that; else 0. */
static unsigned modulus(const struct rss_table *t)
{
	unsigned n = rss_table_span(t);

	return rss_table_is_default(t, n ?: 1) ? n : 0;
}

/* An equal table stays equal, another one is repeated. */
void rss_table_fit(const uint32_t *table, size_t n_table, uint32_t *ret, size_t n)
{
	const struct rss_table t = { .entries = (uint32_t *)table, .n = n_table };
	size_t period = modulus(&t) ?: n_table;

	for (size_t i = 0; i < n; i++)
		ret[i] = table[i % period];
}

/* " (0-3, 5-7)": those that it leads to. */
static void put_queues(FILE *f, const struct rss_table *t)
{
	const unsigned span = rss_table_span(t);
	const char *separator = " (";

	for (unsigned q = 0, first; q < span; q++) {
		if (!rss_table_leads_to(t, q))
			continue;
		first = q;
		while (q + 1 < span && rss_table_leads_to(t, q + 1))
			q++;
		fprintf(f, first == q ? "%s%u" : "%s%u-%u", separator, first, q);
		separator = ", ";
	}
	fputc(')', f);
}

/* Which queues only where they are not the first ones. */
static char *print_rss(const struct step_value *v)
{
	const struct nic_state s = { .rss = { .entries = v->rss, .n = v->n_rss } };
	const unsigned n = nic_state_rss_queues(&s);
	const bool equal = rss_table_is_equal(&s.rss);
	struct memstream m;
	char *text = NULL;

	if (!v->rss)
		return strdup("default");
	if (memstream_begin(&m) < 0)
		return NULL;
	fprintf(m.f, "%s over %u", equal ? "equal" : "uneven", n);
	if (v->number)
		fprintf(m.f, " of %u", v->number);
	fprintf(m.f, " queue%s", n == 1 && !v->number ? "" : "s");
	if (equal && n > 0 && n != rss_table_span(&s.rss))
		put_queues(m.f, &s.rss);
	return memstream_end(&m, 0, &text) < 0 ? NULL : text;
}

int step_value_format(enum step_op op, const struct step_value *v, char **ret)
{
	char *s = NULL;

	switch (op) {
	case STEP_GRO_HW:
	case STEP_NTUPLE:
		s = strdup(v->number ? "on" : "off");
		break;
	case STEP_TCP_DATA_SPLIT:
		s = text_format("%s%s", data_split_to_string((enum data_split)v->number),
			  v->by_driver ? " by the driver" : "");
		break;
	case STEP_HDS_THRESHOLD:
	case STEP_RINGS:
		s = text_format("%u", v->number);
		break;
	case STEP_RSS:
		s = print_rss(v);
		break;
	case STEP_CHANNELS:
		s = print_channels(&v->channels);
		break;
	case _STEP_OP_MAX:
		return -EINVAL;
	}
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

int step_print(FILE *f, const struct step *step, const char *between)
{
	_cleanup_free_ char *from = NULL, *to = NULL;
	int r = step_value_format(step->op, &step->from, &from);

	if (r == 0)
		r = step_value_format(step->op, &step->to, &to);
	if (r == 0)
		fprintf(f, "%s%s%s -> %s", step_op_to_string(step->op), between, from, to);
	return r;
}

int step_effect_format(enum step_op op, const char *driver, char **ret)
{
	static const char *const words[_EFFECT_MAX] = {
		[EFFECT_UNKNOWN] = "the link may bounce: nothing is known of ",
		[EFFECT_PAUSE] = "traffic pauses, the queues are recreated by ",
		[EFFECT_BOUNCE] = "the link bounces, as it does with ",
	};
	enum effect effect = driver_effect(driver, op);
	char *s;

	s = effect == EFFECT_NONE ? strdup("none")
				  : text_format("%s%s", words[effect],
					  driver && *driver ? driver : "its driver");
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* Of the steps that are one call with this one, the first in front of it that disturbs. */
static const struct step *told_with(const struct plan *plan, size_t i, const char *driver)
{
	size_t first = 0;

	while (first + plan_at_once(plan, first) <= i)
		first += plan_at_once(plan, first);
	for (; first < i; first++)
		if (step_disturbs(plan->steps[first].op, driver))
			return &plan->steps[first];
	return NULL;
}

int plan_effect_format(const struct plan *plan, size_t i, const char *driver, char **ret)
{
	const struct step *with = told_with(plan, i, driver);
	char *s;

	if (!with)
		return step_effect_format(plan->steps[i].op, driver, ret);
	s = text_format("none beyond that of %s, with which it is set", step_op_to_string(with->op));
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

int plan_format(const struct plan *plan, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);

	for (size_t i = 0; r == 0 && i < plan->n_steps; i++) {
		fputs(i > 0 ? "; " : "", m.f);
		r = step_print(m.f, &plan->steps[i], ": ");
	}
	return memstream_end(&m, r, ret);
}

bool plan_disturbs(const struct plan *plan, const char *driver)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (step_disturbs(plan->steps[i].op, driver))
			return true;
	return false;
}
