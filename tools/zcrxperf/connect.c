/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See connect.h. */
#include "connect.h"

#include <errno.h>
#include <sys/socket.h>

#include "macro.h"
#include "session.h"

int connect_resolve(const struct options *o, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	char port[8];
	int r;

	snprintf(port, sizeof(port), "%u", o->port);
	r = getaddrinfo(o->host, port, &hints, ret);
	return r == 0 ? STATUS_DONE : fail("Cannot resolve \"%s\": %s.", o->host, gai_strerror(r));
}

static int bind_source(int fd, const struct options *o, const struct addrinfo *to)
{
	const struct addrinfo hints = { .ai_family = to->ai_family,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST };
	struct addrinfo *from;
	int r;

	r = getaddrinfo(o->address, NULL, &hints, &from);
	if (r != 0)
		return fail("\"%s\" is not an address to connect to %s from: %s.", o->address,
			    o->host, gai_strerror(r));
	r = bind(fd, from->ai_addr, from->ai_addrlen);
	freeaddrinfo(from);
	return r < 0 ? fail("Cannot connect from %s: %s.", o->address, strerror(errno))
		     : STATUS_DONE;
}

/* Of another family, on a machine without it, or where nobody listens: the next may do. */
static bool has_another(const struct options *o, const struct addrinfo *address)
{
	return address->ai_next && (!o->address || errno == EAFNOSUPPORT);
}

int connect_one(const struct options *o, const struct addrinfo *address, int *ret)
{
	_cleanup_close_ int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0 && has_another(o, address))
		return connect_one(o, address->ai_next, ret);
	if (fd < 0)
		return fail("Cannot make a socket: %s.", strerror(errno));
	if (o->address) {
		r = bind_source(fd, o, address);
		if (r != STATUS_DONE)
			return r;
	}
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
		*ret = TAKE_FD(fd);
		return STATUS_DONE;
	}
	if (has_another(o, address))
		return connect_one(o, address->ai_next, ret);
	return fail("Cannot connect to %s, port %u: %s.", o->host, o->port, strerror(errno));
}
