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
