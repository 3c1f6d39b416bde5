/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ethtool family in bytes: requests are built, replies are read into plain values. No socket
 * here, so that every byte sequence can be tried. The readers are nl_handlers: their userdata is
 * what they fill. They take any bytes; -EBADMSG for what is no such reply.
 */
#pragma once

#include "nic-state.h"
#include "netlink.h"

struct ethnl_rings {
	unsigned rx, rx_max, rx_jumbo;
	bool has_split, has_hds_threshold;
	enum data_split split;
	unsigned hds_threshold;
};

struct ethnl_features {
	enum feature_state ntuple, gro_hw;
};

/* Of mlx5; false for whoever has none of these names. */
struct ethnl_private_flags {
	bool cqe_compression, striding_rq;
};

/* What is to be set of them, in one call. */
struct ethnl_rings_change {
	bool has_split, has_hds_threshold, has_rx;
	enum data_split split;
	unsigned hds_threshold, rx;
};

/* Every RSS table of one device. */
struct ethnl_rss {
	unsigned ifindex;
	struct rss_table *tables;
	size_t n;
};

struct nl_msg *ethnl_request(const struct netlink_family *family, uint8_t command,
			     unsigned ifindex);
/* Only the counts that differ. */
struct nl_msg *ethnl_set_channels(const struct netlink_family *family, unsigned ifindex,
				  const struct nic_channels *from, const struct nic_channels *to);
struct nl_msg *ethnl_set_rings(const struct netlink_family *family, unsigned ifindex,
			       const struct ethnl_rings_change *c);
/* Is always refused, before the driver is asked: with EOPNOTSUPP if it can set no split at all. */
struct nl_msg *ethnl_probe_split(const struct netlink_family *family, unsigned ifindex);
/* No entries: back to the driver's default. */
struct nl_msg *ethnl_set_rss(const struct netlink_family *family, unsigned ifindex,
			     const uint32_t *entries, size_t n);
/* A further RSS context with this table; ethnl_read_context gets its id. And without it again. */
struct nl_msg *ethnl_create_context(const struct netlink_family *family, unsigned ifindex,
				    const uint32_t *entries, size_t n);
struct nl_msg *ethnl_delete_context(const struct netlink_family *family, unsigned ifindex,
				    uint32_t context);
struct nl_msg *ethnl_set_feature(const struct netlink_family *family, unsigned ifindex,
				 const char *name, bool on);

int ethnl_read_channels(const struct nlmsghdr *m, void *channels /* struct nic_channels */);
int ethnl_read_rings(const struct nlmsghdr *m, void *rings /* struct ethnl_rings */);
int ethnl_read_features(const struct nlmsghdr *m, void *features /* struct ethnl_features */);
int ethnl_read_private_flags(const struct nlmsghdr *m, void *flags /* struct ethnl_private_flags */);
/* Appends the tables of a dump. */
int ethnl_read_rss(const struct nlmsghdr *m, void *rss /* struct ethnl_rss */);
void ethnl_rss_reset(void *rss);
int ethnl_read_context(const struct nlmsghdr *m, void *context /* uint32_t */);

/* Which device a notification is about; 0 if it does not say. */
unsigned ethnl_read_ifindex(const struct nlmsghdr *m);
