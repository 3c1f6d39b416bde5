// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plain zero-copy receiver, and a sender, for the tests of the simulated NIC. It knows nothing of
 * the daemon: run as root it registers a receive queue for itself, which is what zcrxd saves
 * everybody else from.
 *
 *	zcrx-plain recv [-i IFNAME] [-q QUEUE] [-p PORT] [-b BUFFER] [-n]
 *	zcrx-plain send ADDRESS PORT BYTES          (0: until stopped)
 *
 * recv says "registered ..." or "refused ERRNO", then serves one connection and prints what it saw
 * as one line of JSON. With -n it only holds the queue until it is killed. BUFFER larger
 * than a page takes the area from huge pages. Exit status: 0, 1 on any failure, 2 if refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/io_uring.h>
#include <linux/io_uring/zcrx.h>

#include <liburing.h>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define PAGE		4096U
#define HUGE_PAGE	(2U << 20)
#define RING_ENTRIES	64
#define CQ_ENTRIES	8192
#define STALLED_SECONDS 20

/* Prime, and more than any shift that lost or repeated segments can cause by accident. */
#define PATTERN_PERIOD 65521U
#define PATTERN_CHUNK  65536U

enum { TAG_RECV = 1, TAG_EVENT = 2 };

static uint8_t pattern[PATTERN_PERIOD + PATTERN_CHUNK];

static void pattern_init(void)
{
	uint32_t state = 2463534242;

	for (size_t i = 0; i < PATTERN_PERIOD; i++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		pattern[i] = state;
	}
	for (size_t i = PATTERN_PERIOD; i < sizeof(pattern); i++)
		pattern[i] = pattern[i - PATTERN_PERIOD];
}

struct receiver {
	const char *ifname;
	unsigned int queue;
	unsigned int port;
	unsigned int buf_len;
	size_t area_len;

	struct io_uring ring;
	uint8_t *area;
	uint64_t area_token;
	uint32_t zcrx_id;
	uint32_t entries;
	uint8_t *region;
	uint32_t *refill_tail;
	struct io_uring_zcrx_rqe *refill;
	const struct zcrx_stats *stats;

	uint64_t bytes;
	uint64_t bad;
	unsigned int events[2];
};

static int fail(const char *what)
{
	fprintf(stderr, "zcrx-plain: %s: %m\n", what);
	return 1;
}

static void *map(size_t len, int flags)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int zcrx_register(unsigned int ring_fd, unsigned int op, void *arg, unsigned int nr)
{
	return syscall(__NR_io_uring_register, ring_fd, op, arg, nr) < 0 ? -errno : 0;
}

/* Memory for the area and the refill ring; after the ring comes a page for the statistics. */
static int receiver_map(struct receiver *r, size_t *ret_region_len)
{
	const bool huge = r->buf_len > PAGE;
	size_t region_len;

	if (huge)
		r->area_len = (r->area_len + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	r->area = map(r->area_len, MAP_POPULATE | (huge ? MAP_HUGETLB : 0));
	if (r->area == MAP_FAILED)
		return -errno;

	for (r->entries = 1; r->entries < r->area_len / r->buf_len; r->entries *= 2)
		;
	region_len = r->entries * sizeof(*r->refill) + 2 * PAGE;
	region_len = (region_len + PAGE - 1) & ~(size_t)(PAGE - 1);
	r->region = map(region_len, MAP_POPULATE);
	if (r->region == MAP_FAILED)
		return -errno;
	*ret_region_len = region_len;
	return 0;
}

/* Returns a negative errno if the kernel refuses. */
static int receiver_register(struct receiver *r)
{
	struct io_uring_region_desc region = { .flags = IORING_MEM_REGION_TYPE_USER };
	struct io_uring_zcrx_area_reg area = {};
	struct zcrx_event_desc events = {
		.user_data = TAG_EVENT,
		.type_mask = 1 << ZCRX_EVENT_ALLOC_FAIL | 1 << ZCRX_EVENT_COPY,
		.flags = ZCRX_EVENT_DESC_FLAG_STATS,
	};
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx = if_nametoindex(r->ifname),
		.if_rxq = r->queue,
		.area_ptr = (uintptr_t)&area,
		.region_ptr = (uintptr_t)&region,
		.event_desc = (uintptr_t)&events,
		.rx_buf_len = r->buf_len == PAGE ? 0 : r->buf_len,
	};
	size_t region_len = 0;
	int err;

	err = receiver_map(r, &region_len);
	if (err)
		return err;
	area.addr = (uintptr_t)r->area;
	area.len = r->area_len;
	region.user_addr = (uintptr_t)r->region;
	region.size = region_len;
	events.stats_offset = region_len - PAGE;
	reg.rq_entries = r->entries;

	err = zcrx_register(r->ring.ring_fd, IORING_REGISTER_ZCRX_IFQ, &reg, 1);
	if (err)
		return err;
	r->area_token = area.rq_area_token;
	r->zcrx_id = reg.zcrx_id;
	r->entries = reg.rq_entries;
	r->refill_tail = (uint32_t *)(r->region + reg.offsets.tail);
	r->refill = (struct io_uring_zcrx_rqe *)(r->region + reg.offsets.rqes);
	r->stats = (const struct zcrx_stats *)(r->region + events.stats_offset);
	printf("registered queue %u buf_len %u\n", r->queue, reg.rx_buf_len);
	return 0;
}

static int ring_init(struct io_uring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		.cq_entries = CQ_ENTRIES,
	};

	return io_uring_queue_init_params(RING_ENTRIES, ring, &params);
}

/* What waits in the sockets must leave the area room, or the kernel copies: each segment takes a
 * whole buffer, and the kernel doubles what it is asked for. */
static int listen_any(unsigned int port, size_t area_len)
{
	const struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const int window = area_len / 8;
	const int on = 1;
	int fd;

	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void receiver_arm(struct receiver *r, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	io_uring_prep_rw(IORING_OP_RECV_ZC, sqe, fd, NULL, 0, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->zcrx_ifq_idx = r->zcrx_id;
	sqe->user_data = TAG_RECV;
}

static void receiver_data(struct receiver *r, const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *zc = (const struct io_uring_zcrx_cqe *)(cqe + 1);
	const uint64_t offset = zc->off & ~IORING_ZCRX_AREA_MASK;
	const uint32_t tail = *r->refill_tail;
	struct io_uring_zcrx_rqe *rqe = &r->refill[tail & (r->entries - 1)];

	if (memcmp(r->area + offset, pattern + r->bytes % PATTERN_PERIOD, cqe->res))
		r->bad++;
	r->bytes += cqe->res;

	rqe->off = offset | r->area_token;
	rqe->len = cqe->res;
	__atomic_store_n(r->refill_tail, tail + 1, __ATOMIC_RELEASE);
}

/* Sets ret_end when the connection is over. */
static int receiver_ended(struct receiver *r, int fd, int res, bool *ret_end)
{
	struct zcrx_ctrl flush = { .zcrx_id = r->zcrx_id, .op = ZCRX_CTRL_FLUSH_RQ };

	/* Copying does not consume the refill ring; the kernel has to be asked. */
	if (res == -ENOMEM)
		zcrx_register(r->ring.ring_fd, IORING_REGISTER_ZCRX_CTRL, &flush, 0);
	if (res == -ENOMEM || res == -ENOSPC || res > 0) {
		receiver_arm(r, fd);
		return 0;
	}
	*ret_end = true;
	return res;
}

static int receiver_process(struct receiver *r, int fd, bool *ret_end)
{
	struct io_uring_cqe *cqe;
	unsigned int head;
	unsigned int count = 0;
	int err = 0;

	io_uring_for_each_cqe(&r->ring, head, cqe) {
		count++;
		if (cqe->user_data == TAG_EVENT) {
			r->events[cqe->res & 1]++;
			continue;
		}
		if (cqe->res > 0)
			receiver_data(r, cqe);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			err = receiver_ended(r, fd, cqe->res, ret_end);
	}
	io_uring_cq_advance(&r->ring, count);
	return err;
}

static int receiver_serve(struct receiver *r, int fd)
{
	bool end = false;
	int err = 0;

	receiver_arm(r, fd);
	while (!end && !err) {
		struct __kernel_timespec patience = { .tv_sec = STALLED_SECONDS };
		struct io_uring_cqe *cqe;

		err = io_uring_submit_and_wait_timeout(&r->ring, &cqe, 1, &patience, NULL);
		if (err < 0)
			break;
		err = receiver_process(r, fd, &end);
	}

	printf("{\"bytes\": %llu, \"bad\": %llu, \"copied\": %llu, "
	       "\"alloc_fail_events\": %u, \"copy_events\": %u, \"end\": \"%s\"}\n",
	       (unsigned long long)r->bytes, (unsigned long long)r->bad,
	       (unsigned long long)r->stats->copy_bytes, r->events[ZCRX_EVENT_ALLOC_FAIL],
	       r->events[ZCRX_EVENT_COPY], err ? strerrorname_np(-err) : "EOF");
	return err || r->bad ? 1 : 0;
}

static int do_recv(struct receiver *r, bool hold)
{
	int listener;
	int err;
	int fd;

	listener = hold ? -1 : listen_any(r->port, r->area_len);
	if (!hold && listener < 0)
		return fail("listen");
	err = ring_init(&r->ring);
	if (err) {
		errno = -err;
		return fail("io_uring");
	}

	err = receiver_register(r);
	if (err) {
		printf("refused %s\n", strerrorname_np(-err));
		return 2;
	}
	if (hold)
		return pause();

	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return fail("accept");
	return receiver_serve(r, fd);
}

static int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *addr;
	int fd;

	if (getaddrinfo(host, port, &hints, &addr))
		return -1;
	fd = socket(addr->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, addr->ai_addr, addr->ai_addrlen)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(addr);
	return fd;
}

static int do_send(const char *host, const char *port, uint64_t total)
{
	uint64_t sent = 0;
	int fd;

	fd = connect_to(host, port);
	if (fd < 0)
		return fail("connect");
	while (!total || sent < total) {
		size_t len = PATTERN_CHUNK;
		ssize_t n;

		if (total)
			len = total - sent < len ? total - sent : len;
		n = send(fd, pattern + sent % PATTERN_PERIOD, len, MSG_NOSIGNAL);
		if (n < 0)
			return fail("send");
		sent += n;
	}
	close(fd);
	return 0;
}

static int usage(void)
{
	fputs("usage: zcrx-plain recv [-i IFNAME] [-q QUEUE] [-p PORT] [-b BUFFER] [-n]\n"
	      "       zcrx-plain send ADDRESS PORT BYTES\n",
	      stderr);
	return 1;
}

int main(int argc, char **argv)
{
	struct receiver r = {
		.ifname = "zc0", .port = 9000, .buf_len = PAGE, .area_len = 4U << 20
	};
	bool hold = false;
	int option;

	setlinebuf(stdout);
	pattern_init();
	if (argc == 5 && !strcmp(argv[1], "send"))
		return do_send(argv[2], argv[3], strtoull(argv[4], NULL, 0));
	if (argc < 2 || strcmp(argv[1], "recv"))
		return usage();

	while ((option = getopt(argc - 1, argv + 1, "i:q:p:b:n")) != -1) {
		switch (option) {
		case 'i':
			r.ifname = optarg;
			break;
		case 'q':
			r.queue = strtoul(optarg, NULL, 0);
			break;
		case 'p':
			r.port = strtoul(optarg, NULL, 0);
			break;
		case 'b':
			r.buf_len = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			hold = true;
			break;
		default:
			return usage();
		}
	}
	return do_recv(&r, hold);
}
