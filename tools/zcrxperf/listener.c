/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See listener.h. */
#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "macro.h"
#include "session.h"

static int look_up(const struct options *o, int family, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_family = family,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST };
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", o->port);
	r = getaddrinfo(o->address, port, &hints, ret);
	return r == 0 ? STATUS_DONE :
			fail("\"%s\" is not an address: %s.", o->address ?: "*", gai_strerror(r));
}

static int make_socket(const struct addrinfo *address)
{
	return socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* What can be done about it. */
static const char *remedy(int error)
{
	switch (error) {
	case EADDRINUSE:
		return " Another program listens there: ss -ltnp shows which; or choose another --port.";
	case EADDRNOTAVAIL:
		return " No interface of this machine has that address: see ip address.";
	case EACCES:
		return " Ports below 1024 are for root (sysctl net.ipv4.ip_unprivileged_port_start).";
	default:
		return "";
	}
}

static int fail_to_listen(const struct options *o, int error)
{
	return fail("Cannot listen on %s%sport %u: %s.%s", o->address ?: "", o->address ? ", " : "", o->port,
		    strerror(error), remedy(error));
}

/* Dual-stack if no address is given, so that one port serves tcp4 and tcp6; tcp4 alone where there is no
 * IPv6 (ipv6.disable=1, RestrictAddressFamilies=). */
int listener_bind(const struct options *o, int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct addrinfo *address;
	int one = 1, zero = 0, r;

	r = look_up(o, o->address ? AF_UNSPEC : AF_INET6, &address);
	if (r != STATUS_DONE)
		return r;
	fd = make_socket(address);
	if (fd < 0 && errno == EAFNOSUPPORT && !o->address) {
		freeaddrinfo(address);
		r = look_up(o, AF_INET, &address);
		if (r != STATUS_DONE)
			return r;
		fd = make_socket(address);
	}
	r = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (address->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0) ||
	    bind(fd, address->ai_addr, address->ai_addrlen) < 0;
	freeaddrinfo(address);
	if (r)
		return fail_to_listen(o, errno);
	*ret = TAKE_FD(fd);
	return STATUS_DONE;
}

int listener_start(const struct options *o, int fd)
{
	return listen(fd, 128) < 0 ? fail_to_listen(o, errno) : STATUS_DONE;
}
