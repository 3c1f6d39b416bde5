/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processor time of a receiver, by ways to receive the same bytes:
 *
 *	zcrx-cost receive MODE ADDRESS PORT CONNECTIONS    takes what comes until all have ended, and prints what it took
 *	zcrx-cost send ADDRESS PORT CONNECTIONS BYTES      sends so many in all
 *
 * recv: epoll and recv(). read: IORING_OP_READ. zerocopy: what liburing alone does on a queue that the library has only
 * registered. library: zcrx_queue_wait() and zcrx_queue_return(). None looks at the bytes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "queue.h"

#define CONNECTIONS_MAX 64U
#define BUFFER		65536U
#define COMPLETIONS	4096U
#define RETRY		UINT64_MAX

struct connection {
	int socket;
	char *buffer;
	uint64_t left; /* to send */
};

static struct connection connections[CONNECTIONS_MAX];
static unsigned n_connections, n_open;
static uint64_t bytes, pieces, copied;
static struct zcrx_lease *lease;
static struct zcrx_queue *queue;
static struct zcrx_pool *pool;
static struct io_uring ring;

static int check(int r, const char *what)
{
	if (r >= 0)
		return r;
	fprintf(stderr, "zcrx-cost: Cannot %s: %s\n", what, strerror(-r));
	exit(1);
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	check(inet_pton(AF_INET, address, &a.sin_addr) == 1 ? 0 : -EINVAL, "read the address");
	return a;
}

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return check(fd < 0 ? -errno : fd, "make a socket");
}

static void receive_recv(void)
{
	int epoll = check(epoll_create1(EPOLL_CLOEXEC), "make an epoll");
	struct epoll_event events[CONNECTIONS_MAX];
	static char buffer[BUFFER];

	for (unsigned i = 0; i < n_connections; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.fd = connections[i].socket };

		check(epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].socket, &e), "watch a connection");
	}
	while (n_open > 0) {
		int n = epoll_wait(epoll, events, CONNECTIONS_MAX, -1);

		for (int i = 0; i < n; i++) {
			ssize_t length = recv(events[i].data.fd, buffer, sizeof(buffer), MSG_DONTWAIT);

			if (length < 0 && errno == EAGAIN)
				continue;
			check(length < 0 ? -errno : 0, "receive");
			bytes += (uint64_t)length;
			pieces++;
			if (length > 0)
				continue;
			epoll_ctl(epoll, EPOLL_CTL_DEL, events[i].data.fd, NULL);
			n_open--;
		}
	}
}

static void make_ring(void)
{
	struct io_uring_params p = { .flags = zcrx_pool_get_ring_flags() | IORING_SETUP_CQSIZE,
				     .cq_entries = COMPLETIONS };

	check(io_uring_queue_init_params(2 * CONNECTIONS_MAX, &ring, &p), "make a ring");
}

static struct io_uring_sqe *get_sqe(struct connection *c)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	check(sqe ? 0 : -EBUSY, "submit");
	io_uring_sqe_set_data(sqe, c);
	return sqe;
}

static void arm_read(struct connection *c)
{
	struct io_uring_sqe *sqe = get_sqe(c);

	io_uring_prep_read(sqe, c->socket, c->buffer, BUFFER, 0);
	io_uring_sqe_set_data(sqe, c);
}

static void receive_read(void)
{
	check(io_uring_enable_rings(&ring), "enable the ring");
	for (unsigned i = 0; i < n_connections; i++) {
		connections[i].buffer = malloc(BUFFER);
		check(connections[i].buffer ? 0 : -ENOMEM, "get memory");
		arm_read(&connections[i]);
	}
	while (n_open > 0) {
		struct io_uring_cqe *cqe;
		unsigned head, seen = 0;

		check(io_uring_submit_and_wait(&ring, 1), "wait");
		io_uring_for_each_cqe(&ring, head, cqe) {
			seen++;
			bytes += (uint64_t)check(cqe->res, "receive");
			pieces++;
			if (cqe->res > 0)
				arm_read(io_uring_cqe_get_data(cqe));
			else
				n_open--;
		}
		io_uring_cq_advance(&ring, seen);
	}
}

static void arm_zerocopy(struct connection *c)
{
	struct io_uring_sqe *sqe = get_sqe(c);

	io_uring_prep_rw(ZC_OP_RECV, sqe, c->socket, NULL, 0, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->file_index = zcrx_pool_get_id(pool);
	io_uring_sqe_set_data(sqe, c);
}

static void ended(struct connection *c, int result)
{
	if (result == 0) {
		n_open--;
		return;
	}
	check(result == -ENOSPC || result == -ENOMEM || result == -EAGAIN ? 0 : result, "receive");
	if (result == -ENOMEM)
		(void)zcrx_pool_flush(pool);
	arm_zerocopy(c);
}

static void give_back(struct refill *r, uint64_t off, uint32_t *tail)
{
	struct zc_rqe *e = &r->entries[(*tail)++ & (r->n_entries - 1)];

	e->off = (off & ((UINT64_C(1) << ZC_AREA_SHIFT) - r->buffer_length)) | r->token;
	e->len = r->buffer_length;
	e->pad = 0;
}

/* As bench/loops.c, with what may happen on a real ring. */
static void receive_zerocopy(void)
{
	struct refill *r = &pool->refill;
	uint32_t tail = *r->tail;

	check(io_uring_enable_rings(&ring), "enable the ring");
	for (unsigned i = 0; i < n_connections; i++)
		arm_zerocopy(&connections[i]);
	while (n_open > 0) {
		struct io_uring_cqe *cqe;
		unsigned head, seen = 0;

		check(io_uring_submit_and_wait(&ring, 1), "wait");
		io_uring_for_each_cqe(&ring, head, cqe) {
			if (!(cqe->flags & IORING_CQE_F_MORE)) {
				seen++;
				ended(io_uring_cqe_get_data(cqe), cqe->res);
				continue;
			}
			if (tail - io_uring_smp_load_acquire(r->head) == r->n_entries)
				break;
			bytes += (uint32_t)cqe->res;
			pieces++;
			give_back(r, ((const struct zc_cqe *)cqe)->off, &tail);
			seen++;
		}
		io_uring_smp_store_release(r->tail, tail);
		r->local_tail = tail;
		io_uring_cq_advance(&ring, seen);
	}
}

static void receive_library(void)
{
	struct zcrx_stream *stream;
	const struct zcrx_event *e;

	for (unsigned i = 0; i < n_connections; i++)
		check(zcrx_queue_receive(queue, connections[i].socket, &connections[i], &stream), "receive");
	while (n_open > 0) {
		check(zcrx_queue_wait(queue, -1, &e), "wait");
		if (e->type == ZCRX_EVENT_DATA) {
			bytes += e->length;
			pieces++;
			check(zcrx_queue_return(queue, e->data), "return a buffer");
		} else if (e->type == ZCRX_EVENT_EOF || e->type == ZCRX_EVENT_ERROR) {
			check(e->error, "receive");
			zcrx_stream_free(e->stream);
			n_open--;
		}
	}
}

static const struct mode {
	const char *name;
	void (*receive)(void);
	bool leases, has_ring;
} modes[] = {
	{ "recv", receive_recv, false, false },
	{ "read", receive_read, false, true },
	{ "zerocopy", receive_zerocopy, true, true },
	{ "library", receive_library, true, false },
};

static void take_queue(const struct mode *mode, int listener)
{
	struct zcrx_client *client;

	if (mode->has_ring)
		make_ring();
	if (!mode->leases)
		return;
	check(zcrx_client_new(&client), "make a client");
	check(zcrx_client_connect(client, NULL), "connect to zcrxd");
	check(zcrx_lease_new(client, &lease), "make a lease");
	check(zcrx_lease_acquire(lease), "lease a queue");
	if (mode->has_ring) {
		check(zcrx_pool_new(lease, 0, &pool), "make a pool");
		check(zcrx_pool_register(pool, ring.ring_fd), "register the pool");
	} else {
		check(zcrx_queue_new(lease, 0, &queue), "make a queue");
		check(zcrx_queue_set_completions(queue, COMPLETIONS), "size the ring");
		check(zcrx_queue_register(queue), "register the queue");
		pool = zcrx_queue_get_pool(queue);
	}
	check(zcrx_pool_steer_socket(pool, listener), "steer");
}

static uint64_t nsec(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int receive(const struct mode *mode, const struct sockaddr_in *address)
{
	int one = 1, listener = new_socket();
	uint64_t begun, spent;

	check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
			      bind(listener, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
			      listen(listener, CONNECTIONS_MAX) < 0
		      ? -errno
		      : 0,
	      "listen");
	take_queue(mode, listener);
	puts("listening");
	fflush(stdout);
	for (n_open = 0; n_open < n_connections; n_open++) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		connections[n_open].socket = check(fd < 0 ? -errno : fd, "accept");
	}
	begun = nsec(CLOCK_MONOTONIC);
	spent = nsec(CLOCK_PROCESS_CPUTIME_ID);
	mode->receive();
	spent = nsec(CLOCK_PROCESS_CPUTIME_ID) - spent;
	begun = nsec(CLOCK_MONOTONIC) - begun;
	if (pool)
		(void)zcrx_pool_get_copied(pool, NULL, &copied);
	else
		copied = bytes;
	printf("{\"bytes\":%" PRIu64 ",\"pieces\":%" PRIu64 ",\"copied\":%" PRIu64 ",\"cpuNSec\":%" PRIu64
	       ",\"wallNSec\":%" PRIu64 "}\n",
	       bytes, pieces, copied, spent, begun);
	return 0; /* the lease ends with the process */
}

static int send_all(const struct sockaddr_in *address, uint64_t total)
{
	static const char data[BUFFER];
	uint64_t each = total / n_connections;

	for (unsigned i = 0; i < n_connections; i++) {
		connections[i].socket = new_socket();
		connections[i].left = each;
		check(connect(connections[i].socket, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0,
		      "connect");
	}
	for (n_open = n_connections; n_open > 0;)
		for (unsigned i = 0; i < n_connections; i++) {
			struct connection *c = &connections[i];
			size_t length = c->left < BUFFER ? (size_t)c->left : BUFFER;
			ssize_t n = length > 0 ? send(c->socket, data, length, MSG_NOSIGNAL) : 0;

			check(n < 0 ? -errno : 0, "send");
			c->left -= (uint64_t)n;
			if (length > 0 && c->left == 0) {
				shutdown(c->socket, SHUT_WR);
				n_open--;
			}
		}
	return 0;
}

int main(int argc, char *argv[])
{
	bool receives = argc == 6 && streq(argv[1], "receive"), sends = argc == 6 && streq(argv[1], "send");
	struct sockaddr_in address;

	if (!receives && !sends)
		goto usage;
	n_connections = (unsigned)atoi(argv[receives ? 5 : 4]);
	if (n_connections < 1 || n_connections > CONNECTIONS_MAX)
		goto usage;
	address = receives ? address_of(argv[3], argv[4]) : address_of(argv[2], argv[3]);
	if (sends)
		return send_all(&address, strtoull(argv[5], NULL, 10));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (streq(argv[2], modes[i].name))
			return receive(&modes[i], &address);
usage:
	fputs("usage: zcrx-cost receive recv|read|zerocopy|library ADDRESS PORT CONNECTIONS\n"
	      "       zcrx-cost send ADDRESS PORT CONNECTIONS BYTES\n",
	      stderr);
	return 2;
}
