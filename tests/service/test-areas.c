/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How large an area has to be for the NIC: what a lease is told, and what is refused. And what becomes of one
 * that is used up.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "values.h"

#define OURS(name) "io.zcrx.Manager." name

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define NIC 7

/* Beside sim0, which no entry names. Its ring has 512 entries. */
static int setup_with(void **state, const char *driver, const char *policy)
{
	static struct daemon d;
	struct nic_state *s;
	char config[512];

	snprintf(config, sizeof(config),
		 "interfaces:\n  - name: nic0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    administer: true\n%s", (unsigned)getuid(), policy);
	daemon_prepare(&d, config);
	assert_int_equal(sim_nic_state_new(NIC, "nic0", driver, 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(d.sim, s, NULL, NULL), 0);
	nic_state_free(s);
	daemon_run(&d);
	*state = &d;
	return 0;
}

static int setup(void **state, const char *driver)
{
	return setup_with(state, driver, "");
}

static int setup_limited(void **state)
{
	return setup_with(state, "other", "    max-area: 24M\n");
}

static int setup_bnxt(void **state)
{
	return setup(state, "bnxt_en");
}

static int setup_mlx5(void **state)
{
	return setup(state, "mlx5_core");
}

static int setup_other(void **state)
{
	return setup(state, "other");
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

static const char *register_queue(struct client *c, unsigned queue, uint64_t size, sd_json_variant **ret)
{
	int fds[2] = { c->handle, area_new(size) };
	const char *error = call_fds(c->link, "Register", fds, 2, ret,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":%u,\"ring\":%u,"
				     "\"areaFileDescriptor\":1,\"areaSize\":%ju,\"refillEntries\":16}", c->id,
				     queue, queue, (uintmax_t)size);

	close(fds[1]);
	if (!error)
		c->rings[c->n_rings++] = (uint32_t)number_of(*ret, "hardwareQueue");
	return error;
}

static const char *register_area(struct client *c, uint64_t size, sd_json_variant **ret)
{
	return register_queue(c, 0, size, ret);
}

static uint64_t lease_number(struct client *c, const char *key)
{
	sd_json_variant *reply;

	assert_null(call(c->link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c->id));
	return number_of(sd_json_variant_by_key(reply, "lease"), key);
}

static void test_a_small_area_is_refused_with_the_size_that_is_needed(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	/* 512 entries of four pages, and half a MiB. */
	assert_int_equal(lease_number(&c, "leastAreaBytes"), 8 * MIB + 512 * KIB);
	assert_int_equal(lease_number(&c, "recommendedAreaBytes"), 20 * MIB);
	assert_string_equal(register_area(&c, 8 * MIB, &reply), OURS("InvalidArea"));
	assert_non_null(strstr(text_of(reply, "message"), "at least 8912896 bytes"));
	assert_null(register_area(&c, 8 * MIB + 512 * KIB, &reply));
	client_close(&c);
	wait_until_clean(d);
}

/* The MTU is somebody else's to set, and what is said follows it. */
static void test_the_size_follows_the_mtu(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_int_equal(lease_number(&c, "leastAreaBytes"), 1536 * KIB);
	assert_int_equal(sim_set_mtu(d->sim, NIC, 9000), 0);
	for (int i = 0; i < 1000 && lease_number(&c, "leastAreaBytes") != 8704 * KIB; i++)
		usleep(10000);
	assert_int_equal(lease_number(&c, "leastAreaBytes"), 8704 * KIB);
	client_close(&c);
	wait_until_clean(d);
}

static const char *small_area(struct daemon *d)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	static char text[512];
	sd_json_variant *reply, *nic;

	assert_null(call(link, "Describe", &reply, "{\"interface\":\"nic0\"}"));
	nic = sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
	assert_int_equal(number_of(nic, "ringEntries"), 512);
	assert_int_equal(number_of(nic, "mtu"), 1500);
	assert_int_equal(number_of(nic, "recommendedAreaBytes"), 16 * MIB);
	snprintf(text, sizeof(text), "%s", text_of(nic, "smallArea"));
	return text;
}

/* mlx5 keeps 1 MiB of it, and half a MiB more has to be there; twice that is enough. */
static void test_an_area_that_is_hardly_larger_than_the_ring_is_told(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_int_equal(lease_number(&c, "ringEntries"), 512);
	assert_int_equal(lease_number(&c, "mtu"), 1500);
	assert_string_equal(small_area(d), "");
	assert_null(register_area(&c, 2 * MIB - 4 * KIB, &reply));
	assert_string_equal(strchr(small_area(d), ')'), ") has an area of 1.9M, of which the driver keeps 1M in its ring of "
							"512 entries; 16M are recommended. See max-area in the policy, the "
							"size that the program sets, or take a shorter ring (rx-ring).");
	client_close(&c);
	wait_until_clean(d);
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(register_area(&c, 2 * MIB, &reply));
	assert_string_equal(small_area(d), "");
	client_close(&c);
	wait_until_clean(d);
}

/* Of what the policy leaves, each queue has its share. */
static void test_a_lease_says_what_the_policy_leaves_for_an_area(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client first, second;

	assert_null(client_open(d, &first, CLIENT_RESERVED));
	assert_int_equal(lease_number(&first, "permittedAreaBytes"), 24 * MIB);
	assert_null(register_area(&first, 16 * MIB, &reply));
	assert_null(client_open(d, &second, CLIENT_RESERVED));
	assert_int_equal(lease_number(&second, "permittedAreaBytes"), 8 * MIB);
	assert_int_equal(lease_number(&second, "recommendedAreaBytes"), 16 * MIB);
	client_close(&first);
	client_close(&second);
	wait_until_clean(d);
}

static void test_any_area_will_do_for_other_drivers(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_int_equal(lease_number(&c, "leastAreaBytes"), UINT64_MAX);
	assert_int_equal(lease_number(&c, "recommendedAreaBytes"), 16 * MIB);
	assert_null(register_area(&c, 4 * KIB, &reply));
	client_close(&c);
	wait_until_clean(d);
}

/* Nobody is surprised by it later. NULL: the plan says nothing of others. */
static const char *plan_warning(struct daemon *d)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply, *list;
	static char text[256];

	assert_null(call(link, "Restore", NULL, "{\"interface\":\"nic0\"}"));
	assert_null(call(link, "Plan", &reply, "{\"interface\":\"nic0\"}"));
	assert_true(sd_json_variant_elements(sd_json_variant_by_key(reply, "changes")) > 0);
	list = sd_json_variant_by_key(reply, "warnings");
	if (!list)
		return NULL;
	assert_int_equal(sd_json_variant_elements(list), 1);
	snprintf(text, sizeof(text), "%s", sd_json_variant_string(sd_json_variant_by_index(list, 0)));
	assert_null(call(link, "Apply", NULL, "{\"interface\":\"nic0\"}"));
	assert_null(call(link, "Plan", &reply, "{\"interface\":\"nic0\"}"));
	assert_null(sd_json_variant_by_key(reply, "warnings"));
	return text;
}

static void test_a_plan_says_what_leases_cost_their_neighbours(void **state)
{
	const char *text = plan_warning(*state);

	assert_non_null(text);
	assert_non_null(strstr(text, "nic0: whenever a queue is bound or released, what ntuple rules steer"));
}

static void test_a_plan_says_nothing_of_others_where_they_are_not_disturbed(void **state)
{
	assert_null(plan_warning(*state));
}

/* What the lease says of it, after the NIC was looked at some times; "" if nothing. */
static const char *shortage_of(struct client *c)
{
	sd_json_variant *reply;

	/* What makes it look. */
	assert_int_equal(sim_set_mtu(c->daemon->sim, NIC, 1500), 0);
	assert_null(call(c->link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c->id));
	return text_of(sd_json_variant_by_key(reply, "lease"), "shortage");
}

static void test_packets_without_a_buffer_are_told(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	const char *said = "";
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(register_area(&c, 64 * KIB, &reply));
	for (unsigned i = 0; i < 50; i++) {
		sim_set_counters(d->sim, NIC, c.rings[0], i, 7, 0);
		assert_string_equal(shortage_of(&c), ""); /* as it was found */
		usleep(2000);
	}
	for (unsigned i = 0; i < 1000 && !*said; i++) {
		sim_set_counters(d->sim, NIC, c.rings[0], 50, 8 + i, 0);
		said = shortage_of(&c);
		usleep(10000);
	}
	assert_non_null(strstr(said, "found no buffer in its area of 65536 bytes. The area is too small: the "
				     "driver keeps 2097152 bytes of it in its ring; better are 16777216."));
	assert_metric(d, 1, "short_queues", "nic0");
	assert_metric(d, 1, "shortages_total", "nic0");
	client_close(&c);
	wait_until_clean(d);
	assert_metric(d, 0, "short_queues", "nic0");
	assert_metric(d, 1, "shortages_total", "nic0"); /* it has happened */
}

/* The driver enables its NAPIs anew whenever a queue restarts; of the queue that is not registered it is nobody's. */
static void test_napi_ids_are_those_of_now(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply, *ids;
	struct client c;
	uint64_t id = 0;

	assert_null(client_open_queues(d, &c, 2, CLIENT_RESERVED));
	assert_null(register_area(&c, 64 * KIB, &reply));
	sim_set_napi(d->sim, NIC, c.rings[0], 9999);
	for (unsigned i = 0; i < 1000 && id != 9999; i++) {
		(void)shortage_of(&c); /* makes it look */
		assert_null(call(c.link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c.id));
		ids = sd_json_variant_by_key(sd_json_variant_by_key(reply, "lease"), "napiIds");
		assert_int_equal(sd_json_variant_elements(ids), 2);
		id = sd_json_variant_unsigned(sd_json_variant_by_index(ids, 0));
		assert_int_equal(sd_json_variant_unsigned(sd_json_variant_by_index(ids, 1)), 0);
		usleep(10000);
	}
	assert_int_equal(id, 9999);
	/* Who registers the next queue need not ask. */
	sim_set_napi(d->sim, NIC, c.rings[0], 10000);
	sim_set_napi(d->sim, NIC, c.rings[0] + 1, 10001);
	assert_null(register_queue(&c, 1, 64 * KIB, &reply));
	ids = sd_json_variant_by_key(reply, "napiIds");
	assert_int_equal(sd_json_variant_unsigned(sd_json_variant_by_index(ids, 0)), 10000);
	assert_int_equal(sd_json_variant_unsigned(sd_json_variant_by_index(ids, 1)), 10001);
	assert_int_equal(number_of(reply, "napiId"), 10001);
	client_close(&c);
	wait_until_clean(d);
}

#define AREA (2 * MIB)

/* Somebody with a ring of 512 entries at mlx5, all of whose buffers are out, so that packets find none. */
static void open_dry(struct daemon *d, struct client *c, uint64_t in_use)
{
	sd_json_variant *reply;

	assert_null(client_open(d, c, CLIENT_RESERVED));
	assert_null(register_area(c, AREA, &reply));
	for (unsigned i = 0; !*shortage_of(c); i++) {
		assert_true(i < 1000);
		sim_set_counters(d->sim, NIC, c->rings[0], 9000, i, in_use);
		usleep(10000);
	}
}

static void wait_for_end(struct client *c, const char *reason)
{
	char text[1024] = "";

	wait_for_hangup(c->handle);
	assert_true(recv(c->handle, text, sizeof(text) - 1, MSG_PEEK | MSG_DONTWAIT) > 0);
	if (!strstr(text, reason))
		fail_msg("%s", text);
}

static void test_a_dry_lease_is_ended_before_another_one_is_bound(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client dry, c;

	open_dry(d, &dry, AREA);
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_string_equal(lease_state(d, dry.id), "bound");
	assert_null(register_area(&c, AREA, &reply));
	assert_string_equal(lease_state(d, dry.id), "gone");
	assert_string_equal(lease_state(d, c.id), "bound");
	wait_for_end(&dry, "has no buffers left, as its program returns none");
	client_close(&dry);
	client_close(&c);
	wait_until_clean(d);
}

static void test_a_dry_lease_is_ended_before_another_one_is_released(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client dry, c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(register_area(&c, AREA, &reply));
	open_dry(d, &dry, AREA);
	assert_null(call_fds(c.link, "Release", &c.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", c.id));
	assert_string_equal(lease_state(d, dry.id), "gone");
	client_close(&dry);
	client_close(&c);
	wait_until_clean(d);
}

/* Both dry, and both to end: neither waits for the other for ever. */
static void test_two_dry_leases_end(void **state)
{
	struct daemon *d = *state;
	struct client a, b;

	open_dry(d, &a, AREA);
	open_dry(d, &b, AREA);
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
}

static void test_who_has_buffers_left_stays(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client slow, c;

	open_dry(d, &slow, AREA - 256 * KIB);
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(register_area(&c, AREA, &reply));
	assert_string_equal(lease_state(d, slow.id), "bound");
	client_close(&slow);
	client_close(&c);
	wait_until_clean(d);
}

/* Of other drivers nobody waits for them. */
static void test_a_dry_lease_stays_where_it_harms_nobody(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client dry, c;

	open_dry(d, &dry, AREA);
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(register_area(&c, AREA, &reply));
	assert_string_equal(lease_state(d, dry.id), "bound");
	client_close(&dry);
	client_close(&c);
	wait_until_clean(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_small_area_is_refused_with_the_size_that_is_needed,
						setup_bnxt, teardown),
		cmocka_unit_test_setup_teardown(test_the_size_follows_the_mtu, setup_mlx5, teardown),
		cmocka_unit_test_setup_teardown(test_an_area_that_is_hardly_larger_than_the_ring_is_told, setup_mlx5,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_lease_says_what_the_policy_leaves_for_an_area, setup_limited,
						teardown),
		cmocka_unit_test_setup_teardown(test_any_area_will_do_for_other_drivers, setup_other,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_plan_says_what_leases_cost_their_neighbours, setup_bnxt,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_a_plan_says_nothing_of_others_where_they_are_not_disturbed, setup_other, teardown),
		cmocka_unit_test_setup_teardown(test_packets_without_a_buffer_are_told, setup_other, teardown),
		cmocka_unit_test_setup_teardown(test_napi_ids_are_those_of_now, setup_other, teardown),
		cmocka_unit_test_setup_teardown(test_a_dry_lease_is_ended_before_another_one_is_bound,
						setup_mlx5, teardown),
		cmocka_unit_test_setup_teardown(test_a_dry_lease_is_ended_before_another_one_is_released,
						setup_mlx5, teardown),
		cmocka_unit_test_setup_teardown(test_two_dry_leases_end, setup_mlx5, teardown),
		cmocka_unit_test_setup_teardown(test_who_has_buffers_left_stays, setup_mlx5, teardown),
		cmocka_unit_test_setup_teardown(test_a_dry_lease_stays_where_it_harms_nobody, setup_other,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
