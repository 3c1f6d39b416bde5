/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A simulated machine with one NIC that is ready for zero-copy receive, for the tests of nic/sim.
 */
#pragma once

#include "testlib.h"

#include <poll.h>

#include "sim.h"

#define IFINDEX 3

static struct nic_backend *backend;
static struct nic *nic;

static inline int setup(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	backend = sim_new();
	assert_non_null(backend);
	assert_int_equal(sim_nic_state_new(IFINDEX, "eth0", "test", 8, 16, &s), 0);
	s->ntuple = FEATURE_ON;
	s->split = SPLIT_ENABLED;
	s->split_was_set = true;
	s->hds_threshold = 0;
	assert_int_equal(sim_add_nic(backend, s, "02:00:00:00:00:01", "pci-0000:3b:00.0"), 0);
	assert_int_equal(sim_add_nic(backend, s, NULL, NULL), -EEXIST);
	assert_int_equal(backend->ops->open(backend, IFINDEX, &nic, NULL), 0);
	return 0;
}

static inline int teardown(void **state)
{
	nic = nic->ops->close(nic);
	backend = backend->ops->free(backend);
	return 0;
}

struct heard {
	struct nic_event events[32];
	size_t n;
};

static inline void hear(const struct nic_event *event, void *userdata)
{
	struct heard *h = userdata;

	assert_true(h->n < ARRAY_SIZE(h->events));
	h->events[h->n++] = *event;
}

static inline bool is_readable(void)
{
	struct pollfd p = { .fd = backend->ops->get_fd(backend), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static inline struct heard listen_now(void)
{
	struct heard h = {};

	assert_int_equal(backend->ops->dispatch(backend, hear, &h), 0);
	assert_false(is_readable());
	return h;
}

static inline void expect_event(enum nic_event_type type, unsigned ifindex, uint64_t cookie)
{
	struct heard h;

	assert_true(is_readable());
	h = listen_now();
	assert_int_equal(h.n, 1);
	assert_int_equal(h.events[0].type, type);
	assert_int_equal(h.events[0].ifindex, ifindex);
	assert_int_equal(h.events[0].cookie, cookie);
}

static inline struct nic_queue queue(uint32_t q)
{
	struct nic_queue found;

	assert_int_equal(nic->ops->queues(nic, &q, 1, &found, NULL), 0);
	return found;
}

static inline bool is_clean(uint32_t q)
{
	struct nic_queue found = queue(q);

	return !found.io_uring && !found.dmabuf && !found.xsk && !found.leased;
}

#define TO(q)   (&(struct rule_target) { RULE_TO_QUEUE, (q) })
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
