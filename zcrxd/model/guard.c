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

int guard_default_route(const struct plan *plan, const struct nic_state *state, bool set_before,
			const char *remedy, struct fault *reterr)
{
	_cleanup_free_ char *steps = NULL;
	const char *name = state->name;
	int r;

	if (!state->default_route)
		return 0;
	r = list_steps(plan, state->driver, set_before, &steps);
	if (r < 0 || *steps == '\0')
		return r;
	return fault_set(reterr, ZCRX_WRONG_STATE, "default-route",
			 "%s carries the default route, and these changes may interrupt it: %s. Nothing "
			 "was changed. To do it nevertheless: %s %s", name, steps, remedy, name);
}
