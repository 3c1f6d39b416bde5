/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See queue-table.h.
 */
#include <errno.h>
#include <inttypes.h>

#include "queue-table.h"
#include "table.h"

static void add_number(struct table *t, sd_json_variant *queue, const char *field)
{
	if (field_has(queue, field))
		table_add(t, INK_NONE, "%" PRIu64, field_unsigned(queue, field, 0));
	else
		table_add(t, INK_NONE, "%s", "");
}

/* "2, 200us, 20ms" is "2/200000/20000000" here: as they are set, so that they can be compared. */
static void add_polling(struct table *t, sd_json_variant *queue)
{
	if (!field_has(queue, "deferHardIrqs"))
		table_add(t, INK_NONE, "%s", "");
	else
		table_add(t, INK_NONE, "%" PRIu64 "/%" PRIu64 "/%" PRIu64,
			  field_unsigned(queue, "deferHardIrqs", 0),
			  field_unsigned(queue, "groFlushTimeoutNSec", 0),
			  field_unsigned(queue, "irqSuspendTimeoutNSec", 0));
}

int queue_table_write(FILE *f, sd_json_variant *interface, const struct style *style)
{
	static const char *const numbers[] = { "receivedPackets", "receivedBytes",
					       "allocationFailures", "buffersInUse" };
	_cleanup_(table_freep) struct table *t =
		table_new(">QUEUE", "STATE", "LEASE", "1>NAPI", "1>IRQ", "1CPUS", "1>NODE", "1POLLING",
			  ">PACKETS", "1>BYTES", ">NO-MEMORY", "1>BUFFERS", NULL);
	sd_json_variant *queue;

	if (!t)
		return -ENOMEM;
	array_foreach(queue, field_array(interface, "queues")) {
		const char *kind = field_string(queue, "kind") ?: "";

		add_number(t, queue, "queue");
		table_add(t, INK_NONE, "%s%s",
			  streq(kind, "ordinary") ? kind : field_string(queue, "state") ?: "",
			  field_boolean(queue, "servesRss") ? ", serves RSS" : "");
		table_add(t, INK_BOLD, "%s", field_string(queue, "leaseId") ?: "");
		add_number(t, queue, "napiId");
		add_number(t, queue, "irq");
		table_add(t, INK_NONE, "%s", field_string(queue, "irqAffinity") ?: "");
		add_number(t, queue, "numaNode");
		add_polling(t, queue);
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
			add_number(t, queue, numbers[i]);
	}
	return table_write(t, f, style);
}
