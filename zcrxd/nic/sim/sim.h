/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine in memory behind nic.h: any number of NICs, netkit grants, rules, sockets, and a way to
 * make any call fail. For tests only; never in the installed daemon. What the kernel would refuse
 * is refused here too, as far as the daemon meets it.
 *
 * The functions below are the outside world: administrators with ethtool, hot-plug, clients that
 * close their rings. They may be called from any thread. Queue owners live in shared memory,
 * because register_ifq runs in a process of its own.
 */
#pragma once

#include "nic.h"

/* An empty machine with every feature of a new kernel; NULL if there is no memory. */
struct nic_backend *sim_new(void);
/* To take features away, before they are asked for. */
struct kernel_features *sim_features(struct nic_backend *b);

/* A NIC that is up and can do everything: `queues` of at most `max` combined channels, an RSS table
 * of 128 entries, split unknown, hds-threshold 256, ntuple off. What the kernel does not tell (nic-state.h:
 * rss_was_set, split_was_set, split_needs_gro_hw) is the NIC's truth here. To be adjusted and given to
 * sim_add_nic. */
int sim_nic_state_new(unsigned ifindex, const char *name, const char *driver, unsigned queues,
		      unsigned max, struct nic_state **ret);
/* Copies `state`; mac, which is the permanent one too, and path may be NULL. -ENOSPC, -EEXIST (the
 * index is taken). */
int sim_add_nic(struct nic_backend *b, const struct nic_state *state, const char *mac,
		const char *path);

/* All of these: -ENODEV if there is no such NIC. */
int sim_unplug(struct nic_backend *b, unsigned ifindex);
int sim_set_up(struct nic_backend *b, unsigned ifindex, bool up);
/* It carries the default route and no other, or none any longer. */
int sim_set_default_route(struct nic_backend *b, unsigned ifindex, bool carries);
/* One more; the way back to one more who is logged in. -ENOSPC after 8. */
int sim_add_route(struct nic_backend *b, unsigned ifindex, enum flow_protocol p,
		  const struct flow_address *destination);
int sim_add_login(struct nic_backend *b, unsigned ifindex, enum flow_protocol p,
		  const struct flow_address *address);
int sim_rename(struct nic_backend *b, unsigned ifindex, const char *name);
int sim_set_altnames(struct nic_backend *b, unsigned ifindex, const char *altnames);
int sim_set_path(struct nic_backend *b, unsigned ifindex, const char *path);
int sim_set_mac(struct nic_backend *b, unsigned ifindex, const char *mac);
int sim_set_mtu(struct nic_backend *b, unsigned ifindex, unsigned mtu); /* 1500 at first */
int sim_set_master(struct nic_backend *b, unsigned ifindex, unsigned master);
/* Its bond receives by other ports, or by this one again. */
int sim_set_standby(struct nic_backend *b, unsigned ifindex, bool standby);
/* A link that is no NIC, of which only index, name, kind, master and below are told; another one under its
 * index is replaced. It can have addresses. -ENOSPC after 8. */
int sim_set_link(struct nic_backend *b, const struct nic_link *link);
int sim_remove_link(struct nic_backend *b, unsigned ifindex);
/* To another network namespace, and back under the same index. */
int sim_move_away(struct nic_backend *b, unsigned ifindex);
int sim_move_back(struct nic_backend *b, unsigned ifindex);
/* It was not away, but unplugged, and is as new. */
int sim_plug_back(struct nic_backend *b, const struct nic_state *state);
/* The netkit device of the first lease: it is called otherwise; it goes to another namespace. -ENODEV. */
int sim_rename_netkit(struct nic_backend *b, const char *name);
int sim_move_netkit(struct nic_backend *b);
int sim_set_addresses(struct nic_backend *b, unsigned ifindex,
		      const struct local_address *addresses, size_t n);
/* Somebody else's ethtool. -EINVAL where the kernel would refuse. */
int sim_foreign_step(struct nic_backend *b, unsigned ifindex, const struct step *step);
/* The channels were made again. */
void sim_set_interrupt(struct nic_backend *b, unsigned ifindex, uint32_t queue,
		       const struct irq_affinity *affinity);
/* It was enabled anew. */
void sim_set_napi(struct nic_backend *b, unsigned ifindex, uint32_t queue, uint32_t id);
/* What it counts from now on: packets that came, that found no buffer; bytes of its pools in use. */
void sim_set_counters(struct nic_backend *b, unsigned ifindex, uint32_t queue, uint64_t packets,
		      uint64_t failures, uint64_t in_use);
/* A packet more of this queue is found at each of so many looks at its counters, which it has from now on. */
void sim_set_arriving(struct nic_backend *b, unsigned ifindex, uint32_t queue, unsigned looks);
unsigned sim_arriving(struct nic_backend *b, unsigned ifindex); /* how many are left */
int sim_foreign_rule(struct nic_backend *b, unsigned ifindex, const struct nic_rule *rule);
int sim_foreign_context(struct nic_backend *b, unsigned ifindex, uint32_t context, uint32_t queue);
/* Accelerated RFS is on for this queue and no other, or for none. */
int sim_set_rfs(struct nic_backend *b, unsigned ifindex, uint32_t queue, bool on);
/* How many RSS contexts there is room for, 15 at first; 0: the driver has none. */
int sim_set_contexts_max(struct nic_backend *b, unsigned ifindex, size_t n);
/* How many rules there is room for. */
int sim_set_rules_max(struct nic_backend *b, unsigned ifindex, size_t n);
/* One that somebody deletes, whosever it is. -ENOENT, -EBUSY: a rule leads to it. */
int sim_remove_context(struct nic_backend *b, unsigned ifindex, uint32_t context);
/* Its driver detaches it, or attaches it again: what asks the driver is refused meanwhile. */
int sim_set_detached(struct nic_backend *b, unsigned ifindex, bool detached);
/* From now on its driver shows no rules while it is down, and deletes none. */
int sim_set_hides_rules(struct nic_backend *b, unsigned ifindex);
/* The driver loses what it should have kept: rules, contexts, the table. */
int sim_reset(struct nic_backend *b, unsigned ifindex);
/* The same without a word, and the contexts are listed all the same. */
int sim_lose_contexts(struct nic_backend *b, unsigned ifindex);
/* From now on nobody is told of any of these: old ioctls, careless drivers. */
void sim_set_silent(struct nic_backend *b, bool silent);
int sim_remove_rule(struct nic_backend *b, unsigned ifindex, uint32_t location);
/* What nobody can do but the kernel itself, when it renames the interface. */
int sim_remove_guard(struct nic_backend *b, unsigned ifindex);
/* The guard stands for every packet of this flow; for how many flows it stands at all. */
bool sim_is_guarded(struct nic_backend *b, unsigned ifindex, const struct flow *flow);
size_t sim_count_guarded(struct nic_backend *b, unsigned ifindex);
/* How many rules were inserted before the guard stood for them, or lost it while they were there. */
unsigned sim_unguarded(struct nic_backend *b);
/* An ifq on a queue begins (somebody else's) or ends (a ring was closed). */
int sim_set_bound(struct nic_backend *b, unsigned ifindex, uint32_t queue, bool bound);
/* What was exported stays bound until the export is closed, too. */
#define sim_ring_closed(b, ifindex, queue) sim_set_bound(b, ifindex, queue, false)
/* The same of one that is watched, whatever has become of its queue. */
void sim_watched_ring_closed(struct nic_backend *b, uint64_t key);
/* From now on nobody keeps a watched ring when its queue is taken back. */
void sim_set_short_rings(struct nic_backend *b, bool set);
/* Their locks are not free: registrations do not come to an end. */
void sim_hold_rings(struct nic_backend *b, bool held);
/* Clients add areas to their ifqs from now on, and do not come to an end. */
void sim_hold_areas(struct nic_backend *b, bool held);

/* What there is to be said of this descriptor and of every other one of the same socket. Sockets that
 * nobody told about are asked by getsockopt when they are shown, so that loopback sockets work too. */
int sim_add_socket(struct nic_backend *b, int fd, const struct socket_facts *facts);
int sim_close_socket(struct nic_backend *b, uint64_t cookie); /* -ENOENT */
/* Nobody is told, but what comes in is for another socket from now on; 0 for all as it should be. */
void sim_stray_socket(struct nic_backend *b, uint64_t cookie);
/* What else is at ports: other users' sockets, listeners with something switched on. */
int sim_set_port_sockets(struct nic_backend *b, const struct port_socket *sockets, size_t n);
/* Going through them takes this long from now on, looks under way included. */
void sim_set_socket_delay(struct nic_backend *b, unsigned milliseconds);
/* How often all sockets were gone through; the ends of how many are waited for. */
unsigned sim_socket_looks(struct nic_backend *b);
unsigned sim_awaited_sockets(struct nic_backend *b);
/* How often segments on their way were waited for. */
unsigned sim_let_pass(struct nic_backend *b);

/* Clients are what those who connected could not kill. */
void sim_set_clients_root(struct nic_backend *b, bool root);

/* Messages were lost; what happened is not told. */
int sim_overrun(struct nic_backend *b);
/* From now on nothing is told. */
void sim_set_quiet(struct nic_backend *b, bool quiet);
/* A NIC that is down refuses every change. */
void sim_set_nothing_while_down(struct nic_backend *b);
/* A setting or a registration that fails leaves the NIC closed, as with bnxt. */
void sim_set_failure_closes(struct nic_backend *b);

/*
 * The n-th operation from now (1 is the next; 0 cancels) fails and does nothing: with
 * KERNEL_REJECTED and this text for a positive errno, with the error itself for a negative one.
 * Every call of nic_ops, nic_backend_ops and sockets_ops counts, but not get_fd, dispatch, features,
 * receiver and at_flows (a timer asks them), close and free. The text is not copied: a literal.
 */
int sim_fail_at(struct nic_backend *b, unsigned n, int error, const char *text);
/* So many from the n-th on. */
int sim_fail_range(struct nic_backend *b, unsigned n, unsigned count, int error, const char *text);
/* From now on every operation of this name fails so ("set rss", "insert ntuple rule"); NULL: none
 * does. Both texts are literals. How many have. */
void sim_fail_operation(struct nic_backend *b, const char *name, int error, const char *text);
unsigned sim_failures(struct nic_backend *b);
/* How many operations there were. */
unsigned sim_operations(struct nic_backend *b);
/* From now on the last operation of this name (a literal) is noted; the number that it was, or 0. */
void sim_note_operation(struct nic_backend *b, const char *name);
unsigned sim_noted(struct nic_backend *b);
/* Every call of nic_ops takes this long from now on, those under way included. */
void sim_set_delay(struct nic_backend *b, unsigned milliseconds);
