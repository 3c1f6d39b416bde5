/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Steps in words: for zcrxctl plan, the journal and the tests.
 */
#include <stdarg.h>

#include "plan.h"

const char *step_op_to_string(enum step_op op)
{
	static const char *const names[_STEP_OP_MAX] = {
		[STEP_GRO_HW] = "gro-hw",
		[STEP_TCP_DATA_SPLIT] = "tcp-data-split",
		[STEP_HDS_THRESHOLD] = "hds-threshold",
		[STEP_NTUPLE] = "ntuple-feature",
		[STEP_RX_RING] = "rx-ring",
		[STEP_RSS] = "rss",
		[STEP_CHANNELS] = "channels",
	};

	return op >= 0 && op < _STEP_OP_MAX ? names[op] : "unknown";
}

static char *print(const char *format, ...) _printf_(1, 2);

static char *print(const char *format, ...)
{
	va_list ap;
	char *s;
	int r;

	va_start(ap, format);
	r = vasprintf(&s, format, ap);
	va_end(ap);
	return r < 0 ? NULL : s;
}

static char *print_channels(const struct nic_channels *c)
{
	if (c->rx == 0 && c->tx == 0)
		return print("combined %u", c->combined);
	if (c->combined == 0)
		return print("rx %u, tx %u", c->rx, c->tx);
	return print("combined %u, rx %u, tx %u", c->combined, c->rx, c->tx);
}

/* The highest queue plus one, if the table is entry[i] = i mod that; else 0. */
static unsigned modulus(const struct step_value *v)
{
	unsigned n = 0;

	for (size_t i = 0; i < v->n_rss; i++)
		if (v->rss[i] >= n)
			n = v->rss[i] + 1;
	for (size_t i = 0; i < v->n_rss; i++)
		if (v->rss[i] != i % n)
			return 0;
	return n;
}

static char *print_rss(const struct step_value *v)
{
	struct nic_state s = { .rss = { .entries = v->rss, .n = v->n_rss } };
	unsigned equal = modulus(v), n = equal ?: nic_state_rss_queues(&s);
	_cleanup_free_ char *of = v->number ? print(" of %u", v->number) : strdup("");

	if (!v->rss)
		return strdup("default");
	return of ? print("%s over %u%s queue%s", equal ? "equal" : "uneven", n, of,
			  n == 1 && !v->number ? "" : "s")
		  : NULL;
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
		s = strdup(data_split_to_string((enum data_split)v->number));
		break;
	case STEP_HDS_THRESHOLD:
	case STEP_RX_RING:
		s = print("%u", v->number);
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

enum effect {
	EFFECT_UNKNOWN, /* nothing is known of this driver: expect the worst */
	EFFECT_NONE,
	EFFECT_PAUSE,
	EFFECT_BOUNCE,
	_EFFECT_MAX,
};

/* What each driver does to the traffic that is not being reconfigured; read off Linux 7.2. */
static const struct {
	const char *driver;
	enum effect split, rss, channels;
} drivers[] = {
	{ "mlx5_core", EFFECT_PAUSE, EFFECT_NONE, EFFECT_PAUSE },
	{ "bnxt_en", EFFECT_BOUNCE, EFFECT_BOUNCE, EFFECT_BOUNCE },
	{ "gve", EFFECT_PAUSE, EFFECT_NONE, EFFECT_PAUSE },
	{ "fbnic", EFFECT_PAUSE, EFFECT_NONE, EFFECT_PAUSE },
	{ "ice", EFFECT_BOUNCE, EFFECT_NONE, EFFECT_BOUNCE },
	{ "idpf", EFFECT_BOUNCE, EFFECT_NONE, EFFECT_BOUNCE },
	{ "igb", EFFECT_BOUNCE, EFFECT_NONE, EFFECT_BOUNCE },
};

static enum effect effect_of(enum step_op op, const char *driver)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(drivers) && !streq(drivers[i].driver, driver ?: ""))
		i++;
	switch (op) {
	case STEP_NTUPLE:
	case STEP_HDS_THRESHOLD:
		return EFFECT_NONE;
	case STEP_RSS:
		return i < ARRAY_SIZE(drivers) ? drivers[i].rss : EFFECT_NONE;
	case STEP_GRO_HW:
	case STEP_TCP_DATA_SPLIT:
	case STEP_RX_RING:
		return i < ARRAY_SIZE(drivers) ? drivers[i].split : EFFECT_UNKNOWN;
	case STEP_CHANNELS:
		return i < ARRAY_SIZE(drivers) ? drivers[i].channels : EFFECT_UNKNOWN;
	case _STEP_OP_MAX:
		break;
	}
	return EFFECT_UNKNOWN;
}

const char *step_effect(enum step_op op, const char *driver)
{
	static const char *const words[_EFFECT_MAX] = {
		[EFFECT_UNKNOWN] = "the link may bounce",
		[EFFECT_NONE] = "none",
		[EFFECT_PAUSE] = "traffic pauses while the queues are made anew",
		[EFFECT_BOUNCE] = "the link bounces on this driver",
	};

	return words[effect_of(op, driver)];
}

bool step_disturbs(enum step_op op, const char *driver)
{
	return effect_of(op, driver) != EFFECT_NONE;
}
