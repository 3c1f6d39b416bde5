/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel interface that is newer than the headers of the oldest distribution we build on (Linux
 * 6.12). Under names of our own, so that newer system headers do not collide. The numbers are ABI.
 */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* ethtool netlink */
#define UAPI_ETHTOOL_MSG_RSS_SET	48 /* 6.17 */
#define UAPI_ETHTOOL_MSG_RSS_CREATE_ACT 49 /* 6.17 */
#define UAPI_ETHTOOL_MSG_RSS_DELETE_ACT 50 /* 6.17 */
#define UAPI_ETHTOOL_A_RINGS_HDS_THRESH 17 /* 6.14 */

/* pidfd; PIDFD_GET_INFO. The answer ends where the kernel's ends, or ours. */
#define UAPI_PIDFD_INFO_CREDS (1ULL << 1)
#define UAPI_PIDFD_GET_INFO   _IOWR(0xFF, 11, struct uapi_pidfd_info) /* 6.13 */

struct uapi_pidfd_info {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
static_assert(sizeof(struct uapi_pidfd_info) == 64, "ABI");

/* netdev netlink */
#define UAPI_NETDEV_CMD_QUEUE_CREATE	16 /* 7.1 */
#define UAPI_NETDEV_A_QUEUE_IO_URING	6  /* 6.15 */
#define UAPI_NETDEV_A_QUEUE_XSK		7  /* 6.15 */
#define UAPI_NETDEV_A_QUEUE_LEASE	8  /* 7.1 */
#define UAPI_NETDEV_A_QUEUE_MAX		8
#define UAPI_NETDEV_A_LEASE_IFINDEX	1
#define UAPI_NETDEV_A_LEASE_QUEUE	2
#define UAPI_NETDEV_A_LEASE_NETNS_ID	3
#define UAPI_NETDEV_A_PAGE_POOL_IFINDEX 2
#define UAPI_NETDEV_CMD_NAPI_SET	14 /* 6.13 */
#define UAPI_NETDEV_A_NAPI_DEFER_HARD_IRQS 5
#define UAPI_NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT 6
#define UAPI_NETDEV_A_NAPI_IRQ_SUSPEND_TIMEOUT 7

/* rtnetlink, kind netkit */
#define UAPI_IFLA_NETKIT_PAIRING  10 /* 7.1 */
#define UAPI_NETKIT_DEVICE_SINGLE 1

/* io_uring */
#define UAPI_IORING_SETUP_R_DISABLED	(1U << 6)
#define UAPI_IORING_SETUP_CQE32		(1U << 11)
#define UAPI_IORING_SETUP_SINGLE_ISSUER (1U << 12)
#define UAPI_IORING_SETUP_DEFER_TASKRUN (1U << 13)

#define UAPI_IORING_REGISTER_ZCRX_IFQ 32 /* 6.15 */
#define UAPI_IORING_REGISTER_QUERY    35 /* 6.18 */
#define UAPI_IORING_REGISTER_ZCRX_CTRL 36 /* 6.19 */

#define UAPI_ZCRX_AREA_DMABUF 1 /* 6.16 */
#define UAPI_ZCRX_REG_IMPORT  1 /* 6.19 */
#define UAPI_ZCRX_REG_NODEV   2 /* 7.1 */
#define UAPI_ZCRX_REGION_OFFSET(id) (UINT64_C(0x30000000) + ((uint64_t)(id) << 16)) /* for mmap() */

#define UAPI_ZCRX_CTRL_EXPORT		1
#define UAPI_ZCRX_CTRL_ADD_AREA		3 /* 7.3 */
#define UAPI_ZCRX_FEATURE_RX_PAGE_SIZE	(1U << 0) /* 7.0 */
#define UAPI_ZCRX_FEATURE_EVENT		(1U << 1) /* 7.2 */
#define UAPI_ZCRX_EVENT_ALLOC_FAIL	0
#define UAPI_ZCRX_EVENT_COPY		1
#define UAPI_ZCRX_EVENT_DESC_FLAG_STATS (1U << 0)

struct uapi_zcrx_rqe {
	uint64_t off;
	uint32_t len;
	uint32_t pad;
};

struct uapi_zcrx_offsets {
	uint32_t head, tail, rqes, reserved;
	uint64_t reserved2[2];
};

struct uapi_zcrx_area_reg {
	uint64_t addr, len, rq_area_token;
	uint32_t flags, dmabuf_fd;
	uint64_t reserved[2];
};

struct uapi_zcrx_stats {
	uint64_t copy_count, copy_bytes;
};

struct uapi_zcrx_event_desc {
	uint64_t user_data;
	uint32_t type_mask, flags;
	uint64_t stats_offset;
	uint64_t reserved[9];
};

struct uapi_zcrx_ifq_reg {
	uint32_t if_idx, if_rxq, rq_entries, flags;
	uint64_t area_ptr, region_ptr;
	struct uapi_zcrx_offsets offsets;
	uint32_t zcrx_id, rx_buf_len;
	uint64_t event_desc; /* reserved and 0 before 7.2 */
	uint64_t reserved[2];
};

/* What follows the two words depends on the operation. */
struct uapi_zcrx_ctrl {
	uint32_t zcrx_id, op;
	uint64_t reserved[2];
	union {
		uint32_t exported_fd;
		uint64_t area_ptr;
		uint64_t words[6];
	};
};

struct uapi_region_desc {
	uint64_t user_addr, size;
	uint32_t flags, id;
	uint64_t mmap_offset, reserved[4];
};

struct uapi_query_hdr {
	uint64_t next_entry, query_data;
	uint32_t query_op, size;
	int32_t result;
	uint32_t reserved[3];
};

#define UAPI_QUERY_ZCRX 1

struct uapi_query_zcrx {
	uint64_t register_flags, area_flags;
	uint32_t nr_ctrl_opcodes, features, rq_hdr_size, rq_hdr_alignment;
	uint64_t reserved;
};

static_assert(sizeof(struct uapi_zcrx_rqe) == 16, "kernel ABI");
static_assert(sizeof(struct uapi_zcrx_area_reg) == 48, "kernel ABI");
static_assert(sizeof(struct uapi_zcrx_event_desc) == 96, "kernel ABI");
static_assert(sizeof(struct uapi_zcrx_ifq_reg) == 96, "kernel ABI");
static_assert(sizeof(struct uapi_zcrx_ctrl) == 72, "kernel ABI");
static_assert(sizeof(struct uapi_region_desc) == 64, "kernel ABI");
static_assert(sizeof(struct uapi_query_hdr) == 40, "kernel ABI");
static_assert(sizeof(struct uapi_query_zcrx) == 40, "kernel ABI");
