/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated machine keeps the promises of nic.h: whose queue is whose. */
#include "testlib.h"

#include <sys/wait.h>

#include "sim-fixture.h"

static struct grant grant(enum grant_kind kind, const uint32_t *queues, size_t n)
{
	struct grant_request request = {
		.kind = kind, .device = "zcrx-0000002a", .queues = queues, .n_queues = n
	};
	struct grant g;

	assert_int_equal(nic->ops->grant(nic, &request, &g, NULL), 0);
	return g;
}

static int register_queue(const struct grant *g, uint32_t q, struct ifq *ret, struct fault *reterr)
{
	struct ifq_request request = { .kind = g->kind,
				       .ifindex = g->ifindex,
				       .queue = q,
				       .refill_entries = 100,
				       .events = true };

	return backend->ops->register_ifq(backend, &request, ret, NULL, reterr);
}

static void test_netkit(void **state)
{
	static const uint32_t queues[] = { 6, 7 }, overlap[] = { 5, 6 };
	struct grant_request again = {
		.kind = GRANT_NETKIT, .device = "zcrx-0000002b", .queues = overlap, .n_queues = 2
	};
	_cleanup_fault_ struct fault f = {};
	struct nic_link *links;
	struct grant g, other;
	struct ifq ifq;
	size_t n;

	listen_now();
	g = grant(GRANT_NETKIT, queues, 2);
	assert_int_equal(g.kind, GRANT_NETKIT);
	assert_int_equal(g.n_queues, 2);
	assert_int_equal(g.queues[0], 1);
	assert_int_equal(g.queues[1], 2);
	assert_false(is_readable()); /* devices of leases are not told of */
	assert_int_equal(backend->ops->links(backend, &links, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(links[1].name, "zcrx-0000002a");
	assert_string_equal(links[1].kind, "netkit");
	nic_links_free(links, n);
	assert_true(queue(6).leased);
	assert_int_equal(queue(6).lease_ifindex, g.ifindex);
	assert_false(queue(6).io_uring);

	/* All or none. */
	assert_int_equal(nic->ops->grant(nic, &again, &other, &f), ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EBUSY);
	assert_true(is_clean(5));

	/* Through the device, and not behind its back. */
	assert_int_equal(
		register_queue(&(struct grant) { .kind = GRANT_DIRECT, .ifindex = IFINDEX }, 7,
			       &ifq, &f),
		ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EOPNOTSUPP);
	assert_int_equal(register_queue(&g, g.queues[1], &ifq, &f), 0);
	assert_true(queue(7).io_uring);
	assert_false(queue(6).io_uring);
	assert_int_equal(register_queue(&g, g.queues[1], &ifq, &f), ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EEXIST);

	/* Deleting takes the queues back whatever is bound. */
	assert_int_equal(nic->ops->ungrant(nic, &g, &f), 0);
	assert_true(is_clean(6));
	assert_true(is_clean(7));
	assert_int_equal(nic->ops->ungrant(nic, &g, &f), 0);
	assert_int_equal(register_queue(&g, g.queues[1], &ifq, &f), ZCRX_KERNEL_REJECTED);
}

static void test_direct(void **state)
{
	static const uint32_t seven = 7;
	struct grant_request request = { .kind = GRANT_DIRECT, .queues = &seven, .n_queues = 1 };
	_cleanup_fault_ struct fault f = {};
	struct grant g = grant(GRANT_DIRECT, &seven, 1);
	struct ifq ifq;

	assert_int_equal(g.ifindex, IFINDEX);
	assert_int_equal(g.queues[0], 7);
	assert_true(is_clean(7));
	assert_int_equal(register_queue(&g, 7, &ifq, NULL), 0);
	assert_int_equal(ifq.refill_entries, 128);
	assert_true(ifq.refill_size >= ifq.stats_offset + 16);
	assert_true(queue(7).io_uring);
	/* Only the ring's end frees it. */
	assert_int_equal(nic->ops->ungrant(nic, &g, NULL), 0);
	assert_false(is_clean(7));
	assert_int_equal(nic->ops->grant(nic, &request, &g, &f), ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EBUSY);
	assert_int_equal(sim_ring_closed(backend, IFINDEX, 7), 0);
	assert_true(is_clean(7));
	assert_int_equal(nic->ops->grant(nic, &request, &g, NULL), 0);
}

/* A registration in another process is seen here: that is where the daemon makes them. */
static void test_other_process(void **state)
{
	static const uint32_t seven = 7;
	struct grant g = grant(GRANT_NETKIT, &seven, 1);
	struct ifq ifq;
	int status;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(register_queue(&g, 1, &ifq, NULL));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(queue(7).io_uring);
}

/* What was exported is bound until its ring and all copies of the export are gone; but the device that it
 * goes through takes it with it. */
static void test_export(void **state)
{
	static const uint32_t seven = 7;
	struct grant g = grant(GRANT_NETKIT, &seven, 1);
	struct ifq_request request = { .kind = GRANT_NETKIT, .ifindex = g.ifindex, .queue = 1,
				       .refill_entries = 100, .export = true };
	int ring = -EBADF, export, copy;
	struct ifq ifq;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(backend->ops->register_ifq(backend, &request, &ifq, &ring, NULL), 0);
		assert_int_equal(backend->ops->export_ifq(backend, ring, ifq.zcrx_id + 1, &export), -ENXIO);
		assert_int_equal(backend->ops->export_ifq(backend, ring, ifq.zcrx_id, &export), 0);
		close(ring);
		copy = dup(export);
		assert_int_equal(sim_ring_closed(backend, IFINDEX, 7), 0);
		close(export);
		assert_true(queue(7).io_uring);
		if (round == 0)
			close(copy);
		else
			assert_int_equal(nic->ops->ungrant(nic, &g, NULL), 0);
		assert_false(queue(7).io_uring);
	}
	close(copy);
	assert_true(is_clean(7));
}

static void test_down(void **state)
{
	static const uint32_t seven = 7;
	struct grant_request request = { .kind = GRANT_DIRECT, .queues = &seven, .n_queues = 1 };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_fault_ struct fault f = {};
	struct nic_queue found;
	struct grant g;

	assert_int_equal(sim_set_up(backend, IFINDEX, false), 0);
	assert_int_equal(nic->ops->queues(nic, &seven, 1, &found, &f), ZCRX_INTERFACE_DOWN);
	assert_int_equal(nic->ops->grant(nic, &request, &g, &f), ZCRX_INTERFACE_DOWN);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	assert_false(s->up);
	assert_int_equal(s->n_queues, 0);
}

static void test_unplug(void **state)
{
	static const uint32_t seven = 7;
	struct flow flow = { .destination_port = 9 };
	struct step step = { .op = STEP_NTUPLE };
	struct grant_request request = { .kind = GRANT_DIRECT, .queues = &seven, .n_queues = 1 };
	struct grant g = grant(GRANT_NETKIT, &seven, 1), other;
	struct nic_state *s;
	struct nic_queue found;
	struct nic *again;
	struct heard h;
	uint32_t location;

	listen_now();
	assert_int_equal(sim_unplug(backend, IFINDEX), 0);
	h = listen_now();
	/* The netkit device goes with it, and first. */
	assert_int_equal(h.events[0].type, NIC_EVENT_LINK_GONE);
	assert_int_equal(h.events[0].ifindex, g.ifindex);
	assert_int_equal(h.events[h.n - 1].type, NIC_EVENT_LINK_GONE);
	assert_int_equal(h.events[h.n - 1].ifindex, IFINDEX);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), ZCRX_NO_SUCH_INTERFACE);
	assert_int_equal(nic->ops->apply(nic, &step, 1, NULL), ZCRX_NO_SUCH_INTERFACE);
	assert_int_equal(nic->ops->queues(nic, &seven, 1, &found, NULL), ZCRX_NO_SUCH_INTERFACE);
	assert_int_equal(nic->ops->grant(nic, &request, &other, NULL), ZCRX_NO_SUCH_INTERFACE);
	assert_int_equal(nic->ops->rule_insert(nic, &flow, TO(7), 0, &location, NULL),
			 ZCRX_NO_SUCH_INTERFACE);
	assert_int_equal(nic->ops->rule_delete(nic, 0, &flow, TO(7), NULL), ZCRX_NO_SUCH_INTERFACE);
	assert_int_equal(nic->ops->ungrant(nic, &g, NULL), 0);
	assert_int_equal(backend->ops->open(backend, IFINDEX, &again, NULL),
			 ZCRX_NO_SUCH_INTERFACE);
}

static void test_register_mistakes(void **state)
{
	struct ifq_request request = {
		.kind = GRANT_DIRECT, .ifindex = IFINDEX, .queue = 7, .refill_entries = 1
	};
	struct step off = { .op = STEP_TCP_DATA_SPLIT };
	_cleanup_fault_ struct fault f = {};
	struct nic *software;
	struct ifq ifq;

	request.ring = -1;
	assert_int_equal(backend->ops->register_ifq(backend, &request, &ifq, NULL, &f),
			 ZCRX_INVALID_RING);
	request.ring = 4;
	request.refill_entries = REFILL_ENTRIES_MAX + 1;
	assert_int_equal(backend->ops->register_ifq(backend, &request, &ifq, NULL, &f),
			 ZCRX_KERNEL_REJECTED);
	request.refill_entries = 1;
	request.queue = 8;
	assert_int_equal(backend->ops->register_ifq(backend, &request, &ifq, NULL, &f),
			 ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EOPNOTSUPP);
	request.queue = 7;
	assert_int_equal(nic->ops->apply(nic, &off, 1, NULL), 0);
	assert_int_equal(backend->ops->register_ifq(backend, &request, &ifq, NULL, &f),
			 ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EINVAL);
	request.kind = GRANT_SOFTWARE;
	request.ifindex = SOFTWARE_IFINDEX;
	assert_int_equal(backend->ops->open(backend, SOFTWARE_IFINDEX, &software, NULL), 0);
	software->ops->close(software);
	assert_int_equal(backend->ops->register_ifq(backend, &request, &ifq, NULL, &f), 0);
	sim_features(backend)->software = false;
	assert_int_equal(backend->ops->register_ifq(backend, &request, &ifq, NULL, &f),
			 ZCRX_NOT_SUPPORTED);
}

static void test_contexts(void **state)
{
	const struct rule_target to = { RULE_TO_CONTEXT, 1 };
	const uint32_t ours[] = { 5, 6, 7 }, beyond[] = { 7, 8 };
	const struct flow flow = { .destination_port = 80 };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_fault_ struct fault f = {};
	uint32_t context, location;

	assert_int_equal(sim_foreign_context(backend, IFINDEX, 2, 0), 0);
	assert_int_equal(nic->ops->rule_insert(nic, &flow, &to, 0, &location, &f),
			 ZCRX_KERNEL_REJECTED);
	assert_int_equal(nic->ops->context_create(nic, beyond, 2, &context, &f),
			 ZCRX_KERNEL_REJECTED);
	assert_int_equal(nic->ops->context_create(nic, ours, 3, &context, NULL), 0);
	assert_int_equal(context, 1);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	assert_non_null(nic_state_own_context(s, 1, ours, 3));
	assert_int_equal(nic->ops->rule_insert(nic, &flow, &to, 0, &location, NULL), 0);

	/* Busy; then gone; somebody else's and what is gone already are left alone. */
	assert_int_equal(nic->ops->context_delete(nic, 1, ours, 3, &f), ZCRX_KERNEL_REJECTED);
	assert_int_equal(f.error, EBUSY);
	assert_int_equal(nic->ops->rule_delete(nic, location, &flow, &to, NULL), 0);
	assert_int_equal(nic->ops->context_delete(nic, 1, ours, 2, NULL), 0);
	assert_int_equal(nic->ops->context_delete(nic, 2, ours, 3, NULL), 0);
	assert_int_equal(nic->ops->context_delete(nic, 1, ours, 3, NULL), 0);
	assert_int_equal(nic->ops->context_delete(nic, 1, ours, 3, NULL), 0);
	s = nic_state_free(s);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	assert_int_equal(s->n_contexts, 1);
	assert_int_equal(s->contexts[0].context, 2);

	assert_int_equal(sim_set_contexts_max(backend, IFINDEX, 1), 0);
	assert_int_equal(nic->ops->context_create(nic, ours, 3, &context, &f), ZCRX_NOT_SUPPORTED);
	assert_int_equal(sim_remove_context(backend, IFINDEX, 2), 0);
	assert_int_equal(sim_remove_context(backend, IFINDEX, 2), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_contexts),
		TEST(test_netkit), TEST(test_direct), TEST(test_other_process),
		TEST(test_export), TEST(test_down),   TEST(test_unplug), TEST(test_register_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
