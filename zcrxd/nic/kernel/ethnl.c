/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ethtool netlink messages to values and back; see ethnl.h.
 */
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>

#include "ethnl.h"
#include "uapi.h"

/* A device with more queues or table entries than this does not exist; a message that says so is
 * not believed. */
#define RSS_ENTRIES_MAX	 65536
#define RSS_CONTEXTS_MAX 4096

#define FEATURE_NTUPLE "rx-ntuple-filter"
#define FEATURE_GRO_HW "rx-gro-hw"

static struct nl_msg *request(const struct netlink_family *family, uint8_t command,
			      unsigned ifindex, size_t room)
{
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_size(256 + room);
	const struct genlmsghdr genl = { .cmd = command, .version = ETHTOOL_GENL_VERSION };
	struct nlattr *header;

	if (!m || !nlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, family->id, GENL_HDRLEN, 0))
		return NULL;
	memcpy(nlmsg_data(nlmsg_hdr(m)), &genl, sizeof(genl));
	/* The header nest is attribute 1 of every message. */
	header = nla_nest_start(m, ETHTOOL_A_CHANNELS_HEADER | NLA_F_NESTED);
	if (!header || nla_put_u32(m, ETHTOOL_A_HEADER_DEV_INDEX, ifindex) < 0 ||
	    nla_nest_end(m, header) < 0)
		return NULL;
	return TAKE_PTR(m);
}

struct nl_msg *ethnl_request(const struct netlink_family *family, uint8_t command, unsigned ifindex)
{
	return request(family, command, ifindex, 0);
}

struct nl_msg *ethnl_set_channels(const struct netlink_family *family, unsigned ifindex,
				  const struct nic_channels *from, const struct nic_channels *to)
{
	_cleanup_nl_msg_ struct nl_msg *m = request(family, ETHTOOL_MSG_CHANNELS_SET, ifindex, 0);
	const struct {
		int attribute;
		unsigned from, to;
	} counts[] = {
		{ ETHTOOL_A_CHANNELS_COMBINED_COUNT, from->combined, to->combined },
		{ ETHTOOL_A_CHANNELS_RX_COUNT, from->rx, to->rx },
		{ ETHTOOL_A_CHANNELS_TX_COUNT, from->tx, to->tx },
		{ ETHTOOL_A_CHANNELS_OTHER_COUNT, from->other, to->other },
	};

	if (!m)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (counts[i].from != counts[i].to &&
		    nla_put_u32(m, counts[i].attribute, counts[i].to) < 0)
			return NULL;
	return TAKE_PTR(m);
}

struct nl_msg *ethnl_set_rings(const struct netlink_family *family, unsigned ifindex,
			       const struct ethnl_rings_change *c)
{
	_cleanup_nl_msg_ struct nl_msg *m = request(family, ETHTOOL_MSG_RINGS_SET, ifindex, 0);

	if (!m || (c->has_split && nla_put_u8(m, ETHTOOL_A_RINGS_TCP_DATA_SPLIT, (uint8_t)c->split) < 0) ||
	    (c->has_hds_threshold && nla_put_u32(m, UAPI_ETHTOOL_A_RINGS_HDS_THRESH, c->hds_threshold) < 0) ||
	    (c->has_rx && nla_put_u32(m, ETHTOOL_A_RINGS_RX, c->rx) < 0))
		return NULL;
	return TAKE_PTR(m);
}

struct nl_msg *ethnl_probe_split(const struct netlink_family *family, unsigned ifindex)
{
	/* What a driver supports is checked first, then the ring against its maximum. */
	return ethnl_set_rings(family, ifindex,
			       &(struct ethnl_rings_change){ .has_split = true,
							     .split = SPLIT_ENABLED,
							     .has_rx = true,
							     .rx = UINT32_MAX });
}

static struct nl_msg *table_message(const struct netlink_family *family, uint8_t command,
				    unsigned ifindex, const uint32_t *entries, size_t n)
{
	_cleanup_nl_msg_ struct nl_msg *m = request(family, command, ifindex, n * sizeof(*entries));

	if (!m || n > RSS_ENTRIES_MAX / 8 ||
	    nla_put(m, ETHTOOL_A_RSS_INDIR, (int)(n * sizeof(*entries)), entries) < 0)
		return NULL;
	return TAKE_PTR(m);
}

struct nl_msg *ethnl_set_rss(const struct netlink_family *family, unsigned ifindex,
			     const uint32_t *entries, size_t n)
{
	return table_message(family, UAPI_ETHTOOL_MSG_RSS_SET, ifindex, entries, n);
}

struct nl_msg *ethnl_create_context(const struct netlink_family *family, unsigned ifindex,
				    const uint32_t *entries, size_t n)
{
	return table_message(family, UAPI_ETHTOOL_MSG_RSS_CREATE_ACT, ifindex, entries, n);
}

struct nl_msg *ethnl_delete_context(const struct netlink_family *family, unsigned ifindex,
				    uint32_t context)
{
	_cleanup_nl_msg_ struct nl_msg *m =
		request(family, UAPI_ETHTOOL_MSG_RSS_DELETE_ACT, ifindex, 0);

	if (!m || nla_put_u32(m, ETHTOOL_A_RSS_CONTEXT, context) < 0)
		return NULL;
	return TAKE_PTR(m);
}

/* WANTED { BITS { BIT { NAME, VALUE } } }: only the bits listed are touched. */
struct nl_msg *ethnl_set_feature(const struct netlink_family *family, unsigned ifindex,
				 const char *name, bool on)
{
	_cleanup_nl_msg_ struct nl_msg *m = request(family, ETHTOOL_MSG_FEATURES_SET, ifindex, 0);
	struct nlattr *wanted, *bits, *bit;

	if (!m)
		return NULL;
	wanted = nla_nest_start(m, ETHTOOL_A_FEATURES_WANTED | NLA_F_NESTED);
	bits = wanted ? nla_nest_start(m, ETHTOOL_A_BITSET_BITS | NLA_F_NESTED) : NULL;
	bit = bits ? nla_nest_start(m, ETHTOOL_A_BITSET_BITS_BIT | NLA_F_NESTED) : NULL;
	if (!bit || nla_put_string(m, ETHTOOL_A_BITSET_BIT_NAME, name) < 0 ||
	    (on && nla_put_flag(m, ETHTOOL_A_BITSET_BIT_VALUE) < 0) || nla_nest_end(m, bit) < 0 ||
	    nla_nest_end(m, bits) < 0 || nla_nest_end(m, wanted) < 0)
		return NULL;
	return TAKE_PTR(m);
}

int ethnl_read_channels(const struct nlmsghdr *m, void *channels)
{
	struct nlattr *tb[ETHTOOL_A_CHANNELS_COMBINED_COUNT + 1];
	int r = netlink_parse_genl(m, NULL, tb, ETHTOOL_A_CHANNELS_COMBINED_COUNT);

	if (r < 0)
		return r;
	*(struct nic_channels *)channels = (struct nic_channels) {
		.combined = attr_u32(tb[ETHTOOL_A_CHANNELS_COMBINED_COUNT], 0),
		.combined_max = attr_u32(tb[ETHTOOL_A_CHANNELS_COMBINED_MAX], 0),
		.rx = attr_u32(tb[ETHTOOL_A_CHANNELS_RX_COUNT], 0),
		.rx_max = attr_u32(tb[ETHTOOL_A_CHANNELS_RX_MAX], 0),
		.tx = attr_u32(tb[ETHTOOL_A_CHANNELS_TX_COUNT], 0),
		.tx_max = attr_u32(tb[ETHTOOL_A_CHANNELS_TX_MAX], 0),
		.other = attr_u32(tb[ETHTOOL_A_CHANNELS_OTHER_COUNT], 0),
		.other_max = attr_u32(tb[ETHTOOL_A_CHANNELS_OTHER_MAX], 0),
	};
	return 0;
}

int ethnl_read_rings(const struct nlmsghdr *m, void *rings)
{
	struct nlattr *tb[UAPI_ETHTOOL_A_RINGS_HDS_THRESH + 1];
	int r = netlink_parse_genl(m, NULL, tb, UAPI_ETHTOOL_A_RINGS_HDS_THRESH);
	uint32_t split;

	if (r < 0)
		return r;
	split = attr_u32(tb[ETHTOOL_A_RINGS_TCP_DATA_SPLIT], _SPLIT_MAX);
	*(struct ethnl_rings *)rings = (struct ethnl_rings) {
		.rx = attr_u32(tb[ETHTOOL_A_RINGS_RX], 0),
		.rx_max = attr_u32(tb[ETHTOOL_A_RINGS_RX_MAX], 0),
		.rx_jumbo = attr_u32(tb[ETHTOOL_A_RINGS_RX_JUMBO], 0),
		.has_split = split < _SPLIT_MAX,
		.split = split < _SPLIT_MAX ? (enum data_split)split : SPLIT_UNKNOWN,
		/* Only there if the driver can be given one. */
		.has_hds_threshold = tb[UAPI_ETHTOOL_A_RINGS_HDS_THRESH],
		.hds_threshold = attr_u32(tb[UAPI_ETHTOOL_A_RINGS_HDS_THRESH], 0),
	};
	return 0;
}

/* The verbose form without a mask: a bit that is listed is set. */
static bool bitset_has(struct nlattr *bitset, const char *wanted)
{
	struct nlattr *tb[ETHTOOL_A_BITSET_MAX + 1], *bit_tb[ETHTOOL_A_BITSET_BIT_MAX + 1], *bit;
	const char *name;
	int rem;

	if (!bitset || netlink_parse_nested(bitset, tb, ETHTOOL_A_BITSET_MAX) < 0 ||
	    !tb[ETHTOOL_A_BITSET_BITS])
		return false;
	nla_for_each_nested(bit, tb[ETHTOOL_A_BITSET_BITS], rem)
	{
		if (netlink_parse_nested(bit, bit_tb, ETHTOOL_A_BITSET_BIT_MAX) < 0 ||
		    !bit_tb[ETHTOOL_A_BITSET_BIT_NAME])
			continue;
		name = nla_data(bit_tb[ETHTOOL_A_BITSET_BIT_NAME]);
		if (strnlen(name, (size_t)nla_len(bit_tb[ETHTOOL_A_BITSET_BIT_NAME])) ==
			    strlen(wanted) &&
		    memcmp(name, wanted, strlen(wanted)) == 0)
			return tb[ETHTOOL_A_BITSET_NOMASK] || bit_tb[ETHTOOL_A_BITSET_BIT_VALUE];
	}
	return false;
}

static enum feature_state feature_state(struct nlattr **tb, const char *name)
{
	const bool changeable = bitset_has(tb[ETHTOOL_A_FEATURES_HW], name) &&
				!bitset_has(tb[ETHTOOL_A_FEATURES_NOCHANGE], name);

	if (bitset_has(tb[ETHTOOL_A_FEATURES_ACTIVE], name))
		return changeable ? FEATURE_ON : FEATURE_FIXED_ON;
	return changeable ? FEATURE_OFF : FEATURE_FIXED_OFF;
}

int ethnl_read_features(const struct nlmsghdr *m, void *features)
{
	struct nlattr *tb[ETHTOOL_A_FEATURES_MAX + 1];
	int r = netlink_parse_genl(m, NULL, tb, ETHTOOL_A_FEATURES_MAX);

	if (r < 0)
		return r;
	*(struct ethnl_features *)features = (struct ethnl_features) {
		.ntuple = feature_state(tb, FEATURE_NTUPLE),
		.gro_hw = feature_state(tb, FEATURE_GRO_HW),
	};
	return 0;
}

int ethnl_read_private_flags(const struct nlmsghdr *m, void *flags)
{
	struct nlattr *tb[ETHTOOL_A_PRIVFLAGS_MAX + 1];
	int r = netlink_parse_genl(m, NULL, tb, ETHTOOL_A_PRIVFLAGS_MAX);

	if (r < 0)
		return r;
	*(struct ethnl_private_flags *)flags = (struct ethnl_private_flags) {
		.cqe_compression = bitset_has(tb[ETHTOOL_A_PRIVFLAGS_FLAGS], "rx_cqe_compress"),
		.striding_rq = bitset_has(tb[ETHTOOL_A_PRIVFLAGS_FLAGS], "rx_striding_rq"),
	};
	return 0;
}

int ethnl_read_rss(const struct nlmsghdr *m, void *rss)
{
	struct nlattr *tb[ETHTOOL_A_RSS_INPUT_XFRM + 1];
	struct ethnl_rss *all = rss;
	struct rss_table table = {}, *tables;
	size_t bytes;
	int r = netlink_parse_genl(m, NULL, tb, ETHTOOL_A_RSS_INPUT_XFRM);

	if (r < 0)
		return r;
	if (ethnl_read_ifindex(m) != all->ifindex) /* a kernel that dumps every device */
		return 0;
	table.context = attr_u32(tb[ETHTOOL_A_RSS_CONTEXT], 0);
	bytes = tb[ETHTOOL_A_RSS_INDIR] ? (size_t)nla_len(tb[ETHTOOL_A_RSS_INDIR]) : 0;
	table.n = bytes / sizeof(*table.entries);
	if (table.n > RSS_ENTRIES_MAX || all->n >= RSS_CONTEXTS_MAX)
		return -EBADMSG;
	tables = reallocarray(all->tables, all->n + 1, sizeof(*tables));
	if (!tables)
		return -ENOMEM;
	all->tables = tables;
	if (table.n > 0) {
		table.entries = calloc(table.n, sizeof(*table.entries));
		if (!table.entries)
			return -ENOMEM;
		memcpy(table.entries, nla_data(tb[ETHTOOL_A_RSS_INDIR]),
		       table.n * sizeof(*table.entries));
	}
	tables[all->n++] = table;
	return 0;
}

void ethnl_rss_reset(void *rss)
{
	struct ethnl_rss *all = rss;

	for (size_t i = 0; i < all->n; i++)
		free(all->tables[i].entries);
	free(all->tables);
	*all = (struct ethnl_rss) { .ifindex = all->ifindex };
}

int ethnl_read_context(const struct nlmsghdr *m, void *context)
{
	struct nlattr *tb[ETHTOOL_A_RSS_CONTEXT + 1];
	int r = netlink_parse_genl(m, NULL, tb, ETHTOOL_A_RSS_CONTEXT);

	if (r >= 0)
		*(uint32_t *)context = attr_u32(tb[ETHTOOL_A_RSS_CONTEXT], 0);
	return r;
}

unsigned ethnl_read_ifindex(const struct nlmsghdr *m)
{
	struct nlattr *tb[ETHTOOL_A_CHANNELS_HEADER + 1], *header[ETHTOOL_A_HEADER_MAX + 1];

	if (netlink_parse_genl(m, NULL, tb, ETHTOOL_A_CHANNELS_HEADER) < 0 ||
	    !tb[ETHTOOL_A_CHANNELS_HEADER] ||
	    netlink_parse_nested(tb[ETHTOOL_A_CHANNELS_HEADER], header, ETHTOOL_A_HEADER_MAX) < 0)
		return 0;
	return attr_u32(header[ETHTOOL_A_HEADER_DEV_INDEX], 0);
}
