/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver has detached the interface for the moment: it is there, and refuses whatever is asked. Nothing
 * on it is taken for gone, and nothing of it is forgotten.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "drifting.h"
#include "plan.h"

static void detach(struct daemon *d, bool detached)
{
	assert_int_equal(sim_set_detached(d->sim, SIM0, detached), 0);
}

static void wait_for_lease(struct daemon *d, const char *id, const char *state)
{
	for (int i = 0; i < 3000 && !streq(lease_state(d, id), state); i++)
		usleep(5000);
	assert_string_equal(lease_state(d, id), state);
}

static void test_leases_go_on(void **state)
{
	struct daemon *d = *state;
	char reason[1024];
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	detach(d, true);
	wait_for_state(d, "degraded", reason);
	assert_contains(reason, "has detached sim0 for the moment");
	assert_string_equal(lease_state(d, c.id), "steered");
	detach(d, false);
	wait_for_state(d, "configured", NULL);
	assert_string_equal(lease_state(d, c.id), "steered");
	wait_for_rules(d, 1);
	client_close(&c);
	wait_until_clean(d);
}

/* Its rule comes back with the interface, so it is not over before that is gone. */
static void test_a_lease_that_ends_waits(void **state)
{
	struct daemon *d = *state;
	struct client c;
	char id[16];

	assert_null(client_open(d, &c, CLIENT_STEERED));
	strcpy(id, c.id);
	detach(d, true);
	wait_for_state(d, "degraded", NULL);
	client_close(&c);
	wait_for_lease(d, id, "draining");
	usleep(300000);
	assert_string_equal(lease_state(d, id), "draining");
	detach(d, false);
	wait_until_clean(d);
	assert_string_equal(lease_state(d, id), "gone");
	wait_for_state(d, "configured", NULL);
}

/* So is one whose ring was closed: it is not given up. */
static void test_a_closed_ring_waits(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	detach(d, true);
	wait_for_state(d, "degraded", NULL);
	assert_int_equal(sim_ring_closed(d->sim, SIM0, c.rings[0]), 0);
	usleep(500000);
	assert_string_equal(lease_state(d, c.id), "bound");
	detach(d, false);
	wait_for_lease(d, c.id, "reserved");
	assert_null(client_register(&c));
	client_close(&c);
	wait_until_clean(d);
}

/* A flow whose socket ended meanwhile goes as soon as it can. */
static void test_flows_without_a_proof_go_later(void **state)
{
	struct daemon *d = *state;
	struct client c;
	uint64_t cookie;
	socklen_t n = sizeof(cookie);

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(getsockopt(c.listener, SOL_SOCKET, SO_COOKIE, &cookie, &n), 0);
	detach(d, true);
	wait_for_state(d, "degraded", NULL);
	close(c.listener);
	c.listener = -EBADF;
	(void)sim_close_socket(d->sim, cookie); /* which it does not see of real ones */
	usleep(300000);
	assert_string_equal(lease_state(d, c.id), "steered");
	detach(d, false);
	wait_for_rules(d, 0);
	wait_for_lease(d, c.id, "bound");
	client_close(&c);
	wait_until_clean(d);
}

static void test_requests_are_told(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	detach(d, true);
	assert_string_equal(client_register(&c), "io.zcrx.Manager.KernelRejected");
	detach(d, false);
	assert_null(client_register(&c));
	client_close(&c);
	wait_until_clean(d);
}

/* A daemon that starts in that moment configures the interface when it is back. */
static void test_start(void **state)
{
	struct daemon d;
	char reason[1024];

	daemon_prepare(&d, NULL);
	detach(&d, true);
	daemon_run(&d);
	wait_for_state(&d, "degraded", reason);
	assert_contains(reason, "has detached sim0 for the moment");
	detach(&d, false);
	wait_for_state(&d, "configured", NULL);
	daemon_stop(&d);
}

/* So does one that its driver shows to nobody while the interface is down. */
static void test_hidden_rules_do_not_outlive_their_lease(void **state)
{
	struct daemon *d = *state;
	struct client c;
	char id[16];

	assert_int_equal(sim_set_hides_rules(d->sim, SIM0), 0);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	strcpy(id, c.id);
	assert_int_equal(sim_set_up(d->sim, SIM0, false), 0);
	client_close(&c);
	wait_for_lease(d, id, "draining");
	usleep(300000);
	assert_string_equal(lease_state(d, id), "draining");
	assert_int_equal(sim_set_up(d->sim, SIM0, true), 0);
	wait_until_clean(d);
}

/* Nor are they lost. */
static void test_hidden_rules_are_not_missed(void **state)
{
	struct daemon *d = *state;
	struct watching w;
	struct client c;

	assert_int_equal(sim_set_hides_rules(d->sim, SIM0), 0);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	watch(d, &w);
	assert_int_equal(sim_set_up(d->sim, SIM0, false), 0);
	usleep(1500000);
	assert_int_equal(sim_set_up(d->sim, SIM0, true), 0);
	usleep(300000);
	hear(&w);
	assert_string_equal(w.events, "");
	wait_for_rules(d, 1);
	assert_string_equal(lease_state(d, c.id), "steered");
	client_close(&c);
	wait_until_clean(d);
	watch_end(&w);
}

/* Its driver has lost a lease's rule, and restores it when the lease is over. */
static void test_rules_that_come_back_are_removed(void **state)
{
	static const struct step nothing_new = { .op = STEP_NTUPLE, .to.number = 1 };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	s = observe(d);
	assert_int_equal(s->n_rules, 1);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, s->rules[0].location), 0);
	wait_for_state(d, "degraded", NULL);
	client_close(&c);
	wait_until_clean(d);
	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &s->rules[0]), 0);
	change(d, &nothing_new); /* it looks at once */
	wait_for_rules(d, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPAIR(test_leases_go_on),
		REPAIR(test_a_lease_that_ends_waits),
		REPAIR(test_a_closed_ring_waits),
		REPAIR(test_flows_without_a_proof_go_later),
		REPAIR(test_requests_are_told),
		REPORT(test_rules_that_come_back_are_removed),
		REPAIR(test_hidden_rules_do_not_outlive_their_lease),
		REPAIR(test_hidden_rules_are_not_missed),
		cmocka_unit_test(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
