/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Probing the kernel's features; see probe.h. Not by release number: distributions move features
 * between releases. IORING_REGISTER_QUERY alone is no proof, it answers the same without
 * CONFIG_IO_URING_ZCRX.
 */
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "netkit.h"
#include "nft-guard.h"
#include "probe.h"
#include "uapi.h"
#include "zcrx.h"

static int query(struct uapi_query_zcrx *ret)
{
	struct uapi_query_hdr header = {
		.query_data = (uintptr_t)ret,
		.query_op = UAPI_QUERY_ZCRX,
		.size = sizeof(*ret),
	};

	if (syscall(SYS_io_uring_register, -1, UAPI_IORING_REGISTER_QUERY, &header, 0) < 0)
		return -errno;
	return header.result;
}

/* Does a ring of ours, made for it, take interface queues? */
static bool has_zcrx(bool queried)
{
	struct io_uring_params params = {
		.flags = UAPI_IORING_SETUP_R_DISABLED | UAPI_IORING_SETUP_SINGLE_ISSUER |
			 UAPI_IORING_SETUP_DEFER_TASKRUN | UAPI_IORING_SETUP_CQE32,
	};
	_cleanup_close_ int ring = (int)syscall(SYS_io_uring_setup, 2, &params);
	int r;

	if (ring < 0) /* kernel.io_uring_disabled may forbid it to us and not to clients */
		return queried;
	r = zcrx_probe_ring(ring);
	return r == 0 || r == -EPERM;
}

/* What nobody can do with ptrace, pidfd_getfd cannot do either, whatever its capabilities. */
static bool is_ptrace_denied(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope;

	return f && fscanf(f, "%d", &scope) == 1 && scope == 3;
}

int probe_kernel(struct netlink *route, const struct netlink_family *netdev,
		 struct kernel_features *ret)
{
	struct uapi_query_zcrx zcrx = {};
	struct kernel_features f = {};
	struct utsname name;
	bool netkit = false;
	int r = query(&zcrx);

	if (r < 0)
		zcrx = (struct uapi_query_zcrx) {};
	f.zero_copy_receive = has_zcrx(r >= 0);
	if (f.zero_copy_receive) {
		f.control = zcrx.nr_ctrl_opcodes > UAPI_ZCRX_CTRL_EXPORT;
		f.added_areas = zcrx.nr_ctrl_opcodes > UAPI_ZCRX_CTRL_ADD_AREA;
		f.large_buffers = zcrx.features & UAPI_ZCRX_FEATURE_RX_PAGE_SIZE;
		f.software = zcrx.register_flags & UAPI_ZCRX_REG_NODEV;
		f.events = zcrx.features & UAPI_ZCRX_FEATURE_EVENT;
	}
	if (netlink_family_has(netdev, UAPI_NETDEV_CMD_QUEUE_CREATE)) {
		r = netkit_probe(route, &netkit);
		if (r < 0)
			return r;
	}
	f.queue_leasing = netkit;
	r = nft_guard_probe(&f.guard);
	if (r < 0 && r != -EPERM) /* who may not ask, as `zcrxctl check`, is told so elsewhere */
		return r;
	f.ptrace_denied = is_ptrace_denied();
	if (uname(&name) < 0)
		return -errno;
	f.release = strdup(name.release);
	if (!f.release)
		return -ENOMEM;
	*ret = f;
	return 0;
}
