/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl metrics: what zcrxd counts, for Prometheus. Nothing is printed unless all of it came.
 */
#include "call.h"
#include "commands.h"
#include "open-metrics.h"
#include "screen.h"

static enum exit_status collect(sd_varlink *link, const char *method, sd_json_variant **ret)
{
	sd_json_variant *replies = NULL;
	const char *error_id = NULL;
	int r = sd_varlink_collect(link, method, NULL, &replies, &error_id);

	if (r < 0 || error_id)
		return ctl_call_failed(link, method, r, error_id, replies);
	*ret = sd_json_variant_ref(replies);
	return CTL_DONE;
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *families = NULL, *values = NULL;
	enum exit_status status = ctl_connect(ctl, &link);

	if (status == CTL_DONE)
		status = collect(link, METRICS_METHOD("Describe"), &families);
	if (status == CTL_DONE)
		status = collect(link, METRICS_METHOD("List"), &values);
	if (status != CTL_DONE)
		return status;
	if (ctl->json != JSON_OFF)
		return ctl_print_json(ctl, values);
	screen_page(ctl);
	return open_metrics_write(stdout, families, values,
				  ctl->prometheus ? FORMAT_PROMETHEUS : FORMAT_OPENMETRICS) < 0
		       ? ctl_oom()
		       : CTL_DONE;
}

const struct command command_metrics = {
	.name = "metrics",
	.arguments = "",
	.help = "print what zcrxd counts, for Prometheus",
	.options = TAKES(OPTION_PROMETHEUS),
	.run = run,
};
