/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated machine keeps the promises of nic.h: events, rules, sockets, areas, failures. */
#include "testlib.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "sim-fixture.h"

static void test_events(void **state)
{
	const struct local_address a = { .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } };
	struct step step = { .op = STEP_NTUPLE };

	expect_event(NIC_EVENT_LINK, IFINDEX, 0);
	assert_int_equal(listen_now().n, 0);
	assert_int_equal(sim_set_up(backend, IFINDEX, false), 0);
	expect_event(NIC_EVENT_LINK, IFINDEX, 0);
	assert_int_equal(sim_rename(backend, IFINDEX, "eth7"), 0);
	expect_event(NIC_EVENT_LINK, IFINDEX, 0);
	assert_int_equal(sim_set_addresses(backend, IFINDEX, &a, 1), 0);
	expect_event(NIC_EVENT_ADDRESSES, IFINDEX, 0);
	assert_int_equal(sim_foreign_step(backend, IFINDEX, &step), 0);
	expect_event(NIC_EVENT_SETTINGS, IFINDEX, 0);
	assert_int_equal(nic->ops->apply(nic, &step, 1, NULL), 0);
	expect_event(NIC_EVENT_SETTINGS, IFINDEX, 0);
	assert_int_equal(sim_ring_closed(backend, IFINDEX, 7), 0);
	expect_event(NIC_EVENT_PAGE_POOL, IFINDEX, 0);
	/* Messages were lost, also those that nobody has heard yet. */
	assert_int_equal(sim_set_up(backend, IFINDEX, true), 0);
	assert_int_equal(sim_overrun(backend), 0);
	expect_event(NIC_EVENT_OVERRUN, 0, 0);
	assert_int_equal(sim_unplug(backend, IFINDEX), 0);
	expect_event(NIC_EVENT_LINK_GONE, IFINDEX, 0);

	assert_int_equal(sim_unplug(backend, IFINDEX), -ENODEV);
	assert_int_equal(sim_set_up(backend, IFINDEX, true), -ENODEV);
	assert_int_equal(sim_rename(backend, IFINDEX, "x"), -ENODEV);
	assert_int_equal(sim_set_addresses(backend, IFINDEX, &a, 1), -ENODEV);
	assert_int_equal(sim_foreign_step(backend, IFINDEX, &step), -ENODEV);
	assert_int_equal(sim_set_bound(backend, IFINDEX, 0, true), -ENODEV);
}

static void test_links(void **state)
{
	struct nic_link *links;
	struct local_address *found;
	const struct local_address a = { .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 },
					 .ifindex = IFINDEX };
	size_t n;

	assert_int_equal(backend->ops->links(backend, &links, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(links[0].ifindex, IFINDEX);
	assert_string_equal(links[0].name, "eth0");
	assert_string_equal(links[0].driver, "test");
	assert_string_equal(links[0].mac, "02:00:00:00:00:01");
	assert_string_equal(links[0].kind, "");
	assert_string_equal(links[0].path, "pci-0000:3b:00.0");
	assert_true(links[0].up);
	nic_links_free(links, n);

	assert_int_equal(sim_set_addresses(backend, IFINDEX, &a, 1), 0);
	assert_int_equal(backend->ops->addresses(backend, IFINDEX, &found, &n), 0);
	assert_int_equal(n, 1);
	assert_memory_equal(found, &a, sizeof(a));
	free(found);
	assert_int_equal(backend->ops->addresses(backend, 0, &found, &n), 0);
	assert_int_equal(n, 1);
	free(found);
	assert_int_equal(backend->ops->addresses(backend, 99, &found, &n), 0);
	assert_int_equal(n, 0);
	free(found);
}

static void test_rules(void **state)
{
	const struct nic_rule foreign = { .location = 0, .action = RULE_DROP };
	struct flow a = { .destination_port = 80 }, b = { .destination_port = 81 };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_fault_ struct fault f = {};
	struct step off = { .op = STEP_NTUPLE };
	uint32_t at_a, at_b, unused;

	assert_int_equal(sim_foreign_rule(backend, IFINDEX, &foreign), 0);
	assert_int_equal(nic->ops->rule_insert(nic, &a, TO(7), 0, &at_a, NULL), 0);
	assert_int_equal(nic->ops->rule_insert(nic, &b, TO(6), 0, &at_b, NULL), 0);
	assert_int_equal(at_a, 1);
	assert_int_equal(at_b, 2);
	assert_int_equal(nic->ops->rule_insert(nic, &a, TO(6), 0, &unused, &f), ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EEXIST);
	a.source_port = 5;
	assert_int_equal(nic->ops->rule_insert(nic, &a, TO(8), 0, &unused, &f), ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EINVAL);
	a.source_port = 0;

	/* Only what is ours, and still is what it was. */
	assert_int_equal(nic->ops->rule_delete(nic, 0, &a, TO(7), NULL), 0);
	assert_int_equal(nic->ops->rule_delete(nic, at_a, &a, TO(6), NULL), 0);
	assert_int_equal(nic->ops->rule_delete(nic, at_a, &b, TO(7), NULL), 0);
	assert_int_equal(nic->ops->rule_delete(nic, 99, &a, TO(7), NULL), 0);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	assert_int_equal(s->n_rules, 3);
	assert_int_equal(nic->ops->rule_delete(nic, at_a, &a, TO(7), NULL), 0);
	assert_int_equal(nic->ops->rule_delete(nic, at_a, &a, TO(7), NULL), 0);
	s = nic_state_free(s);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	assert_int_equal(s->n_rules, 2);
	assert_int_equal(sim_remove_rule(backend, IFINDEX, 0), 0);
	assert_int_equal(sim_remove_rule(backend, IFINDEX, 0), -ENOENT);
	assert_int_equal(nic->ops->rule_insert(nic, &a, TO(7), 0, &at_a, NULL), 0);
	assert_int_equal(at_a, 0);

	assert_int_equal(nic->ops->apply(nic, &off, 1, NULL), 0);
	a.source_port = 5;
	assert_int_equal(nic->ops->rule_insert(nic, &a, TO(7), 0, &unused, &f), ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EOPNOTSUPP);
}

static void test_foreign_ways(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	assert_int_equal(sim_foreign_context(backend, IFINDEX, 4, 7), 0);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	assert_int_equal(s->n_contexts, 1);
	assert_int_equal(s->contexts[0].entries[0], 7);
}

/* The rest of what there is to be said of a socket that was shown. */
static void find(struct socket_facts *facts)
{
	struct socket_facts *const list[] = { facts };
	struct sockets *s;

	assert_int_equal(backend->ops->sockets(backend, &s), 0);
	assert_int_equal(s->ops->find(s, list, 1), 0);
	assert_null(s->ops->close(s));
}

static void test_known_socket(void **state)
{
	const struct socket_facts facts = { .domain = AF_INET6,
					    .type = SOCK_STREAM,
					    .cookie = 42,
					    .tcp_state = TCP_LISTEN,
					    .local_port = 9 };
	struct socket_facts found;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	listen_now();
	assert_int_equal(sim_add_socket(backend, fd, &facts), 0);
	assert_int_equal(backend->ops->socket_facts(backend, copy, &found, NULL), 0);
	assert_int_equal(found.local_port, 0);
	find(&found);
	assert_memory_equal(&found, &facts, sizeof(facts));
	assert_int_equal(sim_close_socket(backend, 42), 0);
	expect_event(NIC_EVENT_SOCKET_GONE, 0, 42);
	find(&found);
	assert_int_equal(found.tcp_state, TCP_CLOSE);
	assert_int_equal(sim_close_socket(backend, 42), -ENOENT);
}

static void test_real_socket(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct socket_facts found;
	int pipes[2];

	assert_int_equal(backend->ops->socket_facts(backend, fd, &found, NULL), 0);
	assert_int_equal(found.tcp_state, TCP_CLOSE);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(backend->ops->socket_facts(backend, fd, &found, NULL), 0);
	assert_int_equal(found.domain, AF_INET);
	assert_int_equal(found.type, SOCK_STREAM);
	assert_int_equal(found.protocol, IPPROTO_TCP);
	assert_int_equal(found.tcp_state, TCP_LISTEN);
	assert_true(found.same_netns);
	find(&found);
	assert_int_equal(found.tcp_state, TCP_LISTEN);
	assert_int_equal(found.local[0], 127);
	assert_true(found.local_port > 0);
	assert_true(found.cookie != 0);
	assert_int_equal(backend->ops->socket_facts(backend, udp, &found, NULL),
			 ZCRX_FLOW_NOT_PROVED);
	assert_int_equal(backend->ops->socket_facts(backend, -1, &found, NULL),
			 ZCRX_FLOW_NOT_PROVED);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(backend->ops->socket_facts(backend, pipes[0], &found, NULL),
			 ZCRX_FLOW_NOT_PROVED);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_area(void **state)
{
	_cleanup_close_ int fd = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(backend->ops->check_area(backend, fd, 0, 8192, false, NULL),
			 ZCRX_INVALID_AREA);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(backend->ops->check_area(backend, fd, 0, 8192, false, NULL), 0);
	assert_int_equal(backend->ops->check_area(backend, fd, 4096, 4096, false, NULL), 0);
	assert_int_equal(backend->ops->check_area(backend, fd, 4096, 8192, false, NULL),
			 ZCRX_INVALID_AREA);
	assert_int_equal(backend->ops->check_area(backend, fd, 0, 0, false, NULL),
			 ZCRX_INVALID_AREA);
	assert_int_equal(backend->ops->check_area(backend, fd, 1, 4096, false, NULL),
			 ZCRX_INVALID_AREA);
	assert_int_equal(
		backend->ops->check_area(backend, fd, UINT64_MAX - 4095, 4096, false, NULL),
		ZCRX_INVALID_AREA);
	assert_int_equal(backend->ops->check_area(backend, -1, 0, 4096, false, NULL),
			 ZCRX_INVALID_AREA);
}

static void test_fail_at(void **state)
{
	_cleanup_fault_ struct fault f = {};
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	struct nic_link *links;
	unsigned before = sim_operations(backend);
	size_t n;

	assert_int_equal(sim_fail_at(backend, 2, ENOSPC, "out of luck"), 0);
	assert_int_equal(backend->ops->await_socket(backend, 1), 0);
	assert_int_equal(nic->ops->observe(nic, &s, &f), ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, ENOSPC);
	assert_string_equal(f.kernel_text, "out of luck");
	assert_int_equal(nic->ops->observe(nic, &s, &f), 0);
	assert_int_equal(sim_operations(backend), before + 3);
	assert_int_equal(sim_fail_at(backend, 1, -EIO, NULL), 0);
	assert_int_equal(backend->ops->links(backend, &links, &n), -EIO);
	assert_int_equal(sim_fail_at(backend, 1, EPERM, NULL), 0);
	assert_int_equal(backend->ops->links(backend, &links, &n), -EPERM);
	assert_int_equal(sim_fail_at(backend, 1, EPERM, NULL), 0);
	assert_int_equal(sim_fail_at(backend, 0, 0, NULL), 0);
	assert_int_equal(backend->ops->links(backend, &links, &n), 0);
	nic_links_free(links, n);
}

/* Workers and the event loop at once; what a thread sanitizer or an assertion would catch. */
static void *work(void *userdata)
{
	static const uint32_t queues[] = { 4, 5 };
	uint32_t q = queues[(size_t)userdata], location;
	struct flow flow = { .destination_port = (uint16_t)(100 + q) };
	struct grant_request request = { .kind = GRANT_NETKIT, .queues = &q, .n_queues = 1 };
	struct grant g;
	struct nic *own;

	snprintf(request.device, sizeof(request.device), "zcrx-%08x", q);
	if (backend->ops->open(backend, IFINDEX, &own, NULL) != 0)
		return "open";
	for (unsigned i = 0; i < 500; i++) {
		if (own->ops->grant(own, &request, &g, NULL) != 0)
			return "grant";
		if (own->ops->rule_insert(own, &flow, TO(q), 0, &location, NULL) != 0)
			return "insert";
		if (own->ops->rule_delete(own, location, &flow, TO(q), NULL) != 0)
			return "delete";
		if (own->ops->ungrant(own, &g, NULL) != 0)
			return "ungrant";
	}
	own->ops->close(own);
	return NULL;
}

static void forget(const struct nic_event *event, void *userdata)
{
}

static void test_threads(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	pthread_t threads[2];
	void *failed;

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(backend->ops->dispatch(backend, forget, NULL), 0);
		assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
		s = nic_state_free(s);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	assert_int_equal(s->n_rules, 0);
	assert_true(is_clean(4) && is_clean(5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_events),	 TEST(test_links),	  TEST(test_rules),
		TEST(test_foreign_ways), TEST(test_known_socket), TEST(test_real_socket),
		TEST(test_area),	 TEST(test_fail_at),	  TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
