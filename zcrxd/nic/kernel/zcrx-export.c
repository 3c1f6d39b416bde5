/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exports of interface queues, and the question that they are kept for. Whoever has a ring may add areas
 * to its ifqs (7.3); the kernel pins that memory, which may never become present, with the ifq's lock
 * held, and needs the same lock to delete the device that the ifq goes through. Whether it is free shows
 * by asking for an area that cannot be: that is refused only under the lock.
 */
#include <linux/io_uring.h>
#include <sys/syscall.h>

#include "uapi.h"
#include "zcrx.h"

#define NO_SUCH_FLAG (1U << 31) /* of an area: EINVAL, and nothing is pinned */

static int control(int ring, struct uapi_zcrx_ctrl *c)
{
	return syscall(SYS_io_uring_register, ring, UAPI_IORING_REGISTER_ZCRX_CTRL, c, 0) < 0 ? -errno
											       : 0;
}

int zcrx_export(int ring, uint32_t zcrx_id, int *ret)
{
	struct uapi_zcrx_ctrl c = { .zcrx_id = zcrx_id, .op = UAPI_ZCRX_CTRL_EXPORT };
	int r = control(ring, &c);

	if (r == 0)
		*ret = (int)c.exported_fd;
	return r;
}

int zcrx_import(int ring, int export, struct ifq *ret)
{
	struct uapi_zcrx_ifq_reg reg = { .if_idx = (uint32_t)export, .flags = UAPI_ZCRX_REG_IMPORT };

	if (syscall(SYS_io_uring_register, ring, UAPI_IORING_REGISTER_ZCRX_IFQ, &reg, 1) < 0)
		return -errno;
	*ret = (struct ifq) {
		.zcrx_id = reg.zcrx_id,
		.refill_map_offset = UAPI_ZCRX_REGION_OFFSET(reg.zcrx_id),
		.head_offset = reg.offsets.head,
		.tail_offset = reg.offsets.tail,
		.entries_offset = reg.offsets.rqes,
	};
	return 0;
}

/* EFAULT: its device is gone, which is known only under the lock, too. */
static int wait_for(int ring, uint32_t zcrx_id)
{
	struct uapi_zcrx_area_reg area = { .addr = UINT64_C(1) << 20, .len = UINT64_C(1) << 20,
					   .flags = NO_SUCH_FLAG };
	struct uapi_zcrx_ctrl c = { .zcrx_id = zcrx_id, .op = UAPI_ZCRX_CTRL_ADD_AREA,
				    .area_ptr = (uintptr_t)&area };
	int r = control(ring, &c);

	return r == -EINVAL || r == -EFAULT ? 0 : r < 0 ? r : -EPROTO;
}

int zcrx_wait_for_areas(const int *exports, size_t n, void (*begin)(void *userdata), void *userdata)
{
	struct io_uring_params params = {
		.flags = UAPI_IORING_SETUP_R_DISABLED | UAPI_IORING_SETUP_SINGLE_ISSUER |
			 UAPI_IORING_SETUP_DEFER_TASKRUN | UAPI_IORING_SETUP_CQE32,
	};
	_cleanup_close_ int ring = -EBADF;
	struct ifq ifqs[LEASE_QUEUES_MAX];
	int r;

	if (n > LEASE_QUEUES_MAX)
		return -EINVAL;
	ring = (int)syscall(SYS_io_uring_setup, 2, &params);
	r = ring < 0 ? -errno : 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = zcrx_import(ring, exports[i], &ifqs[i]);
	if (r < 0)
		return r;
	begin(userdata);
	for (size_t i = 0; i < n && r == 0; i++)
		r = wait_for(ring, ifqs[i].zcrx_id);
	return r;
}
