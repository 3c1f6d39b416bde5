/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "macro.h"

static int make_ring(struct client *c)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32,
	};
	int r = io_uring_queue_init_params(8, &c->ring, &p);

	if (r == 0)
		return 0;
	c->ring = (struct io_uring) { .ring_fd = -EBADF };
	/* The simulated NIC does not look at the ring; the kernel's would refuse it later. */
	return r == -ENOSYS || r == -EPERM ? 0 : r;
}

static int make_area(struct client *c)
{
	void *area;

	c->area_fd = memfd_create("zcrx-bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (c->area_fd < 0 || ftruncate(c->area_fd, AREA_SIZE) < 0 ||
	    fcntl(c->area_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -errno;
	area = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, c->area_fd,
		    0);
	if (area == MAP_FAILED)
		return -errno;
	munmap(area, AREA_SIZE); /* the memfd keeps its pages */
	return 0;
}

static int make_listener(struct client *c, const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);

	c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->listener < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    bind(c->listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(c->listener, 1) < 0 ||
	    getsockname(c->listener, (struct sockaddr *)&a, &n) < 0)
		return -errno;
	c->port = ntohs(a.sin_port);
	return 0;
}

void client_init_empty(struct client *c)
{
	*c = (struct client) {
		.ring.ring_fd = -EBADF, .area_fd = -EBADF, .listener = -EBADF, .handle = -EBADF
	};
}

int client_init(struct client *c, const char *address)
{
	int r;

	client_init_empty(c);
	r = make_ring(c);
	if (r == 0)
		r = make_area(c);
	if (r == 0)
		r = make_listener(c, address);
	if (r < 0)
		client_done(c);
	return r;
}

void client_close_ring(struct client *c)
{
	if (c->ring.ring_fd >= 0)
		io_uring_queue_exit(&c->ring);
	c->ring = (struct io_uring) { .ring_fd = -EBADF };
}

void client_done(struct client *c)
{
	client_close_ring(c);
	closep(&c->handle);
	closep(&c->listener);
	closep(&c->area_fd);
	free(c->lease_id);
}
