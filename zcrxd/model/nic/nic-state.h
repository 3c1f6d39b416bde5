/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One NIC as it was observed: a value. Filled by a backend (nic/), compared and reasoned about in
 * model/. Which ways lead to a queue is decided here, from this value alone.
 */
#pragma once

#include "fault.h"
#include "flow.h"
#include "irq-affinity.h"
#include "types.h"

enum data_split {
	SPLIT_UNKNOWN = 0, /* the driver decides; not enough for zcrx */
	SPLIT_DISABLED = 1,
	SPLIT_ENABLED = 2,
	_SPLIT_MAX,
};

enum feature_state {
	FEATURE_ABSENT, /* the kernel does not list it for this device */
	FEATURE_OFF,
	FEATURE_ON,
	FEATURE_FIXED_OFF, /* cannot be changed */
	FEATURE_FIXED_ON,
};

struct nic_channels {
	unsigned combined, combined_max;
	unsigned rx, rx_max;
	unsigned tx, tx_max;
	unsigned other, other_max;
};

struct rss_table {
	uint32_t context; /* 0 is the default one */
	uint32_t *entries;
	size_t n;
};

enum rule_action {
	RULE_TO_QUEUE,
	RULE_TO_CONTEXT,
	RULE_DROP,
	RULE_OTHER, /* wake, a virtual function */
};

struct nic_rule {
	uint32_t location;
	enum rule_action action;
	uint32_t target; /* queue or context */
	bool understood; /* `flow` says exactly what it matches; else it may match anything */
	struct flow flow;
	bool other_protocol; /* not understood, but nothing that it matches is TCP */
};

/* Where a rule of ours leads: RULE_TO_QUEUE or RULE_TO_CONTEXT, and which. */
struct rule_target {
	enum rule_action action;
	uint32_t number;
};

/* How the NAPI of a queue is polled (netdev napi-get, 6.13), and bits for which of it is meant. */
struct napi_settings {
	uint32_t defer_hard_irqs;     /* empty polls before the interrupt is armed again */
	uint64_t gro_flush_timeout;   /* ns between polls meanwhile */
	uint64_t irq_suspend_timeout; /* ns without interrupts while the application polls */
};
#define NAPI_DEFER_HARD_IRQS	 (1U << 0)
#define NAPI_GRO_FLUSH_TIMEOUT	 (1U << 1)
#define NAPI_IRQ_SUSPEND_TIMEOUT (1U << 2)
#define NAPI_EVERYTHING		 7U
/* Those of `from` that `which` names. */
void napi_settings_apply(struct napi_settings *to, const struct napi_settings *from, unsigned which);

/* What Tune is to set of a queue, or found there before. */
struct tuning {
	unsigned which; /* NAPI_... bits of what `napi` says */
	struct napi_settings napi;
	struct irq_affinity irq; /* cpus is "" where the interrupt stays where it goes */
	char irq_set[CPU_LIST_MAX]; /* of what was found: where it was sent instead, in the kernel's words */
};

/* The kernel's word on one receive queue (netdev queue-get). All false: nobody's. */
struct nic_queue {
	uint32_t napi_id; /* 0 if it has none now */
	struct irq_affinity interrupt;
	bool io_uring, dmabuf, xsk;
	bool leased;
	unsigned lease_ifindex; /* the netkit device it is leased to */
	bool lease_elsewhere;	/* that is in another network namespace, where this is its index */
	int lease_namespace;	/* ... by the id that this one has for it */
	bool has_napi;
	struct napi_settings napi;
	bool has_counters;
	uint64_t packets, bytes;
	bool has_failures, has_drops; /* not every driver counts them */
	uint64_t failures; /* no memory for a packet: with zcrx, the client's area was used up */
	uint64_t drops;	   /* by the hardware */
	bool has_pool;
	uint64_t pool_buffers, pool_bytes; /* of its page pools: in use by packets */
};

struct nic_state {
	unsigned ifindex;
	char name[IFNAMSIZ];
	char *driver; /* "" if unknown */
	bool software; /* queues without a NIC: of all that follows there are only queues */
	bool detached; /* by its driver, for the moment: then `up` is false, and nothing else is known */
	bool up;
	int numa_node;	    /* -1 if none */

	/* The kernel says that the driver can give no queue away (ice, idpf); false: it can, or that is not
	 * known. */
	bool no_queue_management;
	bool has_channels;
	struct nic_channels channels;
	bool has_rings;
	unsigned rx_ring, rx_ring_max;
	unsigned rx_jumbo_ring; /* entries of the ring that has the buffers, where that is another one; else 0 */
	bool has_split;
	enum data_split split;
	/* `split` was set, rather than reported by a driver that nobody asked: only then does the
	 * kernel allow zcrx. It does not tell; whoever set it has to remember. */
	bool split_was_set;
	bool split_needs_gro_hw; /* learnt: this device refuses the split without */
	char *split_refusal; /* why it cannot be set at all, in the kernel's words; NULL if it can */
	bool has_hds_threshold;
	unsigned hds_threshold;
	enum feature_state ntuple, gro_hw;
	bool cqe_compression, legacy_rq; /* private flags of mlx5, each of which keeps gro_hw off */

	bool has_rss;
	struct rss_table rss;
	bool rss_was_set; /* the default table was set, so it no longer follows the channels. Known to
			   * nic_state_apply only: the kernel does not tell. */
	struct rss_table *contexts; /* extra ones */
	size_t n_contexts;

	/* Segments that nic_ops.guard_set() has kept from TCP, since it was set first. */
	uint64_t guarded_urgent, guarded_signed;

	bool guard_lost; /* it was not as it had been set when somebody looked */

	/* Queues to which accelerated RFS may lead anybody's flows: `rps_flow_cnt` is not 0. */
	uint32_t *rfs_queues;
	size_t n_rfs_queues;

	bool has_rules;
	bool chooses_locations; /* the driver does, and takes none that it is told */
	struct nic_rule *rules;
	size_t n_rules;

	struct nic_queue *queues; /* receive queues; n_queues = combined + rx, 0 if not known */
	size_t n_queues;
};

struct nic_state *nic_state_free(struct nic_state *s); /* NULL is fine; returns NULL */
int nic_state_copy(const struct nic_state *s, struct nic_state **ret);
DEFINE_CLEANUP(struct nic_state *, nic_state_free)

/* 0 if the queue has an interrupt that serves no other of these receive queues, else NOT_SUPPORTED. */
int nic_queues_check_irq(const struct nic_queue *queues, size_t n, uint32_t queue, const char *name,
			 struct fault *reterr);

const char *data_split_to_string(enum data_split s); /* unknown, disabled, enabled */

/* Receive queues: combined plus rx. */
unsigned nic_channels_rx(const struct nic_channels *c);
/* Of this device now: its channels, or what the kernel lists where it has no say over them. */
unsigned nic_state_rx_queues(const struct nic_state *s);
/*
 * Of what zcrxd may change (channels, rings, split, threshold, ntuple, GRO, the default RSS table). Either may
 * be one that a file was made of (store/baseline.h), where nothing else is known.
 */
bool nic_state_same_settings(const struct nic_state *a, const struct nic_state *b);
/* Of what leads to queues (nic_ops.observe_steering), and of whether the guard had to be set again. */
bool nic_state_same_steering(const struct nic_state *a, const struct nic_state *b);
/* Its table is what the kernel would make it, and is taken for one that was never set: nothing tells the two
 * apart. A file has no table for it. */
bool nic_state_rss_is_default(const struct nic_state *s);
bool nic_state_has_rfs(const struct nic_state *s, unsigned queue);
bool feature_can_change(enum feature_state f);
bool feature_is_on(enum feature_state f); /* also where it cannot be off */
bool nic_channels_same(const struct nic_channels *a, const struct nic_channels *b); /* not the maxima */
/* How many different queues the default table leads to. */
unsigned nic_state_rss_queues(const struct nic_state *s);
/* The highest queue that a table leads to, plus one. */
unsigned rss_table_span(const struct rss_table *t);
/* To each queue that it leads to it leads as often as to any other, or once more. */
bool rss_table_is_equal(const struct rss_table *t);
bool rss_table_leads_to(const struct rss_table *t, unsigned queue);
/* What the kernel's ethtool_rxfh_indir_default() gives: nobody can tell it from one never set. */
bool rss_table_is_default(const struct rss_table *t, unsigned queues);
/* Nobody holds it: no io-uring, dma-buf, AF_XDP owner, no lease. False if out of range. */
bool nic_state_queue_clean(const struct nic_state *s, unsigned queue);
bool nic_queue_is_used(const struct nic_queue *q);
/* By whom: "an AF_XDP socket: ..."; NULL if there is no memory. */
char *nic_queue_describe_user(const struct nic_queue *q);

/* Exactly this flow to exactly this target. */
bool nic_rule_is(const struct nic_rule *rule, const struct flow *flow,
		 const struct rule_target *target);

/* The table that spreads equally over these queues: entry i is queues[i % n_queues]. */
void rss_table_spread(const uint32_t *queues, size_t n_queues, uint32_t *ret, size_t n);
/*
 * A context bears no mark of its owner, so whose it is takes three: the id that we noted, and exactly
 * the table that we would give it, over queues that are a lease's. (`context` 0 for one whose id
 * could not be noted any more.) The context, or NULL.
 */
const struct rss_table *nic_state_own_context(const struct nic_state *s, uint32_t context,
					      const uint32_t *queues, size_t n_queues);

/* The ways to a queue that its lease has opened itself. */
struct own_steering {
	const uint32_t *rules; /* locations */
	size_t n_rules;
	uint32_t context; /* RSS context, 0 if there is none, that spreads over: */
	const uint32_t *queues;
	size_t n_queues;
	bool table_is_seen_to; /* the default table is narrowed before it matters: it is not asked about */
};

/*
 * Nobody else may reach a bound queue, and none is leased that could not be bound: 0 if no RSS table, no
 * accelerated RFS, no RSS context and no rule but its lease's own leads to it. Else FLOW_CONFLICT with a message that names the way and how to close it.
 */
int nic_state_check_isolated(const struct nic_state *s, unsigned queue,
			     const struct own_steering *own, struct fault *reterr);
