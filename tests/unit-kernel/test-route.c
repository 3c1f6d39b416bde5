/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links, addresses, sockets and notifications as the kernel sends them, whole and damaged.
 */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "hostile.h"
#include "link.h"
#include "monitor.h"
#include "sockdiag.h"

#define ETHTOOL 0x20
#define NETDEV	0x21

static void link_message(struct message *m, uint16_t type, int ifindex, unsigned flags)
{
	const struct ifinfomsg info = { .ifi_index = ifindex, .ifi_flags = flags };
	size_t nest;

	message_begin(m, type, &info, sizeof(info));
	message_string(m, IFLA_IFNAME, "zcrx-00000001");
	message_attr(m, IFLA_ADDRESS, "\x02\x00\x00\xab\xcd\xef", 6);
	message_attr(m, IFLA_PERM_ADDRESS, "\x00\x11\x22\x33\x44\x55", 6);
	nest = message_nest(m, IFLA_PROP_LIST);
	message_string(m, IFLA_ALT_IFNAME, "enp1s0");
	message_string(m, IFLA_ALT_IFNAME, "not plain"); /* could not be configured */
	message_string(m, IFLA_ALT_IFNAME, "enx001122334455");
	message_end(m, nest);
	nest = message_nest(m, IFLA_LINKINFO);
	message_string(m, IFLA_INFO_KIND, "netkit");
	message_end(m, nest);
}

/* Whether a program is attached to the link of that message. */
static bool read_xdp(struct message *m, const void *attached, size_t n)
{
	struct nic_link link;
	size_t nest;

	link_message(m, RTM_NEWLINK, 5, IFF_UP);
	nest = message_nest(m, IFLA_XDP);
	message_attr(m, IFLA_XDP_ATTACHED, attached, n);
	message_end(m, nest);
	assert_int_equal(link_read(message_header(m), &link), 0);
	return link.xdp;
}

static void test_link_xdp(void **state)
{
	const uint8_t none = XDP_ATTACHED_NONE, driver = XDP_ATTACHED_DRV,
		      several = XDP_ATTACHED_MULTI;
	struct message m;

	assert_false(read_xdp(&m, &none, 1));
	assert_true(read_xdp(&m, &driver, 1));
	assert_true(read_xdp(&m, &several, 1));
	assert_false(read_xdp(&m, NULL, 0));
}

static void test_link(void **state)
{
	struct nic_link link;
	struct message m;

	link_message(&m, RTM_NEWLINK, 5, IFF_UP);
	assert_int_equal(link_read(message_header(&m), &link), 0);
	assert_int_equal(link.ifindex, 5);
	assert_string_equal(link.name, "zcrx-00000001");
	assert_string_equal(link.mac, "02:00:00:ab:cd:ef");
	assert_string_equal(link.permanent_mac, "00:11:22:33:44:55");
	assert_int_equal(link_read_altnames(message_header(&m), &link.altnames), 0);
	assert_string_equal(link.altnames, "enp1s0 enx001122334455");
	assert_true(nic_link_has_name(&link, "enx001122334455"));
	assert_true(nic_link_has_name(&link, "zcrx-00000001"));
	assert_false(nic_link_has_name(&link, "enx00112233445"));
	assert_false(nic_link_has_name(&link, "enp1s0 "));
	assert_false(nic_link_has_name(&link, ""));
	free(link.altnames);
	assert_string_equal(link.kind, "netkit");
	assert_true(link.up);
	assert_false(link.labelled);
	message_attr(&m, IFLA_IFALIAS, "zcrxd lease of eth0", strlen("zcrxd lease of eth0"));
	assert_int_equal(link_read(message_header(&m), &link), 0);
	assert_true(link.labelled);
	link_message(&m, RTM_NEWLINK, 5, IFF_UP);
	message_attr(&m, IFLA_IFALIAS, "zcrxd lease o", strlen("zcrxd lease o"));
	assert_int_equal(link_read(message_header(&m), &link), 0);
	assert_false(link.labelled);

	link_message(&m, RTM_NEWLINK, 5, 0);
	assert_int_equal(link_read(message_header(&m), &link), 0);
	assert_false(link.up);
	link_message(&m, RTM_NEWLINK, -5, 0);
	assert_int_equal(link_read(message_header(&m), &link), -EBADMSG);
	link_message(&m, RTM_DELLINK, 5, 0);
	assert_int_equal(link_read(message_header(&m), &link), -EBADMSG);
}

/* What it is for a bond, and what it lies on. */
static struct nic_link read_stacked(const char *kind, const char *master, unsigned state, unsigned below,
				    bool elsewhere)
{
	const struct ifinfomsg info = { .ifi_index = 5 };
	struct nic_link link;
	struct message m;
	size_t nest, data;

	message_begin(&m, RTM_NEWLINK, &info, sizeof(info));
	message_string(&m, IFLA_IFNAME, "eth0");
	message_u32(&m, IFLA_LINK, below);
	if (elsewhere)
		message_u32(&m, IFLA_LINK_NETNSID, 0);
	nest = message_nest(&m, IFLA_LINKINFO);
	if (*kind)
		message_string(&m, IFLA_INFO_KIND, kind);
	message_string(&m, IFLA_INFO_SLAVE_KIND, master);
	data = message_nest(&m, IFLA_INFO_SLAVE_DATA);
	message_attr(&m, IFLA_BOND_SLAVE_STATE, &(uint8_t) { (uint8_t)state }, 1);
	message_end(&m, data);
	message_end(&m, nest);
	assert_int_equal(link_read(message_header(&m), &link), 0);
	return link;
}

static void test_link_stacked(void **state)
{
	assert_true(read_stacked("", "bond", 1, 0, false).standby);
	assert_false(read_stacked("", "bond", 0, 0, false).standby);
	assert_false(read_stacked("", "bridge", 1, 0, false).standby);
	assert_int_equal(read_stacked("vlan", "bond", 0, 3, false).below, 3);
	assert_int_equal(read_stacked("vlan", "bond", 0, 3, true).below, 0);
	assert_int_equal(read_stacked("veth", "bond", 0, 3, false).below, 0);
	assert_int_equal(read_stacked("netkit", "bond", 0, 3, false).below, 0);
}

/* A name that is too long or has no end must not become a shorter one. */
static void test_link_name(void **state)
{
	const struct ifinfomsg info = { .ifi_index = 5 };
	struct nic_link link;
	struct message m;

	message_begin(&m, RTM_NEWLINK, &info, sizeof(info));
	assert_int_equal(link_read(message_header(&m), &link), -EBADMSG);
	message_attr(&m, IFLA_IFNAME, "0123456789abcdef0123456789abcdef", 32);
	assert_int_equal(link_read(message_header(&m), &link), -EBADMSG);
}

static void address_message(struct message *m, int family, unsigned ifindex, uint32_t flags)
{
	const struct ifaddrmsg info = { .ifa_family = (uint8_t)family, .ifa_index = ifindex };

	message_begin(m, RTM_NEWADDR, &info, sizeof(info));
	message_u32(m, IFA_FLAGS, flags);
}

static void test_addresses_of_all(void **state)
{
	struct link_addresses all = { .ifindex = 0 };
	struct message m;

	for (unsigned i = 3; i < 5; i++) {
		address_message(&m, AF_INET, i, 0);
		message_attr(&m, IFA_LOCAL, "\x0a\x09\x00\x01", 4);
		assert_int_equal(link_read_address(message_header(&m), &all), 0);
	}
	assert_int_equal(all.n, 2);
	assert_int_equal(all.list[0].ifindex, 3);
	assert_int_equal(all.list[1].ifindex, 4);
	free(all.list);
}

static size_t count_address(const struct message *m)
{
	struct link_addresses all = { .ifindex = 3 };

	assert_int_equal(link_read_address(message_header(m), &all), 0);
	free(all.list);
	return all.n;
}

static void test_address(void **state)
{
	struct link_addresses all = { .ifindex = 3 };
	uint8_t v6[16] = { 0xfd, 9, [15] = 1 };
	struct message m;

	/* Point-to-point: ours is the local one. */
	address_message(&m, AF_INET, 3, IFA_F_PERMANENT);
	message_attr(&m, IFA_ADDRESS, "\x0a\x09\x00\x02", 4);
	message_attr(&m, IFA_LOCAL, "\x0a\x09\x00\x01", 4);
	assert_int_equal(link_read_address(message_header(&m), &all), 0);
	address_message(&m, AF_INET6, 3, 0);
	message_attr(&m, IFA_ADDRESS, v6, 16);
	assert_int_equal(link_read_address(message_header(&m), &all), 0);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.list[0].protocol, FLOW_TCP4);
	assert_memory_equal(all.list[0].bytes, "\x0a\x09\x00\x01\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(all.list[1].protocol, FLOW_TCP6);
	assert_memory_equal(all.list[1].bytes, v6, 16);
	/* An address of the wrong length is an error, not a guess. */
	address_message(&m, AF_INET6, 3, 0);
	message_attr(&m, IFA_ADDRESS, v6, 4);
	assert_int_equal(link_read_address(message_header(&m), &all), -EBADMSG);
	free(all.list);
}

static void test_address_ignored(void **state)
{
	const struct {
		int family;
		unsigned ifindex;
		uint32_t flags;
		size_t n;
	} cases[] = {
		{ AF_INET6, 3, 0, 1 },
		{ AF_INET6, 4, 0, 0 },
		{ AF_DECnet, 3, 0, 0 },
		{ AF_INET6, 3, IFA_F_TENTATIVE, 0 },
		{ AF_INET6, 3, IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, 1 },
		{ AF_INET6, 3, IFA_F_DADFAILED, 0 },
	};
	struct message m;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		address_message(&m, cases[i].family, cases[i].ifindex, cases[i].flags);
		message_attr(&m, IFA_ADDRESS, (uint8_t[16]) { 0xfd }, 16);
		assert_int_equal(count_address(&m), cases[i].n);
	}
}

static void test_link_table(void **state)
{
	const struct ifinfomsg port = { .ifi_family = AF_BRIDGE, .ifi_index = 5 };
	struct link_table table = {};
	struct nic_link *links;
	struct message m;
	size_t n;

	for (int i = 5; i < 8; i++) {
		link_message(&m, RTM_NEWLINK, i, 0);
		assert_int_equal(link_table_update(&table, message_header(&m)), 0);
	}
	link_message(&m, RTM_NEWLINK, 6, IFF_UP); /* a change, no fourth one */
	assert_int_equal(link_table_update(&table, message_header(&m)), 0);
	message_begin(&m, RTM_DELLINK, &port, sizeof(port));
	assert_int_equal(link_table_update(&table, message_header(&m)), 0);
	message_begin(&m, RTM_DELLINK, "", 1);
	assert_int_equal(link_table_update(&table, message_header(&m)), 0);
	assert_int_equal(table.n, 3);
	link_message(&m, RTM_DELLINK, 5, 0);
	assert_int_equal(link_table_update(&table, message_header(&m)), 0);
	assert_int_equal(link_table_update(&table, message_header(&m)), 0);
	assert_int_equal(link_table_copy(&table, &links, &n), 0);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(links[i].up, links[i].ifindex == 6);
		assert_true(nic_link_has_name(&links[i], "enp1s0"));
	}
	nic_links_free(links, n);
	link_table_done(&table);
}

static void diag_message(struct message *m)
{
	const struct inet_diag_msg d = {
		.idiag_family = AF_INET6,
		.idiag_state = TCP_LISTEN,
		.id = { .idiag_sport = htons(9000), .idiag_cookie = { 0x11223344, 0x55667788 } },
	};

	message_begin(m, SOCK_DIAG_BY_FAMILY, &d, sizeof(d));
	message_u8(m, INET_DIAG_SKV6ONLY, 1);
}

static void test_diag(void **state)
{
	struct sockdiag_socket s;
	struct nic_event e;
	struct message m;

	diag_message(&m);
	assert_int_equal(sockdiag_read(message_header(&m), &s), 0);
	assert_int_equal(s.family, AF_INET6);
	assert_int_equal(s.state, TCP_LISTEN);
	assert_int_equal(s.local_port, 9000);
	assert_true(s.v6_only);
	assert_true(s.cookie == 0x5566778811223344);
	assert_true(monitor_read_diag(message_header(&m), &e));
	assert_int_equal(e.type, NIC_EVENT_SOCKET_GONE);
	assert_true(e.cookie == 0x5566778811223344);
	m.n -= 20;
	((struct nlmsghdr *)m.bytes)->nlmsg_len -= 20;
	assert_false(monitor_read_diag(message_header(&m), &e));
}

/* What was switched on for a listener, as tcp_diag nests it. */
static void test_diag_extensions(void **state)
{
	/* attribute 1 of the nest, "mptcp", and padding */
	static const uint8_t ulp[] = { 10, 0, 1, 0, 'm', 'p', 't', 'c', 'p', 0, 0, 0 };
	static const uint8_t nameless[] = { 4, 0, 3, 0 }, keys[104] = { 0 };
	struct sockdiag_socket s;
	struct message m;

	diag_message(&m);
	assert_int_equal(sockdiag_read(message_header(&m), &s), 0);
	assert_int_equal(s.extension, SOCKET_PLAIN);
	message_attr(&m, INET_DIAG_MD5SIG, keys, sizeof(keys));
	assert_int_equal(sockdiag_read(message_header(&m), &s), 0);
	assert_int_equal(s.extension, SOCKET_TCP_MD5);
	message_attr(&m, INET_DIAG_ULP_INFO, ulp, sizeof(ulp));
	assert_int_equal(sockdiag_read(message_header(&m), &s), 0);
	assert_int_equal(s.extension, SOCKET_ULP);
	assert_string_equal(s.ulp, "mptcp");
	diag_message(&m);
	message_attr(&m, INET_DIAG_ULP_INFO, nameless, sizeof(nameless));
	assert_int_equal(sockdiag_read(message_header(&m), &s), 0);
	assert_int_equal(s.extension, SOCKET_ULP);
	assert_string_equal(s.ulp, "");
}

static void test_route_events(void **state)
{
	const struct ifinfomsg port = { .ifi_family = AF_BRIDGE, .ifi_index = 5 };
	struct nic_event e;
	struct message m;

	link_message(&m, RTM_NEWLINK, 5, 0);
	assert_true(monitor_read_route(message_header(&m), &e));
	assert_int_equal(e.type, NIC_EVENT_LINK);
	assert_int_equal(e.ifindex, 5);
	link_message(&m, RTM_DELLINK, 5, 0);
	assert_true(monitor_read_route(message_header(&m), &e));
	assert_int_equal(e.type, NIC_EVENT_LINK_GONE);
	assert_false(e.moved);
	/* The kernel says where it went, if it did not end. */
	message_u32(&m, IFLA_NEW_NETNSID, 3);
	assert_true(monitor_read_route(message_header(&m), &e));
	assert_int_equal(e.type, NIC_EVENT_LINK_GONE);
	assert_true(e.moved);
	/* Leaving a bridge is not leaving the machine. */
	message_begin(&m, RTM_DELLINK, &port, sizeof(port));
	assert_false(monitor_read_route(message_header(&m), &e));
	address_message(&m, AF_INET6, 3, 0);
	assert_true(monitor_read_route(message_header(&m), &e));
	assert_int_equal(e.type, NIC_EVENT_ADDRESSES);
	assert_int_equal(e.ifindex, 3);
	message_begin(&m, RTM_NEWLINK, "", 1);
	assert_false(monitor_read_route(message_header(&m), &e));
	message_begin(&m, RTM_NEWROUTE, &port, sizeof(port));
	assert_false(monitor_read_route(message_header(&m), &e));
}

static void drift_message(struct message *m)
{
	size_t nest;

	message_genl(m, ETHTOOL, 19);
	nest = message_nest(m, 1);
	message_u32(m, 1, 3);
	message_end(m, nest);
}

static void test_genl_events(void **state)
{
	struct nic_event e;
	struct message m;

	drift_message(&m);
	assert_true(monitor_read_genl(message_header(&m), ETHTOOL, NETDEV, &e));
	assert_int_equal(e.type, NIC_EVENT_SETTINGS);
	assert_int_equal(e.ifindex, 3);
	message_genl(&m, NETDEV, 7);
	message_u32(&m, 1, 99);
	message_u32(&m, 2, 4);
	assert_true(monitor_read_genl(message_header(&m), ETHTOOL, NETDEV, &e));
	assert_int_equal(e.type, NIC_EVENT_PAGE_POOL);
	assert_int_equal(e.ifindex, 4);
	message_genl(&m, NETDEV, 7); /* a pool of no device */
	assert_false(monitor_read_genl(message_header(&m), ETHTOOL, NETDEV, &e));
	message_genl(&m, 0x30, 7);
	message_u32(&m, 2, 4);
	assert_false(monitor_read_genl(message_header(&m), ETHTOOL, NETDEV, &e));
}

static void read_everything(const struct nlmsghdr *m)
{
	struct link_addresses all = { .ifindex = 3 };
	struct sockdiag_socket s;
	struct nic_link link = {};
	struct nic_event e;

	(void)link_read(m, &link);
	(void)link_read_altnames(m, &link.altnames);
	free(link.altnames);
	(void)link_read_address(m, &all);
	free(all.list);
	(void)sockdiag_read(m, &s);
	(void)monitor_read_route(m, &e);
	(void)monitor_read_genl(m, ETHTOOL, NETDEV, &e);
	(void)monitor_read_diag(m, &e);
}

static void test_hostile(void **state)
{
	struct message m;

	link_message(&m, RTM_NEWLINK, 5, 0);
	hostile_sweep(&m, read_everything);
	address_message(&m, AF_INET, 3, 0);
	message_attr(&m, IFA_LOCAL, "\x0a\x09\x00\x01", 4);
	hostile_sweep(&m, read_everything);
	diag_message(&m);
	hostile_sweep(&m, read_everything);
	drift_message(&m);
	hostile_sweep(&m, read_everything);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_link_xdp),
		cmocka_unit_test(test_link_stacked),
		cmocka_unit_test(test_addresses_of_all),
		cmocka_unit_test(test_link_name),
		cmocka_unit_test(test_link_table),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_address_ignored),
		cmocka_unit_test(test_diag), cmocka_unit_test(test_diag_extensions),
		cmocka_unit_test(test_route_events),
		cmocka_unit_test(test_genl_events),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
