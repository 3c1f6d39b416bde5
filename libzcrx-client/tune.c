/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a queue of a lease is polled, and where its interrupt goes. */
#include <errno.h>

#include "queue.h"

static int tune(struct zcrx_lease *l, unsigned int index, int64_t defer_hard_irqs, int64_t gro_flush_timeout,
		int64_t irq_suspend_timeout)
{
	json_object *parameters;
	int fd;

	fd = lease_push_handle(l);
	if (fd < 0)
		return fd;
	parameters = lease_parameters(l, fd);
	message_put_unsigned(&parameters, "queue", index);
	if (defer_hard_irqs >= 0)
		message_put_unsigned(&parameters, "deferHardIrqs", (uint64_t)defer_hard_irqs);
	if (gro_flush_timeout >= 0)
		message_put_unsigned(&parameters, "groFlushTimeoutNSec", (uint64_t)gro_flush_timeout);
	if (irq_suspend_timeout >= 0)
		message_put_unsigned(&parameters, "irqSuspendTimeoutNSec", (uint64_t)irq_suspend_timeout);
	return client_call(l->client, "set how the queue is polled", ZCRX_METHOD("Tune"), parameters, NULL);
}

static int set_irq_affinity(struct zcrx_lease *l, unsigned int index, const char *cpus)
{
	json_object *parameters;
	int fd;

	if (!cpus)
		return -EINVAL;
	fd = lease_push_handle(l);
	if (fd < 0)
		return fd;
	parameters = lease_parameters(l, fd);
	message_put_unsigned(&parameters, "queue", index);
	message_put_string(&parameters, "irqAffinity", cpus);
	return client_call(l->client, "set where the queue's interrupt goes", ZCRX_METHOD("Tune"),
			   parameters, NULL);
}

int zcrx_queue_tune(struct zcrx_queue *queue, int64_t defer_hard_irqs, int64_t gro_flush_timeout,
		    int64_t irq_suspend_timeout)
{
	return queue ? tune(queue->lease, queue->index, defer_hard_irqs, gro_flush_timeout, irq_suspend_timeout)
		     : -EINVAL;
}

int zcrx_pool_tune(struct zcrx_pool *pool, int64_t defer_hard_irqs, int64_t gro_flush_timeout,
		   int64_t irq_suspend_timeout)
{
	return pool ? tune(pool->lease, pool->index, defer_hard_irqs, gro_flush_timeout, irq_suspend_timeout)
		    : -EINVAL;
}

int zcrx_queue_set_irq_affinity(struct zcrx_queue *queue, const char *cpus)
{
	return queue ? set_irq_affinity(queue->lease, queue->index, cpus) : -EINVAL;
}

int zcrx_pool_set_irq_affinity(struct zcrx_pool *pool, const char *cpus)
{
	return pool ? set_irq_affinity(pool->lease, pool->index, cpus) : -EINVAL;
}
