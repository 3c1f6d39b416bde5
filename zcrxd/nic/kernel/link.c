/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links and addresses by rtnetlink; see link.h.
 */
#include <ctype.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "link.h"
#include "sysfs.h"
#include "udev.h"

#define LINKS_MAX     65536
#define ADDRESSES_MAX 65536
/* Of linux/if_bonding.h, which does not go with <net/if.h> either. */
#define BOND_ACTIVE 0
#define BOND_BACKUP 1
#define ALTNAME_SIZE  128 /* ALTIFNAMSIZ of <linux/if.h>, which does not go with <net/if.h> */

/* What kind it is, and what it is for a bond. */
static void read_kind(struct nlattr *linkinfo, struct nic_link *link)
{
	struct nlattr *tb[IFLA_INFO_SLAVE_DATA + 1], *port[IFLA_BOND_SLAVE_STATE + 1];
	char master[IFNAMSIZ];

	if (!linkinfo || netlink_parse_nested(linkinfo, tb, IFLA_INFO_SLAVE_DATA) < 0)
		return;
	(void)attr_string(tb[IFLA_INFO_KIND], link->kind, sizeof(link->kind));
	if (tb[IFLA_INFO_SLAVE_DATA] && attr_string(tb[IFLA_INFO_SLAVE_KIND], master, sizeof(master)) &&
	    streq(master, "bond") &&
	    netlink_parse_nested(tb[IFLA_INFO_SLAVE_DATA], port, IFLA_BOND_SLAVE_STATE) >= 0)
		link->standby = attr_u32(port[IFLA_BOND_SLAVE_STATE], BOND_ACTIVE) ==
				BOND_BACKUP;
}

static void read_mac(const struct nlattr *a, char ret[18])
{
	const uint8_t *b;

	if (!a || nla_len(a) != 6)
		return;
	b = nla_data(a);
	snprintf(ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

static bool read_label(const struct nlattr *alias)
{
	size_t n = strlen(LEASE_LABEL);

	return alias && (size_t)nla_len(alias) >= n && memcmp(nla_data(alias), LEASE_LABEL, n) == 0;
}

static bool read_xdp(struct nlattr *xdp)
{
	struct nlattr *tb[IFLA_XDP_ATTACHED + 1];

	return xdp && netlink_parse_nested(xdp, tb, IFLA_XDP_ATTACHED) >= 0 &&
	       attr_u32(tb[IFLA_XDP_ATTACHED], XDP_ATTACHED_NONE) != XDP_ATTACHED_NONE;
}

/* Of pairs it is the other end; what is in another network namespace has another's number. */
static unsigned read_below(struct nlattr *const *tb, const char *kind)
{
	if (tb[IFLA_LINK_NETNSID] || streq(kind, "veth") || streq(kind, "netkit"))
		return 0;
	return attr_u32(tb[IFLA_LINK], 0);
}

int link_read(const struct nlmsghdr *m, struct nic_link *ret)
{
	struct nlattr *tb[IFLA_PERM_ADDRESS + 1];
	const struct ifinfomsg *info;
	struct nic_link link = {};
	int r;

	if (m->nlmsg_type != RTM_NEWLINK)
		return -EBADMSG;
	r = netlink_parse(m, sizeof(*info), tb, IFLA_PERM_ADDRESS);
	if (r < 0)
		return r;
	info = nlmsg_data(m);
	if (info->ifi_index <= 0 || !attr_string(tb[IFLA_IFNAME], link.name, sizeof(link.name)))
		return -EBADMSG;
	link.ifindex = (unsigned)info->ifi_index;
	link.up = info->ifi_flags & IFF_UP;
	link.mtu = attr_u32(tb[IFLA_MTU], 0);
	link.master = attr_u32(tb[IFLA_MASTER], 0);
	read_mac(tb[IFLA_ADDRESS], link.mac);
	read_mac(tb[IFLA_PERM_ADDRESS], link.permanent_mac);
	read_kind(tb[IFLA_LINKINFO], &link);
	link.xdp = read_xdp(tb[IFLA_XDP]);
	link.below = read_below(tb, link.kind);
	link.labelled = read_label(tb[IFLA_IFALIAS]);
	*ret = link;
	return 0;
}

/* The kernel takes anything for an alternative name; what could not be configured is left out. */
static bool is_plain(const char *name)
{
	for (const char *s = name; *s; s++)
		if (isspace((unsigned char)*s) || iscntrl((unsigned char)*s))
			return false;
	return *name != '\0';
}

int link_read_altnames(const struct nlmsghdr *m, char **ret)
{
	_cleanup_free_ char *all = NULL;
	struct nlattr *tb[IFLA_PROP_LIST + 1], *a;
	char name[ALTNAME_SIZE], *grown;
	int r, rem;

	r = netlink_parse(m, sizeof(struct ifinfomsg), tb, IFLA_PROP_LIST);
	if (r < 0)
		return r;
	if (tb[IFLA_PROP_LIST])
		nla_for_each_nested(a, tb[IFLA_PROP_LIST], rem) {
			if (nla_type(a) != IFLA_ALT_IFNAME || !attr_string(a, name, sizeof(name)) ||
			    !is_plain(name))
				continue;
			if (asprintf(&grown, "%s%s%s", all ?: "", all ? " " : "", name) < 0)
				return -ENOMEM;
			free(all);
			all = grown;
		}
	*ret = TAKE_PTR(all);
	return 0;
}

struct link_list {
	struct nic_link *links;
	size_t n;
};

static int take_link(const struct nlmsghdr *m, void *userdata)
{
	struct link_list *all = userdata;
	struct nic_link link, *links;
	int r = link_read(m, &link);

	if (r < 0)
		return r;
	if (all->n >= LINKS_MAX)
		return -E2BIG;
	links = reallocarray(all->links, all->n + 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	all->links = links;
	r = link_read_altnames(m, &link.altnames);
	if (r < 0)
		return r;
	all->links[all->n++] = link;
	return 0;
}

static void forget_links(void *userdata)
{
	struct link_list *all = userdata;

	nic_links_free(all->links, all->n);
	*all = (struct link_list) {};
}

static struct nl_msg *get_link(unsigned ifindex)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_simple(RTM_GETLINK, 0);

	if (!m || nlmsg_append(m, (void *)&info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0)
		return NULL;
	return TAKE_PTR(m);
}

int link_list(struct netlink *route, struct nic_link **ret, size_t *ret_n)
{
	struct link_list all = {};
	int r = netlink_dump(route, get_link(0), take_link, forget_links, &all);

	if (r < 0) {
		nic_links_free(all.links, all.n);
		return r;
	}
	*ret = all.links;
	*ret_n = all.n;
	return 0;
}

bool link_is_lease(const struct nic_link *link)
{
	return streq(link->kind, "netkit") &&
	       (strncmp(link->name, LEASE_PREFIX, strlen(LEASE_PREFIX)) == 0 || link->labelled);
}

int link_complete(struct nic_link *link)
{
	/* Hardware has no kind; neither driver nor place has anything else. */
	if (link->kind[0])
		return 0;
	sysfs_driver(link->name, link->ifindex, link->driver, sizeof(link->driver));
	return udev_path(link->ifindex, &link->path);
}

int link_bring_up(struct netlink *route, unsigned ifindex)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex,
					.ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (!m || nlmsg_append(m, (void *)&info, sizeof(info), NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	return netlink_call(route, TAKE_PTR(m), NULL, NULL);
}

static int take_one(const struct nlmsghdr *m, void *userdata)
{
	return link_read(m, userdata);
}

int link_get(struct netlink *route, unsigned ifindex, struct nic_link *ret)
{
	struct nic_link link = {};
	int r = netlink_call(route, get_link(ifindex), take_one, &link);

	if (r < 0)
		return r;
	*ret = link;
	return 0;
}

int link_read_address(const struct nlmsghdr *m, void *addresses)
{
	struct link_addresses *all = addresses;
	struct nlattr *tb[IFA_FLAGS + 1], *a;
	struct local_address address = {}, *list;
	const struct ifaddrmsg *info;
	size_t length;
	uint32_t flags;
	int r = netlink_parse(m, sizeof(*info), tb, IFA_FLAGS);

	if (r < 0)
		return r;
	info = nlmsg_data(m);
	if (m->nlmsg_type != RTM_NEWADDR || (all->ifindex > 0 && info->ifa_index != all->ifindex) ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return 0;
	/* Not ours before duplicate detection is through; a notification will tell. */
	flags = attr_u32(tb[IFA_FLAGS], info->ifa_flags);
	if (flags & IFA_F_DADFAILED || (flags & IFA_F_TENTATIVE && !(flags & IFA_F_OPTIMISTIC)))
		return 0;
	address.ifindex = info->ifa_index;
	address.protocol = info->ifa_family == AF_INET ? FLOW_TCP4 : FLOW_TCP6;
	length = flow_address_bits(address.protocol) / 8;
	/* On point-to-point links IFA_ADDRESS is the other end, IFA_LOCAL is ours. */
	a = tb[IFA_LOCAL] ?: tb[IFA_ADDRESS];
	if (!a || (size_t)nla_len(a) != length)
		return -EBADMSG;
	if (all->n >= ADDRESSES_MAX)
		return -E2BIG;
	memcpy(address.bytes, nla_data(a), length);
	list = reallocarray(all->list, all->n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	all->list = list;
	all->list[all->n++] = address;
	return 0;
}

static void forget_addresses(void *userdata)
{
	((struct link_addresses *)userdata)->n = 0;
}

int link_addresses(struct netlink *route, unsigned ifindex, struct local_address **ret,
		   size_t *ret_n)
{
	const struct ifaddrmsg info = { .ifa_family = AF_UNSPEC, .ifa_index = ifindex };
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc_simple(RTM_GETADDR, 0);
	struct link_addresses all = { .ifindex = ifindex };
	int r;

	if (!m || nlmsg_append(m, (void *)&info, sizeof(info), NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	r = netlink_dump(route, TAKE_PTR(m), link_read_address, forget_addresses, &all);
	if (r < 0) {
		free(all.list);
		return r;
	}
	*ret = all.list;
	*ret_n = all.n;
	return 0;
}

int link_numa_node(const char *name)
{
	return sysfs_numa_node(name);
}
