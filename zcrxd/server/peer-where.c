/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See peer-where.h.
 *
 * The plain ways to a process's namespaces, PIDFD_GET_*_NAMESPACE and /proc/PID/ns, may wait for as long
 * as the process is in an execve(2), and that is the client's to say. So each is read where nothing is
 * locked: the network namespace off the socket that it connected with, the level of its process namespace off
 * its pidfd, and the user namespace by its map. Two user namespaces with the map of the initial one
 * differ in what root has made of them, and in nothing that the policy is about.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control-group.h"
#include "peer-where.h"
#include "regular-file.h"
#include "where.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define MAP_SIZE    (340 * 33 + 1) /* the kernel has at most so many extents */
#define FDINFO_SIZE 1024
#define CGROUP_SIZE (32 * (CONTROL_GROUP_MOST + 64)) /* a line for each hierarchy */
#define SUBUID_SIZE (1 << 20)

static bool is_lack(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

static int read_text(const char *path, size_t max, char **ret)
{
	size_t size;

	return regular_file_read(path, 0, max, ret, &size);
}

static int read_level(int pidfd, unsigned *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	r = read_text(path, FDINFO_SIZE, &text);
	if (r >= 0)
		*ret = where_process_level(text);
	return r;
}

static int read_network(int fd, uint64_t *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size) < 0 ? -errno : 0;
}

/* An accepted connection is of the namespace of the socket that connected. */
static int compare_network(int fd, struct peer *p)
{
	_cleanup_close_ int own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t ours, theirs;
	int r;

	if (own < 0)
		return -errno;
	r = read_network(own, &ours);
	if (r >= 0)
		r = read_network(fd, &theirs);
	if (r >= 0)
		p->foreign[NAMESPACE_NETWORK] = ours != theirs;
	return r;
}

static int compare_process(int pidfd, struct peer *p)
{
	_cleanup_close_ int self = pidfd_open(getpid(), 0);
	unsigned ours = 0, theirs = 0;
	int r;

	if (self < 0)
		return -errno;
	r = read_level(self, &ours);
	if (r >= 0)
		r = read_level(pidfd, &theirs);
	if (r >= 0)
		p->foreign[NAMESPACE_PROCESS] = theirs == 0 || ours != theirs;
	return r;
}

static int compare_user(int pidfd, struct peer *p, bool *given_out)
{
	_cleanup_free_ char *ours = NULL, *theirs = NULL, *subuid = NULL;
	unsigned level = 0;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)p->pid);
	r = read_text("/proc/self/uid_map", MAP_SIZE, &ours);
	if (r >= 0)
		r = read_text(path, MAP_SIZE, &theirs);
	if (r >= 0) /* the pid was the process's, if it still has one */
		r = read_level(pidfd, &level);
	if (r < 0 || level == 0)
		return r;
	p->foreign[NAMESPACE_USER] = !streq(ours, theirs);
	if (!p->foreign[NAMESPACE_USER]) {
		*given_out = false;
		return 0;
	}
	r = read_text("/etc/subuid", SUBUID_SIZE, &subuid);
	if (r < 0 && r != -ENOENT)
		return r;
	*given_out = where_is_given_out(theirs, subuid ?: "", p->uid);
	return 0;
}

/* /proc/PID/cgroup, like uid_map, waits for no process. */
static int read_cgroup(int pidfd, struct peer *p)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	unsigned level = 0;
	char name[64];
	int r;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)p->pid);
	r = read_text(name, CGROUP_SIZE, &text);
	if (r >= 0)
		r = control_group_parse(text, &path);
	if (r >= 0) /* the pid was the process's, if it still has one */
		r = read_level(pidfd, &level);
	if (r >= 0 && level > 0)
		p->cgroup = TAKE_PTR(path);
	return r;
}

int peer_read_where(int fd, int pidfd, struct peer *p)
{
	bool given_out = true;
	int r[4];

	for (int i = 0; i < _NAMESPACE_MAX; i++)
		p->foreign[i] = true;
	p->where = WHERE_ASSUMED;
	if (pidfd < 0)
		return 0;
	r[0] = compare_network(fd, p);
	r[1] = compare_process(pidfd, p);
	r[2] = compare_user(pidfd, p, &given_out);
	r[3] = read_cgroup(pidfd, p);
	for (int i = 0; i < 4; i++)
		if (is_lack(r[i]))
			return r[i];
	if (given_out)
		return 0;
	p->where = WHERE_HOST;
	for (int i = 0; i < _NAMESPACE_MAX; i++)
		if (p->foreign[i])
			p->where = WHERE_CONTAINER;
	return 0;
}
