/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport against the real kernel, without privilege: answers, refusals with the kernel's own
 * words, dumps that begin anew, and readers of attributes.
 */
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "link.h"
#include "message.h"
#include "netlink.h"
#include "testlib.h"

static void test_family(void **state)
{
	_cleanup_(netlink_done) struct netlink nl = {};
	struct netlink_family family;

	assert_int_equal(netlink_open(&nl, NETLINK_GENERIC), 0);
	assert_int_equal(netlink_family_resolve(&nl, "nlctrl", "notify", &family), 0);
	assert_int_equal(family.id, GENL_ID_CTRL);
	assert_true(netlink_family_has(&family, CTRL_CMD_GETFAMILY));
	assert_false(netlink_family_has(&family, 63));
	assert_false(netlink_family_has(&family, 64));
	assert_true(family.group > 0);
	assert_int_equal(netlink_family_resolve(&nl, "no-such-family", NULL, &family), -ENOENT);
	assert_true(nl.refused);
	/* And the socket goes on working. */
	assert_int_equal(netlink_family_resolve(&nl, "nlctrl", "no-such-group", &family), 0);
	assert_int_equal(family.group, 0);
}

static struct nl_msg *bad_dump(void)
{
	const struct ifaddrmsg { /* of <linux/if_addr.h>, with a field that must be 0 */
		uint8_t family, prefixlen, flags, scope;
		uint32_t index;
	} header = { .prefixlen = 24 };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_GETADDR, 0);

	assert_int_equal(nlmsg_append(m, (void *)&header, sizeof(header), NLMSG_ALIGNTO), 0);
	return m;
}

static void test_refusal(void **state)
{
	_cleanup_(netlink_done) struct netlink nl = {};
	_cleanup_fault_ struct fault fault = {};
	int r;

	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE), 0);
	r = netlink_dump(&nl, bad_dump(), NULL, NULL, NULL);
	assert_int_equal(r, -EINVAL);
	assert_true(nl.refused);
	assert_non_null(nl.text);
	assert_int_equal(netlink_fault(&nl, r, &fault, "read addresses", "Try %s.", "again"),
			 ZCRX_KERNEL_REJECTED);
	assert_int_equal(fault.error, EINVAL);
	assert_string_equal(fault.kernel_text, nl.text);
	CHECK_CONTAINS(fault.message, "Cannot read addresses");
	CHECK_CONTAINS(fault.message, "Try again.");

	/* The machine's failures are not the kernel's word. */
	r = netlink_call(&nl, NULL, NULL, NULL);
	assert_int_equal(r, -ENOMEM);
	assert_false(nl.refused);
	assert_null(nl.text);
	assert_int_equal(netlink_fault(&nl, r, &fault, "read addresses", "%s", ""), -ENOMEM);
}

static void test_links(void **state)
{
	_cleanup_(netlink_done) struct netlink nl = {};
	struct nic_link *links, lo;
	unsigned index = 0;
	size_t n;

	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE), 0);
	assert_int_equal(link_list(&nl, &links, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (streq(links[i].name, "lo"))
			index = links[i].ifindex;
	nic_links_free(links, n);
	assert_true(index > 0);
	assert_int_equal(link_get(&nl, index, &lo), 0);
	assert_string_equal(lo.name, "lo");
	assert_string_equal(lo.driver, "");
	free(lo.path);
	assert_int_equal(link_get(&nl, 0x7ffffff0, &lo), -ENODEV);
}

struct stubborn {
	unsigned messages, resets;
};

static int refuse_message(const struct nlmsghdr *m, void *userdata)
{
	((struct stubborn *)userdata)->messages++;
	return -EXFULL;
}

/* A reader that gives up must not leave the rest of the dump for the next call. */
static void test_reader_fails(void **state)
{
	_cleanup_(netlink_done) struct netlink nl = {};
	struct stubborn s = {};
	struct nic_link *links;
	size_t n;

	assert_int_equal(netlink_open(&nl, NETLINK_ROUTE), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct ifinfomsg info = {};
		struct nl_msg *m = nlmsg_alloc_simple(RTM_GETLINK, 0);

		assert_int_equal(nlmsg_append(m, &info, sizeof(info), NLMSG_ALIGNTO), 0);
		assert_int_equal(netlink_dump(&nl, m, refuse_message, NULL, &s), -EXFULL);
		assert_false(nl.refused);
	}
	assert_int_equal(s.messages, 3);
	assert_int_equal(link_list(&nl, &links, &n), 0);
	nic_links_free(links, n);
}

/* Another process cannot answer in the kernel's name. */
static void test_impostor(void **state)
{
	_cleanup_(netlink_done) struct netlink nl = {}, other = {};
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t length = sizeof(to);
	struct message m;
	size_t n;

	assert_int_equal(netlink_open(&nl, NETLINK_USERSOCK), 0);
	assert_int_equal(netlink_open(&other, NETLINK_USERSOCK), 0);
	assert_int_equal(getsockname(netlink_fd(&nl), (struct sockaddr *)&to, &length), 0);
	message_begin(&m, RTM_NEWLINK, "", 0);
	assert_int_equal(
		sendto(netlink_fd(&other), m.bytes, m.n, 0, (struct sockaddr *)&to, length), m.n);
	assert_int_equal(netlink_receive(&nl, MSG_DONTWAIT, &n), -EAGAIN);
}

static void test_attributes(void **state)
{
	struct message m;
	struct nlattr *tb[9];
	char name[4];

	message_genl(&m, 0x20, 1);
	message_u8(&m, 1, 200);
	message_attr(&m, 2, (uint16_t[]) { 60000 }, 2);
	message_u32(&m, 3, 4000000000);
	message_u64(&m, 4, 1ULL << 40);
	message_attr(&m, 5, "abc", 3); /* no number has three bytes; no zero ends it */
	message_string(&m, 6, "abc");
	message_string(&m, 7, "abcd");
	message_attr(&m, 8, NULL, 0);
	assert_int_equal(netlink_parse_genl(message_header(&m), NULL, tb, 8), 0);
	assert_int_equal(attr_u32(tb[1], 0), 200);
	assert_int_equal(attr_u32(tb[2], 0), 60000);
	assert_true(attr_u32(tb[3], 0) == 4000000000);
	assert_int_equal(attr_u32(tb[4], 7), 7); /* does not fit */
	assert_true(attr_uint(tb[4], 0) == 1ULL << 40);
	assert_int_equal(attr_uint(tb[5], 7), 7);
	assert_int_equal(attr_uint(tb[8], 7), 7);
	assert_int_equal(attr_uint(NULL, 7), 7);
	assert_true(attr_string(tb[5], name, sizeof(name)));
	assert_string_equal(name, "abc");
	assert_true(attr_string(tb[6], name, sizeof(name)));
	assert_false(attr_string(tb[7], name, sizeof(name)));
	assert_false(attr_string(tb[8], name, sizeof(name)));
	assert_false(attr_string(NULL, name, sizeof(name)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_family),	 cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_links),	 cmocka_unit_test(test_reader_fails),
		cmocka_unit_test(test_impostor), cmocka_unit_test(test_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
