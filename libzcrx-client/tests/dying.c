/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * docs/examples/receive-upgrade.c, which is killed at a step of the handover:
 *
 *	DIE="old|successor FUNCTION N before|after"
 *
 * The N-th call of FUNCTION, in the program that is replaced or in its successor, is its last. If
 *that is the old one, it dies with half of the buffers. The functions that make up the handover are
 *wrapped by the linker.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcrx-client.h>

#define KEPT 2000
/* The successor dies while what it has said is unread, and so is what it was told. */
#define UNREAD "successor zcrx_queue_receive 1 after"

static int is_successor(void)
{
	return getenv("RECEIVE_UPGRADE_FD") != NULL;
}

static void step(const char *function, const char *when)
{
	static unsigned int calls;
	char role[16], name[64], moment[16];
	const char *die = getenv("DIE");
	unsigned int n;

	if (!die || sscanf(die, "%15s %63s %u %15s", role, name, &n, moment) != 4)
		abort();
	if (strcmp(role, is_successor() ? "successor" : "old") || strcmp(name, function) ||
	    strcmp(moment, when))
		return;
	if (++calls < n)
		return;
	if (!strcmp(die, UNREAD))
		usleep(300000);
	kill(getpid(), SIGKILL);
}

#define WRAPPED(type, name, parameters, ...)                                                       \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		type r;                                                                            \
                                                                                                   \
		step(#name, "before");                                                             \
		r = __real_##name(__VA_ARGS__);                                                    \
		step(#name, "after");                                                              \
		return r;                                                                          \
	}

WRAPPED(int, execv, (const char *path, char *const argv[]), path, argv)
WRAPPED(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), fd, m, flags)
WRAPPED(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), fd, m, flags)
WRAPPED(int, zcrx_lease_attach, (struct zcrx_lease * lease, const char *id, int fd), lease, id, fd)
WRAPPED(int, zcrx_queue_get_share, (struct zcrx_queue * queue, int fds[2]), queue, fds)
WRAPPED(int, zcrx_queue_register, (struct zcrx_queue * queue), queue)
WRAPPED(int, zcrx_queue_receive,
	(struct zcrx_queue * queue, int socket, void *userdata, struct zcrx_stream **ret), queue,
	socket, userdata, ret)
WRAPPED(int, zcrx_stream_stop, (struct zcrx_stream * stream), stream)
WRAPPED(struct zcrx_stream *, zcrx_stream_free, (struct zcrx_stream * stream), stream)

ssize_t __real_recv(int fd, void *data, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t n, int flags);

ssize_t __wrap_recv(int fd, void *data, size_t n, int flags)
{
	if (!is_successor() && !strcmp(getenv("DIE"), UNREAD))
		usleep(600000);
	return __real_recv(fd, data, n, flags);
}

int __real_zcrx_queue_return(struct zcrx_queue *queue, const void *data);
int __wrap_zcrx_queue_return(struct zcrx_queue *queue, const void *data);

int __wrap_zcrx_queue_return(struct zcrx_queue *queue, const void *data)
{
	static unsigned int kept;

	if (!is_successor() && !strncmp(getenv("DIE"), "old", 3) && kept++ < KEPT)
		return 0;
	return __real_zcrx_queue_return(queue, data);
}
