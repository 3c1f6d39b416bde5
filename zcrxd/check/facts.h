/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `zcrxctl check` found out, as values: read-machine.c, read-daemon.c and zcrxd's own readers
 * fill them, checks.c evaluates them. -1 and "unknown" stand for what could not be read.
 */
#pragma once

#include "inspect.h"

enum config_option { CONFIG_UNKNOWN, CONFIG_ABSENT, CONFIG_PRESENT };

struct machine_facts {
	struct kernel_inspection kernel;
	enum config_option config_zcrx, config_netkit;
	char *config_file;	  /* where they were read; NULL if nowhere */
	int io_uring_disabled;	  /* sysctl */
	int ptrace_scope;	  /* sysctl of yama */
	int fuse_timeout;	  /* sysctl: seconds that a FUSE server may take; 0 for ever */
	bool fuse_users;	  /* users without privilege can mount FUSE, as far as it shows */
	bool irqbalance;	  /* runs */
	uint64_t memlock;	  /* bytes, of this process; UINT64_MAX: no limit */
	bool may_lock;		  /* CAP_IPC_LOCK: it does not count */
	unsigned huge_free;	  /* huge pages of the default size */
	const char *daemon_error; /* why zcrxd does not answer; NULL if it does */
	char *daemon_version;
	char *caller; /* "the host", or of what else zcrxd takes this process; NULL: not known */
	bool caller_is_host;
	char *daemon_problem; /* with zcrxd itself, the first of them; NULL: none, or not known */
	bool daemon_guards; /* what panics the kernel is kept from steered flows, by its word */
};

/* What the daemon, or without one its configuration, says about an interface. */
enum daemon_view {
	VIEW_UNKNOWN,	 /* neither can be asked */
	VIEW_FOREIGN,	 /* not in the configuration */
	VIEW_LISTED,	 /* in it, but no daemon runs */
	VIEW_CONFIGURED, /* the daemon leases its queues */
	VIEW_DEGRADED,	 /* it cannot, see reason */
};

enum may_lease { MAY_UNKNOWN, MAY_LEASE, MAY_NOT };

struct interface_facts {
	struct nic_inspection nic;
	enum daemon_view view;
	char *reason;
	enum may_lease may;
	char *why_not; /* MAY_NOT and MAY_UNKNOWN, a sentence */
	bool serves;	  /* RSS leads to its idle queues until zcrxd leases them (idle-queues) */
	unsigned mtu;	  /* 0: not known */
	char *small_area; /* the daemon's word on a lease's area that is too small for the ring; NULL: there is none */
};

static inline void machine_facts_done(struct machine_facts *m)
{
	free(m->kernel.features.release);
	free(m->config_file);
	free(m->daemon_version);
	free(m->daemon_problem);
	free(m->caller);
}

static inline void interface_facts_done(struct interface_facts *f)
{
	nic_inspection_done(&f->nic);
	free(f->reason);
	free(f->why_not);
	free(f->small_area);
}
