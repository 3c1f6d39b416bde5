/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd-nic's hostile clients: a socket whose lock is never free, a file that calls itself a
 * dma-buf.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "zcrxd-nic.h"

#define PAGE 4096

struct sender {
	int fd;
	const void *memory;
};

static void *send_forever(void *userdata)
{
	const struct sender *s = userdata;

	(void)send(s->fd, s->memory, PAGE, 0);
	return NULL;
}

/* Memory whose first access never ends, as a FUSE file of the client's would be. */
static void *bottomless_page(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || p == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) < 0)
		return NULL;
	range.range.start = (uintptr_t)p;
	range.range.len = PAGE;
	return ioctl(fd, UFFDIO_REGISTER, &range) < 0 ? NULL : p;
}

static int connected_socket(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof(sin);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&sin, n) < 0 || listen(l, 1) < 0 ||
	    getsockname(l, (struct sockaddr *)&sin, &n) < 0 ||
	    connect(fd, (struct sockaddr *)&sin, n) < 0)
		return -1;
	return fd;
}

int run_facts_locked(struct nic_backend *b, char **argv, struct fault *reterr)
{
	struct sender s = { .fd = connected_socket(), .memory = bottomless_page() };
	struct timespec from, to, pause = { .tv_nsec = 300000000 };
	struct socket_facts f;
	pthread_t thread;
	int r;

	if (s.fd < 0 || !s.memory || pthread_create(&thread, NULL, send_forever, &s) != 0)
		return -EIO;
	nanosleep(&pause, NULL); /* until it sleeps with the socket's lock held */
	clock_gettime(CLOCK_MONOTONIC, &from);
	r = b->ops->socket_facts(b, s.fd, &f, reterr);
	if (r == 0)
		r = find_socket(b, &f);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (r != 0)
		return r;
	printf("locked facts state %d port %u after %ld ms\n", f.tcp_state, f.local_port,
	       (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
	fflush(stdout);
	_exit(0); /* the thread comes back with the process only */
}

static int make_udmabuf(void)
{
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct udmabuf_create create = { .size = 2 * PAGE };

	create.memfd = (uint32_t)memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (device < 0 || ftruncate((int)create.memfd, 2 * PAGE) < 0 ||
	    fcntl((int)create.memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -1;
	return ioctl(device, UDMABUF_CREATE, &create);
}

/* dmabuf PATH|udmabuf OFFSET SIZE: of two pages, if it is ours. */
int run_dmabuf(struct nic_backend *b, char **argv, struct fault *reterr)
{
	int fd = streq(argv[0], "udmabuf") ? make_udmabuf() : open(argv[0], O_RDWR | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = b->ops->check_area(b, fd, strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10), true,
			       reterr);
	if (r == 0)
		puts("dmabuf good");
	return r;
}
