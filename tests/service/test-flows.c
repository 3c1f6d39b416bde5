/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows through the real service on the simulated machine: whose they are, and for how long.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name

static int setup(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

static void test_flow_conflict(void **state)
{
	struct daemon *d = *state;
	struct client a, b;
	int fds[2];

	assert_null(client_open(d, &a, CLIENT_STEERED));
	assert_null(client_open(d, &b, CLIENT_BOUND));
	assert_string_equal(call_fds(b.link, "AddFlow", &b.handle, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":"
				     "{\"protocol\":\"tcp4\",\"destinationPort\":%u}}", b.id, a.port),
			    OURS("FlowConflict"));
	fds[0] = b.handle;
	fds[1] = a.listener;
	assert_string_equal(call_fds(b.link, "AddFlow", fds, 2, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
				     "\"socketFileDescriptor\":1}", b.id),
			    OURS("FlowConflict"));
	wait_for_rules(d, 1);
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
}

/* The rule goes with the socket that proved it: closed, or shut down and kept. */
static void test_proof_ends(void **state)
{
	struct daemon *d = *state;
	struct client c;
	uint64_t cookie;
	socklen_t n = sizeof(cookie);

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(shutdown(c.listener, SHUT_RDWR), 0);
	wait_for_rules(d, 0);
	assert_string_equal(lease_state(d, c.id), "bound");
	assert_string_equal(client_add_flow(&c), OURS("FlowNotProved"));

	close(c.listener);
	c.listener = listener_new(&c.port);
	assert_int_equal(getsockopt(c.listener, SOL_SOCKET, SO_COOKIE, &cookie, &n), 0);
	assert_null(client_add_flow(&c));
	wait_for_rules(d, 1);
	close(c.listener);
	c.listener = -EBADF;
	/* The simulated machine does not see real sockets end. */
	(void)sim_close_socket(d->sim, cookie);
	client_close(&c);
	wait_until_clean(d);
}

/* Nobody tells that a socket receives no more what it did: it is noticed all the same. */
static void test_proof_strays(void **state)
{
	struct daemon *d = *state;
	struct client c;
	uint64_t cookie;
	socklen_t n = sizeof(cookie);

	assert_null(client_open(d, &c, CLIENT_STEERED));
	wait_for_rules(d, 1);
	assert_int_equal(getsockopt(c.listener, SOL_SOCKET, SO_COOKIE, &cookie, &n), 0);
	sim_stray_socket(d->sim, cookie);
	wait_for_rules(d, 0);
	assert_string_equal(lease_state(d, c.id), "bound");
	assert_string_equal(client_add_flow(&c), OURS("FlowNotProved"));
	sim_stray_socket(d->sim, 0);
	assert_null(client_add_flow(&c));
	wait_for_rules(d, 1);
	client_close(&c);
	wait_until_clean(d);
}

static void wait_for_flows(struct daemon *d, const char *id, size_t n)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;

	for (int i = 0; i < 2000; i++) {
		assert_null(call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", id));
		reply = sd_json_variant_by_key(reply, "lease");
		if (sd_json_variant_elements(sd_json_variant_by_key(reply, "flows")) == n)
			return;
		usleep(5000);
	}
	fail_msg("there are never %zu flows", n);
}

/* An address that is gone again before the rule for it is there takes the rule with it. */
static void test_address_goes_before_its_rule_comes(void **state)
{
	static const struct local_address addresses[] = {
		{ .protocol = FLOW_TCP4, .bytes = { 127, 0, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 2 } },
	};
	const struct sockaddr_in any = { .sin_family = AF_INET };
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	close(c.listener);
	c.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(c.listener, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(c.listener, 1), 0);
	assert_null(client_add_flow(&c));
	wait_for_flows(d, c.id, 2);
	sim_set_delay(d->sim, 200);
	assert_int_equal(sim_set_addresses(d->sim, SIM0, addresses, 3), 0);
	wait_for_flows(d, c.id, 3);
	assert_int_equal(sim_set_addresses(d->sim, SIM0, addresses, 2), 0);
	wait_for_flows(d, c.id, 2);
	sim_set_delay(d->sim, 0);
	wait_for_rules(d, 2);
	client_close(&c);
	wait_until_clean(d);
}

/* In a VRF or under a bridge no socket proves anything, neither now nor any more. */
static void test_interface_of_another(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(sim_set_master(d->sim, SIM0, 77), 0);
	wait_for_rules(d, 0);
	assert_string_equal(client_add_flow(&c), OURS("FlowNotProved"));
	assert_int_equal(sim_set_master(d->sim, SIM0, 0), 0);
	assert_null(client_add_flow(&c));
	client_close(&c);
	wait_until_clean(d);
}

/* Keys were set for a listener that has proved flows, and it is asked again by itself. */
static void test_switched_on_behind_the_proof(void **state)
{
	struct port_socket at = { .domain = AF_INET, .listening = true, .uid = getuid() };
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	at.port = c.port;
	assert_int_equal(sim_set_port_sockets(d->sim, &at, 1), 0);
	at.extension = SOCKET_TCP_MD5;
	assert_int_equal(sim_set_port_sockets(d->sim, &at, 1), 0);
	wait_for_rules(d, 0);
	assert_string_equal(client_add_flow(&c), OURS("FlowNotProved"));
	assert_int_equal(sim_set_port_sockets(d->sim, NULL, 0), 0);
	assert_null(client_add_flow(&c));
	client_close(&c);
	wait_until_clean(d);
}

static void begin_add_flow(struct client *c)
{
	assert_true(sd_varlink_push_dup_fd(c->link, c->handle) == 0);
	assert_true(sd_varlink_push_dup_fd(c->link, c->listener) == 1);
	assert_true(sd_varlink_invokebo(c->link, OURS("AddFlow"),
					SD_JSON_BUILD_PAIR_STRING("leaseId", c->id),
					SD_JSON_BUILD_PAIR_UNSIGNED("handleFileDescriptor", 0),
					SD_JSON_BUILD_PAIR_UNSIGNED("socketFileDescriptor", 1)) >= 0);
	assert_true(sd_varlink_flush(c->link) >= 0);
}

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	snprintf(userdata, 64, "%s", error ?: "");
	return 0;
}

static void finish(sd_varlink *link, char error[64])
{
	sd_varlink_set_userdata(link, error);
	assert_true(sd_varlink_bind_reply(link, on_reply) >= 0);
	while (sd_varlink_is_idle(link) == 0) {
		assert_true(sd_varlink_process(link) >= 0);
		(void)sd_varlink_wait(link, 10000);
	}
}

/* There may be a million sockets: while one is looked for, everybody else is served, and its lease can
 * end. */
static void test_looking_takes_long(void **state)
{
	struct daemon *d = *state;
	char error[64] = "none";
	struct client a, b;

	assert_null(client_open(d, &a, CLIENT_BOUND));
	sim_set_socket_delay(d->sim, 3600000);
	begin_add_flow(&a);
	assert_null(client_open(d, &b, CLIENT_BOUND));
	client_close(&b);
	assert_string_equal(lease_state(d, a.id), "bound");
	assert_int_equal(sd_varlink_is_idle(a.link), 0);
	sim_set_socket_delay(d->sim, 0);
	finish(a.link, error);
	assert_string_equal(error, "");
	wait_for_rules(d, 1);

	sim_set_socket_delay(d->sim, 3600000);
	begin_add_flow(&a);
	close(a.handle); /* both copies, with what the daemon drops */
	a.handle = -EBADF;
	assert_null(client_open(d, &b, CLIENT_BOUND));
	sim_set_socket_delay(d->sim, 0);
	finish(a.link, error);
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
	assert_int_equal(sim_awaited_sockets(d->sim), 0);
}

/* What the kernel does not tell just now is asked again; a flow stays meanwhile, and none is added. */
static void test_sockets_cannot_be_read(void **state)
{
	static const char *const names[] = { "look for sockets", "look for the receiver",
					     "look at the ports", "await the end of the socket" };
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		sim_fail_operation(d->sim, names[i], -EIO, NULL);
		assert_non_null(client_add_flow(&c));
		wait_for_rules(d, 1);
		assert_string_equal(lease_state(d, c.id), "steered");
	}
	sim_fail_operation(d->sim, NULL, 0, NULL);
	client_close(&c);
	wait_until_clean(d);
	assert_int_equal(sim_awaited_sockets(d->sim), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow_conflict),
		cmocka_unit_test(test_proof_ends),
		cmocka_unit_test(test_proof_strays),
		cmocka_unit_test(test_address_goes_before_its_rule_comes),
		cmocka_unit_test(test_interface_of_another),
		cmocka_unit_test(test_switched_on_behind_the_proof),
		cmocka_unit_test(test_looking_takes_long),
		cmocka_unit_test(test_sockets_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
