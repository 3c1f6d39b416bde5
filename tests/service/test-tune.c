/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How queues are polled and where their interrupts go: set by who may, within bounds, on the lease's
 * own queues, and as it was found whenever the lease is over.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sched.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define INVALID "org.varlink.service.InvalidParameter"
#define LEASE "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"

/* What the first and the last queue for leases are polled like. */
static struct napi_settings polling(struct daemon *d, unsigned queue)
{
	_cleanup_(nic_state_freep) struct nic_state *n = observe(d);

	return n->queues[queue].napi;
}

static void check_polling(struct daemon *d, unsigned queue, uint32_t defer, uint64_t gro,
			  uint64_t suspend)
{
	struct napi_settings s = polling(d, queue);

	assert_int_equal(s.defer_hard_irqs, defer);
	assert_int_equal(s.gro_flush_timeout, gro);
	assert_int_equal(s.irq_suspend_timeout, suspend);
}

static const char *tune(struct client *c, const char *settings)
{
	return call_fds(c->link, "Tune", &c->handle, 1, NULL, LEASE "%s}", c->id, settings);
}

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

static void test_settings_are_restored_at_the_end(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_null(tune(&c, "\"queue\":0,\"deferHardIrqs\":2,\"groFlushTimeoutNSec\":200000"));
	check_polling(d, 4, 2, 200000, 0);
	/* What is not named stays; what was found is not what was set before. */
	assert_null(tune(&c, "\"deferHardIrqs\":100,\"irqSuspendTimeoutNSec\":100000000"));
	check_polling(d, 4, 100, 200000, 100000000);
	for (unsigned q = 0; q < 8; q++)
		if (q != 4)
			check_polling(d, q, 0, 0, 0);
	client_close(&c);
	wait_until_clean(d);
	check_polling(d, 4, 0, 0, 0);
}

/* Not zero, but what was there. */
static void test_former_settings_other_than_zero_are_restored(void **state)
{
	const struct napi_settings found = { 7, 5000, 6000 };
	struct daemon *d = *state;
	const uint32_t queue = 4;
	struct client c;
	struct nic *nic;

	assert_int_equal(d->sim->ops->open(d->sim, SIM0, &nic, NULL), 0);
	assert_int_equal(nic->ops->napi_set(nic, queue, &found, NAPI_EVERYTHING, NULL), 0);
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(tune(&c, "\"deferHardIrqs\":1"));
	check_polling(d, queue, 1, 5000, 6000);
	client_close(&c);
	wait_until_clean(d);
	check_polling(d, queue, 7, 5000, 6000);
	assert_int_equal(nic->ops->napi_set(nic, queue, &(struct napi_settings){}, NAPI_EVERYTHING, NULL),
			 0);
	nic->ops->close(nic);
}

static void test_every_queue(void **state)
{
	struct daemon *d = *state;
	sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;
	char id[16];

	assert_null(call(link, "Acquire", &reply, "{\"queues\":2,\"persistent\":true}"));
	snprintf(id, sizeof(id), "%s", text_of(sd_json_variant_by_key(reply, "lease"), "leaseId"));
	/* Its owner needs no handle. */
	assert_null(call(link, "Tune", NULL, "{\"leaseId\":\"%s\",\"deferHardIrqs\":3}", id));
	check_polling(d, 4, 3, 0, 0);
	check_polling(d, 5, 3, 0, 0);
	check_polling(d, 6, 0, 0, 0);
	assert_null(call(link, "Release", NULL, "{\"leaseId\":\"%s\"}", id));
	check_polling(d, 4, 0, 0, 0);
	check_polling(d, 5, 0, 0, 0);
	sd_varlink_unref(link);
}

static void test_bounds(void **state)
{
	static const char *const bad[] = {
		"\"deferHardIrqs\":101", "\"groFlushTimeoutNSec\":10000001",
		"\"irqSuspendTimeoutNSec\":100000001", "\"deferHardIrqs\":-1",
		"\"deferHardIrqs\":18446744073709551614", "\"queue\":1,\"deferHardIrqs\":1",
		"\"queue\":64,\"deferHardIrqs\":1", "\"queue\":4294967295,\"deferHardIrqs\":1",
		"\"queue\":0", "\"deferHardIrqs\":\"x\"", "\"irqAffinity\":\"\"",
		"\"irqAffinity\":\"0-\"", "\"irqAffinity\":\"3-1\"", "\"irqAffinity\":\"0 1\"",
		"\"irqAffinity\":\"all\"", "\"irqAffinity\":\"8192\"", "\"irqAffinity\":3",
	};
	struct daemon *d = *state;
	struct client c, other;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_string_equal(tune(&c, bad[i]), INVALID);
	check_polling(d, 4, 0, 0, 0);
	/* Somebody else's lease, with a handle of one's own. */
	assert_null(client_open(d, &other, CLIENT_RESERVED));
	assert_string_equal(call_fds(other.link, "Tune", &other.handle, 1, NULL,
				     LEASE "\"deferHardIrqs\":1}", c.id),
			    "org.varlink.service.PermissionDenied");
	assert_string_equal(call(c.link, "Tune", NULL, "{\"leaseId\":\"%s\",\"deferHardIrqs\":1}", c.id),
			    "org.varlink.service.PermissionDenied");
	assert_string_equal(call(c.link, "Tune", NULL, "{\"leaseId\":\"00000001\",\"deferHardIrqs\":1}"),
			    OURS("NoSuchLease"));
	check_polling(d, 4, 0, 0, 0);
	client_close(&other);
	client_close(&c);
	wait_until_clean(d);
}

static void test_policy(void **state)
{
	static const char config[] = "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
				     "policy:\n  - user: \"%u\"\n    tune: %s\n";
	struct daemon d;
	struct client c;
	char text[256];

	snprintf(text, sizeof(text), config, (unsigned)getuid(), "false");
	daemon_start(&d, text);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_string_equal(tune(&c, "\"deferHardIrqs\":1"), "org.varlink.service.PermissionDenied");
	check_polling(&d, 4, 0, 0, 0);
	client_close(&c);
	daemon_stop(&d);

	snprintf(text, sizeof(text), config, (unsigned)getuid(), "true");
	daemon_start(&d, text);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_null(tune(&c, "\"deferHardIrqs\":1"));
	client_close(&c);
	wait_until_clean(&d);
	check_polling(&d, 4, 0, 0, 0);
	daemon_stop(&d);
}

/* Of a lease that is on its way to its end nothing is set any more. */
static void test_ending_leases_are_not_tuned(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *admin = daemon_connect(d);
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_true(sd_varlink_invokebo(admin, OURS("Revoke"), SD_JSON_BUILD_PAIR_STRING("leaseId", c.id),
					SD_JSON_BUILD_PAIR_UNSIGNED("graceUSec", 3600000000)) >= 0);
	assert_true(sd_varlink_flush(admin) >= 0);
	for (int i = 0; i < 2000 && !streq(lease_state(d, c.id), "draining"); i++)
		usleep(5000);
	assert_string_equal(tune(&c, "\"deferHardIrqs\":1"), OURS("WrongState"));
	check_polling(d, 4, 0, 0, 0);
	assert_null(call_fds(c.link, "Release", &c.handle, 1, NULL, "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", c.id));
	client_close(&c);
	wait_until_clean(d);
}

static void check_affinity(struct daemon *d, unsigned queue, const char *cpus)
{
	_cleanup_(nic_state_freep) struct nic_state *n = observe(d);

	assert_string_equal(n->queues[queue].interrupt.cpus, cpus);
}

static void test_affinity(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	check_affinity(d, 4, "0-7");
	assert_null(tune(&c, "\"irqAffinity\":\"2\""));
	check_affinity(d, 4, "2");
	check_affinity(d, 5, "0-7");
	check_polling(d, 4, 0, 0, 0);
	/* What was found is not what was set before; the polling is put back beside it. */
	assert_null(tune(&c, "\"irqAffinity\":\"1,3\",\"deferHardIrqs\":2"));
	check_affinity(d, 4, "1,3");
	client_close(&c);
	wait_until_clean(d);
	check_affinity(d, 4, "0-7");
	check_polling(d, 4, 0, 0, 0);
}

/* The channels were made again: the interrupt by which the queue goes now was never moved. */
static void test_another_interrupt(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(tune(&c, "\"irqAffinity\":\"2\""));
	sim_set_interrupt(d->sim, SIM0, 4, &(struct irq_affinity){ 99, "5" });
	client_close(&c);
	wait_until_clean(d);
	check_affinity(d, 4, "5");

	/* Shared with somebody else's queue. */
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	sim_set_interrupt(d->sim, SIM0, 5, &(struct irq_affinity){ 99, "5" });
	assert_string_equal(tune(&c, "\"irqAffinity\":\"2\""), OURS("NotSupported"));
	check_affinity(d, 4, "5");
	/* CPUs that were there, and are not. */
	sim_set_interrupt(d->sim, SIM0, 5, &(struct irq_affinity){ 100, "5" });
	sim_set_interrupt(d->sim, SIM0, 4, &(struct irq_affinity){ 99, "8" });
	assert_string_equal(tune(&c, "\"irqAffinity\":\"9\""), OURS("KernelRejected"));
	assert_null(tune(&c, "\"irqAffinity\":\"2\""));
	client_close(&c);
	wait_until_clean(d);
	check_affinity(d, 4, "2");
}

/* bnxt sends the next interrupt of a ring where the last one was sent: the lease's CPUs are not left to it. */
static void test_another_interrupt_that_follows(void **state)
{
	struct daemon *d = *state;
	struct client c;

	for (int again = 0; again < 2; again++) {
		sim_set_interrupt(d->sim, SIM0, 4, &(struct irq_affinity){ 99, "0-7" });
		assert_null(client_open(d, &c, CLIENT_RESERVED));
		assert_null(tune(&c, "\"irqAffinity\":\"2\""));
		sim_set_interrupt(d->sim, SIM0, 4, &(struct irq_affinity){ 101, "2" });
		if (again)
			assert_null(tune(&c, "\"irqAffinity\":\"3\""));
		client_close(&c);
		wait_until_clean(d);
		check_affinity(d, 4, "0-7");
	}
}

/* Only onto CPUs where the client may run itself. */
static void test_affinity_policy(void **state)
{
	static const char config[] = "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
				     "policy:\n  - user: \"%u\"\n    tune: true\n    administer: %s\n";
	cpu_set_t before, one;
	struct daemon d;
	struct client c;
	char text[256], own[64], other[64];
	int cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	snprintf(own, sizeof(own), "\"irqAffinity\":\"%d\"", cpu);
	snprintf(other, sizeof(other), "\"irqAffinity\":\"%d-%d\"", cpu, cpu + 1);

	snprintf(text, sizeof(text), config, (unsigned)getuid(), "false");
	daemon_start(&d, text);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_string_equal(tune(&c, other), "org.varlink.service.PermissionDenied");
	check_affinity(&d, 4, "0-7");
	assert_null(tune(&c, own));
	client_close(&c);
	wait_until_clean(&d);
	daemon_stop(&d);

	snprintf(text, sizeof(text), config, (unsigned)getuid(), "true");
	daemon_start(&d, text);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_null(tune(&c, other));
	client_close(&c);
	wait_until_clean(&d);
	check_affinity(&d, 4, "0-7");
	daemon_stop(&d);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

#define EVERYTHING "\"deferHardIrqs\":1,\"irqAffinity\":\"2\""

/* For every N: the N-th kernel operation of a tuned lease's life fails. In the end all is as it was. */
static void test_every_failure(void **state)
{
	struct daemon *d = *state;
	unsigned before, total, refused = 0;
	struct client c;

	before = sim_operations(d->sim);
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(tune(&c, EVERYTHING));
	client_close(&c);
	wait_until_clean(d);
	total = sim_operations(d->sim) - before;
	for (unsigned n = 1; n <= total; n++) {
		const char *error;

		assert_int_equal(sim_fail_at(d->sim, n, EIO, "simulated failure"), 0);
		error = client_open(d, &c, CLIENT_RESERVED);
		if (!error)
			error = tune(&c, EVERYTHING);
		refused += error != NULL;
		client_close(&c);
		(void)sim_fail_at(d->sim, 0, 0, NULL);
		wait_until_clean(d);
		check_polling(d, 4, 0, 0, 0);
		check_affinity(d, 4, "0-7");
	}
	assert_true(refused >= 5); /* the grant, two reads, two writes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_settings_are_restored_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_former_settings_other_than_zero_are_restored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test(test_policy),
		cmocka_unit_test_setup_teardown(test_ending_leases_are_not_tuned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_affinity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_interrupt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_interrupt_that_follows, setup, teardown),
		cmocka_unit_test(test_affinity_policy),
		cmocka_unit_test_setup_teardown(test_every_failure, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
