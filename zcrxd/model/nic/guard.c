/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See guard.h.
 */
#include "guard.h"

/* "channels combined 4 -> combined 8, rings 512 -> 1024": those that disturb. */
static int list_steps(const struct plan *plan, const char *driver, bool set_before, char **ret)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	size_t size;
	int r = 0;

	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];
		_cleanup_free_ char *from = NULL, *to = NULL;

		/* To the kernel, setting the split again is nothing. */
		if (!step_disturbs(s->op, driver) || (s->from.by_driver && set_before))
			continue;
		r = step_value_format(s->op, &s->from, &from);
		if (r == 0)
			r = step_value_format(s->op, &s->to, &to);
		if (r == 0)
			fprintf(f, "%s%s %s -> %s", ftell(f) > 0 ? ", " : "",
				step_op_to_string(s->op), from, to);
	}
	if (fclose(TAKE_PTR(f)) != 0 || r < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

/* Why an interruption would cut somebody off; NULL if it would not. */
static int explain(const struct reach *reach, const char *name, const char **ret_subject, char **ret)
{
	static const char *const protocols[] = { [FLOW_TCP4] = "IPv4", [FLOW_TCP6] = "IPv6" };

	*ret_subject = "default-route";
	for (enum flow_protocol p = 0; p < _FLOW_PROTOCOL_MAX; p++)
		if (reach->default_route[p])
			return asprintf(ret, "%s carries the default route", name);
	for (enum flow_protocol p = 0; p < _FLOW_PROTOCOL_MAX; p++)
		if (reach_is_wide(reach, p))
			return asprintf(ret, "%s carries routes to %u %% of all %s addresses, which is as "
					     "good as a default route", name,
					(reach_blocks(reach, p) * 100 + REACH_BLOCKS - 1) / REACH_BLOCKS,
					protocols[p]);
	return 0;
}

/* "10.9.0.2, fd09::2 and others" */
static int list_logins(const struct reach *reach, char **ret)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	size_t size;
	int r = 0;

	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < reach->n_logins && r >= 0; i++) {
		const struct reach_login *l = &reach->logins[i];
		struct flow_address a = { .prefix = (uint8_t)flow_address_bits(l->protocol) };
		_cleanup_free_ char *address = NULL;

		memcpy(a.bytes, l->bytes, sizeof(a.bytes));
		r = flow_address_format(l->protocol, &a, &address);
		if (r >= 0)
			fprintf(f, "%s%s", i > 0 ? ", " : "", address);
	}
	if (reach->more_logins)
		fputs(" and others", f);
	if (fclose(TAKE_PTR(f)) != 0 || r < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

static int explain_logins(const struct reach *reach, const char *name, char **ret)
{
	_cleanup_free_ char *who = NULL;

	if (list_logins(reach, &who) < 0)
		return -ENOMEM;
	return asprintf(ret, "The route to %s, the peer of an ssh session, leads through %s",
			who, name);
}

int guard_check(const struct plan *plan, const struct nic_state *state, const struct reach *reach,
		bool set_before, const char *remedy, struct fault *reterr)
{
	_cleanup_free_ char *steps = NULL, *why = NULL;
	const char *subject, *name = state->name;
	int r;

	r = list_steps(plan, state->driver, set_before, &steps);
	if (r < 0 || *steps == '\0')
		return r;
	r = explain(reach, name, &subject, &why);
	if (r == 0 && reach->n_logins > 0) {
		subject = "ssh";
		r = explain_logins(reach, name, &why);
	}
	if (r <= 0)
		return r < 0 ? -ENOMEM : 0;
	return fault_set(reterr, ZCRX_WRONG_STATE, subject,
			 "%s, and these changes may interrupt it: %s. Nothing "
			 "was changed. To do it nevertheless: %s %s", why, steps, remedy, name);
}
