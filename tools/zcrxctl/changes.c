/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes. See changes.h.
 */
#include <errno.h>

#include "changes.h"
#include "table.h"

static enum ink outcome_ink(const char *outcome)
{
	if (streq(outcome, "done"))
		return INK_GOOD;
	return streq(outcome, "failed") ? INK_BAD : INK_WARN;
}

/* A plan has no outcomes. */
static bool have_outcomes(sd_json_variant *changes)
{
	sd_json_variant *change;

	array_foreach(change, changes)
		if (field_has(change, "outcome"))
			return true;
	return false;
}

/* In a plan; what was applied says it among the failures. */
static void print_waiting(sd_json_variant *changes)
{
	sd_json_variant *change;

	array_foreach(change, changes) {
		if (!field_has(change, "blockedBy") || field_has(change, "outcome"))
			continue;
		printf("%s: %s: %s.\n", field_string(change, "interface") ?: "?",
		       field_string(change, "step") ?: "?", field_string(change, "message") ?: "?");
	}
}

static int print_table(const struct ctl *ctl, sd_json_variant *changes)
{
	bool outcomes = have_outcomes(changes);
	_cleanup_(table_freep) struct table *t =
		outcomes ? table_new("INTERFACE", "STEP", "FROM", "TO", "OUTCOME", "EFFECT", NULL)
			 : table_new("INTERFACE", "STEP", "FROM", "TO", "EFFECT", NULL);
	sd_json_variant *change;

	if (!t)
		return -ENOMEM;
	array_foreach(change, changes) {
		const char *outcome = field_string(change, "outcome") ?: "";

		table_add(t, INK_NONE, "%s", field_string(change, "interface") ?: "");
		table_add(t, INK_BOLD, "%s", field_string(change, "step") ?: "");
		table_add(t, INK_NONE, "%s", field_string(change, "from") ?: "");
		table_add(t, INK_NONE, "%s", field_string(change, "to") ?: "");
		if (outcomes)
			table_add(t, outcome_ink(outcome), "%s", outcome);
		table_add(t, INK_NONE, "%s", field_string(change, "effect") ?: "");
	}
	if (table_write(t, stdout, &ctl->style) < 0)
		return -ENOMEM;
	print_waiting(changes);
	return 0;
}

/* A change that did not come about is a failure, whatever else did. */
static enum exit_status report_failures(sd_json_variant *changes)
{
	enum exit_status status = CTL_DONE;
	sd_json_variant *change;

	array_foreach(change, changes) {
		const char *outcome = field_string(change, "outcome");
		const char *message = field_string(change, "message");

		if (!outcome || streq(outcome, "done"))
			continue;
		status = CTL_FAILED;
		if (message)
			ctl_fail(CTL_FAILED, "%s: %s", field_string(change, "interface") ?: "?",
				 message);
	}
	return status;
}

/* Nothing failed, but nothing will come of it either. */
static void print_warnings(sd_json_variant *warnings)
{
	sd_json_variant *warning;

	array_foreach(warning, warnings) if (sd_json_variant_is_string(warning))
		ctl_fail(CTL_DONE, "Warning: %s", sd_json_variant_string(warning));
}

enum exit_status ctl_changes(const struct ctl *ctl, const char *method, const char *interface)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *reply = NULL;
	enum exit_status status = ctl_connect(ctl, &link);

	return status == CTL_DONE ? ctl_changes_on(ctl, link, method, interface, &reply) : status;
}

enum exit_status ctl_changes_on(const struct ctl *ctl, sd_varlink *link, const char *method,
				const char *interface, sd_json_variant **ret)
{
	_cleanup_json_ sd_json_variant *parameters = NULL;
	sd_json_variant *reply, *changes;
	enum exit_status status;

	if (sd_json_buildo(&parameters,
			   SD_JSON_BUILD_PAIR_CONDITION(interface != NULL, "interface",
							SD_JSON_BUILD_STRING(interface)),
			   SD_JSON_BUILD_PAIR_CONDITION(ctl->force, "force",
							SD_JSON_BUILD_BOOLEAN(true)),
			   SD_JSON_BUILD_PAIR_CONDITION(
				   ctl->confirm_within_usec > 0, "confirmWithinUSec",
				   SD_JSON_BUILD_UNSIGNED(ctl->confirm_within_usec))) < 0)
		return ctl_oom();
	status = ctl_call(link, method, parameters, ret);
	if (status != CTL_DONE)
		return status;
	reply = *ret;
	changes = field_array(reply, "changes");
	if (!changes)
		return ctl_fail(CTL_FAILED, "zcrxd answered without changes.");
	if (ctl->json != JSON_OFF)
		status = ctl_print_json(ctl, changes);
	else if (sd_json_variant_elements(changes) > 0)
		status = print_table(ctl, changes) < 0 ? ctl_oom() : CTL_DONE;
	else if (ctl->style.legend)
		puts("Nothing to change.");
	fflush(stdout); /* in front of the failures, if both go to one place */
	print_warnings(field_array(reply, "warnings"));
	return status == CTL_DONE ? report_failures(changes) : status;
}
