// SPDX-License-Identifier: GPL-2.0-only
/*
 * From one port to the other: transmit, and what the receiving NIC's parser does with a frame
 * (headers, checksum, rules, RSS) before it waits on a queue's wire. Runs on the sender's CPU with
 * bottom halves off, under RCU; touches the receiving port only through its locks.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/if_vlan.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/dsfield.h>
#include <net/gso.h>
#include <net/ip6_checksum.h>

#include "zcnic.h"

/* Where the layers of a frame lie. IPv6 extension headers are not walked. */
struct zcnic_layers {
	u8 proto;
	bool ipv6;
	unsigned int l3;  /* offset of the IP header */
	unsigned int l4;  /* offset of the transport header; 0: not IP, or a fragment */
	unsigned int end; /* end of the IP datagram; the frame may be longer (padding) */
};

static bool zcnic_parse_ipv4(struct sk_buff *skb, struct zcnic_flow *flow,
			     struct zcnic_layers *layers)
{
	struct iphdr buf;
	const struct iphdr *ip = skb_header_pointer(skb, layers->l3, sizeof(buf), &buf);

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return false;

	flow->key.tcp_ip4_spec.ip4src = ip->saddr;
	flow->key.tcp_ip4_spec.ip4dst = ip->daddr;
	flow->key.tcp_ip4_spec.tos = ip->tos;
	flow->hash_len = offsetof(struct ethtool_tcpip4_spec, psrc);
	if (ip_is_fragment(ip))
		return false;
	layers->proto = ip->protocol;
	layers->l4 = layers->l3 + ip->ihl * 4;
	layers->end = layers->l3 + ntohs(ip->tot_len);
	return true;
}

static bool zcnic_parse_ipv6(struct sk_buff *skb, struct zcnic_flow *flow,
			     struct zcnic_layers *layers)
{
	struct ethtool_tcpip6_spec *key = &flow->key.tcp_ip6_spec;
	struct ipv6hdr buf;
	const struct ipv6hdr *ip = skb_header_pointer(skb, layers->l3, sizeof(buf), &buf);

	if (!ip || ip->version != 6)
		return false;

	memcpy(key->ip6src, &ip->saddr, sizeof(key->ip6src));
	memcpy(key->ip6dst, &ip->daddr, sizeof(key->ip6dst));
	key->tclass = ipv6_get_dsfield(ip);
	flow->hash_len = offsetof(struct ethtool_tcpip6_spec, psrc);
	layers->proto = ip->nexthdr;
	layers->ipv6 = true;
	layers->l4 = layers->l3 + sizeof(*ip);
	layers->end = layers->l4 + ntohs(ip->payload_len);
	return true;
}

/* The offset of a TCP frame's payload, 0 if the header is not whole. */
static unsigned int zcnic_tcp_payload(struct sk_buff *skb, const struct zcnic_layers *layers)
{
	struct tcphdr buf;
	const struct tcphdr *tcp = skb_header_pointer(skb, layers->l4, sizeof(buf), &buf);
	unsigned int payload;

	if (!tcp || tcp->doff < 5)
		return 0;
	payload = layers->l4 + tcp->doff * 4;
	return payload <= layers->end ? payload : 0;
}

static bool zcnic_csum_ok(struct sk_buff *skb, const struct zcnic_flow *flow,
			  const struct zcnic_layers *layers)
{
	const unsigned int len = layers->end - layers->l4;
	const __wsum sum = skb_checksum(skb, layers->l4, len, 0);
	const struct ethtool_tcpip6_spec *key6 = &flow->key.tcp_ip6_spec;
	const struct ethtool_tcpip4_spec *key4 = &flow->key.tcp_ip4_spec;

	if (layers->ipv6)
		return !csum_ipv6_magic((const struct in6_addr *)key6->ip6src,
					(const struct in6_addr *)key6->ip6dst, len, layers->proto,
					sum);
	return !csum_tcpudp_magic(key4->ip4src, key4->ip4dst, len, layers->proto, sum);
}

/* What the frame carries, behind the Ethernet header and one VLAN tag; 0 if the tag is not whole. */
static __be16 zcnic_parse_ether(struct sk_buff *skb, struct zcnic_layers *layers)
{
	struct vlan_hdr buf;
	const struct vlan_hdr *tag;

	layers->l3 = ETH_HLEN;
	if (skb->protocol != htons(ETH_P_8021Q))
		return skb->protocol;
	layers->l3 += VLAN_HLEN;
	tag = skb_header_pointer(skb, ETH_HLEN, sizeof(buf), &buf);
	return tag ? tag->h_vlan_encapsulated_proto : 0;
}

/*
 * Reads a frame's headers. frame->csum_ok says on entry that the sending NIC has just computed the
 * checksum; otherwise it is verified here, because nobody can once the payload is split off.
 */
static void zcnic_parse(struct sk_buff *skb, struct zcnic_flow *flow)
{
	struct zcnic_frame *frame = zcnic_frame(skb);
	struct zcnic_layers layers = {};
	const bool csum_fresh = frame->csum_ok;
	const __be16 proto = zcnic_parse_ether(skb, &layers);
	__be16 port_buf[2];
	const __be16 *ports;
	bool found = false;

	frame->csum_ok = false;
	if (proto == htons(ETH_P_IP))
		found = zcnic_parse_ipv4(skb, flow, &layers);
	else if (proto == htons(ETH_P_IPV6))
		found = zcnic_parse_ipv6(skb, flow, &layers);
	if (!found || layers.end > skb->len || layers.end < layers.l4 + sizeof(port_buf) ||
	    (layers.proto != IPPROTO_TCP && layers.proto != IPPROTO_UDP))
		return;

	ports = skb_header_pointer(skb, layers.l4, sizeof(port_buf), port_buf);
	if (!ports)
		return;
	if (layers.ipv6) {
		flow->type = layers.proto == IPPROTO_TCP ? TCP_V6_FLOW : UDP_V6_FLOW;
		flow->key.tcp_ip6_spec.psrc = ports[0];
		flow->key.tcp_ip6_spec.pdst = ports[1];
	} else {
		flow->type = layers.proto == IPPROTO_TCP ? TCP_V4_FLOW : UDP_V4_FLOW;
		flow->key.tcp_ip4_spec.psrc = ports[0];
		flow->key.tcp_ip4_spec.pdst = ports[1];
	}
	flow->hash_len += sizeof(port_buf);
	flow->hash_l4 = true;

	frame->csum_ok = csum_fresh || zcnic_csum_ok(skb, flow, &layers);
	if (layers.proto == IPPROTO_TCP && frame->csum_ok)
		frame->hdr_len = zcnic_tcp_payload(skb, &layers);
}

/* The queue that the receiving port's rules and RSS choose, or -1 if a rule says to drop. */
static int zcnic_steer(struct zcnic_port *port, const struct zcnic_flow *flow, u32 *ret_hash)
{
	const struct zcnic_rss *rss = &port->rss[0];
	struct zcnic_rule *rule;
	int queue;

	spin_lock(&port->steer_lock);
	rule = zcnic_rule_match(port, flow);
	if (rule) {
		rule->hits++;
		rss = &port->rss[rule->context];
	}
	if (!rule || rule->rss) {
		queue = zcnic_rss_queue(port, rss, flow, ret_hash);
	} else if (rule->spec.ring_cookie == RX_CLS_FLOW_DISC) {
		port->rule_drops++;
		queue = -1;
	} else {
		queue = rule->spec.ring_cookie;
	}
	spin_unlock(&port->steer_lock);
	return queue;
}

/* Takes the frame, in every case. */
static void zcnic_deliver(struct zcnic_port *port, struct sk_buff *skb)
{
	const unsigned int longest = READ_ONCE(port->netdev->mtu) + ETH_HLEN + VLAN_HLEN;
	const bool fits = skb_is_gso(skb) ? skb_gso_validate_mac_len(skb, longest) : skb->len <= longest;
	struct zcnic_frame *frame = zcnic_frame(skb);
	struct zcnic_flow flow = {};
	struct zcnic_queue *queue;
	bool queued = false;
	int index;

	if (!fits) {
		atomic_long_inc(&port->oversize_drops);
		goto drop;
	}

	zcnic_parse(skb, &flow);
	index = zcnic_steer(port, &flow, &frame->hash);
	if (index < 0)
		goto drop;
	frame->hash_l4 = flow.hash_l4;

	queue = &port->queue[index];
	spin_lock(&queue->wire.lock);
	if (!queue->open) {
		atomic_long_inc(&port->closed_drops);
	} else if (skb_queue_len(&queue->wire) >= READ_ONCE(port->rx_ring)) {
		queue->rx.overruns++;
	} else {
		__skb_queue_tail(&queue->wire, skb);
		if (port->dma)
			wake_up_process(port->dma);
		else
			napi_schedule(&queue->napi);
		queued = true;
	}
	spin_unlock(&queue->wire.lock);
	if (queued)
		return;
drop:
	dev_kfree_skb_any(skb);
}

netdev_tx_t zcnic_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_tx_stats *stats = &port->queue[skb_get_queue_mapping(skb)].tx;
	const bool partial = skb->ip_summed == CHECKSUM_PARTIAL;
	struct zcnic_port *peer;

	peer = rcu_dereference_bh(port->peer);
	/* Nobody reads the sums of what is not cut: what was asked for is taken for right. */
	if (!peer || (partial && !skb_is_gso(skb) && skb_checksum_help(skb))) {
		stats->drops++;
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}

	stats->packets++;
	stats->bytes += skb->len;
	skb_tx_timestamp(skb);

	/*
	 * The frame stays its socket's until the peer has taken it: that is what keeps a sender
	 * from filling the wire.
	 */
	*zcnic_frame(skb) = (struct zcnic_frame) { .csum_ok = partial };
	zcnic_deliver(peer, skb);
	return NETDEV_TX_OK;
}
