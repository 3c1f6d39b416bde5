/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl explain: where would this flow go.
 */
#include <inttypes.h>

#include "acquire.h"
#include "commands.h"
#include "lease-table.h"
#include "options.h"
#include "screen.h"
#include "table.h"

static int print_targets(const struct ctl *ctl, sd_json_variant *targets)
{
	_cleanup_(table_freep) struct table *t =
		table_new("SHARE", ">RULE", "LEASE", "QUEUES", "WHY", NULL);
	sd_json_variant *target;

	if (!t)
		return -ENOMEM;
	array_foreach(target, targets) {
		table_add(t, INK_NONE, "%s", field_string(target, "share") ?: "");
		if (field_has(target, "rule"))
			table_add(t, INK_NONE, "%" PRIu64, field_unsigned(target, "rule", 0));
		else
			table_add(t, INK_NONE, "%s", "");
		table_add(t, INK_BOLD, "%s", field_string(target, "leaseId") ?: "");
		table_take(t, INK_BOLD, queues_format(field_array(target, "queues")));
		table_add(t, INK_NONE, "%s", field_string(target, "message") ?: "");
	}
	return table_write(t, stdout, &ctl->style);
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *flow = NULL, *parameters = NULL, *answer = NULL;
	const char *interface = arguments[1];
	struct flow spec;
	enum exit_status status = options_parse_flow(arguments[0], &spec);

	if (status == CTL_DONE)
		status = ctl_connect(ctl, &link);
	if (status != CTL_DONE)
		return status;
	if (flow_to_json(&spec, &flow) < 0 ||
	    sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_VARIANT("flow", flow),
			   SD_JSON_BUILD_PAIR_CONDITION(interface != NULL, "interface",
							SD_JSON_BUILD_STRING(interface))) < 0)
		return ctl_oom();
	status = ctl_call(link, "Explain", parameters, &answer);
	if (status != CTL_DONE)
		return status;
	if (ctl->json != JSON_OFF)
		return ctl_print_json(ctl, answer);
	screen_page(ctl);
	return print_targets(ctl, field_array(answer, "targets")) < 0 ? ctl_oom() : CTL_DONE;
}

const struct command command_explain = {
	.name = "explain",
	.arguments = "SPEC [INTERFACE]",
	.help = "show where a flow would go",
	.min_arguments = 1,
	.max_arguments = 2,
	.run = run,
};
