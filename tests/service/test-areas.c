/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How large an area has to be for the NIC: what a lease is told, and what is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define NIC 7

/* Beside sim0, which no entry names. Its ring has 512 entries. */
static int setup(void **state, const char *driver)
{
	static struct daemon d;
	struct nic_state *s;
	char config[512];

	snprintf(config, sizeof(config),
		 "interfaces:\n  - name: nic0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    administer: true\n", (unsigned)getuid());
	daemon_prepare(&d, config);
	assert_int_equal(sim_nic_state_new(NIC, "nic0", driver, 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(d.sim, s, NULL, NULL), 0);
	nic_state_free(s);
	daemon_run(&d);
	*state = &d;
	return 0;
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

static const char *register_area(struct client *c, uint64_t size, sd_json_variant **ret)
{
	int fds[2] = { c->handle, area_new(size) };
	const char *error = call_fds(c->link, "Register", fds, 2, ret,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":0,"
				     "\"areaFileDescriptor\":1,\"areaSize\":%ju,\"refillEntries\":16}", c->id,
				     (uintmax_t)size);

	close(fds[1]);
	if (!error)
		c->rings[c->n_rings++] = (uint32_t)number_of(*ret, "hardwareQueue");
	return error;
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
	assert_int_equal(lease_number(&c, "recommendedAreaBytes"), 16 * MIB);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_small_area_is_refused_with_the_size_that_is_needed,
						setup_bnxt, teardown),
		cmocka_unit_test_setup_teardown(test_the_size_follows_the_mtu, setup_mlx5, teardown),
		cmocka_unit_test_setup_teardown(test_any_area_will_do_for_other_drivers, setup_other,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
