/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd-nic's clients: a socket whose facts are read, and an unprivileged process whose ring gets
 * an interface queue.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kernel.h"
#include "uapi.h"
#include "zcrxd-nic.h"

#define AREA_SIZE (2UL * 1024 * 1024)
#define PAGE 4096

static socklen_t parse_endpoint(const char *address, const char *port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	const uint16_t number = htons((uint16_t)strtoul(port, NULL, 10));

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1)
		return 0;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = number;
	return sizeof(*v6);
}

static void on_event(const struct nic_event *e, void *userdata)
{
	if (e->type == NIC_EVENT_SOCKET_GONE && e->cookie == *(const uint64_t *)userdata)
		puts("socket gone");
}

/* The end of the socket has to arrive as an event: at the backend that was shown it, and at one
 * that was only told its cookie, as after a restart of the daemon. */
static int await_end(struct nic_backend *b, uint64_t cookie)
{
	struct pollfd p = { .fd = b->ops->get_fd(b), .events = POLLIN };
	int r = 0;

	while (r == 0 && poll(&p, 1, 1000) > 0)
		r = b->ops->dispatch(b, on_event, &cookie);
	b->ops->forget_socket(b, cookie);
	return r;
}

int find_socket(struct nic_backend *b, struct socket_facts *facts)
{
	struct socket_facts *const list[] = { facts };
	struct sockets *s;
	int r = b->ops->sockets(b, &s);

	if (r != 0)
		return r;
	r = s->ops->find(s, list, 1);
	s->ops->close(s);
	return r;
}

static void print_facts(const struct socket_facts *f)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];

	printf("facts domain %d state %d netns %d bound %u v6only %d local %s %u remote %s %u\n",
	       f->domain, f->tcp_state, f->same_netns, f->bound_index, f->v6_only,
	       inet_ntop(f->domain, f->local, local, sizeof(local)), f->local_port,
	       inet_ntop(f->domain, f->remote, remote, sizeof(remote)), f->remote_port);
}

int run_facts(struct nic_backend *b, char **argv, struct fault *reterr)
{
	struct sockaddr_storage address;
	socklen_t n = parse_endpoint(argv[1], argv[2], &address);
	_cleanup_close_ int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct nic_backend *later;
	struct socket_facts f;
	int r;

	if (streq(argv[0], "listen"))
		r = bind(fd, (struct sockaddr *)&address, n) < 0 || listen(fd, 1) < 0;
	else
		r = connect(fd, (struct sockaddr *)&address, n) < 0;
	if (r)
		return -errno;
	r = b->ops->socket_facts(b, fd, &f, reterr);
	if (r == 0)
		r = b->ops->await_socket(b, f.cookie);
	if (r == 0)
		r = kernel_backend_new(&later, reterr);
	if (r == 0)
		r = later->ops->await_socket(later, f.cookie);
	if (r == 0)
		r = find_socket(later, &f);
	if (r != 0)
		return r;
	print_facts(&f);
	close(TAKE_FD(fd));
	r = await_end(b, f.cookie);
	if (r == 0)
		r = await_end(later, f.cookie);
	later->ops->free(later);
	return r;
}

/* A ring as it has to be, or as clients get it wrong. */
static int make_ring(const char *kind)
{
	struct io_uring_params params = {
		.flags = UAPI_IORING_SETUP_R_DISABLED | UAPI_IORING_SETUP_SINGLE_ISSUER |
			 UAPI_IORING_SETUP_DEFER_TASKRUN | UAPI_IORING_SETUP_CQE32,
	};
	int fd;

	if (streq(kind, "small-cqe"))
		params.flags &= ~UAPI_IORING_SETUP_CQE32;
	if (streq(kind, "no-ring"))
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	fd = (int)syscall(SYS_io_uring_setup, 8, &params);
	if (fd >= 0 && streq(kind, "enabled") &&
	    syscall(SYS_io_uring_register, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		return -1;
	return fd;
}

/* Every other page first: no two neighbours in the area are neighbours in memory, whatever the kernel has free. */
static int allocate_scattered(int fd)
{
	for (off_t first = 0; first < 2 * PAGE; first += PAGE)
		for (off_t at = first; at < (off_t)AREA_SIZE; at += 2 * PAGE)
			if (fallocate(fd, 0, at, PAGE) < 0)
				return -1;
	return 0;
}

/* Says the numbers of its ring and area, and lives until the pipe is closed. */
_Noreturn static void client(const char *ring, int say, int stay)
{
	int fds[2];
	char c;

	if (setgid(1000) < 0 || setuid(1000) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
		_exit(1);
	fds[0] = make_ring(ring);
	fds[1] = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fds[0] < 0 || fds[1] < 0 || allocate_scattered(fds[1]) < 0 ||
	    fcntl(fds[1], F_ADD_SEALS, F_SEAL_SHRINK) < 0 ||
	    write(say, fds, sizeof(fds)) != sizeof(fds))
		_exit(1);
	while (read(stay, &c, 1) > 0)
		;
	_exit(0);
}

static int register_for(struct nic_backend *b, pid_t pid, int say, char **argv,
			struct fault *reterr)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	_cleanup_close_ int area = -EBADF;
	struct ifq_request request = {
		.pidfd = pidfd,
		.area_size = AREA_SIZE,
		.kind = streq(argv[0], "software") ? GRANT_SOFTWARE : GRANT_DIRECT,
		.ring_epoll_fd = b->ops->rings(b, -EBADF),
		.ifindex = (unsigned)strtoul(argv[0], NULL, 10),
		.queue = (uint32_t)strtoul(argv[1], NULL, 10),
		.refill_entries = 1000,
		.buffer_length = (uint32_t)strtoul(argv[2], NULL, 10),
		.statistics = b->ops->features(b)->events,
		.events = b->ops->features(b)->events,
		.event_user_data = 77,
	};
	struct ifq ifq;
	int fds[2], r;

	if (read(say, fds, sizeof(fds)) != sizeof(fds))
		return -EPIPE;
	area = (int)syscall(SYS_pidfd_getfd, pidfd, fds[1], 0);
	if (area < 0)
		return -errno;
	request.ring = fds[0];
	request.area_fd = area;
	r = b->ops->check_area(b, area, 0, request.area_size, false, reterr);
	if (r == 0)
		r = b->ops->register_ifq(b, &request, &ifq, NULL, reterr);
	if (r == 0)
		printf("ifq %u entries %u size %llu map %llx stats %llu length %u\n", ifq.zcrx_id,
		       ifq.refill_entries, (unsigned long long)ifq.refill_size,
		       (unsigned long long)ifq.refill_map_offset,
		       (unsigned long long)ifq.stats_offset, ifq.buffer_length);
	fflush(stdout);
	return r;
}

int run_register(struct nic_backend *b, char **argv, struct fault *reterr)
{
	int say[2], stay[2], r;
	pid_t pid;

	if (pipe2(say, O_CLOEXEC) < 0 || pipe2(stay, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		close(stay[1]);
		client(argv[4] ?: "good", say[1], stay[0]);
	}
	close(say[1]);
	r = register_for(b, pid, say[0], argv, reterr);
	if (r == 0)
		sleep((unsigned)strtoul(argv[3], NULL, 10));
	close(stay[1]);
	waitpid(pid, NULL, 0);
	close(stay[0]);
	close(say[0]);
	return r;
}
