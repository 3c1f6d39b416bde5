/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Netlink: one request and its answer, with the kernel's own words if it refuses. Sockets and
 * message building are libnl's. A struct netlink belongs to one thread. The readers of attributes
 * believe nothing: a short or missing attribute gives the fallback.
 */
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

struct netlink {
	struct nl_sock *socket;
	void *buffer;
	size_t capacity;
	bool refused; /* the last call failed by the kernel's word, not by ours */
	char *text;   /* what it said (extack), or NULL */
};

struct netlink_family {
	uint16_t id;
	uint64_t commands; /* bit n: the kernel knows command n */
	uint32_t group;	   /* the multicast group asked for, 0 if there is none */
};

/* Called for every message of an answer. Negative ends the call with it. */
typedef int (*netlink_handler)(const struct nlmsghdr *m, void *userdata);

int netlink_open(struct netlink *ret, int protocol);
void netlink_done(struct netlink *nl); /* a zeroed one is fine */
int netlink_fd(const struct netlink *nl);
/* For multicast: neither sequence numbers nor blocking, and room for bursts. */
int netlink_make_listener(struct netlink *nl);

/* One datagram into nl->buffer. -EAGAIN, -ENOBUFS (messages were lost). */
int netlink_receive(struct netlink *nl, int flags, size_t *ret_n);

/*
 * Sends and frees `m` (NULL is -ENOMEM, so builders need no check), hands every message of the
 * answer to `handler` and waits for the end of it. The kernel's refusal is its negative errno.
 */
int netlink_call(struct netlink *nl, struct nl_msg *m, netlink_handler handler, void *userdata);
/* The same for a dump, which is begun anew if the kernel's tables changed under it: `reset` then
 * takes back what the handler did. */
int netlink_dump(struct netlink *nl, struct nl_msg *m, netlink_handler handler,
		 void (*reset)(void *userdata), void *userdata);

/*
 * Several messages that the kernel takes as one (nfnetlink): `batch` is overwritten with their sequence
 * number. One of them, the last that it acts on, asks for an acknowledgement.
 */
int netlink_batch(struct netlink *nl, void *batch, size_t size);

/* Before something that fails in other ways than by netlink. */
void netlink_forget_refusal(struct netlink *nl);
/* What failed call `r` becomes: a fault if the kernel refused, `r` itself if the machine failed. */
int netlink_fault(const struct netlink *nl, int r, struct fault *reterr, const char *operation,
		  const char *format, ...) _printf_(5, 6);

int netlink_family_resolve(struct netlink *nl, const char *name, const char *group,
			   struct netlink_family *ret);
static inline bool netlink_family_has(const struct netlink_family *f, unsigned command)
{
	return command < 64 && (f->commands & 1ULL << command);
}

/* A generic netlink request; NULL if there is no memory. */
struct nl_msg *netlink_genl(const struct netlink_family *family, uint8_t command, int flags);

/* tb[0..max] of the attributes behind `header` bytes of payload. -EBADMSG. */
int netlink_parse(const struct nlmsghdr *m, size_t header, struct nlattr **tb, int max);
int netlink_parse_genl(const struct nlmsghdr *m, uint8_t *ret_command, struct nlattr **tb, int max);
int netlink_parse_nested(struct nlattr *a, struct nlattr **tb, int max);

uint32_t attr_u32(const struct nlattr *a, uint32_t fallback);  /* u8, u16, u32 as well */
uint64_t attr_uint(const struct nlattr *a, uint64_t fallback); /* and u64 */
/* Whole and NUL-terminated, or nothing. */
bool attr_string(const struct nlattr *a, char *ret, size_t size);

static inline void nl_msgp(struct nl_msg **m)
{
	if (*m)
		nlmsg_free(*m);
}
#define _cleanup_nl_msg_ _cleanup_(nl_msgp)
