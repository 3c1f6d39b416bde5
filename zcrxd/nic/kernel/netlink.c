/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The netlink transport of the kernel backend; see netlink.h. It receives by itself and not through
 * libnl's nl_recvmsgs, which loses errno, the extack text and the difference between the kernel's
 * word and a broken socket. Never decides what a refusal means.
 */
#include <linux/genetlink.h>
#include <netlink/genl/genl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>

#include "netlink.h"

/* The kernel answers within the system call that asks; this only guards against its bugs. */
#define ANSWER_TIMEOUT_MS 30000
#define DUMP_ATTEMPTS	  8
#define SEND_BUFFER	  (256 * 1024) /* an RSS table of some thousand entries is one message */
#define RECEIVE_BUFFER	  (256 * 1024)
#define LISTENER_BUFFER	  (2 * 1024 * 1024)

int netlink_open(struct netlink *ret, int protocol)
{
	const int yes = 1;
	struct netlink nl = { .socket = nl_socket_alloc() };
	int r;

	if (!nl.socket)
		return -ENOMEM;
	r = nl_connect(nl.socket, protocol);
	if (r < 0) {
		r = errno ? -errno : -EIO;
		netlink_done(&nl);
		return r;
	}
	(void)nl_socket_set_buffer_size(nl.socket, RECEIVE_BUFFER, SEND_BUFFER);
	/* Strict checking makes the kernel honour the filters of address and route dumps. */
	if (setsockopt(netlink_fd(&nl), SOL_NETLINK, NETLINK_EXT_ACK, &yes, sizeof(yes)) < 0 ||
	    setsockopt(netlink_fd(&nl), SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof(yes)) < 0 ||
	    setsockopt(netlink_fd(&nl), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &yes, sizeof(yes)) <
		    0) {
		r = -errno;
		netlink_done(&nl);
		return r;
	}
	*ret = nl;
	return 0;
}

void netlink_done(struct netlink *nl)
{
	if (nl->socket)
		nl_socket_free(nl->socket);
	free(nl->buffer);
	free(nl->text);
	*nl = (struct netlink) {};
}

int netlink_fd(const struct netlink *nl)
{
	return nl_socket_get_fd(nl->socket);
}

int netlink_make_listener(struct netlink *nl)
{
	const int size = LISTENER_BUFFER;

	/* Force needs CAP_NET_ADMIN, which tests do not have. */
	if (setsockopt(netlink_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(netlink_fd(nl), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return nl_socket_set_nonblocking(nl->socket) < 0 ? -EIO : 0;
}

int netlink_receive(struct netlink *nl, int flags, size_t *ret_n)
{
	struct sockaddr_nl from;
	struct iovec iov;
	struct msghdr h;
	ssize_t n;

	for (;;) {
		n = recv(netlink_fd(nl), NULL, 0, MSG_PEEK | MSG_TRUNC | flags);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if ((size_t)n > nl->capacity) {
			void *buffer = realloc(nl->buffer, (size_t)n);

			if (!buffer)
				return -ENOMEM;
			nl->buffer = buffer;
			nl->capacity = (size_t)n;
		}
		iov = (struct iovec) { .iov_base = nl->buffer, .iov_len = nl->capacity };
		h = (struct msghdr) { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1 };
		n = recvmsg(netlink_fd(nl), &h, flags);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* Any process may send to our address; only the kernel has port 0. */
		if (h.msg_namelen != sizeof(from) || from.nl_pid != 0)
			continue;
		if (h.msg_flags & MSG_TRUNC)
			return -ENOBUFS;
		*ret_n = (size_t)n;
		return 0;
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int receive_until(struct netlink *nl, int64_t deadline, size_t *ret_n)
{
	struct pollfd p = { .fd = netlink_fd(nl), .events = POLLIN };
	int64_t left;
	int r;

	for (;;) {
		r = netlink_receive(nl, MSG_DONTWAIT, ret_n);
		if (r != -EAGAIN)
			return r;
		left = deadline - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

void netlink_forget_refusal(struct netlink *nl)
{
	free(nl->text);
	nl->text = NULL;
	nl->refused = false;
}

/* NLMSG_ERROR, or the NLMSG_DONE of a dump, which carries an errno and the texts as well. */
static int read_verdict(struct netlink *nl, const struct nlmsghdr *m)
{
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	size_t skip = m->nlmsg_type == NLMSG_DONE ? sizeof(int) : sizeof(struct nlmsgerr);
	int error = 0;

	if ((size_t)nlmsg_datalen(m) >= sizeof(error))
		memcpy(&error, nlmsg_data(m), sizeof(error));
	else if (m->nlmsg_type == NLMSG_ERROR)
		return -EBADMSG;
	if (error >= 0)
		return 0;
	nl->refused = true;
	/* NETLINK_CAP_ACK: our own request is not repeated in front of the attributes. */
	if (m->nlmsg_flags & NLM_F_ACK_TLVS && netlink_parse(m, skip, tb, NLMSGERR_ATTR_MAX) >= 0 &&
	    tb[NLMSGERR_ATTR_MSG] && nla_len(tb[NLMSGERR_ATTR_MSG]) > 0)
		nl->text = strndup(nla_data(tb[NLMSGERR_ATTR_MSG]),
				   (size_t)nla_len(tb[NLMSGERR_ATTR_MSG]));
	return error;
}

/*
 * Everything up to the end of the answer is read, also after an error: a dump that is left
 * unfinished would make the next one EBUSY.
 */
static int receive_answer(struct netlink *nl, uint32_t seq, bool dump, netlink_handler handler,
			  void *userdata)
{
	const int64_t deadline = now_ms() + ANSWER_TIMEOUT_MS;
	bool interrupted = false;
	int r, rem, result = 0;
	size_t n;

	for (;;) {
		r = receive_until(nl, deadline, &n);
		if (r < 0)
			return r;
		rem = (int)n;
		for (struct nlmsghdr *m = nl->buffer; nlmsg_ok(m, rem); m = nlmsg_next(m, &rem)) {
			if (m->nlmsg_seq != seq)
				continue;
			interrupted |= !!(m->nlmsg_flags & NLM_F_DUMP_INTR);
			if (m->nlmsg_type == NLMSG_ERROR || m->nlmsg_type == NLMSG_DONE) {
				r = read_verdict(nl, m);
				if (result < 0 || r < 0)
					return result < 0 ? result : r;
				return dump && interrupted ? -EINTR : 0;
			}
			if (handler && result == 0 && m->nlmsg_type >= NLMSG_MIN_TYPE)
				result = handler(m, userdata);
		}
	}
}

static int transact(struct netlink *nl, struct nl_msg *m, bool dump, netlink_handler handler,
		    void *userdata)
{
	struct nlmsghdr *h = nlmsg_hdr(m);

	netlink_forget_refusal(nl);
	h->nlmsg_seq = NL_AUTO_SEQ; /* a dump that begins anew must not take the old one's rest */
	errno = 0;
	if (nl_send_auto(nl->socket, m) < 0)
		return errno ? -errno : -EIO;
	return receive_answer(nl, h->nlmsg_seq, dump, handler, userdata);
}

int netlink_call(struct netlink *nl, struct nl_msg *m, netlink_handler handler, void *userdata)
{
	_cleanup_nl_msg_ struct nl_msg *message = m;

	netlink_forget_refusal(nl);
	if (!message)
		return -ENOMEM;
	return transact(nl, message, false, handler, userdata);
}

int netlink_dump(struct netlink *nl, struct nl_msg *m, netlink_handler handler,
		 void (*reset)(void *userdata), void *userdata)
{
	_cleanup_nl_msg_ struct nl_msg *message = m;
	int r = -ENOMEM;

	netlink_forget_refusal(nl);
	for (unsigned i = 0; message && i < DUMP_ATTEMPTS; i++) {
		nlmsg_hdr(message)->nlmsg_flags |= NLM_F_DUMP;
		r = transact(nl, message, true, handler, userdata);
		if (r != -EINTR)
			break;
		if (reset)
			reset(userdata);
	}
	return r == -EINTR ? -EAGAIN : r;
}

int netlink_batch(struct netlink *nl, void *batch, size_t size)
{
	const uint32_t seq = nl_socket_use_seq(nl->socket);
	int rem = (int)size;

	netlink_forget_refusal(nl);
	for (struct nlmsghdr *m = batch; nlmsg_ok(m, rem); m = nlmsg_next(m, &rem))
		m->nlmsg_seq = seq;
	errno = 0;
	if (nl_sendto(nl->socket, batch, size) < 0)
		return errno ? -errno : -EIO;
	return receive_answer(nl, seq, false, NULL, NULL);
}

int netlink_fault(const struct netlink *nl, int r, struct fault *reterr, const char *operation,
		  const char *format, ...)
{
	_cleanup_free_ char *remedy = NULL;
	va_list ap;

	if (!nl->refused)
		return r;
	va_start(ap, format);
	if (vasprintf(&remedy, format, ap) < 0)
		remedy = NULL;
	va_end(ap);
	return fault_kernel(reterr, -r, nl->text, operation, "%s", remedy ?: "");
}

struct family_query {
	const char *group;
	struct netlink_family family;
};

static void read_commands(struct nlattr *list, struct netlink_family *family)
{
	struct nlattr *tb[CTRL_ATTR_OP_MAX + 1], *op;
	int rem;

	nla_for_each_nested(op, list, rem)
	{
		if (netlink_parse_nested(op, tb, CTRL_ATTR_OP_MAX) < 0)
			continue;
		uint32_t id = attr_u32(tb[CTRL_ATTR_OP_ID], UINT32_MAX);
		if (id < 64)
			family->commands |= 1ULL << id;
	}
}

static uint32_t find_group(struct nlattr *list, const char *wanted)
{
	struct nlattr *tb[CTRL_ATTR_MCAST_GRP_MAX + 1], *group;
	char name[GENL_NAMSIZ];
	int rem;

	nla_for_each_nested(
		group, list,
		rem) if (netlink_parse_nested(group, tb, CTRL_ATTR_MCAST_GRP_MAX) >= 0 &&
			 attr_string(tb[CTRL_ATTR_MCAST_GRP_NAME], name, sizeof(name)) &&
			 streq(name, wanted)) return attr_u32(tb[CTRL_ATTR_MCAST_GRP_ID], 0);
	return 0;
}

static int take_family(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[CTRL_ATTR_MAX + 1];
	struct family_query *q = userdata;
	int r = netlink_parse_genl(m, NULL, tb, CTRL_ATTR_MAX);

	if (r < 0)
		return r;
	q->family.id = (uint16_t)attr_u32(tb[CTRL_ATTR_FAMILY_ID], 0);
	if (tb[CTRL_ATTR_OPS])
		read_commands(tb[CTRL_ATTR_OPS], &q->family);
	if (tb[CTRL_ATTR_MCAST_GROUPS] && q->group)
		q->family.group = find_group(tb[CTRL_ATTR_MCAST_GROUPS], q->group);
	return 0;
}

int netlink_family_resolve(struct netlink *nl, const char *name, const char *group,
			   struct netlink_family *ret)
{
	const struct netlink_family control = { .id = GENL_ID_CTRL };
	struct family_query q = { .group = group };
	_cleanup_nl_msg_ struct nl_msg *m = netlink_genl(&control, CTRL_CMD_GETFAMILY, 0);
	int r;

	if (!m || nla_put_string(m, CTRL_ATTR_FAMILY_NAME, name) < 0)
		return -ENOMEM;
	r = netlink_call(nl, TAKE_PTR(m), take_family, &q);
	if (r < 0)
		return r;
	if (q.family.id == 0)
		return -EBADMSG;
	*ret = q.family;
	return 0;
}
