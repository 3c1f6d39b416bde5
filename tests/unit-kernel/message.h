/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Netlink messages written byte by byte as the kernel lays them out, without libnl, so that a
 * misunderstanding of its functions shows.
 */
#pragma once

#include <assert.h>
#include <linux/netlink.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

struct message {
	alignas(8) uint8_t bytes[4096];
	size_t n;
};

static inline void message_put(struct message *m, const void *data, size_t n)
{
	assert(m->n + n + 4 < sizeof(m->bytes));
	if (n > 0)
		memcpy(m->bytes + m->n, data, n);
	m->n += n;
	while (m->n % 4)
		m->bytes[m->n++] = 0;
	((struct nlmsghdr *)m->bytes)->nlmsg_len = (uint32_t)m->n;
}

static inline void message_begin(struct message *m, uint16_t type, const void *header, size_t n)
{
	const struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_seq = 1 };

	memset(m, 0, sizeof(*m));
	message_put(m, &h, sizeof(h));
	message_put(m, header, n);
}

static inline void message_genl(struct message *m, uint16_t type, uint8_t command)
{
	message_begin(m, type, (uint8_t[]) { command, 1, 0, 0 }, 4);
}

static inline void message_attr(struct message *m, uint16_t type, const void *data, size_t n)
{
	const struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + n), .nla_type = type };

	message_put(m, &a, sizeof(a));
	message_put(m, data, n);
}

static inline void message_u8(struct message *m, uint16_t type, uint8_t v)
{
	message_attr(m, type, &v, sizeof(v));
}

static inline void message_u32(struct message *m, uint16_t type, uint32_t v)
{
	message_attr(m, type, &v, sizeof(v));
}

static inline void message_u64(struct message *m, uint16_t type, uint64_t v)
{
	message_attr(m, type, &v, sizeof(v));
}

static inline void message_string(struct message *m, uint16_t type, const char *s)
{
	message_attr(m, type, s, strlen(s) + 1);
}

/* Between them is what the nest holds. */
static inline size_t message_nest(struct message *m, uint16_t type)
{
	size_t at = m->n;

	message_attr(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

static inline void message_end(struct message *m, size_t at)
{
	((struct nlattr *)(m->bytes + at))->nla_len = (uint16_t)(m->n - at);
}

static inline const struct nlmsghdr *message_header(const struct message *m)
{
	return (const struct nlmsghdr *)m->bytes;
}
