/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl explain: where would this flow land.
 */
#include <inttypes.h>

#include "acquire.h"
#include "commands.h"
#include "lease-table.h"
#include "options.h"
#include "text.h"

/* The only interface, if there is only one. */
static enum exit_status only_interface(sd_varlink *link, sd_json_variant **description,
				       const char **ret)
{
	enum exit_status status = ctl_call(link, "Describe", NULL, description);
	sd_json_variant *interfaces;

	if (status != CTL_DONE)
		return status;
	interfaces = field_array(*description, "interfaces");
	if (interfaces && sd_json_variant_elements(interfaces) == 1)
		*ret = field_string(sd_json_variant_by_index(interfaces, 0), "name");
	if (!*ret)
		return ctl_fail(CTL_USAGE, "Name the interface: zcrxctl explain SPEC INTERFACE; "
					   "zcrxctl status lists them.");
	return CTL_DONE;
}

static enum exit_status print_answer(sd_json_variant *answer)
{
	_cleanup_free_ char *queues = queues_format(field_array(answer, "queues"));
	const char *lease = field_string(answer, "leaseId");

	if (!queues)
		return ctl_oom();
	text_put(stdout, field_string(answer, "message") ?: "");
	fputc('\n', stdout);
	if (field_has(answer, "rule"))
		printf("  rule    %" PRIu64 "\n", field_unsigned(answer, "rule", 0));
	if (lease) {
		fputs("  lease   ", stdout);
		text_put(stdout, lease);
		fputc('\n', stdout);
	}
	printf("  queues  %s\n", queues);
	return CTL_DONE;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *description = NULL, *flow = NULL, *parameters = NULL,
				       *answer = NULL;
	const char *interface = arguments[1];
	struct flow_spec spec;
	enum exit_status status = options_parse_flow(arguments[0], &spec);

	if (status == CTL_DONE)
		status = ctl_connect(ctl, &link);
	if (status == CTL_DONE && !interface)
		status = only_interface(link, &description, &interface);
	if (status != CTL_DONE)
		return status;
	if (flow_to_json(&spec, &flow) < 0 ||
	    sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_VARIANT("flow", flow),
			   SD_JSON_BUILD_PAIR_STRING("interface", interface)) < 0)
		return ctl_oom();
	status = ctl_call(link, "Explain", parameters, &answer);
	if (status != CTL_DONE)
		return status;
	return ctl->json != JSON_OFF ? ctl_print_json(ctl, answer) : print_answer(answer);
}

const struct command command_explain = {
	.name = "explain",
	.arguments = "SPEC [INTERFACE]",
	.help = "tell where a flow would land",
	.min_arguments = 1,
	.max_arguments = 2,
	.run = run,
};
