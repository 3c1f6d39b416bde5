/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "macro.h"
#include "store.h"

#define STORED_MAX 256

static struct {
	pthread_mutex_t lock; /* held while a message is taken in */
	int fd;		      /* of the daemon's messages */
	struct {
		char name[64];
		int fd;
	} list[STORED_MAX];
	size_t n;
	sem_t ready;
} store = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void drop(size_t i)
{
	close(store.list[i].fd);
	store.list[i] = store.list[--store.n];
}

static void drop_hung_up(void)
{
	struct pollfd p[STORED_MAX];

	for (size_t i = 0; i < store.n; i++)
		p[i] = (struct pollfd){ .fd = store.list[i].fd };
	if (poll(p, store.n, 0) <= 0)
		return;
	for (size_t i = store.n; i-- > 0;)
		if (p[i].revents & (POLLHUP | POLLERR))
			drop(i);
}

/* The value of a line of the message, "" if it is not there. */
static void get_line(const char *message, const char *key, char ret[64])
{
	const char *p = strstr(message, key);

	ret[0] = '\0';
	if (p)
		snprintf(ret, 64, "%.*s", (int)strcspn(p + strlen(key), "\n"), p + strlen(key));
}

static void take_in(const char *message, int fd)
{
	char name[64];

	get_line(message, "FDNAME=", name);
	if (strstr(message, "FDSTOREREMOVE=1")) {
		for (size_t i = store.n; i-- > 0;)
			if (streq(store.list[i].name, name))
				drop(i);
	} else if (strstr(message, "FDSTORE=1") && fd >= 0 && store.n < STORED_MAX) {
		memcpy(store.list[store.n].name, name, sizeof(name));
		store.list[store.n++].fd = TAKE_FD(fd);
	} else if (strstr(message, "READY=1"))
		sem_post(&store.ready);
	if (fd >= 0)
		close(fd);
}

/* With the lock held. False: there was no message. */
static bool receive(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int)) + 64];
	} control;
	char text[1024];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -EBADF;
	ssize_t n;

	/* The daemon's own recvmsg() would let no process descriptor in. */
	n = syscall(SYS_recvmsg, store.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return false;
	text[n] = '\0';
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	take_in(text, fd);
	return true;
}

static void *store_main(void *userdata)
{
	struct pollfd p = { .fd = store.fd, .events = POLLIN };

	sem_post(&store.ready);
	while (poll(&p, 1, -1) >= 0 || errno == EINTR) {
		pthread_mutex_lock(&store.lock);
		while (receive())
			;
		pthread_mutex_unlock(&store.lock);
	}
	return userdata;
}

void store_start(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	pthread_t thread;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	store.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (store.fd < 0 || bind(store.fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    sem_init(&store.ready, 0, 0) < 0 ||
	    pthread_create(&thread, NULL, store_main, NULL) != 0)
		abort();
	pthread_detach(thread);
	/* Not in the middle of its own beginning when the test forks. */
	while (sem_wait(&store.ready) < 0)
		;
}

void store_settle(void)
{
	pthread_mutex_lock(&store.lock);
	while (receive())
		;
	drop_hung_up();
	pthread_mutex_unlock(&store.lock);
}

unsigned store_count(const char *prefix)
{
	unsigned n = 0;

	store_settle();
	pthread_mutex_lock(&store.lock);
	for (size_t i = 0; i < store.n; i++)
		n += strncmp(store.list[i].name, prefix, strlen(prefix)) == 0;
	pthread_mutex_unlock(&store.lock);
	return n;
}

bool store_wait_ready(unsigned milliseconds)
{
	for (unsigned i = 0; sem_trywait(&store.ready) < 0; i++) {
		if (i >= milliseconds * 2)
			return false;
		usleep(500);
	}
	return true;
}

void store_pass(int socket_fd, int keep)
{
	static char names[STORED_MAX * 65] = "LISTEN_FDNAMES=varlink";
	static char count[32], pid[32];
	int first = keep + 1, n = 1;

	fcntl(socket_fd, F_DUPFD, first);
	for (size_t i = 0; i < store.n; i++) {
		fcntl(store.list[i].fd, F_DUPFD, first + n++);
		strcat(strcat(names, ":"), store.list[i].name);
	}
	close_range(3, (unsigned)keep - 1, 0);
	for (int i = 0; i < n; i++)
		if (dup2(first + i, 3 + i) < 0)
			abort();
	close_range((unsigned)first, ~0U, 0);
	snprintf(count, sizeof(count), "LISTEN_FDS=%d", n);
	snprintf(pid, sizeof(pid), "LISTEN_PID=%d", (int)getpid());
	putenv(names);
	putenv(count);
	putenv(pid);
}
