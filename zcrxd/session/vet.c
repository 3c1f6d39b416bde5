/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See vet.h.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "macro.h"
#include "vet.h"

#define DMABUF_NAME "/dmabuf:"

/* A file of the client's that bears the name has a type, which anonymous inodes have not. */
static bool is_dmabuf(int fd)
{
	char path[64], name[sizeof(DMABUF_NAME)];
	struct statx st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, name, sizeof(name)) >= (ssize_t)strlen(DMABUF_NAME) &&
	       memcmp(name, DMABUF_NAME, strlen(DMABUF_NAME)) == 0 &&
	       statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
	       (st.stx_mode & S_IFMT) == 0;
}

static int socket_option(int fd, int option)
{
	socklen_t size = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

bool vet_descriptor(int fd)
{
	int domain = socket_option(fd, SO_DOMAIN);

	/* Only sockets have a domain, and only memory has seals. The name costs ten times as much. */
	if (domain < 0)
		return fcntl(fd, F_GET_SEALS) >= 0 || is_dmabuf(fd);
	if (socket_option(fd, SO_TYPE) != SOCK_STREAM)
		return false;
	/* Neither MPTCP nor SMC: their sockets are made of others. */
	if (domain == AF_INET || domain == AF_INET6)
		return socket_option(fd, SO_PROTOCOL) == IPPROTO_TCP;
	return domain == AF_UNIX;
}
