/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zcnic: a simulated NIC for zero-copy receive. What every file of the module shares.
 *
 * A port is one Ethernet device; ports 0 and 1, 2 and 3, ... are linked by a wire. A frame sent by
 * a port is classified by the other one (rules.c, rss.c), waits on the wire of the queue it was
 * steered to (wire.c), and is put by that queue's NAPI into a buffer of the queue's page pool
 * (rx.c), which is where a memory provider such as io_uring zcrx comes in (queue.c).
 *
 * Locks: everything that configures a port runs under the core's instance lock of the net_device;
 * opening, closing and linking also under rtnl. steer_lock covers what the sender's CPU reads of
 * the receiving port (rules, RSS tables), a queue's wire.lock its wire and open flag.
 */
#pragma once

#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/seq_file.h>
#include <net/netdev_queues.h>
#include <net/page_pool/types.h>

#define ZCNIC_NAME "zcnic"

#define ZCNIC_MAX_PAIRS	       8
#define ZCNIC_MAX_QUEUES       128
#define ZCNIC_MAX_RULES	       256
#define ZCNIC_FEW_RULES	       32 /* with the quirk other-errnos */
#define ZCNIC_HIDDEN_RULE      1
#define ZCNIC_MAX_CONTEXTS     16 /* default context included */
#define ZCNIC_RSS_ENTRIES      128
#define ZCNIC_RSS_KEY_LEN      40
#define ZCNIC_HASH_CLASSES     6 /* flow types whose hashed fields can be chosen */
#define ZCNIC_MIN_RING	       64
#define ZCNIC_MAX_RING	       4096
#define ZCNIC_SPLIT_RING       2048 /* at most, by a quirk */
#define ZCNIC_FILTERED_QUEUES  12 /* at most, by a quirk */
#define ZCNIC_DEFAULT_RING     1024
#define ZCNIC_MAX_MTU	       9216
#define ZCNIC_HDS_THRESH_MAX   1024
#define ZCNIC_HDS_THRESH_QUIRK 256
#define ZCNIC_MAX_BUF_LEN      SZ_64K
#define ZCNIC_SLOW_MS	       5000
#define ZCNIC_BUF_LEN_QUIRK    SZ_32K
#define ZCNIC_DRY_BUFFERS      64
#define ZCNIC_DRY_MS	       1000

/* The operations that debugfs' fail file can make fail or slow. Names in debugfs.c. */
enum zcnic_op {
	ZCNIC_OP_OPEN,
	ZCNIC_OP_MTU,
	ZCNIC_OP_MAC,
	ZCNIC_OP_FEATURES,
	ZCNIC_OP_CHANNELS,
	ZCNIC_OP_RINGPARAM,
	ZCNIC_OP_RXFH_GET,
	ZCNIC_OP_RXFH,
	ZCNIC_OP_CTX_CREATE,
	ZCNIC_OP_CTX_MODIFY,
	ZCNIC_OP_CTX_REMOVE,
	ZCNIC_OP_RULE_COUNT,
	ZCNIC_OP_RULE_LIST,
	ZCNIC_OP_RULE_GET,
	ZCNIC_OP_RULE_INS,
	ZCNIC_OP_RULE_DEL,
	ZCNIC_OP_QUEUE_ALLOC,
	ZCNIC_OP_QUEUE_START,
	ZCNIC_OP_QUEUE_STOP,
	ZCNIC_OP_RX_ALLOC,
	ZCNIC_OP_MAX,
};

struct zcnic_fault {
	unsigned int skip;  /* calls to let pass first */
	unsigned int count; /* calls to hit after that */
	int error;	    /* positive errno, 0 to only delay */
	unsigned int delay_ms;
	unsigned long hits;
};

/* What drivers do differently from each other. Names in quirks.c, their meaning in README.md. */
enum zcnic_quirk {
	ZCNIC_LOCATION_ANY,
	ZCNIC_LOCATION_GIVEN,
	ZCNIC_LOCATION_OCCUPIED,
	ZCNIC_TABLE_SILENT,
	ZCNIC_ONE_FIELD_SET,
	ZCNIC_RULES_LOST,
	ZCNIC_SPLIT_FIXED,
	ZCNIC_SPLIT_GRO_HW,
	ZCNIC_SPLIT_REFUSED,
	ZCNIC_SPLIT_SHRINKS,
	ZCNIC_THRESHOLD_DEFAULT,
	ZCNIC_THRESHOLD_NONE,
	ZCNIC_FEW_FILTERED,
	ZCNIC_SEPARATE_CHANNELS,
	ZCNIC_TABLE_REWRITTEN,
	ZCNIC_NO_CONTEXTS,
	ZCNIC_BOUNCES,
	ZCNIC_FAILURE_CLOSES,
	ZCNIC_BIND_STOPS_ALL,
	ZCNIC_BIND_NEEDS_UP,
	ZCNIC_PAGES_ONLY,
	ZCNIC_SLOW,
	ZCNIC_LISTS_RACE,
	ZCNIC_DOWN_HIDES_RULES,
	ZCNIC_CONTEXTS_LOST,
	ZCNIC_CHECKSUM_UNSAID,
	ZCNIC_NO_QUEUE_MANAGEMENT,
	ZCNIC_AREA_OVER_RING,
	ZCNIC_DRY_STOPS_ALL,
	ZCNIC_BUFFER_RANGE,
	ZCNIC_NAPI_RENEWED,
	ZCNIC_OTHER_ERRNOS,
	ZCNIC_QUIRKS,
};

struct zcnic_rule {
	struct ethtool_rx_flow_spec spec; /* flow type without flags, unused bytes zero */
	bool rss;			  /* spread by a context, not to the queue in ring_cookie */
	u32 context;
	unsigned long hits;
};

struct zcnic_rss {
	u8 key[ZCNIC_RSS_KEY_LEN];
	u32 indir[ZCNIC_RSS_ENTRIES];
};

/* Counters have one writer at a time and are a machine word, so readers need no lock. */
struct zcnic_rx_stats {
	unsigned long packets;
	unsigned long bytes;
	unsigned long split_packets;
	unsigned long zc_bytes;	  /* put into buffers of a memory provider */
	unsigned long page_bytes; /* put into ordinary pages of the pool */
	unsigned long alloc_fail;
	unsigned long csum_unnecessary;
	unsigned long csum_none;
	unsigned long overruns; /* wire full: the only one written under wire.lock, not by NAPI */
};

struct zcnic_tx_stats {
	unsigned long packets;
	unsigned long bytes;
	unsigned long drops;
};

struct zcnic_queue {
	struct zcnic_port *port;
	struct napi_struct napi;
	int irq; /* while it is open */
	struct page_pool *pool;
	netmem_ref *ring; /* buffers that wait for packets, and are never given away: a quirk */
	unsigned int nr_ring;
	struct sk_buff_head wire; /* frames that arrived and wait for NAPI, or for the DMA thread */
	struct sk_buff_head filled; /* which the DMA thread has put into buffers, and wait for NAPI */
	spinlock_t dma_lock;	    /* the pool, while the DMA thread takes from it */
	bool open;		  /* wire accepts frames and NAPI exists; under wire.lock */
	struct zcnic_rx_stats rx;
	struct zcnic_tx_stats tx;
};

struct zcnic_port {
	struct net_device *netdev;
	struct zcnic_port __rcu *peer; /* written under rtnl */
	struct dentry *debugfs;

	struct task_struct *dma; /* which moves payload; NULL: NAPI does */
	unsigned int max_queues;
	unsigned int rx_ring; /* frames that may wait on a queue's wire */
	unsigned int tx_ring; /* kept for ethtool -g only: nothing waits on this side */
	bool offload;	      /* TSO, and hardware GRO */
	u8 split;	      /* as configured: ETHTOOL_TCP_DATA_SPLIT_* */
	bool hds;	      /* what follows from it */
	unsigned int hds_thresh;
	unsigned long quirks; /* bits of enum zcnic_quirk */
	unsigned long bounces;
	unsigned long bind_stops;
	unsigned long unlisted_reads; /* of rules that are not there: gve of Linux 7.2 crashes */
	unsigned int counted_rules;   /* times, by zcrxd, with ZCNIC_LISTS_RACE */
	bool dead;			/* up, but without queues: it could not be opened again */
	unsigned long dry_stops;
	bool paused;			/* all queues, while one of them restarts */
	struct ethtool_ops ethtool_ops; /* ours, less what this port's quirks lack */
	struct netdev_queue_mgmt_ops queue_mgmt_ops;

	DECLARE_BITMAP(contexts_lost, ZCNIC_MAX_CONTEXTS); /* which the core still lists */

	spinlock_t steer_lock; /* the rest of this block */
	DECLARE_BITMAP(rule_used, ZCNIC_MAX_RULES);
	struct zcnic_rule rule[ZCNIC_MAX_RULES];
	struct zcnic_rss rss[ZCNIC_MAX_CONTEXTS];
	u32 hash_fields[ZCNIC_HASH_CLASSES];
	unsigned long rule_drops;

	atomic_long_t oversize_drops;
	atomic_long_t closed_drops;

	spinlock_t fault_lock;
	struct zcnic_fault fault[ZCNIC_OP_MAX];

	struct zcnic_queue queue[] __counted_by(max_queues);
};

/* What the receiving port found out about a frame; lives in skb->cb while it is on the wire. */
struct zcnic_frame {
	u32 hash;
	u16 hdr_len; /* of a TCP frame: bytes up to its payload; else 0 */
	bool hash_l4;
	bool csum_ok;
};

/* A frame's addresses and ports, as the rules see them. */
struct zcnic_flow {
	u32 type; /* TCP_V4_FLOW, UDP_V4_FLOW, TCP_V6_FLOW, UDP_V6_FLOW, else 0 */
	union ethtool_flow_union key;
	unsigned int hash_len; /* how much of key is hashed: 4-tuple, addresses, or nothing */
	bool hash_l4;
};

static inline struct zcnic_frame *zcnic_frame(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct zcnic_frame) > sizeof(skb->cb));
	return (struct zcnic_frame *)skb->cb;
}

static inline bool zcnic_has(const struct zcnic_port *port, enum zcnic_quirk quirk)
{
	return READ_ONCE(port->quirks) & BIT(quirk);
}

/* quirks.c */
int zcnic_quirks_set(struct zcnic_port *port, char *text);
void zcnic_quirks_show(const struct zcnic_port *port, struct seq_file *file);
int zcnic_bounce(struct zcnic_port *port);

/* netdev.c */
struct zcnic_port *zcnic_port_create(struct device *parent, unsigned int max_queues,
				     unsigned int queues, const char *name, unsigned int id,
				     bool offload);
void zcnic_port_free(struct zcnic_port *port);
void zcnic_port_link(struct zcnic_port *port, struct zcnic_port *peer);
void zcnic_port_unlink(struct zcnic_port *port);

/* queue.c */
extern const struct netdev_queue_mgmt_ops zcnic_queue_mgmt_ops;
int zcnic_queues_open(struct zcnic_port *port, unsigned int first, unsigned int end);
void zcnic_queues_close(struct zcnic_port *port, unsigned int first, unsigned int end);
int zcnic_queues_resize(struct zcnic_port *port, unsigned int ring);

/* irq.c */
int zcnic_irq_alloc(struct zcnic_queue *queue);
void zcnic_irq_free(struct zcnic_queue *queue);

/* wire.c */
netdev_tx_t zcnic_xmit(struct sk_buff *skb, struct net_device *netdev);

/* rx.c */
int zcnic_poll(struct napi_struct *napi, int budget);
int zcnic_dma_start(struct zcnic_port *port, int cpu);
void zcnic_dma_stop(struct zcnic_port *port);

/* rss.c */
void zcnic_rss_init(struct zcnic_port *port);
void zcnic_rss_lost(struct zcnic_port *port);
void zcnic_contexts_lost(struct zcnic_port *port);
void zcnic_rss_new_key(struct zcnic_port *port);
void zcnic_rss_spread(struct zcnic_port *port, unsigned int queues);
unsigned int zcnic_rss_queue(const struct zcnic_port *port, const struct zcnic_rss *rss,
			     const struct zcnic_flow *flow, u32 *ret_hash);
u32 zcnic_rxfh_indir_size(struct net_device *netdev);
u32 zcnic_rxfh_key_size(struct net_device *netdev);
int zcnic_get_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh);
int zcnic_set_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh,
		   struct netlink_ext_ack *extack);
int zcnic_get_rxfh_fields(struct net_device *netdev, struct ethtool_rxfh_fields *fields);
int zcnic_set_rxfh_fields(struct net_device *netdev, const struct ethtool_rxfh_fields *fields,
			  struct netlink_ext_ack *extack);
int zcnic_create_context(struct net_device *netdev, struct ethtool_rxfh_context *ctx,
			 const struct ethtool_rxfh_param *rxfh, struct netlink_ext_ack *extack);
int zcnic_modify_context(struct net_device *netdev, struct ethtool_rxfh_context *ctx,
			 const struct ethtool_rxfh_param *rxfh, struct netlink_ext_ack *extack);
int zcnic_remove_context(struct net_device *netdev, struct ethtool_rxfh_context *ctx, u32 context,
			 struct netlink_ext_ack *extack);

/* rules.c */
struct zcnic_rule *zcnic_rule_match(struct zcnic_port *port, const struct zcnic_flow *flow);
void zcnic_rules_flush(struct zcnic_port *port);
int zcnic_get_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *nfc, u32 *locs);
int zcnic_set_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *nfc);

/* ethtool.c */
extern const struct ethtool_ops zcnic_ethtool_ops;
void zcnic_split_update(struct zcnic_port *port);

/* stats.c */
extern const struct netdev_stat_ops zcnic_stat_ops;
void zcnic_get_stats64(struct net_device *netdev, struct rtnl_link_stats64 *stats);
int zcnic_get_sset_count(struct net_device *netdev, int sset);
void zcnic_get_strings(struct net_device *netdev, u32 sset, u8 *data);
void zcnic_get_ethtool_stats(struct net_device *netdev, struct ethtool_stats *stats, u64 *data);

/* debugfs.c */
int zcnic_fault(struct zcnic_port *port, enum zcnic_op op, struct netlink_ext_ack *extack);
void zcnic_delay(struct zcnic_port *port, enum zcnic_op op);
int zcnic_fault_atomic(struct zcnic_port *port, enum zcnic_op op);
void zcnic_debugfs_init(void);
void zcnic_debugfs_exit(void);
void zcnic_debugfs_add(struct zcnic_port *port);
void zcnic_debugfs_remove(struct zcnic_port *port);
