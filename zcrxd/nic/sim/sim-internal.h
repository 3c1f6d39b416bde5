/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulated machine's memory. sim.c owns it; sim-nic.c and sim-socket.c work on it under the
 * lock, but for what is in `struct sim_shared`.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "sim.h"

#define SIM_NICS_MAX   17 /* with the queues without a NIC */
#define SIM_QUEUES_MAX 2560
#define SIM_SOFTWARE_QUEUES 64
#define SIM_RINGS_MAX  1024
#define SIM_ROUTES_MAX 8
#define SIM_OTHERS_MAX 8
#define SIM_CPUS       8
#define SIM_ALL_CPUS   "0-7"

struct sim_owner {
	atomic_bool io_uring;
	atomic_uint lease_ifindex; /* of the netkit device, 0 for none */
	atomic_uint lease_queue;   /* as that device counts it */
	atomic_uint zcrx_id;	   /* of the ifq */
	atomic_bool exported;	   /* once: sim-export.c knows whether it still is */
};

/* Mapped shared and without a lock: the process that registers an ifq is a copy of one that may
 * have held the lock; and made some time before, so that what it goes by is in here. */
struct sim_shared {
	atomic_uint operations;
	atomic_uint fail_at; /* the first operation that fails, 0 for none */
	atomic_uint fail_count;
	_Atomic(const char *) fail_name; /* of the operations that fail; set after what they fail with */
	atomic_uint failures;		 /* of those */
	int fail_error;
	const char *fail_text; /* not ours: an operation that fails reads it without the lock; a literal */
	_Atomic(const char *) note_name; /* of the operations that are noted, */
	atomic_uint noted;		 /* and the last one's number */
	struct kernel_features features;
	bool failure_closes; /* a device, as some drivers have it */
	atomic_uint next_zcrx_id;
	struct {
		atomic_bool open;
		atomic_ullong key;
		_Atomic(struct sim_owner *) owner; /* the queue that it was registered for */
	} rings[SIM_RINGS_MAX]; /* that are watched */
	atomic_bool rings_held; /* by somebody who never lets go: registrations wait */
	atomic_bool areas_held; /* somebody adds an area to every ifq, and is not done */
	struct {
		atomic_uint ifindex; /* 0: there is none (any more) */
		atomic_uint n_queues;
		atomic_bool split;
		atomic_bool closed; /* by a registration that failed */
		struct sim_owner queues[SIM_QUEUES_MAX];
	} nics[SIM_NICS_MAX];
};

struct sim_nic {
	struct nic_state *state; /* NULL when unplugged */
	struct nic_state *away;	 /* the same while it is in another network namespace */
	char mac[18], permanent_mac[18];
	unsigned mtu;
	char *path, *altnames;
	unsigned master;
	bool standby;
	bool detached; /* by its driver, for the moment */
	bool hides_rules; /* while it is down */
	uint32_t arriving_queue;
	unsigned arriving; /* looks at its counters that will find another packet there */
	struct sim_route {
		enum flow_protocol protocol;
		struct flow_address destination;
	} routes[SIM_ROUTES_MAX], logins[SIM_ROUTES_MAX];
	size_t n_routes, n_logins;
	struct local_address *addresses;
	size_t n_addresses;
	size_t contexts_max; /* extra ones */
	uint64_t contexts_lost; /* by their numbers: the driver does not know them any more */
	size_t rules_max;    /* 0: as many as any */
	struct flow *guard; /* the flows that it stands for */
	size_t n_guard;
	unsigned guard_owner; /* the handle that has set it */
};

/* What is no NIC: bonds, VLANs, lo. */
struct sim_other {
	struct nic_link link;
	struct local_address *addresses;
	size_t n_addresses;
};

struct sim_netkit {
	unsigned ifindex;
	char name[IFNAMSIZ];
	size_t slot; /* of the NIC that its queues are leased from */
	bool moved;  /* to another network namespace */
};

struct sim_socket {
	dev_t dev;
	ino_t ino; /* 0: a real one, which its descriptor tells all about */
	struct socket_facts facts;
};

struct sim {
	struct nic_backend backend;
	pthread_mutex_t lock;
	struct sim_shared *shared;
	pid_t maker;
	struct sim_nic nics[SIM_NICS_MAX]; /* slots are not used again: a handle stays dead */
	size_t n_nics;
	struct sim_other others[SIM_OTHERS_MAX];
	size_t n_others;
	struct sim_netkit *netkits;
	size_t n_netkits;
	bool any_moved; /* of the netkits */
	unsigned next_ifindex, next_handle;
	struct sim_socket *sockets;
	size_t n_sockets;
	uint64_t strayed; /* cookie */
	atomic_bool clients_are_root; /* by a set-uid program that they have started */
	struct port_socket *at_port;
	size_t n_at_port;
	unsigned n_looks;   /* into the tables of sockets */
	atomic_uint n_let_pass;
	unsigned n_awaited; /* sockets whose end somebody waits for */
	unsigned n_unguarded; /* rules that stood without a guard */
	bool short_rings; /* end with their queues */
	bool silent; /* other administrators use ioctls that tell nobody */
	int event_fd;
	bool quiet;	    /* no events */
	bool nothing_while_down; /* as some drivers have it */
	struct nic_event *events;
	size_t n_events;
	atomic_uint delay, socket_delay;
};

static inline void sim_unlock(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

/* Until the end of the scope. */
#define SIM_LOCK(s)                                                                                \
	__attribute__((unused)) _cleanup_(sim_unlock) pthread_mutex_t *_held = &(s)->lock;         \
	pthread_mutex_lock(_held)

/* How what others do to a NIC begins: `slot` is its own, and the lock is held until the end of the scope.
 * Returns -ENODEV where there is none. */
#define SIM_AT(b, ifindex, s, slot)                                                                \
	struct sim *s = sim_of(b);                                                                 \
	size_t slot;                                                                               \
                                                                                                   \
	SIM_LOCK(s);                                                                               \
	if (sim_find(s, ifindex, &slot) < 0)                                                       \
		return -ENODEV

struct sim *sim_of(struct nic_backend *b);
/* Counts an operation; what it returns if it is the one to fail. */
int sim_operation(struct sim *s, const char *name, struct fault *reterr);
/* With the lock held. */
int sim_push(struct sim *s, enum nic_event_type type, unsigned ifindex, uint64_t cookie);
struct nic_state *sim_state(struct sim *s, size_t slot);
/* Owners from shared memory to the state, and what registrations need the other way round. */
void sim_sync(struct sim *s, size_t slot);
/* The NIC's slot; -ENODEV. */
int sim_find(struct sim *s, unsigned ifindex, size_t *ret);
/* That of the queues without a NIC, from when it is opened first: among the NICs, and no link. */
int sim_find_software(struct sim *s, size_t *ret);
void sim_delete_netkit(struct sim *s, size_t index);
/* NULL if there is none. */
struct sim_other *sim_find_other(struct sim *s, unsigned ifindex);

/* What a struct nic of the simulation is. */
struct sim_handle {
	struct nic nic;
	struct sim *sim;
	size_t slot;
	unsigned id;
	struct flow *guard; /* as it was set last */
	size_t n_guard;
	uint64_t lost; /* contexts that it was told of, by their numbers */
};

/* sim-nic.c. sim_begin() before the lock is taken: a driver that is slow holds up its own NIC only.
 * sim_enter() with it held: the state with its owners up to date, or NO_SUCH_INTERFACE. */
int sim_begin(struct sim_handle *h, const char *name, struct fault *reterr);
int sim_enter(struct sim_handle *h, struct nic_state **ret, struct fault *reterr);
int sim_down(const struct nic_state *s, struct fault *reterr); /* INTERFACE_DOWN */

/* How an operation of nic.h begins: it is counted, and then the lock is held until the end of the scope.
 * Returns what went wrong. */
#define SIM_NIC(nic, operation, h, s, reterr)                                                      \
	struct sim_handle *h = (struct sim_handle *)(nic); /* its first member */                  \
	struct nic_state *s;                                                                       \
	int _begun = sim_begin(h, operation, reterr);                                              \
                                                                                                   \
	if (_begun != 0)                                                                           \
		return _begun;                                                                     \
	SIM_LOCK(h->sim);                                                                          \
	_begun = sim_enter(h, &s, reterr);                                                         \
	if (_begun != 0)                                                                           \
		return _begun

int sim_check_present(const struct sim_handle *h, const struct nic_state *s, const char *operation,
		      struct fault *reterr);
/* The same of what the kernel refuses while the interface is detached. */
#define SIM_PRESENT_NIC(nic, operation, h, s, reterr)                                              \
	SIM_NIC(nic, operation, h, s, reterr);                                                     \
	_begun = sim_check_present(h, s, operation, reterr);                                       \
	if (_begun != 0)                                                                           \
		return _begun

/* sim-napi.c */
int sim_napi_get(struct nic *nic, uint32_t queue, struct napi_settings *ret, struct fault *reterr);
int sim_napi_set(struct nic *nic, uint32_t queue, const struct napi_settings *settings,
		 unsigned which, struct fault *reterr);
int sim_irq_get(struct nic *nic, uint32_t queue, struct irq_affinity *ret, struct fault *reterr);
int sim_irq_set(struct nic *nic, uint32_t queue, const struct irq_affinity *affinity,
		struct fault *reterr);
/* sim-context.c */
int sim_context_create(struct nic *nic, const uint32_t *queues, size_t n, uint32_t *ret_context,
		       struct fault *reterr);
int sim_context_delete(struct nic *nic, uint32_t context, const uint32_t *queues, size_t n,
		       struct fault *reterr);
/* sim-rule.c */
int sim_rule_insert(struct nic *nic, const struct flow *flow, const struct rule_target *target,
		    size_t held, uint32_t *ret_location, struct fault *reterr);
int sim_rule_delete(struct nic *nic, uint32_t location, const struct flow *flow,
		    const struct rule_target *target, struct fault *reterr);
/* sim-guard.c */
/* With the lock held. */
bool sim_guards(const struct sim_nic *nic, const struct flow *flow);
int sim_guard_set(struct nic *nic, const struct flow *flows, size_t n, struct fault *reterr);
int sim_guard_keep(struct nic *nic, bool *ret_lost, struct fault *reterr);
int sim_guard_sweep(struct nic_backend *b, bool (*is_needed)(unsigned ifindex, void *userdata),
		    void *userdata);
/* sim-links.c */
int sim_addresses(struct nic_backend *b, unsigned ifindex, struct local_address **ret, size_t *ret_n);
int sim_reach(struct nic *nic, struct reach *ret, struct fault *reterr);
/* sim-nic.c */
int sim_open(struct nic_backend *b, unsigned ifindex, struct nic **ret, struct fault *reterr);
/* sim-socket.c */
int sim_socket_facts(struct nic_backend *b, int fd, struct socket_facts *ret, struct fault *reterr);
int sim_await_socket(struct nic_backend *b, uint64_t cookie);
void sim_forget_socket(struct nic_backend *b, uint64_t cookie);
int sim_sockets(struct nic_backend *b, struct sockets **ret);
int sim_check_area(struct nic_backend *b, int fd, uint64_t offset, uint64_t size, bool dmabuf,
		   struct fault *reterr);
int sim_register_ifq(struct nic_backend *b, const struct ifq_request *request, struct ifq *ret,
		     int *ret_ring, struct fault *reterr);
/* sim-export.c */
bool sim_is_bound(struct sim *s, const struct sim_owner *o);
void sim_unbind(struct sim_owner *o); /* whoever keeps the ring, or the ifq */
void sim_close_rings(struct sim *s, const struct sim_owner *o);
/* Whose export that is; NULL if it is none of an ifq that is there. */
struct sim_owner *sim_find_export(struct sim *s, int fd);
int sim_export_ifq(struct nic_backend *b, int ring, uint32_t zcrx_id, int *ret);
int sim_wait_for_areas(struct nic_backend *b, const int *exports, size_t n,
		       void (*begin)(void *userdata), void *userdata);
