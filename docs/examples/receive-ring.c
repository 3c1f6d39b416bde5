/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives files over TCP by zero copy on an io_uring of its own, beside the ring's other requests:
 *
 *	receive-ring PORT DIRECTORY [CONNECTIONS]
 *
 * What comes through each connection is written to a file in DIRECTORY, from where the NIC has put it. One
 * ring has it all: connections are accepted, received from, and written to files, and timers set. Ends when so
 * many CONNECTIONS have been stored, or when killed. The variable INTERFACE may name the NIC.
 *
 * Build: cc receive-ring.c $(pkg-config --cflags --libs libzcrx-client liburing)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <liburing.h>
#include <zcrx-client.h>

#define RECV_ZC	  58 /* IORING_OP_RECV_ZC: headers of liburing before 2.10 lack it */
#define SOME	  64 /* spans of one connection, after which it is nudged */
#define ENTRIES	  256
#define COMPLETED 4096 /* as many as the area has buffers */

/* The low bits of user_data; the rest is a pointer. */
enum kind { ACCEPT, RECEIVE, WRITE, RETRY, LEASE };
#define KIND 7

struct connection {
	struct connection *next;
	int socket, file;
	uint64_t received;
	unsigned int number, spans, writes; /* spans since it was nudged; writes under way */
	int ended;
};

/* A span on its way to the file. */
struct piece {
	struct connection *connection;
	struct zcrx_span span;
	size_t written;
	uint64_t at;
};

static struct io_uring ring;
static struct zcrx_pool *pool;
static struct zcrx_lease *lease;
static struct connection *connections;
static const char *directory;
static unsigned int n_accepted, n_stored;

static void fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-error));
	exit(1);
}

static int listen_on(int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr *address = (struct sockaddr *)&six; /* of IPv4, too */
	socklen_t size = sizeof(six);
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT) { /* a machine without IPv6 */
		address = (struct sockaddr *)&four;
		size = sizeof(four);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, address, size) < 0 || listen(fd, 128) < 0)
		fail("Cannot listen", -errno);
	return fd;
}

static struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (!sqe) { /* the queue of submissions is full */
		io_uring_submit(&ring);
		sqe = io_uring_get_sqe(&ring);
	}
	if (!sqe)
		fail("Cannot submit", -EBUSY);
	return sqe;
}

static void tag(struct io_uring_sqe *sqe, enum kind kind, void *object)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)object | kind);
}

static void arm_accept(int listener)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	tag(sqe, ACCEPT, NULL);
}

/* What makes a receive zero copy: the pool's number. */
static void arm_receive(struct connection *c)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_rw(RECV_ZC, sqe, c->socket, NULL, 0, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->file_index = zcrx_pool_get_id(pool); /* called zcrx_ifq_idx in newer headers */
	tag(sqe, RECEIVE, c);
}

static void arm_retry(struct connection *c)
{
	static struct __kernel_timespec delay = { .tv_nsec = 4 * 1000 * 1000 };
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_timeout(sqe, &delay, 0, 0);
	tag(sqe, RETRY, c);
}

static void arm_write(struct piece *p)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_write(sqe, p->connection->file, (char *)p->span.data + p->written,
			    (unsigned int)(p->span.length - p->written), p->at + p->written);
	tag(sqe, WRITE, p);
}

static void accepted(int listener, const struct io_uring_cqe *cqe)
{
	struct connection *c = calloc(1, sizeof(*c));
	char path[4096];

	if (cqe->res < 0 || !c)
		fail("Cannot accept", cqe->res < 0 ? cqe->res : -ENOMEM);
	if (!(cqe->flags & IORING_CQE_F_MORE))
		arm_accept(listener);
	c->number = n_accepted++;
	c->socket = cqe->res;
	snprintf(path, sizeof(path), "%s/%u", directory, c->number);
	c->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (c->file < 0)
		fail(path, -errno);
	c->next = connections;
	connections = c;
	arm_receive(c);
}

/* The end of a connection: its last span is in the file. */
static void stored(struct connection *c)
{
	struct connection **at = &connections;

	if (!c->ended || c->writes > 0)
		return;
	printf("%u: %" PRIu64 " bytes\n", c->number, c->received);
	fflush(stdout);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	close(c->socket);
	close(c->file);
	free(c);
	n_stored++;
}

static void received(struct connection *c, const struct io_uring_cqe *cqe)
{
	struct zcrx_span span;
	struct piece *p;
	int r = zcrx_pool_take(pool, cqe, &span);

	if (r < 0)
		fail("Cannot receive", r);
	if (r > 0) {
		p = calloc(1, sizeof(*p));
		if (!p)
			fail("Cannot write", -ENOMEM);
		p->connection = c;
		p->span = span;
		p->at = c->received;
		c->received += span.length;
		c->writes++;
		c->spans++;
		arm_write(p);
		return;
	}
	switch (zcrx_pool_next(pool, cqe->res)) {
	case ZCRX_NEXT_FLUSH:
		zcrx_pool_flush(pool);
		arm_receive(c);
		break;
	case ZCRX_NEXT_ARM:
		arm_receive(c);
		break;
	case ZCRX_NEXT_WAIT:
		arm_retry(c);
		break;
	case ZCRX_NEXT_STAGE: /* of a dma-buf, which this is not */
	case ZCRX_NEXT_ERROR:
		fprintf(stderr, "%u: cannot receive: %s\n", c->number, strerror(-cqe->res));
		/* fall through */
	case ZCRX_NEXT_END:
		c->ended = 1;
		stored(c);
		break;
	}
}

static void written(struct piece *p, int result)
{
	struct connection *c = p->connection;

	if (result <= 0)
		fail("Cannot write", result < 0 ? result : -ENOSPC);
	p->written += (size_t)result;
	if (p->written < p->span.length) {
		arm_write(p);
		return;
	}
	zcrx_pool_return(pool, p->span.data);
	free(p);
	c->writes--;
	stored(c);
}

static void lease_ended(void)
{
	const char *why = "";
	int r = zcrx_lease_get_end_reason(lease, &why);

	fprintf(stderr, "The lease has ended: %s; %s.\n", why,
		r == -ENODEV ? "nothing more can arrive" : "the kernel copies from now on");
	if (r == -ENODEV)
		exit(1);
}

static void completed(int listener, const struct io_uring_cqe *cqe)
{
	uint64_t data = io_uring_cqe_get_data64(cqe);
	void *object = (void *)(uintptr_t)(data & ~(uint64_t)KIND);

	switch ((enum kind)(data & KIND)) {
	case ACCEPT:
		accepted(listener, cqe);
		break;
	case RECEIVE:
		received(object, cqe);
		break;
	case WRITE:
		written(object, cqe->res);
		break;
	case RETRY:
		arm_receive(object);
		break;
	case LEASE:
		lease_ended();
		break;
	}
}

/* The kernel may have forgotten to tell that there is more: see zcrx_pool_nudge(3). */
static void nudge(void)
{
	struct connection *c;

	for (c = connections; c; c = c->next)
		if (c->spans >= SOME) {
			zcrx_pool_nudge(c->socket);
			c->spans = 0;
		}
}

static void serve(int listener, unsigned int n)
{
	struct io_uring_sqe *sqe = get_sqe();
	struct io_uring_cqe *cqe;

	io_uring_prep_poll_add(sqe, zcrx_lease_get_fd(lease), POLLRDHUP);
	tag(sqe, LEASE, NULL);
	arm_accept(listener);
	while (n == 0 || n_stored < n) {
		int r = io_uring_submit_and_wait(&ring, 1);

		if (r < 0 && r != -EINTR && r != -EBUSY)
			fail("Cannot wait", r);
		while (io_uring_peek_cqe(&ring, &cqe) == 0) {
			completed(listener, cqe);
			io_uring_cqe_seen(&ring, cqe);
		}
		nudge();
	}
}

/* Still disabled, a ring may be registered on by zcrxd; enabled, it is this thread's. */
static int prepare(struct zcrx_client *client, int listener)
{
	struct io_uring_params params = {
		.flags = zcrx_pool_get_ring_flags() | IORING_SETUP_CQSIZE,
		.cq_entries = COMPLETED,
	};
	int r = zcrx_client_connect(client, NULL);

	if (r >= 0)
		r = zcrx_lease_new(client, &lease);
	if (r >= 0)
		r = zcrx_lease_set_interface(lease, getenv("INTERFACE"));
	if (r >= 0)
		r = zcrx_lease_acquire(lease);
	if (r >= 0)
		r = io_uring_queue_init_params(ENTRIES, &ring, &params);
	if (r >= 0)
		r = zcrx_pool_new(lease, 0, &pool);
	if (r >= 0)
		r = zcrx_pool_register(pool, ring.ring_fd);
	if (r >= 0)
		r = io_uring_enable_rings(&ring);
	if (r >= 0)
		r = zcrx_pool_steer_socket(pool, listener);
	return r;
}

int main(int argc, char **argv)
{
	struct zcrx_client *client = NULL;
	uint64_t copied;
	int listener, r;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: %s PORT DIRECTORY [CONNECTIONS]\n", argv[0]);
		return 2;
	}
	directory = argv[2];
	listener = listen_on(atoi(argv[1]));
	r = zcrx_client_new(&client);
	if (r >= 0)
		r = prepare(client, listener);
	if (r < 0) {
		fprintf(stderr, "%s\n", *zcrx_client_error(client) ? zcrx_client_error(client) : strerror(-r));
		return 1;
	}
	printf("listening\n");
	fflush(stdout);
	serve(listener, argc == 4 ? (unsigned int)atoi(argv[3]) : 0);
	if (zcrx_pool_get_copied(pool, NULL, &copied) >= 0)
		printf("%" PRIu64 " bytes were copied\n", copied);
	io_uring_queue_exit(&ring);
	zcrx_pool_unref(pool);
	zcrx_lease_release(lease);
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
