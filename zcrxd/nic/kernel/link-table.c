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
			free(t->links[i].altnames);
			t->links[i] = t->links[--t->n];
			return;
		}
}

static int put(struct link_table *t, const struct nic_link *link)
{
	struct nic_link *links;

	for (size_t i = 0; i < t->n; i++)
		if (t->links[i].ifindex == link->ifindex) {
			free(t->links[i].altnames);
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
	int r;

	if ((m->nlmsg_type != RTM_NEWLINK && m->nlmsg_type != RTM_DELLINK) ||
	    (size_t)nlmsg_datalen(m) < sizeof(*info) || info->ifi_family != AF_UNSPEC)
		return 0;
	if (m->nlmsg_type == RTM_DELLINK) {
		forget(t, (unsigned)info->ifi_index);
		return 0;
	}
	if (link_read(m, &link) < 0)
		return 0;
	r = link_read_altnames(m, &link.altnames);
	if (r >= 0)
		r = put(t, &link);
	if (r < 0)
		free(link.altnames);
	return r == -ENOMEM ? r : 0;
}

int link_table_copy(const struct link_table *t, struct nic_link **ret, size_t *ret_n)
{
	struct nic_link *links = calloc(t->n + 1, sizeof(*links));
	int r = links ? 0 : -ENOMEM;

	for (size_t i = 0; i < t->n && r >= 0; i++) {
		links[i] = t->links[i];
		links[i].altnames = t->links[i].altnames ? strdup(t->links[i].altnames) : NULL;
		r = t->links[i].altnames && !links[i].altnames ? -ENOMEM : link_complete(&links[i]);
	}
	if (r < 0) {
		nic_links_free(links, links ? t->n : 0);
		return r;
	}
	*ret = links;
	*ret_n = t->n;
	return 0;
}
