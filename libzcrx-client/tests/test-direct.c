/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The backends that register queues themselves, on a kernel that is played here. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue.h"

#define AREA (64U * 4096U)

struct world {
	struct zcrx_client *client;
	struct zcrx_lease *lease;
	/* The kernel. */
	int made, probed, registered, queried; /* results */
	struct zc_query_zcrx known;
	struct zc_ifq_reg reg;
	struct zc_area_reg area;
	struct zc_region_desc region;
	struct zc_event_desc events;
	unsigned int registrations;
};

static struct world *w;

int ring_make(void)
{
	return w->made < 0 ? w->made : dup(2);
}

static int play_query(struct zc_query *q)
{
	assert_int_equal(q->query_op, 1);
	assert_int_equal(q->size, 40);
	assert_int_equal(q->next_entry, 0);
	if (w->queried < 0)
		return w->queried;
	memcpy((void *)(uintptr_t)q->query_data, &w->known, sizeof(w->known));
	return 0;
}

static int play_registration(struct zc_ifq_reg *reg)
{
	struct zc_region_desc *region = (void *)(uintptr_t)reg->region_ptr;
	struct zc_area_reg *area = (void *)(uintptr_t)reg->area_ptr;

	w->reg = *reg;
	w->area = *area;
	w->region = *region;
	w->events = (struct zc_event_desc) {};
	if (reg->event_desc)
		memcpy(&w->events, (void *)(uintptr_t)reg->event_desc, sizeof(w->events));
	w->registrations++;
	if (w->registered < 0)
		return w->registered;
	reg->zcrx_id = 7;
	reg->offsets.head = 0;
	reg->offsets.tail = 4;
	reg->offsets.rqes = 64;
	region->mmap_offset = 0;
	area->token = UINT64_C(3) << 48;
	return 0;
}

int ring_register(int ring_fd, unsigned int op, void *arg, unsigned int n_args)
{
	if (op == 35) {
		assert_int_equal(ring_fd, -1);
		assert_int_equal(n_args, 0);
		return play_query(arg);
	}
	assert_true(ring_fd >= 0);
	assert_int_equal(op, 32);
	assert_int_equal(n_args, 1);
	return arg == (void *)8 ? w->probed : play_registration(arg);
}

static int setup(void **state)
{
	w = calloc(1, sizeof(*w));
	w->probed = -EFAULT;
	w->known = (struct zc_query_zcrx) { .register_flags = 3, .features = 3 };
	unsetenv("ZCRX_BACKEND");
	assert_int_equal(zcrx_client_new(&w->client), 0);
	assert_int_equal(zcrx_lease_new(w->client, &w->lease), 0);
	return 0;
}

static int teardown(void **state)
{
	zcrx_lease_unref(w->lease);
	zcrx_client_unref(w->client);
	free(w);
	return 0;
}

static bool says(const char *text)
{
	return strstr(zcrx_client_error(w->client), text) != NULL;
}

/* What stands for a ring, in which the refill ring is mapped. */
static int new_ring(void)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 65536), 0);
	return fd;
}

static void acquire_loopback(unsigned int queue)
{
	assert_int_equal(zcrx_lease_set_backends(w->lease, "direct"), 0);
	assert_int_equal(zcrx_lease_set_interface(w->lease, "lo"), 0);
	assert_int_equal(zcrx_lease_set_hardware_queue(w->lease, queue), 0);
	assert_int_equal(zcrx_lease_acquire(w->lease), 0);
}

static void test_direct(void **state)
{
	struct zcrx_pool *p;
	int ring = new_ring();

	acquire_loopback(5);
	assert_string_equal(zcrx_lease_get_backend(w->lease), "direct");
	assert_string_equal(zcrx_lease_get_interface(w->lease), "lo");
	assert_int_equal(zcrx_lease_get_queues(w->lease), 1);
	assert_int_equal(zcrx_lease_get_hardware_queue(w->lease, 0), 5);
	assert_int_equal(zcrx_lease_set_hardware_queue(w->lease, 5), -EBUSY);
	assert_int_equal(zcrx_pool_new(w->lease, 0, &p), 0);
	assert_int_equal(zcrx_pool_set_area_size(p, AREA), 0);
	assert_int_equal(zcrx_pool_register(p, ring), 0);
	assert_int_equal(w->reg.if_idx, if_nametoindex("lo"));
	assert_int_equal(w->reg.if_rxq, 5);
	assert_int_equal(w->reg.rq_entries, 64);
	assert_int_equal(w->reg.flags, 0);
	assert_int_equal(w->reg.rx_buf_len, 0);
	assert_true(w->area.addr == (uintptr_t)p->area && w->area.len == AREA && w->area.flags == 0);
	assert_true(w->region.size == 4096 && w->region.flags == 0 && w->region.user_addr == 0);
	assert_int_equal(w->events.flags, 1);
	assert_int_equal(w->events.type_mask, 0);
	assert_int_equal(w->events.stats_offset, 4032);
	assert_int_equal(zcrx_pool_get_id(p), 7);
	assert_true(p->registration.area_token == UINT64_C(3) << 48);
	assert_int_equal(zcrx_pool_get_copied(p, NULL, NULL), 0);
	assert_int_equal(zcrx_pool_get_buffers(p), 64);
	zcrx_pool_unref(p);
	close(ring);
}

/* A kernel of before 6.18, or of before 7.2, must not be given what it does not know. */
static void test_older_kernels(void **state)
{
	struct zcrx_pool *p;
	int ring = new_ring();

	acquire_loopback(0);
	for (unsigned int i = 0; i < 2; i++) {
		w->queried = i == 0 ? -EINVAL : 0;
		w->known.features = 1;
		assert_int_equal(zcrx_pool_new(w->lease, 0, &p), 0);
		assert_int_equal(zcrx_pool_register(p, ring), 0);
		assert_int_equal(w->reg.event_desc, 0);
		assert_int_equal(zcrx_pool_get_copied(p, NULL, NULL), -EOPNOTSUPP);
		zcrx_pool_unref(p);
	}
	close(ring);
}

static void test_software(void **state)
{
	struct zcrx_pool *p;
	int ring = new_ring();

	assert_int_equal(zcrx_lease_set_backends(w->lease, "software"), 0);
	assert_int_equal(zcrx_lease_set_queues(w->lease, 2), 0);
	assert_int_equal(zcrx_lease_acquire(w->lease), 0);
	assert_string_equal(zcrx_lease_get_backend(w->lease), "software");
	assert_string_equal(zcrx_lease_get_interface(w->lease), "software");
	assert_int_equal(zcrx_pool_new(w->lease, 1, &p), 0);
	assert_int_equal(zcrx_pool_register(p, ring), 0);
	assert_int_equal(w->reg.flags, 2);
	assert_int_equal(w->reg.if_idx, 0);
	assert_int_equal(w->reg.if_rxq, 0);
	assert_int_equal(zcrx_pool_steer_socket(p, 0), 0);
	zcrx_pool_unref(p);
	close(ring);
}

/* What is not there is passed by, and everything is told. */
static void test_not_there(void **state)
{
	static const struct {
		const char *backends;
		int made, probed, queried, error;
		const char *sentence;
	} cells[] = {
		{ "direct", .made = -ENOSYS, .error = -ENOSYS, .sentence = "no io_uring" },
		{ "direct", .made = -EPERM, .error = -EPERM, .sentence = "io_uring_disabled" },
		{ "direct", .made = -EINVAL, .error = -EOPNOTSUPP, .sentence = "too old" },
		{ "direct", .probed = -EPERM, .error = -EPERM, .sentence = "CAP_NET_ADMIN" },
		{ "software", .probed = -EINVAL, .error = -EOPNOTSUPP, .sentence = "no zero-copy receive" },
		{ "software", .probed = -EOPNOTSUPP, .error = -EOPNOTSUPP, .sentence = "CONFIG_IO_URING_ZCRX" },
		{ "software", .probed = -EFAULT, .queried = -EINVAL, .error = -EOPNOTSUPP, .sentence = "7.1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		struct zcrx_lease *l;
		char list[64];

		w->made = cells[i].made;
		w->probed = cells[i].probed;
		w->queried = cells[i].queried;
		assert_int_equal(zcrx_lease_new(w->client, &l), 0);
		assert_int_equal(zcrx_lease_set_backends(l, cells[i].backends), 0);
		assert_int_equal(zcrx_lease_acquire(l), cells[i].error);
		assert_true(says(cells[i].sentence));
		assert_null(zcrx_lease_get_backend(l));
		snprintf(list, sizeof(list), "%s,copy", cells[i].backends);
		assert_int_equal(zcrx_lease_set_backends(l, list), 0);
		assert_int_equal(zcrx_lease_acquire(l), 0);
		assert_string_equal(zcrx_lease_get_backend(l), "copy");
		zcrx_lease_unref(l);
	}
	w->known.register_flags = 1;
	w->probed = -EFAULT;
	w->queried = 0;
	assert_int_equal(zcrx_client_connect(w->client, "/dev/null/no"), -ENOTDIR);
	assert_int_equal(zcrx_client_connect(w->client, "/nowhere/socket"), -ENOENT);
	assert_int_equal(zcrx_lease_set_backends(w->lease, "software,zcrxd"), 0);
	assert_int_equal(zcrx_lease_acquire(w->lease), -ENOENT);
	assert_true(says("Cannot lease a queue. software: The kernel has no receive without a NIC, which needs Linux 7.1. "
			 "-- zcrxd: Cannot connect to zcrxd at /nowhere/socket: "));
}

/* Neither a failure that has nothing to do with it, nor a mistake. */
static void test_final(void **state)
{
	assert_int_equal(zcrx_lease_set_backends(w->lease, "direct,copy"), 0);
	w->made = -EMFILE;
	assert_int_equal(zcrx_lease_acquire(w->lease), -EMFILE);
	w->made = 0;
	assert_int_equal(zcrx_lease_acquire(w->lease), -EINVAL);
	assert_true(says("zcrx_lease_set_hardware_queue()"));
	assert_int_equal(zcrx_lease_set_hardware_queue(w->lease, 1U << 31), -EINVAL);
	assert_int_equal(zcrx_lease_set_hardware_queue(w->lease, 0), 0);
	assert_int_equal(zcrx_lease_acquire(w->lease), -EINVAL);
	assert_int_equal(zcrx_lease_set_interface(w->lease, "nosuchdevice"), 0);
	assert_int_equal(zcrx_lease_acquire(w->lease), -ENODEV);
	assert_int_equal(zcrx_lease_set_interface(w->lease, "lo"), 0);
	assert_int_equal(zcrx_lease_set_queues(w->lease, 2), 0);
	assert_int_equal(zcrx_lease_acquire(w->lease), -EINVAL);
	assert_true(says("take several leases"));
	assert_null(zcrx_lease_get_backend(w->lease));
}

/* What the kernel says of a registration, and of a ring; after that it can be tried again. */
static void test_refused(void **state)
{
	static const struct {
		int probed, registered, error;
		const char *sentence;
	} cells[] = {
		{ -EEXIST, 0, -EINVAL, "enabled already" },
		{ -EINVAL, 0, -EINVAL, "zcrx_pool_get_ring_flags()" },
		{ -EOPNOTSUPP, 0, -EINVAL, "no io_uring" },
		{ -EFAULT, -EINVAL, -EINVAL, "Cannot register queue 5 of lo: Invalid argument. Header/data split" },
		{ -EFAULT, -EEXIST, -EEXIST, "zero-copy user already" },
		{ -EFAULT, -ENOMEM, -ENOMEM, "RLIMIT_MEMLOCK" },
		{ -EFAULT, -ENODEV, -ENODEV, "journalctl -k" },
	};
	int ring = new_ring();
	struct zcrx_pool *p;

	acquire_loopback(5);
	assert_int_equal(zcrx_pool_new(w->lease, 0, &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		w->probed = cells[i].probed;
		w->registered = cells[i].registered;
		assert_int_equal(zcrx_pool_register(p, ring), cells[i].error);
		assert_true(says(cells[i].sentence));
		assert_null(p->area);
	}
	w->registered = 0;
	assert_int_equal(zcrx_pool_register(p, ring), 0);
	assert_int_equal(w->registrations, 5);
	zcrx_pool_unref(p);
	close(ring);
}

/* The rule that leads to the queue, as it would be typed. */
static void test_rules(void **state)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(four);
	char want[128];

	acquire_loopback(5);
	assert_int_equal(bind(fd, (struct sockaddr *)&four, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&four, &size), 0);
	assert_int_equal(zcrx_lease_steer_socket(w->lease, fd), -EOPNOTSUPP);
	snprintf(want, sizeof(want), "ethtool -N lo flow-type tcp4 dst-ip 127.0.0.1 dst-port %u action 5",
		 ntohs(four.sin_port));
	assert_true(says(want));
	assert_int_equal(zcrx_lease_steer(w->lease, AF_INET6, "fd09::2", 7, "fd09::1", 9999), -EOPNOTSUPP);
	assert_true(says("ethtool -N lo flow-type tcp6 src-ip fd09::2 dst-ip fd09::1 src-port 7 dst-port 9999 action 5"));
	close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_direct), CASE(test_older_kernels), CASE(test_software), CASE(test_not_there),
		CASE(test_final),  CASE(test_refused),	     CASE(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
