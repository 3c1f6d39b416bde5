// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flow steering rules (ethtool -N): a table of locations, lowest matching location wins. The core
 * checks next to nothing about rules, so this file does. wire.c calls zcnic_rule_match() for every
 * frame, under steer_lock.
 */
#include "zcnic.h"

/* How much of the specification of this flow type is compared, 0 for types not supported. */
static size_t zcnic_spec_len(u32 flow_type)
{
	switch (flow_type) {
	case TCP_V4_FLOW:
	case UDP_V4_FLOW:
		return offsetofend(struct ethtool_tcpip4_spec, tos);
	case TCP_V6_FLOW:
	case UDP_V6_FLOW:
		return offsetofend(struct ethtool_tcpip6_spec, tclass);
	}
	return 0;
}

/* Mask bits that are set must agree. Bytes after the specification are zero on both sides. */
static bool zcnic_rule_matches(const struct zcnic_rule *rule, const struct zcnic_flow *flow)
{
	const u32 *key = (const u32 *)&flow->key;
	const u32 *value = (const u32 *)&rule->spec.h_u;
	const u32 *mask = (const u32 *)&rule->spec.m_u;
	const size_t words = DIV_ROUND_UP(zcnic_spec_len(flow->type), sizeof(*key));

	if (rule->spec.flow_type != flow->type)
		return false;
	for (size_t i = 0; i < words; i++)
		if ((key[i] ^ value[i]) & mask[i])
			return false;
	return true;
}

struct zcnic_rule *zcnic_rule_match(struct zcnic_port *port, const struct zcnic_flow *flow)
{
	unsigned int location;

	if (!flow->type)
		return NULL;
	for_each_set_bit(location, port->rule_used, ZCNIC_MAX_RULES)
		if (zcnic_rule_matches(&port->rule[location], flow))
			return &port->rule[location];
	return NULL;
}

void zcnic_rules_flush(struct zcnic_port *port)
{
	spin_lock_bh(&port->steer_lock);
	bitmap_zero(port->rule_used, ZCNIC_MAX_RULES);
	spin_unlock_bh(&port->steer_lock);
}

static int zcnic_rule_check_target(const struct net_device *netdev, const struct zcnic_rule *rule)
{
	const u64 cookie = rule->spec.ring_cookie;

	if (cookie == RX_CLS_FLOW_DISC)
		return rule->rss ? -EINVAL : 0;
	if (cookie == RX_CLS_FLOW_WAKE)
		return -EOPNOTSUPP;
	if (ethtool_get_flow_spec_ring_vf(cookie) || cookie >= netdev->real_num_rx_queues)
		return -EINVAL;
	if (rule->context >= ZCNIC_MAX_CONTEXTS ||
	    (rule->rss && zcnic_has(netdev_priv(netdev), ZCNIC_NO_CONTEXTS)))
		return -EINVAL;
	return 0;
}

/* Every field matters as a whole, or not at all. */
static bool zcnic_fields_whole(const struct ethtool_rx_flow_spec *spec)
{
	const struct ethtool_tcpip4_spec *four = &spec->m_u.tcp_ip4_spec;
	const struct ethtool_tcpip6_spec *six = &spec->m_u.tcp_ip6_spec;

#define WHOLE(field)                                                                               \
	(!memchr_inv(&(field), 0, sizeof(field)) || !memchr_inv(&(field), 0xff, sizeof(field)))
	if (spec->flow_type == TCP_V4_FLOW || spec->flow_type == UDP_V4_FLOW)
		return WHOLE(four->ip4src) && WHOLE(four->ip4dst) && WHOLE(four->psrc) &&
		       WHOLE(four->pdst) && WHOLE(four->tos);
	return WHOLE(six->ip6src) && WHOLE(six->ip6dst) && WHOLE(six->psrc) && WHOLE(six->pdst) &&
	       WHOLE(six->tclass);
#undef WHOLE
}

/* Turns what the person asked for into a rule; location is dealt with elsewhere. */
static int zcnic_rule_parse(const struct net_device *netdev, const struct ethtool_rxnfc *nfc,
			    struct zcnic_rule *ret_rule)
{
	const u32 flow_type = nfc->fs.flow_type & ~FLOW_RSS;
	const size_t len = zcnic_spec_len(flow_type);
	struct zcnic_rule rule = {
		.spec.flow_type = flow_type,
		.spec.ring_cookie = nfc->fs.ring_cookie,
		.rss = nfc->fs.flow_type & FLOW_RSS,
	};
	int err;

	/* Includes FLOW_EXT and FLOW_MAC_EXT, whose bits are still in flow_type. */
	if (!len)
		return -EOPNOTSUPP;
	if (rule.rss)
		rule.context = nfc->rss_context;
	err = zcnic_rule_check_target(netdev, &rule);
	if (err)
		return err;

	memcpy(&rule.spec.h_u, &nfc->fs.h_u, len);
	memcpy(&rule.spec.m_u, &nfc->fs.m_u, len);
	if (zcnic_has(netdev_priv(netdev), ZCNIC_ONE_FIELD_SET) && !zcnic_fields_whole(&rule.spec))
		return -EOPNOTSUPP;
	*ret_rule = rule;
	return 0;
}

/* gve hands on what its device says: of a location that is in use, which need not be by a rule that it lists, and of
 * a full table. Under steer_lock. */
static int zcnic_rule_check_room(const struct zcnic_port *port, u32 location)
{
	if (!zcnic_has(port, ZCNIC_OTHER_ERRNOS))
		return 0;
	if (location == ZCNIC_HIDDEN_RULE || test_bit(location, port->rule_used))
		return -EINVAL;
	return bitmap_weight(port->rule_used, ZCNIC_MAX_RULES) >= ZCNIC_FEW_RULES ? -ENOMEM : 0;
}

/* Under steer_lock. */
static int zcnic_rule_choose_location(const struct zcnic_port *port, u32 wanted, u32 *ret_location)
{
	const bool special = wanted & RX_CLS_LOC_SPECIAL;
	u32 location = wanted;

	if (special && zcnic_has(port, ZCNIC_LOCATION_GIVEN))
		return -ENOSPC;
	if (!special && zcnic_has(port, ZCNIC_LOCATION_ANY))
		return -EINVAL;

	if (wanted == RX_CLS_LOC_LAST) {
		for (location = ZCNIC_MAX_RULES; location--;)
			if (!test_bit(location, port->rule_used))
				break;
		/* Wraps to a number that is out of range if all are used. */
	} else if (wanted == RX_CLS_LOC_ANY || wanted == RX_CLS_LOC_FIRST) {
		location = find_first_zero_bit(port->rule_used, ZCNIC_MAX_RULES);
	} else if (special) {
		return -EINVAL;
	}
	if (location >= ZCNIC_MAX_RULES)
		return special ? -ENOSPC : -EINVAL;
	if (test_bit(location, port->rule_used) && zcnic_has(port, ZCNIC_LOCATION_OCCUPIED))
		return -EEXIST;
	*ret_location = location;
	return zcnic_rule_check_room(port, location);
}

/* Some NICs have one layout of fields for a flow type, chosen by its first rule. Under steer_lock.
 */
static int zcnic_rule_check_fields(const struct zcnic_port *port, const struct zcnic_rule *rule,
				   u32 location)
{
	unsigned int other;

	if (!zcnic_has(port, ZCNIC_ONE_FIELD_SET))
		return 0;
	for_each_set_bit(other, port->rule_used, ZCNIC_MAX_RULES) {
		const struct ethtool_rx_flow_spec *spec = &port->rule[other].spec;

		if (other != location && spec->flow_type == rule->spec.flow_type &&
		    memcmp(&spec->m_u, &rule->spec.m_u, sizeof(spec->m_u)))
			return -EINVAL;
	}
	return 0;
}

static int zcnic_rule_insert(struct net_device *netdev, struct ethtool_rxnfc *nfc)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_rule rule;
	u32 location;
	int err;

	err = zcnic_fault(port, ZCNIC_OP_RULE_INS, NULL);
	if (err)
		return err;
	err = zcnic_rule_parse(netdev, nfc, &rule);
	if (err)
		return err;
	if (rule.rss && test_bit(rule.context, port->contexts_lost))
		return -ENOENT;

	spin_lock_bh(&port->steer_lock);
	err = zcnic_rule_choose_location(port, nfc->fs.location, &location);
	err = err ?: zcnic_rule_check_fields(port, &rule, location);
	if (!err) {
		rule.spec.location = location;
		port->rule[location] = rule;
		__set_bit(location, port->rule_used);
		nfc->fs.location = location;
	}
	spin_unlock_bh(&port->steer_lock);
	return err;
}

/* Some drivers show no rules while they are down, and have all of them back when they come up. */
static bool zcnic_rules_hidden(const struct net_device *netdev)
{
	return zcnic_has(netdev_priv(netdev), ZCNIC_DOWN_HIDES_RULES) && !netif_running(netdev);
}

static int zcnic_rule_delete(struct net_device *netdev, u32 location)
{
	struct zcnic_port *port = netdev_priv(netdev);
	bool found = false;
	int err;

	err = zcnic_fault(port, ZCNIC_OP_RULE_DEL, NULL);
	if (err)
		return err;
	if (zcnic_rules_hidden(netdev))
		return -EINVAL;

	spin_lock_bh(&port->steer_lock);
	if (location < ZCNIC_MAX_RULES)
		found = __test_and_clear_bit(location, port->rule_used);
	spin_unlock_bh(&port->steer_lock);
	return found ? 0 : -ENOENT;
}

int zcnic_set_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *nfc)
{
	if (!(netdev->features & NETIF_F_NTUPLE))
		return -EOPNOTSUPP;

	switch (nfc->cmd) {
	case ETHTOOL_SRXCLSRLINS:
		return zcnic_rule_insert(netdev, nfc);
	case ETHTOOL_SRXCLSRLDEL:
		return zcnic_rule_delete(netdev, nfc->fs.location);
	}
	return -EOPNOTSUPP;
}

static u64 zcnic_rule_table_size(const struct zcnic_port *port)
{
	return zcnic_has(port, ZCNIC_TABLE_SILENT) ? 0 : ZCNIC_MAX_RULES;
}

/*
 * Somebody adds a rule, or deletes one, between the count and the list, again and again: every third count
 * of zcrxd's is by one too low or too high. Whoever else looks, a test for one, finds what there is.
 */
static int zcnic_rule_race(struct zcnic_port *port, unsigned int count)
{
	unsigned int n;

	if (!zcnic_has(port, ZCNIC_LISTS_RACE) || strcmp(current->group_leader->comm, "zcrxd"))
		return 0;
	n = port->counted_rules++;
	if (n % 3 != 2)
		return 0;
	return n % 2 || !count ? 1 : -1;
}

static int zcnic_rule_count(struct zcnic_port *port, struct ethtool_rxnfc *nfc)
{
	nfc->rule_cnt = zcnic_rules_hidden(port->netdev) ?
				0 : bitmap_weight(port->rule_used, ZCNIC_MAX_RULES);
	nfc->rule_cnt += zcnic_rule_race(port, nfc->rule_cnt);
	nfc->data = zcnic_rule_table_size(port);
	if (!zcnic_has(port, ZCNIC_LOCATION_GIVEN))
		nfc->data |= RX_CLS_LOC_SPECIAL;
	return zcnic_fault(port, ZCNIC_OP_RULE_COUNT, NULL);
}

static int zcnic_rule_list(struct zcnic_port *port, struct ethtool_rxnfc *nfc, u32 *locs)
{
	unsigned int count = 0;
	unsigned int location;

	for_each_set_bit(location, port->rule_used, ZCNIC_MAX_RULES) {
		if (zcnic_rules_hidden(port->netdev))
			break;
		if (count == nfc->rule_cnt && zcnic_has(port, ZCNIC_LISTS_RACE))
			break;
		if (count == nfc->rule_cnt)
			return -EMSGSIZE;
		locs[count++] = location;
	}
	if (count < nfc->rule_cnt && zcnic_has(port, ZCNIC_LISTS_RACE))
		return -EINVAL;
	nfc->rule_cnt = count;
	nfc->data = zcnic_rule_table_size(port);
	return zcnic_fault(port, ZCNIC_OP_RULE_LIST, NULL);
}

static int zcnic_rule_get(struct zcnic_port *port, struct ethtool_rxnfc *nfc)
{
	const u32 location = nfc->fs.location;
	const struct zcnic_rule *rule;

	if (location >= ZCNIC_MAX_RULES || !test_bit(location, port->rule_used) ||
	    zcnic_rules_hidden(port->netdev)) {
		/* ethtool lists rules one after the other while others delete them. */
		if (strcmp(current->comm, "ethtool"))
			WRITE_ONCE(port->unlisted_reads, port->unlisted_reads + 1);
		return location >= ZCNIC_MAX_RULES ? -EINVAL : -ENOENT;
	}

	rule = &port->rule[location];
	nfc->fs = rule->spec;
	if (rule->rss) {
		nfc->fs.flow_type |= FLOW_RSS;
		nfc->rss_context = rule->context;
	}
	return zcnic_fault(port, ZCNIC_OP_RULE_GET, NULL);
}

/* Rules change only under the instance lock, which the caller has: no need for steer_lock. */
int zcnic_get_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *nfc, u32 *locs)
{
	struct zcnic_port *port = netdev_priv(netdev);

	switch (nfc->cmd) {
	case ETHTOOL_GRXCLSRLCNT:
		return zcnic_rule_count(port, nfc);
	case ETHTOOL_GRXCLSRLALL:
		return zcnic_rule_list(port, nfc, locs);
	case ETHTOOL_GRXCLSRULE:
		return zcnic_rule_get(port, nfc);
	}
	return -EOPNOTSUPP;
}
