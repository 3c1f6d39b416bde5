/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of links; see link-table.h.
 */
#include <linux/rtnetlink.h>

#include "link-table.h"
#include "link.h"

void link_table_done(struct link_table *t)
{
	nic_links_free(t->links, t->n);
	*t = (struct link_table) {};
}

int link_table_fill(struct link_table *t, struct netlink *route)
{
	struct link_table fresh = {};
	int r = link_list(route, &fresh.links, &fresh.n);

	if (r < 0)
		return r;
	link_table_done(t);
	*t = fresh;
	return 0;
}

static void forget(struct link_table *t, unsigned ifindex)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->links[i].ifindex == ifindex) {
			t->links[i] = t->links[--t->n];
			return;
		}
}

static int put(struct link_table *t, const struct nic_link *link)
{
	struct nic_link *links;

	for (size_t i = 0; i < t->n; i++)
		if (t->links[i].ifindex == link->ifindex) {
			t->links[i] = *link;
			return 0;
		}
	links = reallocarray(t->links, t->n + 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	t->links = links;
	t->links[t->n++] = *link;
	return 0;
}

int link_table_update(struct link_table *t, const struct nlmsghdr *m)
{
	const struct ifinfomsg *info = nlmsg_data(m);
	struct nic_link link;

	if ((m->nlmsg_type != RTM_NEWLINK && m->nlmsg_type != RTM_DELLINK) ||
	    (size_t)nlmsg_datalen(m) < sizeof(*info) || info->ifi_family != AF_UNSPEC)
		return 0;
	if (m->nlmsg_type == RTM_DELLINK)
		forget(t, (unsigned)info->ifi_index);
	else if (link_read(m, &link) >= 0)
		return put(t, &link);
	return 0;
}

int link_table_copy(const struct link_table *t, struct nic_link **ret, size_t *ret_n)
{
	struct nic_link *links = calloc(t->n + 1, sizeof(*links));
	int r = links ? 0 : -ENOMEM;

	if (r >= 0 && t->n > 0)
		memcpy(links, t->links, t->n * sizeof(*links));
	for (size_t i = 0; i < t->n && r >= 0; i++)
		r = link_complete(&links[i]);
	if (r < 0) {
		nic_links_free(links, links ? t->n : 0);
		return r;
	}
	*ret = links;
	*ret_n = t->n;
	return 0;
}
