/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See listener.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "connection.h"
#include "fdstore.h"
#include "listener.h"
#include "log.h"

#define AGAIN_USEC 500000ULL
/* A session that has fallen behind on a busy machine is soon there again. */
#define BEHIND_USEC 20000ULL
#define BATCH_MAX  64
#define ACCEPTS	   0x10000 /* __SO_ACCEPTCON, in /proc/net/unix */
/* What zcrxd forks in its last moment has its socket until it is run (util/disposable.h). */
#define FORKED_TRIES 25
#define FORKED_USEC  20000

struct listener {
	LIST_ENTRY(listener) entry;
	struct server *server;
	int fd;
	int accepted; /* a connection that could not be taken yet; or negative */
	sd_event_source *io, *again;
	bool exhausted; /* and that was said */
};

/* Of descriptors, memory or sessions: connections stay in the queue, and the socket readable. */
static void listener_pause(struct listener *l, int r)
{
	const uint64_t usec = r == -EAGAIN ? BEHIND_USEC : AGAIN_USEC;

	if (!l->exhausted && r != -EAGAIN)
		log_errno(r, "Cannot accept connections, trying again until it works");
	l->exhausted = r != -EAGAIN;
	r = sd_event_source_set_time_relative(l->again, usec);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->again, SD_EVENT_ONESHOT);
	if (r >= 0)
		(void)sd_event_source_set_enabled(l->io, SD_EVENT_OFF);
}

/* 1: one was taken, or refused. 0: none is left, or none can be taken now. */
static int listener_accept(struct listener *l)
{
	int r;

	if (l->accepted < 0)
		l->accepted = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (l->accepted < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			listener_pause(l, -errno);
		return errno == ECONNABORTED;
	}
	r = connection_new(l->server, &l->accepted);
	if (r < 0) {
		listener_pause(l, r);
		return 0;
	}
	l->exhausted = false;
	return 1;
}

/* Also for the one that waits here, of which the socket says nothing. */
static int on_again(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct listener *l = userdata;

	(void)sd_event_source_set_enabled(l->io, SD_EVENT_ON);
	if (l->accepted >= 0)
		(void)listener_accept(l);
	return 0;
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	/* The kernel's queue is everybody's: a user who fills it must not keep others out for long. */
	for (unsigned i = 0; i < BATCH_MAX && listener_accept(userdata) > 0; i++)
		;
	return 0;
}

/* Takes over `fd` on success. systemd passes sockets that block, unless the unit says otherwise. */
static int listener_add(struct server *server, int fd)
{
	int r, flags = fcntl(fd, F_GETFL);
	struct listener *l;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->server = server;
	l->fd = fd;
	l->accepted = -EBADF;
	r = sd_event_add_io(server->loop->event, &l->io, fd, EPOLLIN, on_connection, l);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->io, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time(server->loop->event, &l->again, CLOCK_MONOTONIC, 0, 0, on_again, l);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->again, SD_EVENT_OFF);
	if (r < 0) {
		sd_event_source_disable_unref(l->again);
		sd_event_source_disable_unref(l->io);
		free(l);
		return r;
	}
	LIST_INSERT_HEAD(&server->listeners, l, entry);
	return 0;
}

/* Not by asking: who connects to a socket of systemd's starts its service. */
static bool is_listening(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/net/unix", "re");
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0, n = strlen(path);
	unsigned flags;
	int start;

	while (f && getline(&line, &capacity, f) >= 0) {
		start = 0;
		if (sscanf(line, "%*x: %*x %*x %x %*x %*x %*u %n", &flags, &start) == 1 && start > 0 &&
		    flags & ACCEPTS && strncmp(line + start, path, n) == 0 && line[start + n] == '\n')
			return true;
	}
	return false;
}

/* What is left of one that ended goes; what is somebody's stays. */
static int clear_path(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	for (unsigned i = 0; is_listening(path); i++) {
		if (i == FORKED_TRIES)
			return -EADDRINUSE;
		usleep(FORKED_USEC);
	}
	return unlink(path) < 0 ? -errno : 0;
}

static int bind_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -EBADF;
	mode_t before;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = clear_path(path);
	if (r < 0)
		return r;
	before = umask(0111);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(before);
	if (r < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int listeners_new(struct server *server, const char *path, struct stored_fds *passed)
{
	int fd, r = 0;

	while (r == 0 && (fd = stored_fds_take(passed, "varlink")) >= 0)
		r = listener_add(server, fd);
	if (r < 0 || !LIST_EMPTY(&server->listeners))
		return r;
	fd = bind_path(path);
	return fd < 0 ? fd : listener_add(server, fd);
}

int listeners_start(struct server *server)
{
	struct listener *l;
	int r;

	LIST_FOREACH(l, &server->listeners, entry) {
		r = sd_event_source_set_enabled(l->io, SD_EVENT_ON);
		if (r < 0)
			return r;
	}
	return 0;
}

void listeners_free(struct server *server)
{
	struct listener *l;

	while ((l = LIST_FIRST(&server->listeners))) {
		LIST_REMOVE(l, entry);
		sd_event_source_disable_unref(l->again);
		sd_event_source_disable_unref(l->io);
		connection_refuse(l->server, TAKE_FD(l->accepted));
		close(l->fd);
		free(l);
	}
}
