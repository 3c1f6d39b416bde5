// SPDX-License-Identifier: GPL-2.0-only
/*
 * An interrupt for each open queue, which never fires: it has a number for netdev's napi-get, and
 * CPUs that it may go to in /proc/irq. Called by queue.c.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>

#include "zcnic.h"

static int zcnic_irq_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	irq_data_update_effective_affinity(data, mask);
	return IRQ_SET_MASK_OK;
}

/* The core tells a chip to be quiet at the end of an interrupt's life, and asks it nothing else. */
static struct irq_chip zcnic_irq_chip = {
	.name = ZCNIC_NAME,
	.irq_set_affinity = zcnic_irq_set_affinity,
};

static irqreturn_t zcnic_irq_handle(int irq, void *queue)
{
	return IRQ_NONE;
}

/* Without an owner, as those of a real NIC are its bus's: a module that owned them could not go. */
int zcnic_irq_alloc(struct zcnic_queue *queue)
{
	int irq = __irq_alloc_descs(-1, 1, 1, NUMA_NO_NODE, NULL, NULL);
	int err;

	if (irq < 0)
		return irq;
	irq_set_chip_and_handler(irq, &zcnic_irq_chip, handle_simple_irq);
	irq_clear_status_flags(irq, IRQ_NOREQUEST);
	err = request_irq(irq, zcnic_irq_handle, 0, ZCNIC_NAME, queue);
	if (err) {
		irq_free_desc(irq);
		return err;
	}
	queue->irq = irq;
	return 0;
}

void zcnic_irq_free(struct zcnic_queue *queue)
{
	free_irq(queue->irq, queue);
	irq_free_desc(queue->irq);
}
