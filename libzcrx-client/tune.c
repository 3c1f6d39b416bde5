/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a queue of a lease is polled, and where its interrupt goes. */
#include <errno.h>

#include <systemd/sd-json.h>

#include "queue.h"
#include "zcrx-idl.h"

static int tune(struct zcrx_lease *l, unsigned int index, int64_t defer_hard_irqs, int64_t gro_flush_timeout,
		int64_t irq_suspend_timeout)
{
	sd_json_variant *parameters = NULL;
	int fd, r;

	fd = lease_push_handle(l);
	if (fd < 0)
		return fd;
	r = sd_json_buildo(
		&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", l->id),
		SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", fd),
		SD_JSON_BUILD_PAIR_UNSIGNED("queue", index),
		SD_JSON_BUILD_PAIR_CONDITION(defer_hard_irqs >= 0, "deferHardIrqs",
					     SD_JSON_BUILD_INTEGER(defer_hard_irqs)),
		SD_JSON_BUILD_PAIR_CONDITION(gro_flush_timeout >= 0, "groFlushTimeoutNSec",
					     SD_JSON_BUILD_INTEGER(gro_flush_timeout)),
		SD_JSON_BUILD_PAIR_CONDITION(irq_suspend_timeout >= 0, "irqSuspendTimeoutNSec",
					     SD_JSON_BUILD_INTEGER(irq_suspend_timeout)));
	return client_call(l->client, "set how the queue is polled", ZCRX_METHOD("Tune"), r,
			   parameters, NULL);
}

static int set_irq_affinity(struct zcrx_lease *l, unsigned int index, const char *cpus)
{
	sd_json_variant *parameters = NULL;
	int fd, r;

	if (!cpus)
		return -EINVAL;
	fd = lease_push_handle(l);
	if (fd < 0)
		return fd;
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", l->id),
			   SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", fd),
			   SD_JSON_BUILD_PAIR_UNSIGNED("queue", index),
			   SD_JSON_BUILD_PAIR_STRING("irqAffinity", cpus));
	return client_call(l->client, "set where the queue's interrupt goes",
			   ZCRX_METHOD("Tune"), r, parameters, NULL);
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
