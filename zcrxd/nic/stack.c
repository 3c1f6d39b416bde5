/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See stack.h.
 */
#include "stack.h"

#define OPEN_VSWITCH "openvswitch"

const struct nic_link *links_find(const struct nic_link *links, size_t n_links, unsigned ifindex)
{
	for (size_t i = 0; i < n_links; i++)
		if (links[i].ifindex == ifindex)
			return &links[i];
	return NULL;
}

static bool is_above(const struct nic_link *upper, const struct nic_link *lower)
{
	return lower->master == upper->ifindex || upper->below == lower->ifindex ||
	       (streq(lower->kind, OPEN_VSWITCH) && streq(upper->kind, OPEN_VSWITCH));
}

static bool is_listed(const unsigned *list, size_t n, unsigned ifindex)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == ifindex)
			return true;
	return false;
}

size_t stack_above(const struct nic_link *links, size_t n_links, unsigned ifindex, unsigned *ret,
		   size_t max)
{
	size_t n = 0;

	if (max > 0)
		ret[n++] = ifindex;
	/* Those found last may have some above them; each is looked at once. */
	for (size_t i = 0; i < n; i++) {
		const struct nic_link *lower = links_find(links, n_links, ret[i]);

		for (size_t k = 0; lower && k < n_links && n < max; k++)
			if (is_above(&links[k], lower) && !is_listed(ret, n, links[k].ifindex))
				ret[n++] = links[k].ifindex;
	}
	return n;
}

/* ------------------------------------------------------------------------- who receives */

static int refuse_master(const struct nic_link *link, const char *master, struct fault *reterr)
{
	return fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL,
			 "%s belongs to %s, whose sockets receive in its place: no socket proves a flow "
			 "here. Take it out of there, or have an administrator name the flow by value.",
			 link->name, master);
}

int stack_receiver(const struct nic_link *links, size_t n_links, const struct nic_link *nic,
		   struct stack_receiver *ret, struct fault *reterr)
{
	const struct nic_link *receiver = nic, *above;

	if (nic->master != 0) {
		receiver = links_find(links, n_links, nic->master);
		if (!receiver || !streq(receiver->kind, "bond"))
			return refuse_master(nic, receiver ? receiver->name : "another device", reterr);
	}
	if (receiver != nic && receiver->master != 0) {
		above = links_find(links, n_links, receiver->master);
		return refuse_master(receiver, above ? above->name : "another device", reterr);
	}
	*ret = (struct stack_receiver) { .ifindex = receiver->ifindex, .bond = receiver != nic };
	memcpy(ret->name, receiver->name, sizeof(ret->name));
	return 0;
}

#define NESTED_MAX 8 /* VLANs in VLANs */

enum address_place stack_place(const struct nic_link *links, size_t n_links,
			       const struct stack_receiver *receiver, unsigned nic, unsigned at)
{
	const struct nic_link *link = links_find(links, n_links, at);

	if (at == receiver->ifindex)
		return ADDRESS_HERE;
	if (link && (streq(link->name, "lo") || streq(link->kind, "dummy")))
		return ADDRESS_HOST;
	for (unsigned i = 0; i < NESTED_MAX && link && streq(link->kind, "vlan"); i++) {
		if (link->below == receiver->ifindex || link->below == nic)
			return ADDRESS_VLAN;
		link = links_find(links, n_links, link->below);
	}
	return ADDRESS_ELSEWHERE;
}
