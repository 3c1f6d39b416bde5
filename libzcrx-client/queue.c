/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue as an object: what to ask for, who holds it, what is known of it. register.c brings it
 * to life, receive.c runs it.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "internal.h"
#include "zcrx-idl.h"

#define DEFAULT_AREA_SIZE ((size_t)16 << 20)
#define MAX_BUFFER_LENGTH ((size_t)2 << 20)
#define MAX_COMPLETIONS	  65536U

size_t queue_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int zcrx_queue_new(struct zcrx_lease *lease, unsigned int index, struct zcrx_queue **ret)
{
	struct zcrx_queue *q;

	if (!lease || !ret)
		return -EINVAL;
	if (!lease->id)
		return client_fail(lease->client, -EBADFD, "The lease has not been acquired yet.");
	if (index >= lease->n_queues)
		return client_fail(lease->client, -ERANGE,
				   "Lease %s has %u queues; there is no queue %u.", lease->id,
				   lease->n_queues, index);
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->refs = 1;
	q->lease = zcrx_lease_ref(lease);
	q->index = index;
	q->event_fd = -EBADF;
	q->area_size = DEFAULT_AREA_SIZE;
	q->buffer_length = queue_page_size();
	*ret = q;
	return 0;
}

int zcrx_queue_tune(struct zcrx_queue *queue, int64_t defer_hard_irqs, int64_t gro_flush_timeout,
		    int64_t irq_suspend_timeout)
{
	sd_json_variant *parameters = NULL;
	int fd, r;

	if (!queue)
		return -EINVAL;
	fd = lease_push_handle(queue->lease);
	if (fd < 0)
		return fd;
	r = sd_json_buildo(
		&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", queue->lease->id),
		SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", fd),
		SD_JSON_BUILD_PAIR_UNSIGNED("queue", queue->index),
		SD_JSON_BUILD_PAIR_CONDITION(defer_hard_irqs >= 0, "deferHardIrqs",
					     SD_JSON_BUILD_INTEGER(defer_hard_irqs)),
		SD_JSON_BUILD_PAIR_CONDITION(gro_flush_timeout >= 0, "groFlushTimeoutNSec",
					     SD_JSON_BUILD_INTEGER(gro_flush_timeout)),
		SD_JSON_BUILD_PAIR_CONDITION(irq_suspend_timeout >= 0, "irqSuspendTimeoutNSec",
					     SD_JSON_BUILD_INTEGER(irq_suspend_timeout)));
	return client_call(queue->lease->client, "set how the queue is polled", ZCRX_METHOD("Tune"), r,
			   parameters, NULL);
}

int zcrx_queue_set_irq_affinity(struct zcrx_queue *queue, const char *cpus)
{
	sd_json_variant *parameters = NULL;
	int fd, r;

	if (!queue || !cpus)
		return -EINVAL;
	fd = lease_push_handle(queue->lease);
	if (fd < 0)
		return fd;
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", queue->lease->id),
			   SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", fd),
			   SD_JSON_BUILD_PAIR_UNSIGNED("queue", queue->index),
			   SD_JSON_BUILD_PAIR_STRING("irqAffinity", cpus));
	return client_call(queue->lease->client, "set where the queue's interrupt goes",
			   ZCRX_METHOD("Tune"), r, parameters, NULL);
}

struct zcrx_queue *zcrx_queue_ref(struct zcrx_queue *queue)
{
	if (queue)
		queue->refs++;
	return queue;
}

/* What a registered queue holds. The kernel's part of it goes with the last reference to the ring:
 * the descriptor and the mappings. */
void queue_close(struct zcrx_queue *q)
{
	if (q->region)
		munmap(q->region, q->registration.refill_size);
	if (q->ring.ring_fd >= 0 && q->ring.sq.ring_ptr)
		io_uring_queue_exit(&q->ring);
	while (q->streams)
		stream_destroy(q->streams);
	if (q->area)
		munmap(q->area, q->area_size);
	refill_done(&q->refill);
	if (q->registered)
		q->lease->napi_ids[q->index] = 0;
	q->region = q->area = NULL;
	q->stats = NULL;
	q->ring = (struct io_uring) {};
}

struct zcrx_queue *zcrx_queue_unref(struct zcrx_queue *queue)
{
	if (!queue || --queue->refs > 0)
		return NULL;
	queue_close(queue);
	closep(&queue->event_fd);
	free(queue->end_reason);
	zcrx_lease_unref(queue->lease);
	free(queue);
	return NULL;
}

int zcrx_queue_set_area_size(struct zcrx_queue *queue, size_t bytes)
{
	if (!queue || bytes == 0 || bytes > SIZE_MAX / 2)
		return -EINVAL;
	if (queue->registered)
		return -EBUSY;
	queue->area_size = bytes;
	return 0;
}

int zcrx_queue_set_buffer_length(struct zcrx_queue *queue, size_t bytes)
{
	if (!queue || bytes < queue_page_size() || bytes > MAX_BUFFER_LENGTH ||
	    (bytes & (bytes - 1)))
		return -EINVAL;
	if (queue->registered)
		return -EBUSY;
	queue->buffer_length = bytes;
	return 0;
}

int zcrx_queue_set_huge_pages(struct zcrx_queue *queue, int huge)
{
	if (!queue)
		return -EINVAL;
	if (queue->registered)
		return -EBUSY;
	queue->huge_pages = huge != 0;
	return 0;
}

int zcrx_queue_set_completions(struct zcrx_queue *queue, unsigned int entries)
{
	if (!queue || entries == 0 || entries > MAX_COMPLETIONS)
		return -EINVAL;
	if (queue->registered)
		return -EBUSY;
	queue->completions = entries;
	return 0;
}

int zcrx_queue_get_fd(struct zcrx_queue *queue)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!queue)
		return -EINVAL;
	if (!queue->registered)
		return -EBADFD;
	if (queue->event_fd >= 0)
		return queue->event_fd;
	/* Readable at first: there may be something already. */
	fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = io_uring_register_eventfd(&queue->ring, fd);
	if (r < 0)
		return r;
	queue->event_fd = TAKE_FD(fd);
	return queue->event_fd;
}

struct io_uring *zcrx_queue_get_ring(struct zcrx_queue *queue)
{
	return queue && queue->registered ? &queue->ring : NULL;
}

uint64_t zcrx_queue_get_received(struct zcrx_queue *queue)
{
	return queue ? queue->received : 0;
}

int zcrx_queue_get_copied(struct zcrx_queue *queue, uint64_t *ret_count, uint64_t *ret_bytes)
{
	if (!queue)
		return -EINVAL;
	if (!queue->registered)
		return -EBADFD;
	if (!queue->stats)
		return -EOPNOTSUPP;
	if (ret_count)
		*ret_count = __atomic_load_n(&queue->stats->copy_count, __ATOMIC_RELAXED);
	if (ret_bytes)
		*ret_bytes = __atomic_load_n(&queue->stats->copy_bytes, __ATOMIC_RELAXED);
	return 0;
}

unsigned int zcrx_queue_get_napi_id(struct zcrx_queue *queue)
{
	return queue && queue->registered ? queue->registration.napi_id : 0;
}

size_t zcrx_queue_get_buffer_length(struct zcrx_queue *queue)
{
	return queue && queue->registered ? queue->buffer_length : 0;
}

unsigned int zcrx_queue_get_buffers(struct zcrx_queue *queue)
{
	return queue && queue->registered ? queue->refill.n_buffers : 0;
}
