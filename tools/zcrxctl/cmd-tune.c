/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl tune: how the queues of a persistent lease are polled and where their interrupts go, until
 * it ends. Programs that hold a handle do it by the library.
 */
#include "call.h"
#include "commands.h"

#define SETTING(option, name, value)                                                               \
	SD_JSON_BUILD_PAIR_CONDITION(ctl->given & TAKES(option), name, SD_JSON_BUILD_UNSIGNED(value))

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *parameters = NULL;
	enum exit_status status;

	if (sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", arguments[0]),
			   SETTING(OPTION_QUEUE, "queue", ctl->queue),
			   SETTING(OPTION_DEFER_HARD_IRQS, "deferHardIrqs", ctl->defer_hard_irqs),
			   SETTING(OPTION_GRO_FLUSH_TIMEOUT, "groFlushTimeoutNSec",
				   ctl->gro_flush_timeout),
			   SETTING(OPTION_IRQ_SUSPEND_TIMEOUT, "irqSuspendTimeoutNSec",
				   ctl->irq_suspend_timeout),
			   SD_JSON_BUILD_PAIR_CONDITION(!!ctl->irq_affinity, "irqAffinity",
							SD_JSON_BUILD_STRING(ctl->irq_affinity))) < 0)
		return ctl_oom();
	status = ctl_connect(ctl, &link);
	return status != CTL_DONE ? status : ctl_call(link, "Tune", parameters, NULL);
}

const struct command command_tune = {
	.name = "tune",
	.arguments = "ID",
	.help = "set how the queues of a lease are polled",
	.options = TAKES(OPTION_QUEUE) | TAKES(OPTION_DEFER_HARD_IRQS) |
		   TAKES(OPTION_GRO_FLUSH_TIMEOUT) | TAKES(OPTION_IRQ_SUSPEND_TIMEOUT) |
		   TAKES(OPTION_IRQ_AFFINITY),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
