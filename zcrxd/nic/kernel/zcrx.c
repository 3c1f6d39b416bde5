/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * IORING_REGISTER_ZCRX_IFQ on a ring taken with pidfd_getfd; see zcrx.h. The area is mapped here,
 * because its pages are pinned from the memory map of the process that registers; mapping and ring
 * are gone when the call returns, the pins live on in the ifq.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "rings.h"
#include "uapi.h"
#include "zcrx.h"

/* The kernel puts the entries one cache line behind the start; no architecture has longer ones. */
#define REGION_HEADER_MAX 256
#define STATS_ROOM	  64
#define RING_NAME	  "anon_inode:[io_uring]"

struct mapping {
	void *address;
	size_t size;
};

static void mapping_done(struct mapping *m)
{
	if (m->address)
		munmap(m->address, m->size);
}

static int io_uring_register(int fd, unsigned op, void *arg, unsigned n)
{
	return syscall(SYS_io_uring_register, fd, op, arg, n) < 0 ? -errno : 0;
}

void zcrx_region_layout(uint32_t entries, struct zcrx_region *ret)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint32_t rounded = 1;
	uint64_t size;

	while (rounded < entries && rounded < REFILL_ENTRIES_MAX)
		rounded *= 2;
	size = REGION_HEADER_MAX + (uint64_t)rounded * sizeof(struct uapi_zcrx_rqe) + STATS_ROOM;
	size = (size + page - 1) / page * page;
	*ret = (struct zcrx_region) {
		.entries = rounded,
		.size = size,
		.stats_offset = size - STATS_ROOM,
	};
}

int zcrx_probe_ring(int ring)
{
	/* Ring and caller are checked before the argument is read. Page 0 is never mapped. */
	int r = io_uring_register(ring, UAPI_IORING_REGISTER_ZCRX_IFQ, (void *)8, 1);

	return r == -EFAULT ? 0 : r;
}

static int refuse_pidfd(int error, const struct ifq_request *request, struct fault *reterr)
{
	const char *operation = "take the ring out of the client's process";

	switch (error) {
	case EBADF:
		return fault_set(
			reterr, ZCRX_INVALID_RING, NULL,
			"The calling process has no descriptor %d. `ring` is the number of "
			"the io_uring's descriptor in the process that connected.",
			request->ring);
	case ESRCH:
		return fault_set(
			reterr, ZCRX_INVALID_RING, NULL,
			"The process that connected is gone, or its main thread has ended. "
			"Connect from the process that owns the ring.");
	case EPERM:
		return fault_kernel(reterr, error, NULL, operation,
				    "zcrxd needs CAP_SYS_PTRACE in the initial user namespace; "
				    "sysctl kernel.yama.ptrace_scope must not be 3, which only a "
				    "reboot can change; and if the client has an AppArmor profile, "
				    "that needs \"ptrace (readby, tracedby) peer=zcrxd,\".");
	default:
		return fault_kernel(reterr, error, NULL, operation,
				    "The process may be at its end.");
	}
}

/*
 * Who connected may have started a set-uid program since. What that has open is not for its user to
 * name; as with ptrace(2), saved ids count. Asked after its descriptor was taken: the answer holds for
 * the time before.
 */
static int check_client(const struct ifq_request *request, struct fault *reterr)
{
	struct uapi_pidfd_info info = { .mask = UAPI_PIDFD_INFO_CREDS };

	if (ioctl(request->pidfd, UAPI_PIDFD_GET_INFO, &info) < 0)
		return errno == ENOTTY || errno == EINVAL
			       ? fault_set(reterr, ZCRX_NOT_SUPPORTED, "PIDFD_GET_INFO",
					   "This kernel cannot tell as whom the process runs that "
					   "connected (Linux 6.13 and later), and has no io_uring "
					   "zero-copy receive (6.15 and later).")
			       : refuse_pidfd(errno, request, reterr);
	if (info.euid == info.ruid && info.suid == info.ruid && info.egid == info.rgid &&
	    info.sgid == info.rgid)
		return 0;
	if (info.euid == request->uid && info.egid == request->gid)
		return 0;
	return fault_set(reterr, ZCRX_INVALID_RING, NULL,
			 "The process that connected runs as another user now (uid %u, and it "
			 "connected as %u). Connect again from the process that owns the ring.",
			 info.euid, request->uid);
}

/* As kill(2) has it: by the real or the saved id. What it becomes between question and signal is seen by
 * nobody. */
int zcrx_kill_client(int pidfd, uid_t uid)
{
	struct uapi_pidfd_info info = { .mask = UAPI_PIDFD_INFO_CREDS };

	if (ioctl(pidfd, UAPI_PIDFD_GET_INFO, &info) < 0)
		return -errno;
	if (!(info.mask & UAPI_PIDFD_INFO_CREDS) || (info.ruid != uid && info.suid != uid))
		return -EPERM;
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

static int take_ring(const struct ifq_request *request, int *ret, struct fault *reterr)
{
	_cleanup_free_ char *path = NULL;
	char name[sizeof(RING_NAME)];
	_cleanup_close_ int fd = -EBADF;
	int error, r;
	ssize_t n;

	fd = (int)syscall(SYS_pidfd_getfd, request->pidfd, request->ring, 0);
	error = errno;
	r = check_client(request, reterr);
	if (r != 0)
		return r;
	if (fd < 0)
		return refuse_pidfd(error, request, reterr);
	if (asprintf(&path, "/proc/self/fd/%d", fd) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	n = readlink(path, name, sizeof(name));
	if (n != (ssize_t)strlen(RING_NAME) || memcmp(name, RING_NAME, strlen(RING_NAME)) != 0)
		return fault_set(reterr, ZCRX_INVALID_RING, NULL,
				 "Descriptor %d of the calling process is no io_uring.",
				 request->ring);
	*ret = TAKE_FD(fd);
	return 0;
}

static int check_ring(int ring, struct fault *reterr)
{
	int r = zcrx_probe_ring(ring);

	switch (r) {
	case 0:
		return 0;
	case -EEXIST:
		return fault_set(
			reterr, ZCRX_INVALID_RING, NULL,
			"The ring is enabled already, and only its own task may register on "
			"it then. Create it with IORING_SETUP_R_DISABLED, and enable it "
			"after Register.");
	case -EINVAL:
		return fault_set(reterr, ZCRX_INVALID_RING, NULL,
				 "The ring cannot receive by zero copy. Create it with "
				 "IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_DEFER_TASKRUN and "
				 "IORING_SETUP_CQE32 (or IORING_SETUP_CQE_MIXED).");
	case -EACCES:
		return fault_set(reterr, ZCRX_INVALID_RING, NULL,
				 "The ring's restrictions forbid registering an interface queue; "
				 "allow IORING_REGISTER_ZCRX_IFQ (32) and IORING_REGISTER_ZCRX_CTRL (36).");
	case -EPERM:
		return fault_kernel(reterr, EPERM, NULL, "register an interface queue",
				    "zcrxd needs CAP_NET_ADMIN in the initial user namespace.");
	case -EOPNOTSUPP:
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "io_uring zero-copy receive",
				 "This kernel has no io_uring zero-copy receive (6.15 and later, "
				 "CONFIG_IO_URING_ZCRX).");
	default:
		return fault_kernel(reterr, -r, NULL, "register an interface queue", "%s", "");
	}
}

/* Restrictions come before the number of arguments, of which this has one too many. */
static int check_control(int ring, struct fault *reterr)
{
	if (io_uring_register(ring, UAPI_IORING_REGISTER_ZCRX_CTRL, NULL, 1) != -EACCES)
		return 0;
	return fault_set(reterr, ZCRX_INVALID_RING, NULL,
			 "The ring's restrictions forbid what zcrxd needs to take the queue back; allow "
			 "IORING_REGISTER_ZCRX_IFQ (32) and IORING_REGISTER_ZCRX_CTRL (36).");
}

static int map_area(const struct ifq_request *request, struct mapping *ret, struct fault *reterr)
{
	void *p;

	if (request->area_size > SIZE_MAX || request->area_offset > INT64_MAX)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL, "The area is too large.");
	/* Not populated: that would fault pages in one by one what pinning does at once. */
	p = mmap(NULL, (size_t)request->area_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 request->area_fd, (off_t)request->area_offset);
	if (p == MAP_FAILED)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "Cannot map the area: %s. It must be a memfd that is open for "
				 "reading and writing.",
				 strerror(errno));
	*ret = (struct mapping) { .address = p, .size = (size_t)request->area_size };
	return 0;
}

static int do_register(int ring, const struct ifq_request *request, void *area_address,
		       struct ifq *ret, struct fault *reterr)
{
	struct zcrx_region layout;
	struct uapi_zcrx_area_reg area = {
		.addr = request->dmabuf ? request->area_offset : (uintptr_t)area_address,
		.len = request->area_size,
		.flags = request->dmabuf ? UAPI_ZCRX_AREA_DMABUF : 0,
		.dmabuf_fd = request->dmabuf ? (uint32_t)request->area_fd : 0,
	};
	struct uapi_zcrx_event_desc events = {
		.user_data = request->event_user_data,
		.type_mask = request->events
				     ? 1U << UAPI_ZCRX_EVENT_ALLOC_FAIL | 1U << UAPI_ZCRX_EVENT_COPY
				     : 0,
		.flags = UAPI_ZCRX_EVENT_DESC_FLAG_STATS,
	};
	struct uapi_region_desc region = {};
	struct uapi_zcrx_ifq_reg reg = {
		.area_ptr = (uintptr_t)&area,
		.region_ptr = (uintptr_t)&region,
		.rx_buf_len = request->buffer_length,
		.event_desc = request->statistics ? (uintptr_t)&events : 0,
	};
	char name[IFNAMSIZ];
	int r;

	zcrx_region_layout(request->refill_entries, &layout);
	reg.rq_entries = layout.entries;
	region.size = layout.size;
	events.stats_offset = layout.stats_offset;
	if (request->kind == GRANT_SOFTWARE) {
		reg.flags = UAPI_ZCRX_REG_NODEV;
	} else {
		reg.if_idx = request->ifindex;
		reg.if_rxq = request->queue;
	}
	r = io_uring_register(ring, UAPI_IORING_REGISTER_ZCRX_IFQ, &reg, 1);
	/* The lease's device is there: it is the NIC behind it that does not answer. */
	if (r == -ENODEV && if_indextoname(request->ifindex, name))
		return nic_detached("the NIC", "register an interface queue on the client's ring", reterr);
	if (r < 0)
		return zcrx_explain_errno(-r, request, reterr);
	*ret = (struct ifq) {
		.zcrx_id = reg.zcrx_id,
		.refill_entries = reg.rq_entries,
		.refill_size = region.size,
		.refill_map_offset = region.mmap_offset,
		.head_offset = reg.offsets.head,
		.tail_offset = reg.offsets.tail,
		.entries_offset = reg.offsets.rqes,
		.has_stats = request->statistics,
		.stats_offset = request->statistics ? layout.stats_offset : 0,
		.area_token = area.rq_area_token,
		.buffer_length = reg.rx_buf_len ?: (uint32_t)sysconf(_SC_PAGESIZE),
	};
	return 0;
}

/* Known by its key before the kernel pins anything for it. */
static int register_watched(int *ring, const struct ifq_request *request, void *area_address,
			    struct ifq *ret, struct fault *reterr)
{
	int r = rings_watch(request->ring_epoll_fd, ring, request->ring_key);

	if (r < 0)
		return r;
	r = do_register(*ring, request, area_address, ret, reterr);
	if (r != 0)
		rings_forget(request->ring_epoll_fd, *ring);
	return r;
}

static int share(const struct ifq_request *request, struct ifq *ret, struct fault *reterr)
{
	_cleanup_close_ int ring = -EBADF;
	int r = take_ring(request, &ring, reterr);

	if (r == 0)
		r = check_ring(ring, reterr);
	if (r == 0 && request->watched)
		r = rings_watch(request->ring_epoll_fd, &ring, request->ring_key);
	if (r != 0)
		return r;
	r = zcrx_import(ring, request->export_fd, ret);
	if (r == 0)
		return 0;
	if (request->watched)
		rings_forget(request->ring_epoll_fd, ring);
	return fault_kernel(reterr, -r, NULL, "put the interface queue on one more ring", "%s",
			    r == -ENOMEM ? "Memory ran out." : "");
}

int zcrx_register(const struct ifq_request *request, struct ifq *ret, int *ret_ring,
		  struct fault *reterr)
{
	_cleanup_(mapping_done) struct mapping area = {};
	_cleanup_close_ int ring = -EBADF;
	int r;

	if (request->shares)
		return share(request, ret, reterr);
	if (request->refill_entries == 0 || request->refill_entries > REFILL_ENTRIES_MAX)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "refillEntries",
				 "refillEntries is %u; it must be 1 to %d.",
				 request->refill_entries, REFILL_ENTRIES_MAX);
	r = take_ring(request, &ring, reterr);
	if (r == 0)
		r = check_ring(ring, reterr);
	if (r == 0 && request->must_export)
		r = check_control(ring, reterr);
	if (r == 0 && !request->dmabuf)
		r = map_area(request, &area, reterr);
	if (r != 0)
		return r;
	r = request->watched
		    ? register_watched(&ring, request, area.address, ret, reterr)
		    : do_register(ring, request, area.address, ret, reterr);
	if (r == 0 && request->export)
		*ret_ring = TAKE_FD(ring);
	return r;
}
