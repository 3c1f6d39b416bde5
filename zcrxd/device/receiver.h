/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose sockets receive what comes in at an interface: its own, or those of the bond that it is a port of.
 * Looked at with every look at the links, and kept: what proves flows is asked of that device.
 */
#pragma once

#include "flow.h"
#include "nic.h"
#include "stack.h"

struct device;
struct devices;

/* Embedded in a device. */
struct receiver {
	struct stack_receiver at;
	char *refusal;		 /* there is none, and why */
	struct receiver_link {	 /* all other links, for what addresses of theirs mean */
		unsigned ifindex;
		enum address_place place;
		char name[IFNAMSIZ];
		bool port; /* of the bond, which receives by it, too */
	} *links;
	size_t n_links;
	char *left_out; /* addresses that listeners on all addresses are reached at, and not steered */
	bool here;	/* it has an address at all */
	bool stale;	/* addresses have changed since */
	bool changed;	/* another one than before: who proves flows has to be asked again */
};

void receiver_done(struct receiver *r);

/* Of a device that was not looked at yet: who asks about proofs must not find none. */
int receiver_begin(struct device *d);
/* All devices, from this list. */
int receivers_review(struct devices *devices, const struct nic_link *links, size_t n);

/* FLOW_NOT_PROVED if there is none. */
int device_check_receiver(const struct device *d, struct fault *reterr);
/* All addresses of the host, with what they are to this device. */
int device_addresses(struct device *d, struct local_address **ret, size_t *ret_n, struct fault *reterr);
