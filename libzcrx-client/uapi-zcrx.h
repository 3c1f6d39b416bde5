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
#define ZC_REGISTER_IFQ	 32 /* IORING_REGISTER_ZCRX_IFQ, 6.15 */
#define ZC_REGISTER_QUERY 35 /* IORING_REGISTER_QUERY, 6.18; on no ring, nr_args is 0 */
#define ZC_QUERY_ZCRX	 1
#define ZC_FEATURE_EVENT (1U << 1) /* with statistics; 7.2 */
#define ZC_EVENT_STATS	 1	   /* ZCRX_EVENT_DESC_FLAG_STATS */
#define ZC_REG_NODEV	 2	   /* ZCRX_REG_NODEV, 7.1 */
#define ZC_REGISTER_CTRL 36    /* IORING_REGISTER_ZCRX_CTRL, 6.19; nr_args is 0 */
#define ZC_CTRL_FLUSH_RQ 0     /* ZCRX_CTRL_FLUSH_RQ: the kernel takes what is on the refill ring */
#define ZC_CTRL_ARM_EVENT 2   /* ZCRX_CTRL_ARM_EVENT, 7.2; the event is the first of its arguments */
#define ZC_EVENT_ALLOC_FAIL 0 /* ZCRX_EVENT_, in the result of a completion; each once, until it is armed again */
#define ZC_EVENT_COPY	    1
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

/* What registers an ifq: struct io_uring_zcrx_area_reg, io_uring_region_desc, zcrx_event_desc and
 * io_uring_zcrx_ifq_reg. */
#define ZC_AREA_DMABUF 1 /* 6.16 */

struct zc_area_reg {
	uint64_t addr, len, token;
	uint32_t flags, dmabuf_fd;
	uint64_t resv[2];
};

struct zc_region_desc {
	uint64_t user_addr, size;
	uint32_t flags, id;
	uint64_t mmap_offset, resv[4];
};

struct zc_event_desc {
	uint64_t user_data;
	uint32_t type_mask, flags;
	uint64_t stats_offset, resv[9];
};

struct zc_ifq_reg {
	uint32_t if_idx, if_rxq, rq_entries, flags;
	uint64_t area_ptr, region_ptr;
	struct {
		uint32_t head, tail, rqes, resv;
		uint64_t resv2[2];
	} offsets;
	uint32_t zcrx_id, rx_buf_len;
	uint64_t event_desc; /* 0 before 7.2 */
	uint64_t resv[2];
};

/* struct io_uring_params, of which only the flags are asked for. */
struct zc_ring_params {
	uint32_t entries[2], flags, others[27];
};

/* struct io_uring_query_hdr and io_uring_query_zcrx. */
struct zc_query {
	uint64_t next_entry, query_data;
	uint32_t query_op, size;
	int32_t result;
	uint32_t resv[3];
};

struct zc_query_zcrx {
	uint64_t register_flags, area_flags;
	uint32_t nr_ctrl_opcodes, features, rq_hdr_size, rq_hdr_alignment;
	uint64_t resv;
};

_Static_assert(sizeof(struct zc_area_reg) == 48, "kernel ABI");
_Static_assert(sizeof(struct zc_region_desc) == 64, "kernel ABI");
_Static_assert(sizeof(struct zc_event_desc) == 96, "kernel ABI");
_Static_assert(sizeof(struct zc_ifq_reg) == 96, "kernel ABI");
_Static_assert(sizeof(struct zc_ring_params) == 120, "kernel ABI");
_Static_assert(sizeof(struct zc_query) == 40, "kernel ABI");
_Static_assert(sizeof(struct zc_query_zcrx) == 40, "kernel ABI");
