/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl check: every requirement of zero-copy receive, with yes, no, and what to do. The one command
 * that also looks for itself: it is for where no daemon runs (yet).
 */
#include <errno.h>

#include "call.h"
#include "check/check.h"
#include "commands.h"
#include "table.h"

static enum ink verdict_ink(const struct requirement *q)
{
	switch (q->verdict) {
	case VERDICT_YES:
		return INK_GOOD;
	case VERDICT_NO:
		return q->optional ? INK_WARN : INK_BAD;
	case VERDICT_UNKNOWN:
		return INK_WARN;
	}
	return INK_NONE;
}

static int print_table(const struct ctl *ctl, const struct report *report)
{
	_cleanup_(table_freep) struct table *t =
		table_new("INTERFACE", "REQUIREMENT", "OK", "FOUND", "WHAT TO DO", NULL);

	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < report->n; i++) {
		const struct requirement *q = &report->list[i];

		table_add(t, INK_NONE, "%s", q->interface ?: "");
		table_add(t, INK_BOLD, "%s", q->name);
		table_add(t, verdict_ink(q), "%s%s", verdict_to_string(q->verdict),
			  q->verdict == VERDICT_NO && q->optional ? " (optional)" : "");
		table_add(t, INK_NONE, "%s", q->found);
		table_add(t, INK_NONE, "%s", q->remedy ?: "");
	}
	return table_write(t, stdout, ctl->legend, ctl->colour);
}

static enum exit_status print_json(const struct ctl *ctl, const struct report *report)
{
	_cleanup_json_ sd_json_variant *array = NULL;

	for (size_t i = 0; i < report->n; i++) {
		const struct requirement *q = &report->list[i];

		if (sd_json_variant_append_arrayb(
			    &array,
			    SD_JSON_BUILD_OBJECT(
				    SD_JSON_BUILD_PAIR_STRING("requirement", q->name),
				    SD_JSON_BUILD_PAIR_CONDITION(!!q->interface, "interface",
								 SD_JSON_BUILD_STRING(q->interface)),
				    SD_JSON_BUILD_PAIR_STRING("verdict", verdict_to_string(q->verdict)),
				    SD_JSON_BUILD_PAIR_BOOLEAN("optional", q->optional),
				    SD_JSON_BUILD_PAIR_STRING("found", q->found),
				    SD_JSON_BUILD_PAIR_CONDITION(!!q->remedy, "remedy",
								 SD_JSON_BUILD_STRING(q->remedy)))) < 0)
			return ctl_oom();
	}
	return ctl_print_json(ctl, array);
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_(report_done) struct report report = {};
	enum exit_status status;
	int r;

	if (ctl->socket[0] != '/')
		return ctl_fail(CTL_USAGE, "--socket %s: expected an absolute path.", ctl->socket);
	r = check(ctl->socket, arguments[0], &report);
	if (r == -ENOMEM)
		return ctl_oom();
	if (r < 0)
		return ctl_fail(CTL_FAILED, "Cannot look at this machine: %s.", strerror(-r));
	if (ctl->json != JSON_OFF)
		status = print_json(ctl, &report);
	else
		status = print_table(ctl, &report) < 0 ? ctl_oom() : CTL_DONE;
	return status == CTL_DONE && report_has_no(&report) ? CTL_FAILED : status;
}

const struct command command_check = {
	.name = "check",
	.arguments = "[INTERFACE]",
	.help = "tell what zero-copy receive lacks here",
	.max_arguments = 1,
	.run = run,
};
