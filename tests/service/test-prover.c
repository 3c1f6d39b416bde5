/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The prover by itself, on simulated sockets: what is asked when a socket is shown is asked every time,
 * as who showed it, and of however many sockets with one look.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "prover.h"
#include "sim.h"

#define IFINDEX 2
#define ALICE	1000
#define BOB	1001
#define PROOFS	200

static struct nic_backend *sim;
static sd_event *event;
static struct prover *prover;
static const struct local_address address = { .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } };

static int setup(void **state)
{
	sim = sim_new();
	assert_non_null(sim);
	assert_true(sd_event_new(&event) >= 0);
	return prover_new(event, sim, &prover);
}

static int teardown(void **state)
{
	prover_free(prover);
	sd_event_unref(event);
	return sim->ops->free(sim) ? -1 : 0;
}

/* alice's listener on the wildcard, as its descriptor tells. */
static struct socket_facts show(uint64_t cookie, uint16_t port)
{
	const struct socket_facts facts = { .domain = AF_INET, .type = SOCK_STREAM,
					    .protocol = IPPROTO_TCP, .tcp_state = TCP_LISTEN,
					    .same_netns = true, .local_port = port, .uid = ALICE,
					    .cookie = cookie };
	_cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct socket_facts told = facts;

	assert_int_equal(sim_add_socket(sim, fd, &facts), 0);
	told.local_port = 0;
	told.uid = 0;
	return told;
}

/* As AddFlow asks. */
static struct socket_check first(uint64_t cookie, uint16_t port, uid_t uid)
{
	struct socket_check c = { .facts = show(cookie, port), .ifindex = IFINDEX, .uid = uid };

	c.addresses = malloc(sizeof(address));
	assert_non_null(c.addresses);
	*c.addresses = address;
	c.n_addresses = 1;
	return c;
}

/* As it is asked each second after, and at the next start. */
static struct socket_check later(const struct socket_check *c)
{
	struct socket_check again = { .facts = c->facts, .known = true, .ifindex = c->ifindex,
				      .uid = c->uid };

	again.flows = calloc(c->n_flows + 1, sizeof(*c->flows));
	assert_non_null(again.flows);
	memcpy(again.flows, c->flows, c->n_flows * sizeof(*c->flows));
	again.n_flows = c->n_flows;
	return again;
}

static void done(struct socket_check *c)
{
	free(c->addresses);
	free(c->flows);
	fault_done(&c->fault);
}

static void expect(struct socket_check *c, int r, const char *why)
{
	prover_ask_now(prover, c, 1);
	assert_int_equal(c->r, r);
	if (why)
		assert_non_null(strstr(c->fault.message, why));
	fault_done(&c->fault);
	c->r = 0;
}

/* bob is at the port of alice's listener, which was let go of in between: the same every time. */
static void test_a_stranger_at_the_port(void **state)
{
	const struct port_socket bobs = { .domain = AF_INET, .local = { 10, 9, 0, 1 }, .port = 80,
					  .uid = BOB };
	struct socket_check c = first(1, 80, ALICE), again, another;

	expect(&c, 0, NULL);
	assert_int_equal(c.n_flows, 1);
	assert_true(c.wildcard);
	again = later(&c);
	expect(&again, 0, NULL);
	assert_int_equal(sim_set_port_sockets(sim, &bobs, 1), 0);
	expect(&again, ZCRX_FLOW_NOT_PROVED, "A socket of another user (uid 1001) has port 80");
	another = first(1, 80, ALICE);
	expect(&another, ZCRX_FLOW_NOT_PROVED, "A socket of another user (uid 1001) has port 80");
	/* Who showed it counts: to bob himself he is no stranger, and root may see everything. */
	again.uid = BOB;
	expect(&again, 0, NULL);
	again.uid = 0;
	expect(&again, 0, NULL);
	assert_int_equal(sim_set_port_sockets(sim, NULL, 0), 0);
	again.uid = ALICE;
	expect(&again, 0, NULL);
	done(&c), done(&again), done(&another);
}

static void test_what_is_switched_on_behind_it(void **state)
{
	struct port_socket hers = { .domain = AF_INET, .port = 80, .uid = ALICE, .listening = true };
	struct socket_check c = first(1, 80, 0), again;

	assert_int_equal(sim_set_port_sockets(sim, &hers, 1), 0);
	expect(&c, 0, NULL);
	again = later(&c);
	expect(&again, 0, NULL);
	hers.extension = SOCKET_TCP_MD5;
	assert_int_equal(sim_set_port_sockets(sim, &hers, 1), 0);
	expect(&again, ZCRX_FLOW_NOT_PROVED, "TCP_MD5SIG");
	assert_int_equal(sim_set_port_sockets(sim, NULL, 0), 0);
	expect(&again, 0, NULL);
	done(&c), done(&again);
}

/* One that no flow shows to be there is looked for. */
static void test_gone_without_a_flow(void **state)
{
	struct socket_check c = first(1, 80, ALICE), again;

	expect(&c, 0, NULL);
	again = later(&c);
	again.n_flows = 0;
	again.look_for = true;
	expect(&again, 0, NULL);
	again.facts.local_port = 81; /* it was: now it listens elsewhere */
	expect(&again, ZCRX_FLOW_NOT_PROVED, "closed");
	again.facts.local_port = 80;
	assert_int_equal(sim_close_socket(sim, 1), 0);
	expect(&again, ZCRX_FLOW_NOT_PROVED, "closed");
	done(&c), done(&again);
}

/* The next start of the daemon, with all that were proved: the sockets are gone through once. */
static void test_one_look_for_all(void **state)
{
	static struct socket_check checks[PROOFS], again[PROOFS];
	unsigned before = sim_socket_looks(sim);

	for (unsigned i = 0; i < PROOFS; i++)
		checks[i] = first(i + 1, (uint16_t)(1000 + i), ALICE);
	prover_ask_now(prover, checks, PROOFS);
	assert_int_equal(sim_socket_looks(sim), before + 2); /* by cookie, and at the ports */
	for (unsigned i = 0; i < PROOFS; i++) {
		assert_int_equal(checks[i].r, 0);
		again[i] = later(&checks[i]);
	}
	prover_ask_now(prover, again, PROOFS);
	assert_int_equal(sim_socket_looks(sim), before + 3);
	for (unsigned i = 0; i < PROOFS; i++) {
		assert_int_equal(again[i].r, 0);
		done(&checks[i]), done(&again[i]);
		assert_int_equal(sim_close_socket(sim, i + 1), 0);
	}
}

static void test_every_call_failing(void **state)
{
	static const char *const names[] = { "look for sockets", "look for the receiver",
					     "look at the ports" };
	struct socket_check c = first(1, 80, ALICE);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		sim_fail_operation(sim, names[i], -EIO, NULL);
		expect(&c, -EIO, NULL);
		free(c.flows);
		c.flows = NULL;
		c.n_flows = 0;
	}
	sim_fail_operation(sim, NULL, 0, NULL);
	expect(&c, 0, NULL);
	done(&c);
}

/* --------------------------------------------------------------------------- on the loop */

static unsigned n_answered;

static void on_answer(struct socket_check *c)
{
	n_answered += c->r == *(const int *)c->userdata;
	socket_check_free(c);
}

static void ask(const int *expected)
{
	struct socket_check *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	*c = first(1, 80, ALICE);
	c->done = on_answer;
	c->userdata = (void *)expected;
	prover_ask(prover, c);
}

static void run_until(unsigned n)
{
	for (int i = 0; i < 1000 && n_answered < n; i++)
		assert_true(sd_event_run(event, 10000) >= 0);
	assert_int_equal(n_answered, n);
}

/* However many ask while it looks, the next look is for all of them. */
static void test_who_waits_shares_a_look(void **state)
{
	unsigned before = sim_socket_looks(sim);
	const int good = 0;

	n_answered = 0;
	sim_set_socket_delay(sim, 50);
	for (unsigned i = 0; i < 20; i++)
		ask(&good);
	assert_int_equal(n_answered, 0); /* the loop goes on */
	sim_set_socket_delay(sim, 0);
	run_until(20);
	assert_int_equal(sim_socket_looks(sim), before + 2 * 2);
}

static void test_who_still_waits_at_the_end(void **state)
{
	const int over = -ECANCELED;

	n_answered = 0;
	sim_set_socket_delay(sim, 50);
	for (unsigned i = 0; i < 3; i++)
		ask(&over);
	prover = prover_free(prover);
	assert_int_equal(n_answered, 3);
	sim_set_socket_delay(sim, 0);
	assert_int_equal(prover_new(event, sim, &prover), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stranger_at_the_port),
		cmocka_unit_test(test_what_is_switched_on_behind_it),
		cmocka_unit_test(test_gone_without_a_flow),
		cmocka_unit_test(test_one_look_for_all),
		cmocka_unit_test(test_every_call_failing),
		cmocka_unit_test(test_who_waits_shares_a_look),
		cmocka_unit_test(test_who_still_waits_at_the_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
