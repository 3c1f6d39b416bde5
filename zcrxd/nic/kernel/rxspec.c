/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows to the kernel's rule format and back. Pure. In masks a one bit is one that must match.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "rxnfc.h"

static void mask_of(unsigned prefix, uint8_t *mask, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned bits = prefix > i * 8 ? prefix - (unsigned)i * 8 : 0;

		mask[i] = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
	}
}

/* False if the mask is no prefix. */
static bool prefix_of(const uint8_t *mask, size_t n, uint8_t *ret)
{
	uint8_t again[16];
	unsigned prefix = 0;

	while (prefix < n * 8 && mask[prefix / 8] & 0x80 >> prefix % 8)
		prefix++;
	mask_of(prefix, again, n);
	*ret = (uint8_t)prefix;
	return memcmp(again, mask, n) == 0;
}

static void put_address(const struct flow_address *a, void *value, void *mask, size_t n)
{
	memcpy(value, a->bytes, n);
	mask_of(a->prefix, mask, n);
}

static bool get_address(const void *value, const void *mask, size_t n, struct flow_address *ret)
{
	struct flow_address a = {};

	if (!prefix_of(mask, n, &a.prefix))
		return false;
	for (size_t i = 0; i < n; i++)
		a.bytes[i] = ((const uint8_t *)value)[i] & ((const uint8_t *)mask)[i];
	*ret = a;
	return true;
}

static void put_port(uint16_t port, __be16 *value, __be16 *mask)
{
	*value = htons(port);
	*mask = port ? 0xffff : 0;
}

static bool get_port(__be16 value, __be16 mask, uint16_t *ret)
{
	/* Port 0 cannot be told from "any" in a flow. */
	if (mask != 0 && (mask != 0xffff || value == 0))
		return false;
	*ret = mask ? ntohs(value) : 0;
	return true;
}

/* A context chooses the queue by itself: a queue beside it is an offset, which few drivers take. */
void rxnfc_from_flow(const struct flow *flow, const struct rule_target *target,
		     struct ethtool_rxnfc *ret)
{
	const bool to_context = target->action == RULE_TO_CONTEXT;
	struct ethtool_rx_flow_spec fs = { .ring_cookie = to_context ? 0 : target->number };
	struct ethtool_tcpip4_spec *v4 = &fs.h_u.tcp_ip4_spec, *m4 = &fs.m_u.tcp_ip4_spec;
	struct ethtool_tcpip6_spec *v6 = &fs.h_u.tcp_ip6_spec, *m6 = &fs.m_u.tcp_ip6_spec;

	switch (flow->protocol) {
	case FLOW_TCP4:
		fs.flow_type = TCP_V4_FLOW;
		put_address(&flow->source, &v4->ip4src, &m4->ip4src, sizeof(v4->ip4src));
		put_address(&flow->destination, &v4->ip4dst, &m4->ip4dst, sizeof(v4->ip4dst));
		put_port(flow->source_port, &v4->psrc, &m4->psrc);
		put_port(flow->destination_port, &v4->pdst, &m4->pdst);
		break;
	case FLOW_TCP6:
		fs.flow_type = TCP_V6_FLOW;
		put_address(&flow->source, v6->ip6src, m6->ip6src, sizeof(v6->ip6src));
		put_address(&flow->destination, v6->ip6dst, m6->ip6dst, sizeof(v6->ip6dst));
		put_port(flow->source_port, &v6->psrc, &m6->psrc);
		put_port(flow->destination_port, &v6->pdst, &m6->pdst);
		break;
	case _FLOW_PROTOCOL_MAX:
		break;
	}
	*ret = (struct ethtool_rxnfc) { .rss_context = to_context ? target->number : 0 };
	ret->fs = fs;
	if (to_context)
		ret->fs.flow_type |= FLOW_RSS;
}

/* A mask of VLAN tag, MAC address or driver data narrows the rule in a way that no flow says. */
static bool is_extended(const struct ethtool_rx_flow_spec *fs)
{
	static const struct ethtool_flow_ext none;

	return (fs->flow_type & FLOW_EXT && (fs->m_ext.vlan_etype || fs->m_ext.vlan_tci ||
					     fs->m_ext.data[0] || fs->m_ext.data[1])) ||
	       (fs->flow_type & FLOW_MAC_EXT &&
		memcmp(fs->m_ext.h_dest, none.h_dest, sizeof(none.h_dest)) != 0);
}

static bool to_flow(const struct ethtool_rx_flow_spec *fs, struct flow *ret)
{
	const struct ethtool_tcpip4_spec *v4 = &fs->h_u.tcp_ip4_spec, *m4 = &fs->m_u.tcp_ip4_spec;
	const struct ethtool_tcpip6_spec *v6 = &fs->h_u.tcp_ip6_spec, *m6 = &fs->m_u.tcp_ip6_spec;

	if (is_extended(fs))
		return false;
	switch (fs->flow_type & ~(FLOW_EXT | FLOW_MAC_EXT | FLOW_RSS)) {
	case TCP_V4_FLOW:
		ret->protocol = FLOW_TCP4;
		return m4->tos == 0 &&
		       get_address(&v4->ip4src, &m4->ip4src, sizeof(v4->ip4src), &ret->source) &&
		       get_address(&v4->ip4dst, &m4->ip4dst, sizeof(v4->ip4dst),
				   &ret->destination) &&
		       get_port(v4->psrc, m4->psrc, &ret->source_port) &&
		       get_port(v4->pdst, m4->pdst, &ret->destination_port);
	case TCP_V6_FLOW:
		ret->protocol = FLOW_TCP6;
		return m6->tclass == 0 &&
		       get_address(v6->ip6src, m6->ip6src, sizeof(v6->ip6src), &ret->source) &&
		       get_address(v6->ip6dst, m6->ip6dst, sizeof(v6->ip6dst), &ret->destination) &&
		       get_port(v6->psrc, m6->psrc, &ret->source_port) &&
		       get_port(v6->pdst, m6->pdst, &ret->destination_port);
	default:
		return false;
	}
}

/* A layer 4 other than TCP. */
static bool is_other_protocol(const struct ethtool_rx_flow_spec *fs)
{
	switch (fs->flow_type & ~(FLOW_EXT | FLOW_MAC_EXT | FLOW_RSS)) {
	case UDP_V4_FLOW:
	case SCTP_V4_FLOW:
	case AH_V4_FLOW:
	case ESP_V4_FLOW:
	case UDP_V6_FLOW:
	case SCTP_V6_FLOW:
	case AH_V6_FLOW:
	case ESP_V6_FLOW:
		return true;
	case IPV4_USER_FLOW:
		return fs->m_u.usr_ip4_spec.proto == 0xff &&
		       fs->h_u.usr_ip4_spec.proto != IPPROTO_TCP;
	case IPV6_USER_FLOW:
		return fs->m_u.usr_ip6_spec.l4_proto == 0xff &&
		       fs->h_u.usr_ip6_spec.l4_proto != IPPROTO_TCP;
	default: /* the kernel's numbers */
		return false;
	}
}

void rxnfc_to_rule(const struct ethtool_rxnfc *nfc, struct nic_rule *ret)
{
	const struct ethtool_rx_flow_spec *fs = &nfc->fs;
	struct nic_rule rule = { .location = fs->location };
	struct flow flow = {};

	if (fs->ring_cookie == RX_CLS_FLOW_DISC) {
		rule.action = RULE_DROP;
	} else if (fs->ring_cookie == RX_CLS_FLOW_WAKE ||
		   ethtool_get_flow_spec_ring_vf(fs->ring_cookie)) {
		rule.action = RULE_OTHER;
	} else if (fs->flow_type & FLOW_RSS) {
		rule.action = RULE_TO_CONTEXT;
		rule.target = nfc->rss_context;
	} else {
		rule.action = RULE_TO_QUEUE;
		rule.target = (uint32_t)ethtool_get_flow_spec_ring(fs->ring_cookie);
	}
	rule.understood = to_flow(fs, &flow);
	if (rule.understood)
		rule.flow = flow;
	rule.other_protocol = is_other_protocol(fs);
	*ret = rule;
}
