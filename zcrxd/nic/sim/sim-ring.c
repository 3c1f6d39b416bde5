/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What clients hand to the simulated machine: areas, and rings that become a queue's.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "sim-internal.h"

#define PAGE		  4096
#define REGION_OFFSET(id) (0x30000000 + ((uint64_t)(id) << 16))

int sim_check_area(struct nic_backend *b, int fd, uint64_t offset, uint64_t size, bool dmabuf,
		   struct fault *reterr)
{
	struct stat st;
	uint64_t end;
	int seals, r;

	r = sim_operation(sim_of(b), "check the area", reterr);
	if (r != 0)
		return r;
	if (fstat(fd, &st) < 0)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL, "The area is no descriptor.");
	if (size == 0 || offset % PAGE || size % PAGE ||
	    __builtin_add_overflow(offset, size, &end) || (!dmabuf && end > (uint64_t)st.st_size))
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area is not whole pages inside its file.");
	seals = dmabuf ? F_SEAL_SHRINK : fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area is no memfd that is sealed with F_SEAL_SHRINK.");
	return 0;
}

/* The queue that the request names, by either kind of device; NULL if there is none. */
static struct sim_owner *find_queue(struct sim_shared *shared, const struct ifq_request *request,
				    bool *ret_split)
{
	for (size_t n = 0; n < SIM_NICS_MAX; n++)
		for (unsigned q = 0; q < shared->nics[n].n_queues; q++) {
			struct sim_owner *o = &shared->nics[n].queues[q];
			bool direct =
				shared->nics[n].ifindex == request->ifindex && q == request->queue;
			bool leased = o->lease_ifindex == request->ifindex &&
				      o->lease_queue == request->queue;

			*ret_split = shared->nics[n].split;
			/* A queue that is leased out is not to be had from the NIC itself. */
			if (leased || (direct && o->lease_ifindex == 0))
				return o;
		}
	return NULL;
}

static int watch_ring(struct sim_shared *shared, struct sim_owner *o, uint64_t key)
{
	for (size_t i = 0; i < SIM_RINGS_MAX; i++)
		if (!atomic_exchange(&shared->rings[i].open, true)) {
			shared->rings[i].owner = o;
			shared->rings[i].key = key;
			return 0;
		}
	return -ENOSPC;
}

void sim_close_rings(struct sim *s, const struct sim_owner *o)
{
	for (size_t i = 0; i < SIM_RINGS_MAX; i++)
		if (s->shared->rings[i].owner == o)
			s->shared->rings[i].open = false;
}

void sim_watched_ring_closed(struct nic_backend *b, uint64_t key)
{
	struct sim *s = sim_of(b);

	for (size_t i = 0; i < SIM_RINGS_MAX; i++)
		if ((s->shared->rings[i].key & ~NIC_RING_UNCOUNTED) == key)
			s->shared->rings[i].open = false;
}

static int bind_queue(struct sim *s, const struct ifq_request *request, uint32_t zcrx_id,
		      struct fault *reterr)
{
	static const char operation[] = "register the interface queue";
	struct sim_owner *o;
	bool split = false;

	if (request->kind == GRANT_SOFTWARE && !s->shared->features.software)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "software",
				 "This kernel has no device-less zero-copy receive.");
	o = find_queue(s->shared, request, &split);
	if (!o)
		return fault_kernel(reterr, EOPNOTSUPP, NULL, operation, "There is no such queue.");
	if (!split && request->kind != GRANT_SOFTWARE)
		return fault_kernel(reterr, EINVAL, NULL, operation,
				    "tcp-data-split has to be on and hds-threshold 0.");
	if (sim_is_bound(s, o) || atomic_exchange(&o->io_uring, true))
		return fault_kernel(reterr, EEXIST, NULL, operation, "The queue is bound already.");
	o->zcrx_id = zcrx_id;
	o->exported = false;
	if (find_queue(s->shared, request, &split) == o)
		return request->watched ? watch_ring(s->shared, o, request->ring_key) : 0;
	sim_unbind(o);
	return fault_kernel(reterr, ENODEV, NULL, operation, "The device has just gone.");
}

static int share_queue(struct sim *s, const struct ifq_request *request, struct ifq *ret,
		       struct fault *reterr)
{
	struct sim_owner *o = sim_find_export(s, request->export_fd);

	if (!o)
		return fault_kernel(reterr, EBADF, NULL, "put the interface queue on one more ring",
				    "That is no export of an ifq.");
	o->io_uring = true;
	*ret = (struct ifq){ .zcrx_id = atomic_fetch_add(&s->shared->next_zcrx_id, 1),
			     .tail_offset = 4, .entries_offset = 64 };
	ret->refill_map_offset = REGION_OFFSET(ret->zcrx_id);
	return request->watched ? watch_ring(s->shared, o, request->ring_key) : 0;
}

static void close_device(struct sim *s, const struct ifq_request *request)
{
	bool split;
	const struct sim_owner *o = find_queue(s->shared, request, &split);

	for (size_t n = 0; s->shared->failure_closes && n < SIM_NICS_MAX; n++)
		if (o >= s->shared->nics[n].queues && o < s->shared->nics[n].queues + SIM_QUEUES_MAX)
			s->shared->nics[n].closed = true;
}

int sim_register_ifq(struct nic_backend *b, const struct ifq_request *request, struct ifq *ret,
		     int *ret_ring, struct fault *reterr)
{
	struct sim *s = sim_of(b);
	uint32_t entries = 1, id;
	int r;

	r = sim_operation(s, "register the interface queue", reterr);
	if (r != 0) {
		close_device(s, request);
		return r;
	}
	if (request->ring < 0)
		return fault_set(reterr, ZCRX_INVALID_RING, NULL, "The ring is no descriptor.");
	if (s->shared->rings_held) {
		while (s->shared->rings_held)
			usleep(1000);
		_exit(EXIT_FAILURE); /* it was to die all the while */
	}
	if (request->shares)
		return share_queue(s, request, ret, reterr);
	if (request->refill_entries == 0 || request->refill_entries > REFILL_ENTRIES_MAX)
		return fault_kernel(reterr, EINVAL, NULL, "register the interface queue",
				    "Ask for 1 to %d refill entries.", REFILL_ENTRIES_MAX);
	id = atomic_fetch_add(&s->shared->next_zcrx_id, 1);
	r = bind_queue(s, request, id, reterr);
	if (r != 0)
		return r;
	if (request->export) {
		*ret_ring = open("/dev/null", O_RDWR | O_CLOEXEC); /* the number is what counts */
		if (*ret_ring < 0)
			return -errno;
	}
	while (entries < request->refill_entries)
		entries *= 2;
	*ret = (struct ifq) {
		.zcrx_id = id,
		.refill_entries = entries,
		.refill_size = (64 + entries * 16ULL + PAGE - 1) / PAGE * PAGE,
		.tail_offset = 4,
		.entries_offset = 64,
		.has_stats = request->statistics,
		.stats_offset = request->statistics ? 64 + entries * 16ULL : 0,
		.buffer_length = request->buffer_length ?: PAGE,
	};
	ret->refill_map_offset = REGION_OFFSET(ret->zcrx_id);
	if (ret->has_stats)
		ret->refill_size = (ret->stats_offset + 16 + PAGE - 1) / PAGE * PAGE;
	return 0;
}
