/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See ifq.h. The kernel gives no text with its refusals; the causes of each errno are those of zcrx.c in zcrxd. */
#include "ifq.h"

#include <errno.h>

/* The kernel puts the entries one cache line behind the start; no architecture has longer ones. */
#define REGION_HEADER_MAX 256U
#define STATS_ROOM	  64U

static int query(struct zc_query_zcrx *ret)
{
	struct zc_query q = { .query_data = (uintptr_t)ret, .query_op = ZC_QUERY_ZCRX, .size = sizeof(*ret) };
	int r = ring_register(-1, ZC_REGISTER_QUERY, &q, 0);

	return r < 0 ? r : q.result;
}

/* Ring and caller are checked before the argument is read. Page 0 is never mapped. */
static int probe_ring(int ring_fd)
{
	int r = ring_register(ring_fd, ZC_REGISTER_IFQ, (void *)8, 1);

	return r == -EFAULT ? 0 : r;
}

static int cannot_make(struct zcrx_client *c, int error)
{
	switch (error) {
	case -ENOSYS:
		return client_fail(c, error, "There is no io_uring in the kernel, or a container's seccomp profile blocks "
					     "it: give it one that allows io_uring (docs/CONTAINERS.md).");
	case -EPERM:
		return client_fail(c, error, "This process may not create an io_uring: see sysctl "
					     "kernel.io_uring_disabled; in a container, give it a seccomp profile that "
					     "allows io_uring (docs/CONTAINERS.md).");
	case -EINVAL:
		return client_fail(c, -EOPNOTSUPP, "The kernel is too old for zero-copy receive, which needs Linux 6.15.");
	default:
		return client_fail(c, error, "Cannot create an io_uring: %s.", strerror(-error));
	}
}

int ifq_probe(struct zcrx_client *c, uint32_t flags)
{
	_cleanup_close_ int ring = ring_make();
	struct zc_query_zcrx known = {};
	int r;

	if (ring < 0)
		return cannot_make(c, ring);
	r = probe_ring(ring);
	if (r == -EPERM)
		return client_fail(c, r, "Only a process with CAP_NET_ADMIN (in the initial user namespace) may register a "
					 "queue by itself.");
	if (r == -EINVAL || r == -EOPNOTSUPP)
		return client_fail(c, -EOPNOTSUPP, "The kernel has no zero-copy receive (Linux 6.15 and later, "
						   "CONFIG_IO_URING_ZCRX).");
	if (r < 0)
		return client_fail(c, r, "Cannot find out about zero-copy receive: %s.", strerror(-r));
	if (flags == 0 || (query(&known) >= 0 && (known.register_flags & flags) == flags))
		return 0;
	return client_fail(c, -EOPNOTSUPP, "The kernel has no receive without a NIC, which needs Linux 7.1.");
}

static int check_ring(struct zcrx_pool *p, int ring_fd)
{
	int r = probe_ring(ring_fd);

	if (r == -EEXIST)
		return client_fail(p->lease->client, -EINVAL, "The ring is enabled already, by another thread: register the "
							      "pool first.");
	if (r == -EINVAL)
		return client_fail(p->lease->client, r, "The ring cannot receive by zero copy: make it with the flags of "
							"zcrx_pool_get_ring_flags().");
	if (r == -EOPNOTSUPP)
		return client_fail(p->lease->client, -EINVAL, "Descriptor %d is no io_uring.", ring_fd);
	return r < 0 ? client_cannot(p->lease->client, r, "register the queue") : 0;
}

static const char *remedy(int error)
{
	switch (error) {
	case -EINVAL:
		return "Header/data split must have been switched on by hand, with threshold 0 (ethtool -G DEVICE "
		       "tcp-data-split on hds-thresh 0), and buffers must have a length that the NIC can do.";
	case -EOPNOTSUPP:
		return "The driver cannot give this queue to an io_uring, or not with buffers of that length; see zcrxctl "
		       "check.";
	case -ENODATA:
		return "The driver did not take the area: something that it needs is off, usually header/data split or "
		       "rx-gro-hw (ethtool -g, ethtool -k).";
	case -EEXIST:
		return "The queue has a zero-copy user already, or an XDP program is attached to the NIC. When a program "
		       "ends, its queue is free some moments later.";
	case -EBUSY:
		return "The queue is used by AF_XDP, or leased to another device.";
	case -ERANGE:
		return "The NIC has no such queue, the area is not contiguous in pieces of that length, or the driver takes no "
		       "buffers of it.";
	case -ENOMEM:
		return "Memory ran out, or the area is more than RLIMIT_MEMLOCK leaves (ulimit -l).";
	case -ENETDOWN:
	case -EAGAIN:
		return "The NIC is down: bring it up first.";
	case -EPERM:
		return "It needs CAP_NET_ADMIN in the initial user namespace.";
	default:
		return "The kernel log may say more (journalctl -k).";
	}
}

static void set_registration(struct zcrx_pool *p, const struct zc_ifq_reg *reg, const struct zc_area_reg *area,
			     const struct zc_region_desc *region, uint64_t stats_offset)
{
	p->registration = (struct registration) {
		.zcrx_id = reg->zcrx_id,
		.refill_entries = reg->rq_entries,
		.refill_size = region->size,
		.refill_map_offset = region->mmap_offset,
		.head_offset = reg->offsets.head,
		.tail_offset = reg->offsets.tail,
		.entries_offset = reg->offsets.rqes,
		.stats_offset = stats_offset,
		.area_token = area->token,
		.buffer_length = (uint32_t)p->buffer_length,
	};
}

/* Header, entries, statistics, in whole pages. */
static uint64_t region_size(uint32_t entries)
{
	const uint64_t page = pool_page_size();
	uint64_t size = REGION_HEADER_MAX + (uint64_t)entries * sizeof(struct zc_rqe) + STATS_ROOM;

	return (size + page - 1) / page * page;
}

int ifq_register(struct zcrx_pool *p, int ring_fd, const char *what, uint32_t ifindex, uint32_t queue,
		 uint32_t flags)
{
	uint32_t entries = pool_refill_entries(p);
	struct zc_area_reg area = { .addr = (uintptr_t)p->area, .len = p->area_size,
				    .flags = p->dmabuf ? ZC_AREA_DMABUF : 0,
				    .dmabuf_fd = p->dmabuf ? (uint32_t)p->area_fd : 0 };
	struct zc_region_desc region = { .size = region_size(entries) };
	struct zc_event_desc events = { .flags = ZC_EVENT_STATS, .stats_offset = region.size - STATS_ROOM,
					.user_data = p->event_user_data,
					.type_mask = p->events ? 1U << ZC_EVENT_ALLOC_FAIL | 1U << ZC_EVENT_COPY : 0 };
	struct zc_ifq_reg reg = {
		.if_idx = ifindex,
		.if_rxq = queue,
		.rq_entries = entries,
		.flags = flags,
		.area_ptr = (uintptr_t)&area,
		.region_ptr = (uintptr_t)&region,
		/* Where only pages will do, not even their length may be told. */
		.rx_buf_len = p->buffer_length != pool_page_size() ? (uint32_t)p->buffer_length : 0,
	};
	struct zc_query_zcrx known = {};
	bool counts = query(&known) >= 0 && known.features & ZC_FEATURE_EVENT;
	int r;

	if (p->dmabuf && flags != 0)
		return client_fail(p->lease->client, -EOPNOTSUPP, "Without a NIC everything is copied, and the kernel cannot "
								  "copy into a dma-buf.");
	r = check_ring(p, ring_fd);
	if (r < 0)
		return r;
	if (counts)
		reg.event_desc = (uintptr_t)&events;
	r = ring_register(ring_fd, ZC_REGISTER_IFQ, &reg, 1);
	if (r < 0)
		return client_fail(p->lease->client, r, "Cannot register %s: %s. %s", what, strerror(-r), remedy(r));
	set_registration(p, &reg, &area, &region, counts ? events.stats_offset : 0);
	return 0;
}
