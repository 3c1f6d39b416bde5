/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See clients.h. Kinds of descriptors:
 *
 *	a b   memfd of 64 KiB: sealed; not sealed
 *	e n d eventfd; /dev/null; a folder
 *	p     pidfd of this process
 *	t u x socket of TCP, unconnected; of UDP; of AF_UNIX
 *	l w 6 TCP socket that listens: on the address of sim0; on any; on any, dual stack
 *	c C   connected TCP socket; likewise by IPv6
 *	o f   TCP socket of another network namespace; bound to an address that is not the NIC's
 *	s     the connection itself
 *	0-9   handles, in the order in which they were given
 *
 * A connection takes handles or itself, not both: in a message that never ends, the daemon would
 * hold both for ever, and the lease with them, until an administrator revokes it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "clients.h"
#include "stage.h"

#define HANDLES_MAX 10
#define FDS_MAX	    16
#define AREA	    65536

#define TCP_ESTABLISHED 1
#define TCP_LISTEN	10

static int links[CLIENTS] = { -EBADF, -EBADF, -EBADF, -EBADF };
static enum { SENT_NEITHER, SENT_HANDLE, SENT_ITSELF } sent[CLIENTS];
static unsigned current;
static int handles[HANDLES_MAX];
static unsigned n_handles;
static char attached[FDS_MAX];
static size_t n_attached;

/* -------------------------------------------------------------------------- connections */

static void become(uid_t uid)
{
	/* This thread's; the kernel then thinks that others should not look at the process. */
	if (syscall(SYS_setresuid, -1, uid, -1) == 0)
		(void)prctl(PR_SET_DUMPABLE, 1);
}

static int connect_as(uid_t uid)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool other = uid != getuid() && getuid() == 0;

	assert(fd >= 0);
	strcpy(a.sun_path, stage.socket_path);
	if (other)
		become(uid);
	assert(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	if (other)
		become(0);
	return fd;
}

void client_select(unsigned client)
{
	current = client % CLIENTS;
	if (links[current] >= 0)
		return;
	links[current] = connect_as(current < 2 ? getuid() : STAGE_UID + current - 2);
	sent[current] = SENT_NEITHER;
}

void client_close(void)
{
	if (links[current] >= 0)
		close(links[current]);
	links[current] = -EBADF;
}

void clients_disconnect(void)
{
	for (current = 0; current < CLIENTS; current++)
		client_close();
	current = 0;
	n_attached = 0;
}

/* --------------------------------------------------------------------- what has no state */

static int constant_new(char kind)
{
	switch (kind) {
	case 'a':
	case 'b': {
		int fd = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		assert(fd >= 0 && ftruncate(fd, AREA) == 0);
		if (kind == 'a')
			assert(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
		return fd;
	}
	case 'e':
		return eventfd(0, EFD_CLOEXEC);
	case 'n':
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 'd':
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 'p':
		return (int)syscall(SYS_pidfd_open, getpid(), 0);
	case 't':
		return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case 'u':
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case 'x':
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	return -EBADF;
}

static const char constant_kinds[] = "abendptux";
static int constants[ARRAY_SIZE(constant_kinds)];

static int constant(char kind)
{
	const char *at = kind ? strchr(constant_kinds, kind) : NULL;

	return at ? constants[at - constant_kinds] : -EBADF;
}

void clients_prepare(void)
{
	for (size_t i = 0; constant_kinds[i]; i++) {
		if (constants[i] == 0)
			constants[i] = constant_new(constant_kinds[i]);
		assert(constants[i] > 0);
	}
}

/* ------------------------------------------------------------------------------ sockets */

/* What the machine says of them. In truth they are the first of a pair, which hangs up when the
 * second is closed. */
static const struct {
	char kind;
	struct socket_facts facts;
} socket_kinds[] = {
#define TCP .type = SOCK_STREAM, .protocol = IPPROTO_TCP
#define SIM0 .local = { 10, 9, 0, 1 }
	{ 'l', { TCP, .domain = AF_INET, .tcp_state = TCP_LISTEN, .same_netns = true, SIM0,
		 .local_port = 80 } },
	{ 'w', { TCP, .domain = AF_INET, .tcp_state = TCP_LISTEN, .same_netns = true,
		 .local_port = 81 } },
	{ '6', { TCP, .domain = AF_INET6, .tcp_state = TCP_LISTEN, .same_netns = true,
		 .local_port = 81 } },
	{ 'c', { TCP, .domain = AF_INET, .tcp_state = TCP_ESTABLISHED, .same_netns = true, SIM0,
		 .local_port = 80, .remote = { 10, 9, 0, 2 }, .remote_port = 4000 } },
	{ 'C', { TCP, .domain = AF_INET6, .tcp_state = TCP_ESTABLISHED, .same_netns = true,
		 .local = { 0xfd, 9, [15] = 1 }, .local_port = 80,
		 .remote = { 0xfd, 9, [15] = 2 }, .remote_port = 4000 } },
	{ 'o', { TCP, .domain = AF_INET, .tcp_state = TCP_LISTEN, SIM0, .local_port = 82 } },
	{ 'f', { TCP, .domain = AF_INET, .tcp_state = TCP_LISTEN, .same_netns = true,
		 .local = { 10, 9, 7, 7 }, .local_port = 83 } },
#undef TCP
#undef SIM0
};

static struct {
	int fd, other;
	uint64_t cookie;
} sockets[ARRAY_SIZE(socket_kinds)];

static size_t socket_find(char kind)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(socket_kinds) && socket_kinds[i].kind != kind)
		i++;
	return i;
}

static int socket_get(size_t i)
{
	static uint64_t last_cookie;
	struct socket_facts facts = socket_kinds[i].facts;
	int pair[2];

	if (sockets[i].cookie != 0)
		return sockets[i].fd;
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	sockets[i].fd = pair[0];
	sockets[i].other = pair[1];
	sockets[i].cookie = facts.cookie = ++last_cookie;
	assert(sim_add_socket(stage.sim, pair[0], &facts) == 0);
	return pair[0];
}

static void socket_close(size_t i)
{
	if (sockets[i].cookie == 0)
		return;
	(void)sim_close_socket(stage.sim, sockets[i].cookie);
	close(sockets[i].fd);
	if (sockets[i].other >= 0)
		close(sockets[i].other);
	sockets[i].cookie = 0;
}

void client_destroy_socket(char kind)
{
	size_t i = socket_find(kind);

	if (i < ARRAY_SIZE(sockets))
		socket_close(i);
}

void client_shut_socket(char kind)
{
	size_t i = socket_find(kind);

	if (i < ARRAY_SIZE(sockets) && sockets[i].cookie != 0 && sockets[i].other >= 0) {
		close(sockets[i].other);
		sockets[i].other = -EBADF;
	}
}

void client_stray_socket(char kind)
{
	size_t i = socket_find(kind);

	if (i < ARRAY_SIZE(sockets))
		sim_stray_socket(stage.sim, sockets[i].cookie);
}

/* ------------------------------------------------------------------------------ sending */

static int descriptor(char kind)
{
	size_t i = socket_find(kind);

	if (i < ARRAY_SIZE(socket_kinds))
		return socket_get(i);
	if (kind >= '0' && kind <= '9' && kind - '0' < (int)n_handles &&
	    sent[current] != SENT_ITSELF) {
		sent[current] = SENT_HANDLE;
		return handles[kind - '0'];
	}
	if (kind == 's' && sent[current] != SENT_HANDLE) {
		sent[current] = SENT_ITSELF;
		return links[current];
	}
	return constant(kind);
}

void client_attach(const char *kinds, size_t n)
{
	n_attached = n < FDS_MAX ? n : FDS_MAX;
	memcpy(attached, kinds, n_attached);
}

void client_send(const char *text, size_t n)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = {};
	struct iovec iov = { (void *)text, n };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[FDS_MAX];
	size_t n_fds = 0;

	client_select(current);
	for (size_t i = 0; i < n_attached; i++) {
		int fd = (unsigned char)attached[i] < 128 ? descriptor(attached[i]) : -EBADF;

		if (fd >= 0)
			fds[n_fds++] = fd;
	}
	n_attached = 0;
	if (n_fds > 0) {
		control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
						   .cmsg_len = CMSG_LEN(n_fds * sizeof(int)) };
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	/* A daemon that has hung up, or a full buffer, is no matter. */
	(void)sendmsg(links[current], &message, MSG_NOSIGNAL);
}

/* ---------------------------------------------------------------------------- receiving */

static void keep_handles(struct msghdr *message)
{
	struct cmsghdr *c;
	int fd;

	for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			memcpy(&fd, (char *)c + at, sizeof(fd));
			if (n_handles < HANDLES_MAX)
				handles[n_handles++] = fd;
			else
				close(fd);
		}
}

/* -1 if there is nothing to read (any more). */
static ssize_t receive(int link, char *buffer, size_t size)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { buffer, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t n;

	n = recvmsg(link, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n > 0)
		keep_handles(&message);
	return n > 0 ? n : -1;
}

bool clients_read(void)
{
	static char buffer[65536];
	bool any = false;

	for (unsigned i = 0; i < CLIENTS; i++)
		while (links[i] >= 0 && receive(links[i], buffer, sizeof(buffer)) > 0)
			any = true;
	return any;
}

void client_close_handle(unsigned handle)
{
	if (handle >= n_handles || handles[handle] < 0)
		return;
	close(handles[handle]);
	handles[handle] = -EBADF;
}

void clients_leave(void)
{
	clients_disconnect();
	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
		socket_close(i);
	for (unsigned i = 0; i < n_handles; i++)
		client_close_handle(i);
	n_handles = 0;
}

bool client_is_answered(void)
{
	static const char call[] = "{\"method\":\"io.zcrx.Manager.Describe\"}";
	static const char wanted[] = "{\"parameters\":{\"version\":";
	char buffer[32768];
	ssize_t n;
	int link = connect_as(getuid());

	assert(send(link, call, sizeof(call), MSG_NOSIGNAL) == (ssize_t)sizeof(call));
	stage_run();
	n = receive(link, buffer, sizeof(buffer) - 1);
	close(link);
	stage_run();
	if (n < 0)
		return false;
	buffer[n] = '\0';
	return !strncmp(buffer, wanted, sizeof(wanted) - 1);
}
