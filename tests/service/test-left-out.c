/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A listener on all addresses of an interface that has more of them than there is room for flows: what fits
 * is steered, and what is left out is said, as long as it is.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "harness.h"
#include "types.h"

#define PATIENCE_MS 10000
#define MOST 300

static int setup(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int setup_two_flows(void **state)
{
	static struct daemon d;
	char config[256];

	snprintf(config, sizeof(config),
		 "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    max-flows: 2\n", (unsigned)getuid());
	daemon_start(&d, config);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

/* 10.0.0.1, and so on. */
static void set_addresses(struct daemon *d, unsigned n)
{
	struct local_address list[MOST] = {};

	assert_true(n <= MOST);
	for (unsigned i = 0; i < n; i++) {
		uint32_t address = htonl(0x0a000001 + i);

		list[i].protocol = FLOW_TCP4;
		memcpy(list[i].bytes, &address, sizeof(address));
	}
	assert_int_equal(sim_set_addresses(d->sim, SIM0, list, n), 0);
}

static void listen_on_all(struct client *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);

	close(c->listener);
	c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(c->listener, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(c->listener, 1), 0);
	assert_int_equal(getsockname(c->listener, (struct sockaddr *)&a, &n), 0);
	c->port = ntohs(a.sin_port);
}

static void wait_until_said(struct daemon *d, const struct client *c, const char *expected)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	const char *found = "";

	for (int i = 0; i < PATIENCE_MS / 10 && (i == 0 || !streq(found, expected)); i++) {
		sd_json_variant *reply;

		if (i > 0)
			usleep(10000);
		assert_null(call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c->id));
		found = text_of(sd_json_variant_by_key(reply, "lease"), "notSteered");
	}
	assert_string_equal(found, expected);
}

static void expect_said(struct daemon *d, const struct client *c, const char *flows, const char *why)
{
	char text[512];

	snprintf(text, sizeof(text), "tcp4,dst=%s not steered, and copied: %s The listener is on all addresses, "
		 "which takes one flow for each address of sim0; one that is bound to an address takes one.",
		 flows, why);
	wait_until_said(d, c, text);
}

#define LEASE_LIMIT "A lease has at most 256 flows."

static void test_the_lease_is_full(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply, *left;
	struct client c;
	char flows[128];

	set_addresses(d, 260);
	assert_null(client_open(d, &c, CLIENT_BOUND));
	listen_on_all(&c);
	assert_null(call_fds(c.link, "AddFlow", (int[]){ c.handle, c.listener }, 2, &reply,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
			     "\"socketFileDescriptor\":1}", c.id));
	assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(reply, "flows")), LEASE_FLOWS_MAX);
	left = sd_json_variant_by_key(reply, "leftOut");
	assert_int_equal(sd_json_variant_elements(left), 4);
	assert_int_equal(number_of(reply, "leftOutCount"), 4);
	assert_string_equal(text_of(sd_json_variant_by_index(left, 0), "destination"), "10.0.1.1");
	wait_for_rules(d, LEASE_FLOWS_MAX);
	snprintf(flows, sizeof(flows), "10.0.1.1,dst-port=%u and 3 more flows of its listener are", c.port);
	expect_said(d, &c, flows, LEASE_LIMIT);

	set_addresses(d, 250);
	wait_for_rules(d, 250);
	wait_until_said(d, &c, "");
	set_addresses(d, 300);
	wait_for_rules(d, LEASE_FLOWS_MAX);
	snprintf(flows, sizeof(flows), "10.0.1.1,dst-port=%u and 43 more flows of its listener are", c.port);
	expect_said(d, &c, flows, LEASE_LIMIT);
	set_addresses(d, 1);
	wait_for_rules(d, 1);
	wait_until_said(d, &c, "");
	client_close(&c);
	wait_until_clean(d);
}

/* Those that come later; at first it is for the program to choose. */
static void test_max_flows(void **state)
{
	struct daemon *d = *state;
	struct client c;
	char flows[128];

	set_addresses(d, 3);
	assert_null(client_open(d, &c, CLIENT_BOUND));
	listen_on_all(&c);
	assert_string_equal(client_add_flow(&c), "io.zcrx.Manager.QuotaExceeded");
	set_addresses(d, 2);
	assert_null(client_add_flow(&c));
	set_addresses(d, 3);
	snprintf(flows, sizeof(flows), "10.0.0.3,dst-port=%u is", c.port);
	expect_said(d, &c, flows, "The policy sets max-flows of its user to 2.");
	wait_for_rules(d, 2);
	set_addresses(d, 2);
	wait_until_said(d, &c, "");
	client_close(&c);
	wait_until_clean(d);
}

/* The NIC refuses: told in its words, and gone as soon as it works. */
static void test_the_nic_is_full(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client c;
	const char *said = "";

	set_addresses(d, 2);
	assert_null(client_open(d, &c, CLIENT_BOUND));
	listen_on_all(&c);
	assert_null(client_add_flow(&c));
	assert_int_equal(sim_set_rules_max(d->sim, SIM0, 2), 0);
	set_addresses(d, 3);
	link = daemon_connect(d);
	for (int i = 0; i < PATIENCE_MS / 10 && !*said; i++) {
		usleep(10000);
		assert_null(call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c.id));
		said = text_of(sd_json_variant_by_key(reply, "lease"), "notSteered");
	}
	assert_non_null(strstr(said, "is not steered, and copied: "));
	assert_non_null(strstr(said, "The NIC has no room."));
	assert_int_equal(sim_set_rules_max(d->sim, SIM0, 0), 0);
	set_addresses(d, 4);
	wait_for_rules(d, 4);
	wait_until_said(d, &c, "");
	client_close(&c);
	wait_until_clean(d);
}

/* Nothing is steered then, and it is not forgotten before it is gone. */
static void test_a_rule_that_cannot_be_undone(void **state)
{
	struct daemon *d = *state;
	struct client c;

	set_addresses(d, 2);
	assert_null(client_open(d, &c, CLIENT_BOUND));
	listen_on_all(&c);
	assert_int_equal(sim_set_rules_max(d->sim, SIM0, 1), 0);
	sim_fail_operation(d->sim, "delete ntuple rule", EIO, "not now");
	assert_non_null(client_add_flow(&c));
	wait_for_rules(d, 1);
	sim_fail_operation(d->sim, NULL, 0, NULL);
	wait_for_rules(d, 0);
	assert_string_equal(lease_state(d, c.id), "bound");
	client_close(&c);
	wait_until_clean(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_lease_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_max_flows, setup_two_flows, teardown),
		cmocka_unit_test_setup_teardown(test_the_nic_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_rule_that_cannot_be_undone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
