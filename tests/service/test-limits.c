/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one user cannot take from the others: flows, entries of the NIC's rule table and of the store of
 * descriptors; and whom the daemon does not kill for him.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "field.h"
#include "harness.h"
#include "leases.h"
#include "lingering.h"
#include "share.h"
#include "state-file.h"

#define OURS(name) "io.zcrx.Manager." name

static int setup(void **state, const char *rule)
{
	static struct daemon d;
	char config[512];

	snprintf(config, sizeof(config),
		 "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n%s", (unsigned)getuid(), rule);
	daemon_start(&d, config);
	*state = &d;
	return 0;
}

static int setup_two_flows(void **state)
{
	return setup(state, "    max-flows: 2\n");
}

static int setup_default(void **state)
{
	return setup(state, "");
}

static int setup_administrator(void **state)
{
	return setup(state, "    administer: true\n");
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

static bool says_that_it_administers(struct daemon *d)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply; /* the link's */

	assert_null(call(link, "Describe", &reply, "{}"));
	return field_boolean(field_object(reply, "caller"), "administers");
}

static void test_an_administrator_is_told_that_he_is_one(void **state)
{
	assert_true(says_that_it_administers(*state));
}

static void test_another_user_is_told_that_he_is_none(void **state)
{
	assert_false(says_that_it_administers(*state));
}

static int setup_two_areas(void **state)
{
	return setup(state, "    max-area: 128K\n");
}

static int setup_many_areas(void **state)
{
	return setup(state, "    max-area: 1G\n");
}

static const char *add(struct client *c, unsigned port)
{
	return call_fds(c->link, "AddFlow", &c->handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":"
			"{\"protocol\":\"tcp4\",\"destinationPort\":%u}}", c->id, port);
}

/* Over all leases of a user; a flow that goes makes room. */
static void test_max_flows(void **state)
{
	struct daemon *d = *state;
	struct client a, b;

	assert_null(client_open(d, &a, CLIENT_BOUND));
	assert_null(client_open(d, &b, CLIENT_BOUND));
	assert_null(add(&a, 1));
	assert_null(add(&b, 2));
	assert_string_equal(add(&a, 3), OURS("QuotaExceeded"));
	assert_string_equal(add(&b, 3), OURS("QuotaExceeded"));
	assert_string_equal(client_add_flow(&b), OURS("QuotaExceeded")); /* by its socket, too */
	client_close(&a);
	wait_for_rules(d, 1);
	assert_null(add(&b, 3));
	client_close(&b);
	wait_until_clean(d);
}

/* So many by default, of a table that has room for more. */
static void test_max_flows_by_default(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	for (unsigned i = 0; i < POLICY_MAX_FLOWS; i++)
		assert_null(add(&c, 1 + i));
	assert_string_equal(add(&c, 1000), OURS("QuotaExceeded"));
	client_close(&c);
	wait_until_clean(d);
}

/* The last eighth of the NIC's table is for users who have little of it. */
static void test_last_rules_are_for_others(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_int_equal(sim_set_rules_max(d->sim, SIM0, 16), 0);
	for (unsigned i = 0; i < 14; i++)
		assert_null(add(&c, 1 + i));
	assert_string_equal(add(&c, 1000), OURS("QuotaExceeded"));
	wait_for_rules(d, 14);
	client_close(&c);
	assert_int_equal(sim_set_rules_max(d->sim, SIM0, 0), 0);
	wait_until_clean(d);
}

static void test_administrators_may_fill_the_table(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_int_equal(sim_set_rules_max(d->sim, SIM0, 16), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_null(add(&c, 1 + i));
	assert_string_equal(add(&c, 1000), OURS("KernelRejected"));
	client_close(&c);
	assert_int_equal(sim_set_rules_max(d->sim, SIM0, 0), 0);
	wait_until_clean(d);
}

/* The lease is over, and its client keeps the ring. */
static uint64_t leave_ring(struct daemon *d)
{
	struct client c;
	uint32_t id;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_int_equal(lease_id_parse(c.id, &id), 0);
	assert_null(call_fds(c.link, "Release", &c.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", c.id));
	wait_for_hangup(c.handle);
	client_close(&c);
	wait_until_clean(d);
	return nic_ring_key(id, 0);
}

/* Its area is pinned still, whatever has become of the queue. */
static void test_areas_count_while_their_rings_live(void **state)
{
	struct daemon *d = *state;
	uint64_t ring = leave_ring(d);
	struct client a, b;

	assert_null(client_open(d, &a, CLIENT_BOUND));
	assert_string_equal(client_open(d, &b, CLIENT_BOUND), OURS("QuotaExceeded"));
	sim_watched_ring_closed(d->sim, ring);
	assert_null(client_register(&b));
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
}

/* What goes in time counts no longer than its lease. */
static void test_rings_that_close_count_no_longer(void **state)
{
	struct daemon *d = *state;
	struct client c;

	for (unsigned i = 0; i < 4; i++) {
		assert_null(client_open(d, &c, CLIENT_BOUND));
		client_close(&c);
		wait_until_clean(d);
	}
}

/* However small they are. */
static void test_rings_that_stay_are_few(void **state)
{
	struct daemon *d = *state;
	uint64_t last = 0;
	struct client c;

	for (unsigned i = 0; i < LINGERING_MAX; i++)
		last = leave_ring(d);
	assert_string_equal(client_open(d, &c, CLIENT_BOUND), OURS("QuotaExceeded"));
	sim_watched_ring_closed(d->sim, last);
	assert_null(client_register(&c));
	client_close(&c);
	wait_until_clean(d);
}

static void test_share(void **state)
{
	/* 256 entries: 32 are kept, and who has up to 4 may have them. */
	assert_true(share_allows(256, 223, 200, 1));
	assert_false(share_allows(256, 224, 200, 1));
	assert_false(share_allows(256, 200, 200, 25));
	assert_true(share_allows(256, 224, 4, 1));
	assert_false(share_allows(256, 224, 5, 1));
	assert_true(share_allows(256, 255, 1, 1));
	assert_false(share_allows(256, 256, 1, 1));
	assert_false(share_allows(256, 300, 1, 1));
	assert_true(share_allows(256, 255, 0, 1));
	assert_false(share_allows(256, 256, 0, 1));
	assert_true(share_allows(1, 0, 1, 1));
	assert_false(share_allows(0, 0, 0, 1));
	assert_false(share_allows(UINT64_MAX, 1, 0, UINT64_MAX));
}

/* What is full is said before anything is stored. */
static void test_store_has_room_for_others(void **state)
{
	struct leases all = {};
	struct lease full = { .leases = &all, .owner_uid = 1, .n_handles = 13 },
		     other = { .leases = &all, .owner_uid = 2 }, roots = { .leases = &all };
	_cleanup_fault_ struct fault fault = {};

	TAILQ_INIT(&all.list);
	TAILQ_INSERT_TAIL(&all.list, &full, entry);
	TAILQ_INSERT_TAIL(&all.list, &other, entry);
	assert_int_equal(lease_check_store(&full, 100, &fault), 0); /* there is no store */
	assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent", true), 0);
	assert_int_equal(setenv("FDSTORE", "16", true), 0);
	assert_int_equal(lease_check_store(&full, 1, &fault), ZCRX_QUOTA_EXCEEDED);
	assert_string_equal(fault.subject, "descriptors");
	fault_done(&fault);
	assert_int_equal(lease_check_store(&other, 1, &fault), 0);
	assert_int_equal(lease_check_store(&roots, 1, &fault), 0);
	full.n_handles = 14;
	assert_int_equal(lease_check_store(&other, 1, &fault), ZCRX_QUOTA_EXCEEDED);
	fault_done(&fault);
	/* The process that registered a queue, and the export of it, from when it is on its way. */
	full.n_handles = 12;
	assert_int_equal(lease_check_store(&roots, 2, &fault), 0);
	full.n_queues = 1;
	full.per_queue[0] = (struct lease_queue){ .client_pidfd = -EBADF, .export_fd = -EBADF,
						  .registering = true };
	full.grant.kind = GRANT_NETKIT;
	assert_int_equal(lease_check_store(&roots, 1, &fault), 0);
	assert_int_equal(lease_check_store(&roots, 2, &fault), ZCRX_QUOTA_EXCEEDED);
	fault_done(&fault);
	full.per_queue[0].export_fd = 0;
	assert_int_equal(lease_check_store(&roots, 1, &fault), 0);
	full.per_queue[0].client_pidfd = 0;
	assert_int_equal(lease_check_store(&roots, 1, &fault), ZCRX_QUOTA_EXCEEDED);
	assert_int_equal(unsetenv("FDSTORE"), 0);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_max_flows, setup_two_flows, teardown),
		cmocka_unit_test_setup_teardown(test_max_flows_by_default, setup_default, teardown),
		cmocka_unit_test_setup_teardown(test_last_rules_are_for_others, setup_default, teardown),
		cmocka_unit_test_setup_teardown(test_administrators_may_fill_the_table,
						setup_administrator, teardown),
		cmocka_unit_test_setup_teardown(test_areas_count_while_their_rings_live,
						setup_two_areas, teardown),
		cmocka_unit_test_setup_teardown(test_rings_that_close_count_no_longer,
						setup_two_areas, teardown),
		cmocka_unit_test_setup_teardown(test_rings_that_stay_are_few, setup_many_areas,
						teardown),
		cmocka_unit_test_setup_teardown(test_an_administrator_is_told_that_he_is_one, setup_administrator, teardown),
		cmocka_unit_test_setup_teardown(test_another_user_is_told_that_he_is_none, setup_default, teardown),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_store_has_room_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
