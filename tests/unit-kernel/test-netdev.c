/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The netdev family: queues, NAPIs and counters as the kernel sends them, whole and damaged; the
 * requests byte for byte.
 */
#include "hostile.h"
#include "netdev.h"

#define FAMILY 0x21
#define QUEUES 8

static const struct netlink_family family = { .id = FAMILY };

static void queue_reply(struct message *m, uint32_t id, uint32_t type)
{
	message_genl(m, FAMILY, 10);
	message_u32(m, 1, id);
	message_u32(m, 3, type);
	message_u32(m, 2, 3);
	message_u32(m, 4, 8200 + id);
}

static void bound_reply_to(struct message *m, uint32_t id, bool elsewhere)
{
	size_t lease, queue, io_uring;

	queue_reply(m, id, 0);
	io_uring = message_nest(m, 6);
	message_u32(m, 1, 4096);
	message_end(m, io_uring);
	lease = message_nest(m, 8);
	message_u32(m, 1, 42);
	queue = message_nest(m, 2);
	message_u32(m, 1, 1);
	message_u32(m, 3, 0);
	message_end(m, queue);
	if (elsewhere)
		message_u32(m, 3, 5);
	message_end(m, lease);
}

static void bound_reply(struct message *m, uint32_t id)
{
	bound_reply_to(m, id, false);
}

static void test_queue(void **state)
{
	struct nic_queue q[QUEUES] = {};
	struct netdev_queues all = { q, QUEUES };
	struct message m;

	queue_reply(&m, 2, 0);
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	assert_int_equal(q[2].napi_id, 8202);
	assert_false(q[2].io_uring || q[2].dmabuf || q[2].xsk || q[2].leased);

	bound_reply(&m, 7);
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	assert_true(q[7].io_uring);
	assert_true(q[7].leased);
	assert_int_equal(q[7].lease_ifindex, 42);
	assert_false(q[7].lease_elsewhere);
	bound_reply_to(&m, 7, true);
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	assert_int_equal(q[7].lease_ifindex, 42);
	assert_true(q[7].lease_elsewhere);
	assert_int_equal(q[7].lease_namespace, 5);

	queue_reply(&m, 3, 0);
	message_attr(&m, 7 | NLA_F_NESTED, NULL, 0); /* xsk is an empty nest */
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	assert_true(q[3].xsk);
	queue_reply(&m, 4, 0);
	message_u32(&m, 5, 9);
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	assert_true(q[4].dmabuf);
}

/* Transmit queues have the same numbers; more queues than channels are not ours to hold. */
static void test_queue_ignored(void **state)
{
	struct nic_queue q[QUEUES] = {};
	const struct nic_queue none[QUEUES] = {};
	struct netdev_queues all = { q, QUEUES };
	struct message m;

	queue_reply(&m, 2, 1);
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	queue_reply(&m, QUEUES, 0);
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	queue_reply(&m, UINT32_MAX, 0);
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	message_genl(&m, FAMILY, 10); /* neither id nor type */
	assert_int_equal(netdev_read_queue(message_header(&m), &all), 0);
	assert_memory_equal(q, none, sizeof(q));
}

static void test_napi(void **state)
{
	struct nic_queue q[QUEUES] = { [1] = { .napi_id = 8201 }, [2] = { .napi_id = 8201 } };
	struct netdev_queues all = { q, QUEUES };
	struct message m;

	message_genl(&m, FAMILY, 11);
	message_u32(&m, 2, 8201);
	message_u32(&m, 3, 55);
	assert_int_equal(netdev_read_napi(message_header(&m), &all), 0);
	assert_int_equal(q[1].interrupt.irq, 55);
	assert_int_equal(q[2].interrupt.irq, 55);
	/* NAPI 0 is none, and must not match queues without one. */
	message_genl(&m, FAMILY, 11);
	message_u32(&m, 2, 0);
	message_u32(&m, 3, 66);
	assert_int_equal(netdev_read_napi(message_header(&m), &all), 0);
	assert_int_equal(q[0].interrupt.irq, 0);
}

static void test_napi_settings(void **state)
{
	struct nic_queue q[QUEUES] = { [1] = { .napi_id = 8201 }, [2] = { .napi_id = 8202 } };
	struct netdev_queues all = { q, QUEUES };
	struct message m;

	message_genl(&m, FAMILY, 11);
	message_u32(&m, 2, 8201);
	message_u32(&m, 5, 2);
	message_u32(&m, 6, 200000); /* a "uint": as wide as it has to be */
	message_attr(&m, 7, &(uint64_t){ 5000000000 }, 8);
	assert_int_equal(netdev_read_napi(message_header(&m), &all), 0);
	assert_true(q[1].has_napi);
	assert_int_equal(q[1].napi.defer_hard_irqs, 2);
	assert_int_equal(q[1].napi.gro_flush_timeout, 200000);
	assert_int_equal(q[1].napi.irq_suspend_timeout, 5000000000);
	assert_false(q[2].has_napi);
	message_genl(&m, FAMILY, 11); /* before 6.13 */
	message_u32(&m, 2, 8202);
	assert_int_equal(netdev_read_napi(message_header(&m), &all), 0);
	assert_false(q[2].has_napi);
}

static void test_napi_request(void **state)
{
	const struct napi_settings settings = { 2, 200000, 20000000 };
	_cleanup_nl_msg_ struct nl_msg *all = netdev_set_napi(&family, 8201, &settings, NAPI_EVERYTHING);
	_cleanup_nl_msg_ struct nl_msg *one =
		netdev_set_napi(&family, 8201, &settings, NAPI_GRO_FLUSH_TIMEOUT);
	struct nlattr *tb[8];

	assert_non_null(all);
	assert_non_null(one);
	assert_int_equal(netlink_parse_genl(nlmsg_hdr(all), NULL, tb, 7), 0);
	assert_int_equal(attr_u32(tb[2], 0), 8201);
	assert_int_equal(attr_u32(tb[5], 0), 2);
	assert_int_equal(attr_uint(tb[6], 0), 200000);
	assert_int_equal(attr_uint(tb[7], 0), 20000000);
	assert_int_equal(netlink_parse_genl(nlmsg_hdr(one), NULL, tb, 7), 0);
	assert_null(tb[5]);
	assert_int_equal(attr_uint(tb[6], 0), 200000);
	assert_null(tb[7]);
}

static void pool_reply(struct message *m, uint32_t napi_id, uint32_t buffers)
{
	message_genl(m, FAMILY, 5);
	message_u32(m, 1, 77);
	if (napi_id)
		message_u32(m, 3, napi_id);
	message_u32(m, 4, buffers);
	message_u32(m, 5, buffers * 4096);
}

/* Those of one queue add up, a dump that is begun anew begins at nothing. */
static void test_pools(void **state)
{
	struct nic_queue q[QUEUES] = { [1] = { .napi_id = 8201 } };
	struct netdev_queues all = { q, QUEUES };
	struct message m;

	for (int round = 0; round < 2; round++) {
		pool_reply(&m, 8201, 10);
		assert_int_equal(netdev_read_pool(message_header(&m), &all), 0);
		pool_reply(&m, 8201, 5);
		assert_int_equal(netdev_read_pool(message_header(&m), &all), 0);
		pool_reply(&m, 9000, 100);
		assert_int_equal(netdev_read_pool(message_header(&m), &all), 0);
		pool_reply(&m, 0, 100); /* detached */
		assert_int_equal(netdev_read_pool(message_header(&m), &all), 0);
		assert_true(q[1].has_pool);
		assert_int_equal(q[1].pool_buffers, 15);
		assert_int_equal(q[1].pool_bytes, 15 * 4096);
		assert_false(q[0].has_pool);
		netdev_reset_pools(&all);
		assert_false(q[1].has_pool);
	}
}

static void counters_reply(struct message *m, uint32_t id, bool wide)
{
	message_genl(m, FAMILY, 12);
	message_u32(m, 1, 3);
	message_u32(m, 2, 0);
	message_u32(m, 3, id);
	/* The kernel sends as many bytes as the number needs. */
	if (wide)
		message_u64(m, 8, 1ULL << 40);
	else
		message_u32(m, 8, 1000);
	message_u32(m, 9, 2000);
}

static void test_counters(void **state)
{
	struct nic_queue q[QUEUES] = {};
	struct netdev_queues all = { q, QUEUES };
	struct message m;

	counters_reply(&m, 1, false);
	assert_int_equal(netdev_read_counters(message_header(&m), &all), 0);
	assert_true(q[1].has_counters);
	assert_int_equal(q[1].packets, 1000);
	assert_int_equal(q[1].bytes, 2000);
	counters_reply(&m, 2, true);
	assert_int_equal(netdev_read_counters(message_header(&m), &all), 0);
	assert_true(q[2].packets == 1ULL << 40);
	message_genl(&m, FAMILY, 12); /* a driver that counts something else */
	message_u32(&m, 2, 0);
	message_u32(&m, 3, 3);
	message_u32(&m, 12, 1);
	assert_int_equal(netdev_read_counters(message_header(&m), &all), 0);
	assert_false(q[3].has_counters);
}

static void read_everything(const struct nlmsghdr *m)
{
	struct nic_queue q[QUEUES] = { [1] = { .napi_id = 8201 } };
	struct netdev_queues all = { q, QUEUES };
	uint32_t id;

	(void)netdev_read_queue(m, &all);
	(void)netdev_read_napi(m, &all);
	(void)netdev_read_counters(m, &all);
	(void)netdev_read_created(m, &id);
	(void)netdev_read_ifindex(m);
}

static void test_hostile(void **state)
{
	struct message m;

	bound_reply(&m, 7);
	hostile_sweep(&m, read_everything);
	counters_reply(&m, 7, true);
	hostile_sweep(&m, read_everything);
}

static void compare(struct nl_msg *got, const struct message *expected)
{
	const struct nlmsghdr *h;

	assert_non_null(got);
	h = nlmsg_hdr(got);
	assert_int_equal(h->nlmsg_len, expected->n);
	assert_int_equal(h->nlmsg_type, FAMILY);
	assert_memory_equal((const uint8_t *)h + NLMSG_HDRLEN, expected->bytes + NLMSG_HDRLEN,
			    expected->n - NLMSG_HDRLEN);
	nlmsg_free(got);
}

static void test_requests(void **state)
{
	struct message m;
	size_t lease, queue;

	message_genl(&m, FAMILY, 10);
	message_u32(&m, 2, 3);
	compare(netdev_dump_queues(&family, 3), &m);
	message_u32(&m, 3, 0);
	message_u32(&m, 1, 7);
	compare(netdev_get_queue(&family, 3, 7), &m);

	message_genl(&m, FAMILY, 11);
	message_u32(&m, 1, 3);
	compare(netdev_dump_napis(&family, 3), &m);
	message_genl(&m, FAMILY, 12);
	message_u32(&m, 1, 3);
	message_u32(&m, 4, 1);
	compare(netdev_dump_counters(&family, 3), &m);

	message_genl(&m, FAMILY, 16);
	message_u32(&m, 2, 42);
	message_u32(&m, 3, 0);
	lease = message_nest(&m, 8);
	message_u32(&m, 1, 3);
	queue = message_nest(&m, 2);
	message_u32(&m, 1, 7);
	message_u32(&m, 3, 0);
	message_end(&m, queue);
	message_end(&m, lease);
	compare(netdev_create_queue(&family, 42, 3, 7), &m);
}

static void test_created(void **state)
{
	struct message m;
	uint32_t id = 99;

	message_genl(&m, FAMILY, 16);
	message_u32(&m, 1, 2);
	assert_int_equal(netdev_read_created(message_header(&m), &id), 0);
	assert_int_equal(id, 2);
	message_genl(&m, FAMILY, 16);
	assert_int_equal(netdev_read_created(message_header(&m), &id), 0);
	assert_int_equal(id, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),	cmocka_unit_test(test_queue_ignored),
		cmocka_unit_test(test_napi),
		cmocka_unit_test(test_napi_settings),
		cmocka_unit_test(test_napi_request),
		cmocka_unit_test(test_pools),	cmocka_unit_test(test_counters),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_requests),
		cmocka_unit_test(test_created),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
