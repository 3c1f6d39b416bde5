/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Building and reading netlink messages: the half of netlink.h that needs no socket. Every reader
 * takes any bytes at all.
 */
#include <netlink/genl/genl.h>

#include "netlink.h"

struct nl_msg *netlink_genl(const struct netlink_family *family, uint8_t command, int flags)
{
	_cleanup_nl_msg_ struct nl_msg *m = nlmsg_alloc();

	if (!m || !genlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, family->id, 0, flags, command, 1))
		return NULL;
	return TAKE_PTR(m);
}

int netlink_parse(const struct nlmsghdr *m, size_t header, struct nlattr **tb, int max)
{
	size_t length = m->nlmsg_len, skip = NLMSG_HDRLEN + NLMSG_ALIGN(header);

	if (length < NLMSG_HDRLEN + header)
		return -EBADMSG;
	if (length < skip) /* nothing follows, not even the padding */
		skip = length;
	return nla_parse(tb, max, (struct nlattr *)((char *)m + skip), (int)(length - skip), NULL) <
			       0
		       ? -EBADMSG
		       : 0;
}

int netlink_parse_genl(const struct nlmsghdr *m, uint8_t *ret_command, struct nlattr **tb, int max)
{
	int r = netlink_parse(m, GENL_HDRLEN, tb, max);

	if (r >= 0 && ret_command)
		*ret_command = ((const struct genlmsghdr *)nlmsg_data(m))->cmd;
	return r;
}

int netlink_parse_nested(struct nlattr *a, struct nlattr **tb, int max)
{
	return nla_parse(tb, max, nla_data(a), nla_len(a), NULL) < 0 ? -EBADMSG : 0;
}

uint32_t attr_u32(const struct nlattr *a, uint32_t fallback)
{
	uint64_t v = attr_uint(a, fallback);

	return v > UINT32_MAX ? fallback : (uint32_t)v;
}

uint64_t attr_uint(const struct nlattr *a, uint64_t fallback)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (!a)
		return fallback;
	switch (nla_len(a)) {
	case sizeof(uint8_t):
		return *(const uint8_t *)nla_data(a);
	case sizeof(u16):
		memcpy(&u16, nla_data(a), sizeof(u16));
		return u16;
	case sizeof(u32):
		memcpy(&u32, nla_data(a), sizeof(u32));
		return u32;
	case sizeof(u64):
		memcpy(&u64, nla_data(a), sizeof(u64));
		return u64;
	default:
		return fallback;
	}
}

bool attr_string(const struct nlattr *a, char *ret, size_t size)
{
	size_t n;

	if (!a || nla_len(a) <= 0)
		return false;
	n = strnlen(nla_data(a), (size_t)nla_len(a));
	if (n >= size)
		return false;
	memcpy(ret, nla_data(a), n);
	ret[n] = '\0';
	return true;
}
