/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is reached by way of an interface, and what of it is not cut off without force: each kind of way
 * alone, together, and with plans that disturb and that do not.
 */
#include <arpa/inet.h>

#include "guard.h"
#include "testlib.h"

struct route {
	enum flow_protocol protocol;
	const char *destination;
	unsigned prefix;
};

static void add(struct reach *reach, const struct route *route)
{
	uint8_t bytes[16] = {};

	assert_int_equal(inet_pton(route->protocol == FLOW_TCP4 ? AF_INET : AF_INET6,
				   route->destination, bytes), 1);
	reach_add_route(reach, route->protocol, bytes, route->prefix);
}

static void add_login(struct reach *reach, enum flow_protocol p, const char *address)
{
	uint8_t bytes[16] = {};

	assert_int_equal(inet_pton(p == FLOW_TCP4 ? AF_INET : AF_INET6, address, bytes), 1);
	reach_add_login(reach, p, bytes);
}

/* ------------------------------------------------------------------------------- routes */

static void test_blocks(void **state)
{
	static const struct {
		struct route route;
		unsigned blocks;
	} rows[] = {
		{ { FLOW_TCP4, "0.0.0.0", 0 }, 65536 },
		{ { FLOW_TCP4, "128.0.0.0", 1 }, 32768 },
		{ { FLOW_TCP4, "10.0.0.0", 8 }, 256 },
		{ { FLOW_TCP4, "172.16.0.0", 12 }, 16 },
		{ { FLOW_TCP4, "255.254.0.0", 15 }, 2 },
		{ { FLOW_TCP4, "255.255.0.0", 16 }, 1 },
		{ { FLOW_TCP4, "10.9.0.0", 24 }, 1 },
		{ { FLOW_TCP4, "10.9.0.1", 32 }, 1 },
		{ { FLOW_TCP4, "129.1.2.3", 1 }, 32768 }, /* as no kernel has it */
		{ { FLOW_TCP6, "::", 0 }, 65536 },
		{ { FLOW_TCP6, "2000::", 3 }, 8192 },
		{ { FLOW_TCP6, "fd09::", 64 }, 1 },
		{ { FLOW_TCP6, "ffff::1", 128 }, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const enum flow_protocol p = rows[i].route.protocol;
		struct reach reach = {};

		add(&reach, &rows[i].route);
		assert_int_equal(reach_blocks(&reach, p), rows[i].blocks);
		assert_int_equal(reach_blocks(&reach, p == FLOW_TCP4 ? FLOW_TCP6 : FLOW_TCP4), 0);
		assert_int_equal(reach.default_route[p], rows[i].route.prefix == 0);
		add(&reach, &rows[i].route); /* in another table, too */
		assert_int_equal(reach_blocks(&reach, p), rows[i].blocks);
	}
}

/* -------------------------------------------------------------------------------- guard */

#define TABLE_MAX 4

static const struct row {
	struct route routes[TABLE_MAX];
	size_t n;
	const char *why; /* NULL: nothing is cut off */
} rows[] = {
	{ {}, 0, NULL },
	{ { { FLOW_TCP4, "10.9.0.0", 24 }, { FLOW_TCP6, "fd09::", 64 }, { FLOW_TCP6, "fe80::", 64 } }, 3, NULL },
	{ { { FLOW_TCP4, "0.0.0.0", 0 } }, 1, "zc0 carries the default route, and" },
	{ { { FLOW_TCP6, "::", 0 } }, 1, "zc0 carries the default route, and" },
	{ { { FLOW_TCP4, "10.9.0.0", 24 }, { FLOW_TCP6, "::", 0 } }, 2, "zc0 carries the default route, and" },
	{ { { FLOW_TCP4, "0.0.0.0", 1 }, { FLOW_TCP4, "128.0.0.0", 1 } }, 2,
	  "zc0 carries routes to 100 % of all IPv4 addresses, which is as good as a default route, and" },
	{ { { FLOW_TCP4, "0.0.0.0", 1 } }, 1, "zc0 carries routes to 50 % of all IPv4" },
	{ { { FLOW_TCP4, "64.0.0.0", 7 } }, 1, "zc0 carries routes to 1 % of all IPv4" },
	{ { { FLOW_TCP6, "2000::", 3 } }, 1, "zc0 carries routes to 13 % of all IPv6" },
	{ { { FLOW_TCP6, "::", 1 }, { FLOW_TCP6, "8000::", 1 } }, 2, "zc0 carries routes to 100 % of all IPv6" },
	/* All private networks are no way out, however they nest. */
	{ { { FLOW_TCP4, "10.0.0.0", 8 }, { FLOW_TCP4, "172.16.0.0", 12 }, { FLOW_TCP4, "192.168.0.0", 16 } },
	  3, NULL },
	{ { { FLOW_TCP4, "10.0.0.0", 8 }, { FLOW_TCP4, "10.0.0.0", 9 }, { FLOW_TCP4, "10.128.0.0", 9 } },
	  3, NULL },
	{ { { FLOW_TCP6, "fd00::", 8 } }, 1, NULL },
	/* Half of it here, half there: neither protocol is wide. */
	{ { { FLOW_TCP4, "10.0.0.0", 8 }, { FLOW_TCP6, "fd00::", 8 } }, 2, NULL },
};

static const struct step disturbing = { .op = STEP_CHANNELS, .from.channels = { .combined = 4 },
					 .to.channels = { .combined = 8 } };
static const struct step harmless = { .op = STEP_NTUPLE };

static int check(const struct reach *reach, const struct step *step, struct fault *fault)
{
	struct step steps[] = { *step };
	const struct plan plan = { .steps = steps, .n_steps = step->op == STEP_CHANNELS || step->op == STEP_NTUPLE };
	struct nic_state nic = { .name = "zc0" };

	return guard_check(&plan, &nic, reach, false, "zcrxctl apply --force", fault);
}

static void expect(const struct reach *reach, const char *subject, const char *why)
{
	_cleanup_fault_ struct fault fault = {};

	if (!why) {
		assert_int_equal(check(reach, &disturbing, &fault), 0);
		return;
	}
	assert_int_equal(check(reach, &disturbing, &fault), ZCRX_WRONG_STATE);
	assert_string_equal(fault.subject, subject);
	if (strncmp(fault.message, why, strlen(why)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", fault.message, why);
	assert_non_null(strstr(fault.message, "these changes may interrupt it: channels combined 4 -> "
					      "combined 8. Nothing was changed. To do it nevertheless: "
					      "zcrxctl apply --force zc0"));
	/* Nothing is in the way of what disturbs nobody. */
	assert_int_equal(check(reach, &harmless, NULL), 0);
}

static void test_routes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reach reach = {};

		for (size_t k = 0; k < rows[i].n; k++)
			add(&reach, &rows[i].routes[k]);
		expect(&reach, "default-route", rows[i].why);
		/* Who is logged in is a reason of its own, where there is no other. */
		add_login(&reach, FLOW_TCP4, "10.9.0.2");
		expect(&reach, rows[i].why ? "default-route" : "ssh",
		       rows[i].why ?: "The route to 10.9.0.2, the peer of an ssh session, "
				      "leads through zc0, and");
	}
}

static void test_logins(void **state)
{
	struct reach reach = {};

	add_login(&reach, FLOW_TCP4, "10.9.0.2");
	add_login(&reach, FLOW_TCP6, "fd09::2");
	add_login(&reach, FLOW_TCP4, "10.9.0.2");
	expect(&reach, "ssh", "The route to 10.9.0.2, fd09::2, the peer");
	add_login(&reach, FLOW_TCP4, "10.9.0.3");
	add_login(&reach, FLOW_TCP4, "10.9.0.4");
	expect(&reach, "ssh", "The route to 10.9.0.2, fd09::2, 10.9.0.3, 10.9.0.4, the peer");
	add_login(&reach, FLOW_TCP4, "10.9.0.5");
	expect(&reach, "ssh", "The route to 10.9.0.2, fd09::2, 10.9.0.3, 10.9.0.4 and others, the peer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_logins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
