/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One interface of the kernel backend: the operations of struct nic_ops, spread over the files of
 * this folder. Used by one thread at a time; it has sockets of its own and shares nothing.
 */
#pragma once

#include "ethioctl.h"
#include "ethnl.h"
#include "netdev.h"
#include "nic.h"
#include "netlink.h"
#include "nft-guard.h"

struct kernel_nic {
	struct nic nic;
	struct netlink route, genl;
	int ioctl_fd;
	struct netlink_family ethtool, netdev;
	struct nft_guard guard;
	bool asked, no_queue_management; /* once: what netkit_ask() said */
	/* RSS contexts that the driver has lost, and that can therefore not be deleted: the core lists them for
	 * ever, and gives their numbers to no other. */
	uint32_t *lost_contexts;
	size_t n_lost_contexts;
	char driver[sizeof(((struct nic_link *)0)->driver)]; /* which an interface keeps; "": not read yet */
	char name[IFNAMSIZ]; /* as of the begin of this operation: devices are renamed */
};

static inline struct kernel_nic *kernel_nic(struct nic *nic)
{
	return (struct kernel_nic *)nic; /* the first member */
}

/* What goes by ioctl. Valid as long as the operation. */
static inline struct ethtool_device kernel_nic_device(const struct kernel_nic *nic)
{
	return (struct ethtool_device) { nic->ioctl_fd, nic->nic.ifindex, nic->name };
}

int kernel_nic_open(unsigned ifindex, const struct netlink_family *ethtool,
		    const struct netlink_family *netdev, struct nic **ret, struct fault *reterr);

/* Every operation starts with it. NO_SUCH_INTERFACE if it is gone. */
int kernel_nic_begin(struct kernel_nic *nic, struct fault *reterr);
/* What -ENODEV means: gone, or detached. */
int kernel_device_absent(const struct ethtool_device *d, const char *operation, struct fault *reterr);
int kernel_nic_absent(const struct kernel_nic *nic, const char *operation, struct fault *reterr);
/* For what asks nothing that a detached interface would refuse. */
int kernel_nic_check_present(const struct kernel_nic *nic, const char *operation, struct fault *reterr);

/* Reads one kind of setting. Negative errno as the kernel gives it; -EOPNOTSUPP where the device
 * has no such thing. */
int kernel_nic_read(struct kernel_nic *nic, uint8_t command, netlink_handler reader, void *ret);
int kernel_nic_read_rss(struct kernel_nic *nic, struct ethnl_rss *ret);
/* What the netdev family answers about all queues, without the rest of an observation. The caller
 * frees ret->queues. */
int kernel_nic_read_queues(struct kernel_nic *nic, struct netdev_queues *ret);

/* nic_ops */
int kernel_nic_observe(struct nic *nic, struct nic_state **ret, struct fault *reterr);
int kernel_nic_reach(struct nic *nic, struct reach *ret, struct fault *reterr);
int kernel_nic_observe_steering(struct nic *nic, struct nic_state **ret, struct fault *reterr);
int kernel_nic_counters(struct nic *nic, const uint32_t *queues, size_t n, struct nic_queue *ret,
			struct fault *reterr);
int kernel_nic_napi_get(struct nic *nic, uint32_t queue, struct napi_settings *ret,
			struct fault *reterr);
int kernel_nic_napi_set(struct nic *nic, uint32_t queue, const struct napi_settings *settings,
			unsigned which, struct fault *reterr);
int kernel_nic_irq_get(struct nic *nic, uint32_t queue, struct irq_affinity *ret,
		       struct fault *reterr);
int kernel_nic_irq_set(struct nic *nic, uint32_t queue, const struct irq_affinity *affinity,
		       struct fault *reterr);
int kernel_nic_apply(struct nic *nic, const struct step *steps, size_t n, struct fault *reterr);
int kernel_nic_context_create(struct nic *nic, const uint32_t *queues, size_t n,
			      uint32_t *ret_context, struct fault *reterr);
int kernel_nic_context_delete(struct nic *nic, uint32_t context, const uint32_t *queues, size_t n,
			      struct fault *reterr);
int kernel_nic_guard_set(struct nic *nic, const struct flow *flows, size_t n,
			 struct fault *reterr);
int kernel_nic_guard_keep(struct nic *nic, bool *ret_lost, struct fault *reterr);
