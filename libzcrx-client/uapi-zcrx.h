/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The little of the kernel's zcrx interface that a receiver needs (include/uapi/linux/io_uring/
 * zcrx.h, Linux 6.15 and later), under names of our own: the headers that distributions ship with
 * liburing are older, and newer ones must not clash.
 */
#pragma once

#include <stdint.h>

#define ZC_OP_RECV	 58 /* IORING_OP_RECV_ZC; sqe->zcrx_ifq_idx shares its place with file_index */
/* IORING_SETUP_: R_DISABLED, CQE32, SINGLE_ISSUER, DEFER_TASKRUN */
#define ZC_SETUP	 (1U << 6 | 1U << 11 | 1U << 12 | 1U << 13)
#define ZC_REGISTER_CTRL 36    /* IORING_REGISTER_ZCRX_CTRL, 6.19; nr_args is 0 */
#define ZC_CTRL_FLUSH_RQ 0     /* ZCRX_CTRL_FLUSH_RQ: the kernel takes what is on the refill ring */
#define ZC_CQE_F_MORE	 2  /* IORING_CQE_F_MORE */
#define ZC_AREA_SHIFT	 48    /* above it an offset carries the number of the area */
#define ZC_MAX_ENTRIES	 32768 /* of a refill ring */

/* struct io_uring_zcrx_rqe: an entry of the refill ring. */
struct zc_rqe {
	uint64_t off;
	uint32_t len;
	uint32_t pad; /* zero, or the entry is ignored and the buffer lost */
};

/* struct io_uring_cqe, and struct io_uring_zcrx_cqe behind it: a completion of a ring with CQE32, or of one with
 * CQE_MIXED that is marked as large. */
struct zc_cqe {
	uint64_t user_data;
	int32_t result;
	uint32_t flags;
	uint64_t off;
	uint64_t pad;
};

/* struct zcrx_ctrl with every union member's reserve zeroed. */
struct zc_ctrl {
	uint32_t zcrx_id;
	uint32_t op;
	uint64_t resv[2];
	uint64_t arg[6];
};

/* struct zcrx_stats, kept by the kernel behind the refill ring; 7.2. */
struct zc_stats {
	uint64_t copy_count;
	uint64_t copy_bytes;
};
