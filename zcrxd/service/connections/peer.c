/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See peer.h.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include "peer.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

void peer_done(struct peer *p)
{
	free(p->groups);
	*p = (struct peer){};
}

static int read_groups(int fd, struct peer *p)
{
	socklen_t size = 0;

	/* The kernel answers ERANGE with the size that it needs. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || size == 0)
		return 0;
	if (errno != ERANGE)
		return -errno;
	p->groups = malloc(size);
	if (!p->groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &size) < 0)
		return -errno;
	p->n_groups = size / sizeof(gid_t);
	return 0;
}

int peer_read_fd(int fd, struct peer *ret)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	*ret = (struct peer){};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	ret->uid = cred.uid;
	ret->gid = cred.gid;
	ret->pid = cred.pid;
	return read_groups(fd, ret);
}

int peer_read(sd_varlink *link, struct peer *ret)
{
	int fd;

	*ret = (struct peer){};
	fd = sd_varlink_get_fd(link);
	return fd < 0 ? fd : peer_read_fd(fd, ret);
}

int peer_pidfd(sd_varlink *link)
{
	socklen_t size = sizeof(int);
	int fd, pidfd;

	fd = sd_varlink_get_fd(link);
	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0)
		return -errno;
	return pidfd;
}

int peer_cpus(sd_varlink *link, const struct peer *peer, struct cpus *ret)
{
	_cleanup_close_ int pidfd = peer_pidfd(link);
	struct pollfd dead = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0)
		return pidfd;
	*ret = (struct cpus){};
	if (sched_getaffinity(peer->pid, sizeof(ret->words), (cpu_set_t *)ret->words) < 0)
		return -errno;
	/* As long as it lives, the number was nobody else's. */
	return poll(&dead, 1, 0) == 0 ? 0 : -ESRCH;
}
