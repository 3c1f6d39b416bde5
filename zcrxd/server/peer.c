/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See peer.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include "connection.h"
#include "peer.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

void peer_done(struct peer *p)
{
	free(p->groups);
	free(p->cgroup);
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
	const struct peer *p = connection_peer(link);

	*ret = (struct peer){};
	if (!p)
		return -ENOTCONN;
	ret->groups = reallocarray(NULL, p->n_groups + 1, sizeof(*p->groups));
	if (!ret->groups)
		return -ENOMEM;
	if (p->n_groups > 0)
		memcpy(ret->groups, p->groups, p->n_groups * sizeof(*p->groups));
	ret->n_groups = p->n_groups;
	ret->uid = p->uid;
	ret->gid = p->gid;
	ret->pid = p->pid;
	ret->where = p->where;
	ret->cgroup = p->cgroup ? strdup(p->cgroup) : NULL;
	if (p->cgroup && !ret->cgroup)
		return -ENOMEM;
	memcpy(ret->foreign, p->foreign, sizeof(ret->foreign));
	return 0;
}

int peer_pidfd_fd(int fd)
{
	socklen_t size = sizeof(int);
	int pidfd;

	return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 ? -errno : pidfd;
}

int peer_pidfd(sd_varlink *link)
{
	int pidfd = connection_pidfd(link), copy;

	if (pidfd < 0)
		return pidfd;
	copy = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
	return copy < 0 ? -errno : copy;
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
