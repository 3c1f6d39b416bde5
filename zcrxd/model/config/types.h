/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plain data that every layer of the daemon passes along. No functions, no I/O.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Limits on what one client can make the daemon keep. */
#define LEASE_QUEUES_MAX 64	 /* hardware queues in one lease */
#define LEASE_FLOWS_MAX 256	 /* flows of one lease */
#define LEASE_PROOFS_MAX 256	 /* sockets that prove flows of one lease, or wait for an address */
#define LEASE_HANDLES_MAX 64	 /* handles given out for one persistent lease */
#define LEASE_NAME_MAX 64	 /* bytes of a lease's name */
/* The queues without a NIC, under this name and this index, which no interface can have. */
#define SOFTWARE_NAME "software"
#define SOFTWARE_IFINDEX UINT32_MAX
#define SOFTWARE_QUEUES_MAX 1024
#define REFILL_ENTRIES_MAX 32768 /* the kernel's own limit (IO_RQ_MAX_ENTRIES) */

enum grant_kind {
	GRANT_NETKIT,
	GRANT_DIRECT,
	GRANT_SOFTWARE,
	_GRANT_KIND_MAX,
};

/* Where a process runs, as far as the policy cares; a set of these in a rule. 0 is nowhere, so that what
 * was not read matches no rule. */
enum where {
	WHERE_HOST = 1 << 0,	  /* in the daemon's own network, user and process namespaces */
	WHERE_CONTAINER = 1 << 1, /* in another of any of these */
	WHERE_ASSUMED = 1 << 2,	  /* likewise, under a uid that somebody else's user namespace gave it */
	WHERE_ANY = WHERE_HOST | WHERE_CONTAINER | WHERE_ASSUMED,
};

/* The namespaces that decide it. */
enum namespace {
	NAMESPACE_NETWORK,
	NAMESPACE_USER,
	NAMESPACE_PROCESS,
	_NAMESPACE_MAX,
};

/* Who speaks: the kernel's word about the process that connected. */
struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t *groups; /* supplementary */
	size_t n_groups;
	enum where where;
	char *cgroup; /* its path in the unified hierarchy, as it was when it connected; NULL: not known */
	bool unseen; /* nobody has connected: a user whom somebody asks for */
	bool foreign[_NAMESPACE_MAX]; /* not the daemon's, or not to be seen; none: WHERE_HOST */
};

/* What the running kernel can do; probed once at start. */
struct kernel_features {
	char *release;
	bool zero_copy_receive; /* 6.15, CONFIG_IO_URING_ZCRX */
	bool control;		/* 6.19: flush, export, import */
	bool large_buffers;	/* 7.0: rx_buf_len */
	bool software;		/* 7.1: ZCRX_REG_NODEV */
	bool queue_leasing;	/* 7.1: netkit queue leases */
	bool events;		/* 7.2: events and copy statistics */
	bool added_areas;	/* 7.3: whoever has a ring adds areas to its ifqs, under a lock that the
				 * deletion of a netkit device needs: lease/deletion.h */
	bool guard;		/* nf_tables at a NIC's ingress: nic_ops.guard_set() works */
	bool ptrace_denied;	/* kernel.yama.ptrace_scope is 3: clients' rings are out of reach */
};
