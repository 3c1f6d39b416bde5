/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd-irq: sets the CPUs of one interrupt, and nothing else. /proc/irq belongs to root, and zcrxd
 * is not root; this is, without a single capability (systemd/zcrxd-irq.service.in).
 *
 * systemd listens for it and starts it when zcrxd has something to ask. It answers one connection
 * after the other, each with one message (irq-affinity.h), and ends when nobody comes for a while.
 * Which interrupt is whose, and who may move it, is zcrxd's to know: it is the only one to be let in.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "irq-affinity.h"
#include "macro.h"

#define LISTEN_FD 3 /* SD_LISTEN_FDS_START */
#define IDLE_MSEC 5000 /* started again so often, it is within systemd's limits */
#define PATIENCE_SEC 1 /* with who has connected and says nothing */

/* Whoever owns the socket is zcrxd. Its mode says the same already. */
static bool may_ask(int fd)
{
	struct sockaddr_un address = {};
	socklen_t size = sizeof(address) - 1; /* it stays a string */
	struct ucred peer;
	struct stat st;

	if (getsockname(LISTEN_FD, (struct sockaddr *)&address, &size) < 0 ||
	    stat(address.sun_path, &st) < 0)
		return false;
	size = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	return peer.uid == 0 || peer.uid == st.st_uid;
}

/* A list of numbers and ranges, complete; what it means is the kernel's to judge. */
static bool is_cpu_list(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	return n > 0 && n < size && strspn(text, "0123456789,-") == n;
}

/* 0, or a positive errno: the kernel's, if it came to that. */
static int set_affinity(int directory, const struct irq_affinity *a)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64];

	if (!is_cpu_list(a->cpus, sizeof(a->cpus)))
		return EINVAL;
	snprintf(path, sizeof(path), "%u/smp_affinity_list", a->irq);
	fd = openat(directory, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || write(fd, a->cpus, strlen(a->cpus)) < 0)
		return errno;
	return 0;
}

static void serve(int fd, int directory)
{
	const struct timeval patience = { PATIENCE_SEC, 0 };
	struct irq_affinity request;
	int answer;

	if (!may_ask(fd) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    recv(fd, &request, sizeof(request), MSG_TRUNC) != sizeof(request))
		return;
	answer = set_affinity(directory, &request);
	(void)send(fd, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The argument, another directory than /proc/irq, is for tests. */
int main(int argc, char **argv)
{
	_cleanup_close_ int directory =
		open(argc > 1 ? argv[1] : "/proc/irq", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct pollfd listening = { .fd = LISTEN_FD, .events = POLLIN };
	const char *n = getenv("LISTEN_FDS");

	if (directory < 0 || !n || !streq(n, "1")) {
		fprintf(stderr, "zcrxd-irq is started by zcrxd-irq.socket.\n");
		return EXIT_FAILURE;
	}
	while (poll(&listening, 1, IDLE_MSEC) > 0) {
		_cleanup_close_ int fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			serve(fd, directory);
	}
	return EXIT_SUCCESS;
}
