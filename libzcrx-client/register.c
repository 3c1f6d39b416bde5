/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering a queue: a ring that another task may still register on, an area that can be trusted
 * not to shrink, zcrxd's part, and the mapping of the refill ring that the kernel made. Called once
 * for each queue; the data path is receive.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h> /* before <sys/mman.h>, which knows no MFD_HUGE_2MB */
#include <sys/mman.h>
#include <sys/resource.h>

#include <systemd/sd-json.h>

#include "internal.h"
#include "zcrx-idl.h"

#define HUGE_PAGE_SIZE	((size_t)2 << 20)
#define SUBMISSIONS	256U
#define MIN_COMPLETIONS 64U

/*
 * The kernel counts areas that zcrxd registers as locked memory of who made the ring, though it compares them
 * with zcrxd's limit. What the user's programs have locked next is compared with theirs; on some kernels a
 * ring, which has a few pages, fails with ENOMEM then. NULL: there is no limit, or no memory for the sentence.
 */
static char *explain_locked(const struct zcrx_queue *q)
{
	uint64_t needed = q->area_size + ((uint64_t)1 << 20);
	struct rlimit limit;
	char *s;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return NULL;
	if (asprintf(&s, "If there is memory: this user's limit of locked memory is %llu KiB, and the areas of "
			 "all its leases count. Raise it by %llu KiB for each of them, or lift it "
			 "(LimitMEMLOCK=infinity in the unit, ulimit -l unlimited).",
		     (unsigned long long)limit.rlim_cur / 1024, (unsigned long long)needed / 1024) < 0)
		return NULL;
	return s;
}

static int make_ring(struct zcrx_queue *q, uint64_t n_buffers)
{
	_cleanup_free_ char *locked = NULL;
	struct zcrx_client *c = q->lease->client;
	struct io_uring_params p = {
		/* Disabled: while it is, it belongs to no task yet, and zcrxd may register on it.
		 */
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
		.cq_entries = q->completions ?: (unsigned int)n_buffers,
	};
	int r;

	if (p.cq_entries < MIN_COMPLETIONS)
		p.cq_entries = MIN_COMPLETIONS;
	r = io_uring_queue_init_params(p.cq_entries < SUBMISSIONS ? p.cq_entries : SUBMISSIONS,
				       &q->ring, &p);
	if (r >= 0)
		return 0;
	q->ring = (struct io_uring) {};
	locked = r == -ENOMEM ? explain_locked(q) : NULL;
	return client_fail(c, r, "Cannot create an io_uring: %s. %s", strerror(-r),
			   locked     ? locked
			   : r == -EPERM ? "See sysctl kernel.io_uring_disabled and the container's "
					 "seccomp filter."
			   : r == -ENOSYS ? "The kernel or the container's seccomp filter lacks it."
					  : "It needs Linux 6.15 or later and some memory.");
}

/* Area and buffers in whole pages of the kind that holds them. Larger buffers must be contiguous to
 * the NIC, which only huge pages promise. */
static int settle_sizes(struct zcrx_queue *q, uint64_t *ret_buffers)
{
	struct zcrx_client *c = q->lease->client;
	uint64_t unit, n;

	if (q->buffer_length > queue_page_size())
		q->huge_pages = true;
	unit = q->huge_pages ? HUGE_PAGE_SIZE : queue_page_size();
	q->area_size = (q->area_size + unit - 1) & ~(unit - 1);
	n = q->area_size / q->buffer_length;
	if (refill_entries_for(n) == 0)
		return client_fail(c, -EINVAL,
				   "An area of %zu bytes makes %llu buffers of %zu bytes, and the "
				   "kernel's refill ring holds %u. Take a smaller area or larger "
				   "buffers.",
				   q->area_size, (unsigned long long)n, q->buffer_length,
				   ZC_MAX_ENTRIES);
	*ret_buffers = n;
	return 0;
}

/* Sealed, so that zcrxd dares to map it; filled here, so that its pages are charged to this process
 * and the NIC is not held up while they are found. */
static int make_area(struct zcrx_queue *q, int *ret_fd)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	struct zcrx_client *c = q->lease->client;
	_cleanup_close_ int fd = -EBADF;
	void *area;
	int r = 0;

	if (q->huge_pages)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	fd = memfd_create("zcrx-area", flags);
	if (fd < 0 || ftruncate(fd, (off_t)q->area_size) < 0 ||
	    fallocate(fd, 0, 0, (off_t)q->area_size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		r = -errno;
	if (r == 0) {
		area = mmap(NULL, q->area_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			    fd, 0);
		if (area == MAP_FAILED)
			r = -errno;
	}
	if (r < 0)
		return client_fail(c, r, "Cannot make an area of %zu bytes%s: %s. %s", q->area_size,
				   q->huge_pages ? " of huge pages" : "", strerror(-r),
				   q->huge_pages ? "Reserve huge pages: sysctl vm.nr_hugepages."
						 : "See the memory limit of the process's cgroup.");
	q->area = area;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int dispatch_uint32(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			   void *userdata)
{
	return sd_json_variant_is_null(v) ? 0 : sd_json_dispatch_uint32(name, v, flags, userdata);
}

static int dispatch_uint64(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			   void *userdata)
{
	return sd_json_variant_is_null(v) ? 0 : sd_json_dispatch_uint64(name, v, flags, userdata);
}

static int parse_registration(sd_json_variant *reply, struct registration *ret)
{
	static const sd_json_dispatch_field fields[] = {
#define FIELD(name, size, member, flags)                                                           \
	{ name, _SD_JSON_VARIANT_TYPE_INVALID, dispatch_uint##size,                                \
	  offsetof(struct registration, member), flags }
#define NEEDED (SD_JSON_MANDATORY | SD_JSON_REFUSE_NULL)
		FIELD("zcrxId", 32, zcrx_id, NEEDED),
		FIELD("refillEntries", 32, refill_entries, NEEDED),
		FIELD("refillSize", 64, refill_size, NEEDED),
		FIELD("refillMapOffset", 64, refill_map_offset, NEEDED),
		FIELD("headOffset", 32, head_offset, NEEDED),
		FIELD("tailOffset", 32, tail_offset, NEEDED),
		FIELD("entriesOffset", 32, entries_offset, NEEDED),
		FIELD("statsOffset", 64, stats_offset, SD_JSON_NULLABLE),
		FIELD("areaToken", 64, area_token, NEEDED),
		FIELD("receiveBufferLength", 32, buffer_length, NEEDED),
		FIELD("napiId", 32, napi_id, SD_JSON_NULLABLE),
#undef FIELD
#undef NEEDED
		{}
	};
	struct registration g = {};
	int r;

	r = sd_json_dispatch(reply, fields, SD_JSON_ALLOW_EXTENSIONS, &g);
	if (r < 0)
		return -EBADMSG;
	*ret = g;
	return 0;
}

static bool fits(uint64_t size, uint64_t offset, uint64_t length, uint64_t alignment)
{
	return offset % alignment == 0 && length <= size && offset <= size - length;
}

/* Maps what the kernel made. A daemon that lies could not do worse than confuse us: every offset is
 * checked against the mapping. */
static int map_region(struct zcrx_queue *q)
{
	struct registration *g = &q->registration;
	char *base;

	if (!fits(g->refill_size, g->head_offset, sizeof(uint32_t), sizeof(uint32_t)) ||
	    !fits(g->refill_size, g->tail_offset, sizeof(uint32_t), sizeof(uint32_t)) ||
	    !fits(g->refill_size, g->entries_offset,
		  (uint64_t)g->refill_entries * sizeof(struct zc_rqe), sizeof(uint64_t)) ||
	    (g->stats_offset > 0 &&
	     !fits(g->refill_size, g->stats_offset, sizeof(struct zc_stats), sizeof(uint64_t))))
		return client_bad_reply(q->lease->client, "register the queue");
	base = mmap(NULL, g->refill_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		    q->ring.ring_fd, (off_t)g->refill_map_offset);
	if (base == MAP_FAILED)
		return client_fail(q->lease->client, -errno,
				   "Cannot map the refill ring (%llu bytes): %s.",
				   (unsigned long long)g->refill_size, strerror(errno));
	q->region = base;
	q->stats = g->stats_offset > 0 ? (struct zc_stats *)(base + g->stats_offset) : NULL;
	return refill_init(&q->refill, (uint32_t *)(base + g->head_offset),
			   (uint32_t *)(base + g->tail_offset),
			   (struct zc_rqe *)(base + g->entries_offset), g->refill_entries,
			   (uint32_t)(q->area_size / q->buffer_length), g->buffer_length,
			   g->area_token);
}

static int call_register(struct zcrx_queue *q, int area_fd, uint64_t n_buffers)
{
	sd_json_variant *parameters = NULL, *reply = NULL;
	struct zcrx_lease *l = q->lease;
	int handle, area, r;

	handle = lease_push_handle(l);
	if (handle < 0)
		return handle;
	area = client_push_fd(l->client, area_fd);
	if (area < 0)
		return area;
	r = sd_json_buildo(
		&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", l->id),
		SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", handle),
		SD_JSON_BUILD_PAIR_UNSIGNED("queue", q->index),
		SD_JSON_BUILD_PAIR_INTEGER("ring", q->ring.ring_fd),
		SD_JSON_BUILD_PAIR_INTEGER("areaFileDescriptor", area),
		SD_JSON_BUILD_PAIR_UNSIGNED("areaSize", q->area_size),
		SD_JSON_BUILD_PAIR_UNSIGNED("refillEntries", refill_entries_for(n_buffers)),
		SD_JSON_BUILD_PAIR_CONDITION(q->buffer_length != queue_page_size(),
					     "receiveBufferLength",
					     SD_JSON_BUILD_UNSIGNED(q->buffer_length)));
	r = client_call(l->client, "register the queue", ZCRX_METHOD("Register"), r, parameters,
			&reply);
	if (r < 0)
		return r;
	r = parse_registration(reply, &q->registration);
	if (r < 0 || q->registration.buffer_length != q->buffer_length)
		return client_bad_reply(l->client, "register the queue");
	return 0;
}

int zcrx_queue_register(struct zcrx_queue *queue)
{
	_cleanup_close_ int area_fd = -EBADF;
	uint64_t n_buffers = 0;
	int r;

	if (!queue)
		return -EINVAL;
	if (queue->registered)
		return -EBUSY;
	r = settle_sizes(queue, &n_buffers);
	if (r >= 0)
		r = make_ring(queue, n_buffers);
	if (r >= 0)
		r = make_area(queue, &area_fd);
	if (r >= 0)
		r = call_register(queue, area_fd, n_buffers);
	if (r >= 0)
		r = map_region(queue);
	if (r < 0) {
		queue_close(queue);
		return r;
	}
	queue->registered = true;
	queue->lease->napi_ids[queue->index] = queue->registration.napi_id;
	return 0;
}
