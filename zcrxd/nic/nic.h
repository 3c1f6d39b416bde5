/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one boundary to the kernel, with two implementations: the kernel (nic/kernel) and a simulated
 * one that can fail at any step (nic/sim). Above it there is no netlink, no ioctl and no io_uring.
 *
 * Three objects. A backend is the machine: it is used from the event loop only, but for count_rings(), and none of its
 * calls but those for disposable processes waits for a driver. A nic is one interface: its calls may take
 * seconds; they come from one thread at a time, the interface's worker, and share nothing with other
 * nics. What sockets there are takes the kernel the longer the more there are, of whomever: never the loop asks, and each
 * thread that does has a `struct sockets` of its own.
 *
 * All calls return 0, a positive enum zcrx_error with *reterr filled, or a negative errno. NO_SUCH_INTERFACE
 * is said of an index that names nothing any more. An interface that its driver has detached, to recover
 * from an error or for a suspend, is there, but answers next to nothing: see nic_is_detached().
 */
#pragma once

#include <stdatomic.h>

#include "fault.h"
#include "flow.h"
#include "nic-state.h"
#include "plan.h"
#include "reach.h"
#include "types.h"

struct nic_backend;
struct nic;
struct sockets;

/* A network device as the configuration matches it. */
struct nic_link {
	unsigned ifindex;
	char name[IFNAMSIZ];
	char driver[32];  /* "" if it has none */
	char *altnames;	  /* separated by blanks, NULL for none */
	char mac[18];	  /* lower case, colons; "" if it has none */
	char permanent_mac[18]; /* what the hardware came with; "" if it does not tell */
	char kind[IFNAMSIZ]; /* rtnetlink's kind: "netkit", "veth"...; "" for hardware */
	bool labelled;	  /* it bears the label of a lease's device, whatever it is called now */
	char *path;	  /* udev's ID_PATH, NULL if it has none */
	unsigned master;  /* the bridge, bond or VRF that it is a port of; 0 for none */
	unsigned below;	  /* what it was made on: of a VLAN, a macvlan, a tunnel; 0 for none */
	unsigned mtu;
	bool up;
	bool standby;	  /* a port of a bond that receives by others at the moment */
	bool xdp;	  /* an XDP program is attached: no queue of it can be registered */
};

enum nic_event_type {
	NIC_EVENT_LINK, /* appeared or changed: name, up, address; not told of devices of leases */
	NIC_EVENT_LINK_GONE,
	NIC_EVENT_ADDRESSES,   /* the local addresses of ifindex changed */
	NIC_EVENT_SOCKET_GONE, /* the socket with this cookie was destroyed */
	NIC_EVENT_SETTINGS,    /* ethtool settings of ifindex changed, by us or by others */
	NIC_EVENT_PAGE_POOL,   /* a page pool of ifindex came or went: a queue may be clean now */
	NIC_EVENT_OVERRUN,     /* messages were lost: everything may have changed */
};

struct nic_event {
	enum nic_event_type type;
	unsigned ifindex;
	uint64_t cookie;
	bool moved; /* LINK_GONE: it is in another network namespace now */
	uint32_t lease; /* likewise: whose device it was by its name; 0: it does not say */
};

typedef void (*nic_event_handler)(const struct nic_event *event, void *userdata);

/* What the kernel holds for a lease. */
struct grant_request {
	enum grant_kind kind;
	char device[IFNAMSIZ]; /* GRANT_NETKIT: the name for its device */
	const uint32_t *queues;
	size_t n_queues;
};

struct grant {
	enum grant_kind kind;
	unsigned ifindex; /* the device to register through: the netkit's, or the NIC itself */
	uint32_t hardware[LEASE_QUEUES_MAX]; /* the NIC's own */
	uint32_t queues[LEASE_QUEUES_MAX]; /* the same queues as that device counts them */
	size_t n_queues;
};

struct ifq_request {
	int pidfd;	      /* the client */
	uid_t uid;	      /* as whom it connected */
	gid_t gid;
	int ring;	      /* number of the ring's descriptor in the client */
	int area_fd;	      /* memfd or dma-buf */
	bool watched;	      /* whether the ring is still there can be asked by its key: count_rings */
	uint64_t ring_key;    /* GRANT_SOFTWARE: the queue, always watched; else nic_ring_key() */
	int ring_epoll_fd;    /* watched: what nic_backend_ops.rings() gave */
	uint64_t area_offset, area_size;
	bool dmabuf;
	enum grant_kind kind;
	unsigned ifindex;     /* as in struct grant */
	uint32_t queue;
	uint32_t refill_entries;
	uint32_t buffer_length; /* 0 for a page */
	bool statistics;      /* both need the kernel's events */
	bool events;
	uint64_t event_user_data;
	bool export;	      /* the ring is wanted for export_ifq */
	bool must_export;     /* refused where the ring does not let that happen */
	/* One more ring on an ifq that is there, which export_fd is an export of. Of what is above, only
	 * client, ring and `watched` count; of struct ifq, only zcrx_id and the offsets are told. */
	bool shares;
	int export_fd;
};

/* Of a queue of a lease on a NIC. The lowest numbers are software queues. */
static inline uint64_t nic_ring_key(uint32_t lease, unsigned queue)
{
	return UINT64_C(1) << 63 | (uint64_t)lease << 16 | queue;
}

/* In the key of a ring whose area counts for nobody once its lease is over. */
#define NIC_RING_UNCOUNTED (UINT64_C(1) << 62)

/* Trivially copyable: it comes back from another process. */
struct ifq {
	uint32_t zcrx_id;
	uint32_t refill_entries;
	uint64_t refill_size, refill_map_offset;
	uint64_t head_offset, tail_offset, entries_offset;
	bool has_stats;
	uint64_t stats_offset;
	uint64_t area_token;
	uint32_t buffer_length;
};

struct nic_ops {
	/* The NIC as it is, everything re-read. NO_SUCH_INTERFACE if it is gone. */
	int (*observe)(struct nic *nic, struct nic_state **ret, struct fault *reterr);

	/* Of that, only what nic_state_check_isolated() looks at: the link, RSS and the rules. */
	int (*observe_steering)(struct nic *nic, struct nic_state **ret, struct fault *reterr);

	/* What is reached by way of it and of all that is stacked on it: bridges, bonds, VLANs... */
	int (*reach)(struct nic *nic, struct reach *ret, struct fault *reterr);

	/* One step of a plan, or those that are one call (plan_at_once()), and read back: a step that "succeeded"
	 * without effect is KERNEL_REJECTED too. Of several that failed, each may have had its effect. */
	int (*apply)(struct nic *nic, const struct step *steps, size_t n, struct fault *reterr);

	/* The interface was up, and its driver has closed it: up again. */
	int (*bring_up)(struct nic *nic, struct fault *reterr);

	/* Only what the kernel says of these queues (much cheaper than observe). An interface that
	 * is down answers INTERFACE_DOWN: the kernel says nothing about its queues then. EINVAL: it
	 * has no such queue. */
	int (*queues)(struct nic *nic, const uint32_t *queues, size_t n, struct nic_queue *ret,
		      struct fault *reterr);

	/* Of these queues, what the kernel counts: packets, failures, buffers in use (has_...). Cheap; nothing
	 * of an interface that is down, nor of a queue that is not there. */
	int (*counters)(struct nic *nic, const uint32_t *queues, size_t n, struct nic_queue *ret,
			struct fault *reterr);

	/* All queues or none: a failure leaves nothing behind. GRANT_DIRECT only checks that the
	 * queues are nobody's. */
	int (*grant)(struct nic *nic, const struct grant_request *request, struct grant *ret,
		     struct fault *reterr);
	/* Takes the queues back before it returns (netkit). Already gone is success. */
	int (*ungrant)(struct nic *nic, const struct grant *grant, struct fault *reterr);

	/* An RSS context of its own that spreads equally over these queues; read back. NOT_SUPPORTED
	 * where the device has no contexts, or none left. */
	int (*context_create)(struct nic *nic, const uint32_t *queues, size_t n,
			      uint32_t *ret_context, struct fault *reterr);
	/* Only if it still is as it was created; gone or changed by somebody else is success, and is
	 * left alone. One that the driver has lost, to which rule_insert answers ENOENT, stays in the list of
	 * the kernel: see nic_context_is_lost(). It is not observed by this nic any more from then on. */
	int (*context_delete)(struct nic *nic, uint32_t context, const uint32_t *queues, size_t n,
			      struct fault *reterr);

	/* At a free location, never replacing somebody's rule; which one is told. Verified by
	 * reading it back. INTERFACE_DOWN while that is down. *ret_location is told also of a rule that may
	 * have stayed although this fails, else it is as it was, or UINT32_MAX. QUOTA_EXCEEDED if model/lease/share.h says no to who has `held` rules with this
	 * one; 0: he may have the last entry of the table. */
	int (*rule_insert)(struct nic *nic, const struct flow *flow,
			   const struct rule_target *target, size_t held, uint32_t *ret_location,
			   struct fault *reterr);
	/* Only if the rule at the location still is this flow to this target; gone or changed by
	 * somebody else is success, and is left alone. INTERFACE_DOWN: it is not there, but a driver need not
	 * show it while that is down. */
	int (*rule_delete)(struct nic *nic, uint32_t location, const struct flow *flow,
			   const struct rule_target *target, struct fault *reterr);

	/*
	 * Keeps from TCP those segments of these flows that the kernel panics on when their payload is
	 * in a client's memory: all flows of the interface at once, from one packet to the next; none:
	 * nothing is left of it. It outlives the daemon. Only where kernel_features has `guard`.
	 */
	int (*guard_set)(struct nic *nic, const struct flow *flows, size_t n,
			 struct fault *reterr);
	/* If it is not as this nic has set it last, it is set so again, and *ret_lost says so. */
	int (*guard_keep)(struct nic *nic, bool *ret_lost, struct fault *reterr);

	/* How the NAPI of a queue is polled. NOT_SUPPORTED if the queue has none of its own (another
	 * receive queue shares it), or the kernel has no such settings (before 6.13). */
	int (*napi_get)(struct nic *nic, uint32_t queue, struct napi_settings *ret,
			struct fault *reterr);
	/* Those that the NAPI_... bits of `which` name. */
	int (*napi_set)(struct nic *nic, uint32_t queue, const struct napi_settings *settings,
			unsigned which, struct fault *reterr);

	/* The interrupt of a queue, and where it may go. NOT_SUPPORTED if the driver does not tell, or
	 * other receive queues have the same one. */
	int (*irq_get)(struct nic *nic, uint32_t queue, struct irq_affinity *ret,
		       struct fault *reterr);
	/* NOT_SUPPORTED also if the queue has another interrupt by now, or the kernel lets nobody move
	 * this one; KERNEL_REJECTED with EINVAL if none of these CPUs is online. */
	int (*irq_set)(struct nic *nic, uint32_t queue, const struct irq_affinity *affinity,
		       struct fault *reterr);

	struct nic *(*close)(struct nic *nic); /* returns NULL */
};

/* Those to which some flow brings something; not in time-wait. */
enum connections {
	CONNECTIONS_NONE,
	CONNECTIONS_HALF_MADE, /* from there; or nothing shows them, as the kernel has sent SYN cookies */
	CONNECTIONS_MADE,      /* also half made from here */
};

/* Negative errno only. What no client can make last: none takes the lock of a socket. */
struct sockets_ops {
	/* All that the descriptor does not tell of these sockets, one go through the kernel's tables for
	 * all of them; tcp_state becomes TCP_CLOSE of those that neither listen nor have a peer. */
	int (*find)(struct sockets *s, struct socket_facts *const *facts, size_t n);
	/* Whom the kernel gives what comes in on the interface by this flow to: one look at one place,
	 * however many sockets there are. */
	int (*receiver)(struct sockets *s, const struct flow *flow, unsigned ifindex,
			struct socket_receiver *ret);
	/* The sockets that one of these flows reaches, in every state but time-wait, one go for all.
	 * Those that no process has are left out, but for listeners. */
	int (*at_flows)(struct sockets *s, const struct flow *flows, size_t n,
			struct port_socket **ret, size_t *ret_n);
	/* Connections of these flows, whoever has them, or nobody; not the one with this cookie. *ret is
	 * one that is made. */
	int (*connection)(struct sockets *s, const struct flow *flows, size_t n, uint64_t but,
			  struct socket_facts *ret, enum connections *ret_found);
	/* Returns when each processor has let go of what it was at: segments on their way from the NIC
	 * have been through TCP. Takes a grace period of RCU, some 10 ms. */
	void (*let_pass)(struct sockets *s);
	struct sockets *(*close)(struct sockets *s); /* returns NULL */
};

struct nic_backend_ops {
	const struct kernel_features *(*features)(struct nic_backend *b);

	/* Every link of this network namespace. The caller frees with nic_links_free. */
	int (*links)(struct nic_backend *b, struct nic_link **ret, size_t *ret_n);
	/* Those of one link, or of all (0); place and device are not told. */
	int (*addresses)(struct nic_backend *b, unsigned ifindex, struct local_address **ret,
			 size_t *ret_n);

	/* One descriptor that becomes readable when dispatch has something to report. */
	int (*get_fd)(struct nic_backend *b);
	int (*dispatch)(struct nic_backend *b, nic_event_handler handler, void *userdata);

	/*
	 * What the descriptor itself tells, without the socket's lock, which its owner can keep for as
	 * long as it likes: kind, namespace, device, cookie, and as tcp_state whether it listens, else
	 * TCP_CLOSE. FLOW_NOT_PROVED if it is no TCP socket at all. Never blocks.
	 */
	int (*socket_facts)(struct nic_backend *b, int fd, struct socket_facts *ret,
			    struct fault *reterr);
	/* From now on the end of the socket with this cookie is an event, until it was forgotten as
	 * often. Who wants to miss nothing looks for it afterwards. */
	int (*await_socket)(struct nic_backend *b, uint64_t cookie);
	void (*forget_socket)(struct nic_backend *b, uint64_t cookie);
	int (*sockets)(struct nic_backend *b, struct sockets **ret);

	/* INVALID_AREA unless it is what a Register may hand over. Never touches its pages. */
	int (*check_area)(struct nic_backend *b, int fd, uint64_t offset, uint64_t size, bool dmabuf,
			  struct fault *reterr);
	/*
	 * Registers an ifq on the client's ring. The client can hold its ring's lock for as long as
	 * it likes, so this is only called in a disposable process, which owns nothing else.
	 */
	int (*register_ifq)(struct nic_backend *b, const struct ifq_request *request,
			    struct ifq *ret, int *ret_ring, struct fault *reterr);
	/*
	 * A descriptor that stands for the ifq and keeps it, whatever becomes of its ring; which has to
	 * be the very one that register_ifq returned. Likewise.
	 */
	int (*export_ifq)(struct nic_backend *b, int ring, uint32_t zcrx_id, int *ret);
	/*
	 * Waits until none of these ifqs, which are given by their exports, has an area being added to
	 * it: for ever, if whoever adds it can have its memory missing for ever. `begin` is called once,
	 * when all but the waiting is done. Likewise.
	 */
	int (*wait_for_areas)(struct nic_backend *b, const int *exports, size_t n,
			      void (*begin)(void *userdata), void *userdata);

	/* Guards that earlier daemons have left on interfaces with which nobody has to do any more. */
	int (*guard_sweep)(struct nic_backend *b,
			   bool (*is_needed)(unsigned ifindex, void *userdata), void *userdata);

	/*
	 * SIGKILL for a client, unless it runs as somebody by now whom `uid` could not kill himself
	 * (-EPERM): a process may have started a set-uid program since it connected. -ESRCH.
	 */
	int (*kill_client)(struct nic_backend *b, int pidfd, uid_t uid);

	/*
	 * Nothing in the kernel shows which queues without a NIC are in use, nor which rings keep areas
	 * pinned after their queue was taken back. What does is a descriptor, which has to outlive the
	 * daemon, and keeps no ring open: borrowed, or -EBADF if there is nothing to keep. Asked
	 * once, before any other call; `stored` is an earlier daemon's, taken over, or -EBADF.
	 */
	int (*rings)(struct nic_backend *b, int stored);
	/* How many of the watched rings that somebody keeps have each of these keys. Cheap; on any thread. */
	int (*count_rings)(struct nic_backend *b, const uint64_t *keys, size_t n, unsigned *ret);

	/* SOFTWARE_IFINDEX: the queues without a NIC, which are no link. */
	int (*open)(struct nic_backend *b, unsigned ifindex, struct nic **ret,
		    struct fault *reterr);
	struct nic_backend *(*free)(struct nic_backend *b); /* returns NULL */
};

/* The first member of every implementation. */
struct nic_backend {
	const struct nic_backend_ops *ops;
};

struct nic {
	const struct nic_ops *ops;
	unsigned ifindex;
	atomic_uint n_done; /* of what is done with it: whoever watches sees that it goes on */
};

struct sockets {
	const struct sockets_ops *ops;
};

/* Between calls of one job that may have many. */
static inline void nic_progress(struct nic *nic)
{
	atomic_fetch_add(&nic->n_done, 1);
}

/* What is on it is known to nobody until it comes back, which may be with all of that or without. */
bool nic_is_detached(int r, const struct fault *f);
/* Fills *reterr so. */
int nic_detached(const char *name, const char *operation, struct fault *reterr);

/* What context_delete says of a context that cannot be deleted before the driver is loaded anew, and does no harm. */
bool nic_context_is_lost(int r, const struct fault *f);

/* rule_delete wherever it is, and as often. */
int nic_remove_rule(struct nic *nic, const struct flow *flow, const struct rule_target *target,
		    struct fault *reterr);

void nic_links_free(struct nic_link *links, size_t n);
/* The name, or one of the alternative names. */
bool nic_link_has_name(const struct nic_link *link, const char *name);
/* What identifies the hardware: the permanent address, or the present one if it has none. */
const char *nic_link_hardware_address(const struct nic_link *link);
