/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One look at the kernel and at NICs without a daemon, and without privilege: what `zcrxctl check`
 * judges. It reads with the same functions as the daemon, so that both see the same. Changes nothing.
 */
#pragma once

#include "nic.h"
#include "stack.h"

struct kernel_inspection {
	struct kernel_features features; /* release is to be freed; NULL if nothing could be read */
	bool ring_made;	     /* an io_uring as zcrx needs it; else `features` believes the kernel's word */
	int ring_error;	     /* the errno for which there was none */
	bool privileged;     /* CAP_NET_ADMIN: asked with it, a kernel answers more */
	bool has_ethtool, has_netdev, has_tcp_diag;
};

#define UNDER_MAX 64

struct nic_inspection {
	const char *name;	 /* borrowed */
	struct nic_state *state; /* NULL: see `failure` */
	char *failure;
	char kind[IFNAMSIZ];	  /* as struct nic_link has it: of what has one and lies on others there is no
				   * state, but what it lies on: ports, or what a VLAN was made on */
	char *under[UNDER_MAX];
	size_t n_under;
	struct stack_receiver receiver; /* whose sockets receive what comes in there; else: */
	char *no_receiver;
	bool xdp;		  /* a program is attached, of whichever kind */
	bool split_was_asked;	  /* whether state->split_refusal tells anything */
	char version[32], firmware[32]; /* as `ethtool -i` prints them; "" if unknown */
};

/* Negative errno only: what the kernel does not have is a fact. */
int inspect_kernel(struct kernel_inspection *ret);
int inspect_nic(const char *name, const struct kernel_inspection *kernel,
		struct nic_inspection *ret);
void nic_inspection_done(struct nic_inspection *nic);

/* All of this machine, with their drivers and paths; the caller frees with nic_links_free. */
int inspect_links(struct nic_link **ret, size_t *ret_n);

/* Every counter of `ethtool -S`, as the driver calls it. Negative errno. */
typedef void (*nic_statistic)(const char *name, uint64_t value, void *userdata);
int inspect_statistics(unsigned ifindex, const char *name, nic_statistic found, void *userdata);

/* A default route leads through the interface or what lies on it, or routes that together are as good as one. */
int inspect_default_route(const char *name, bool *ret);
