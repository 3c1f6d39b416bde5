/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See guard.h.
 */
#include "guard.h"
#include "memstream.h"

/* "channels combined 4 -> combined 8, rings 512 -> 1024": those that disturb. */
static int list_steps(const struct plan *plan, const char *driver, bool set_before, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);

	for (size_t i = 0; r == 0 && i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];

		/* To the kernel, setting the split again is nothing. */
		if (!step_disturbs(s->op, driver) || (s->from.by_driver && set_before))
			continue;
		fputs(ftell(m.f) > 0 ? ", " : "", m.f);
		r = step_print(m.f, s, " ");
	}
	return memstream_end(&m, r, ret);
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
	struct memstream m;
	int r = memstream_begin(&m);

	for (size_t i = 0; i < reach->n_logins && r >= 0; i++) {
		const struct reach_login *l = &reach->logins[i];
		struct flow_address a = { .prefix = (uint8_t)flow_address_bits(l->protocol) };
		_cleanup_free_ char *address = NULL;

		memcpy(a.bytes, l->bytes, sizeof(a.bytes));
		r = flow_address_format(l->protocol, &a, &address);
		if (r >= 0)
			fprintf(m.f, "%s%s", i > 0 ? ", " : "", address);
	}
	if (r >= 0 && reach->more_logins)
		fputs(" and others", m.f);
	return memstream_end(&m, r, ret);
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
