/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon's own exports of its leases' ifqs are for: their devices are deleted without waiting for
 * rings that close, and not under a client that has the kernel waiting for memory (Linux 7.3).
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name

static struct daemon daemon_of_test;

static void start(bool control, bool added_areas)
{
	struct daemon *d = &daemon_of_test;

	daemon_prepare(d, NULL);
	sim_features(d->sim)->control = control;
	sim_features(d->sim)->added_areas = added_areas;
	daemon_run(d);
}

static int setup(void **state)
{
	start(true, false);
	*state = &daemon_of_test;
	return 0;
}

static int setup_without_exports(void **state)
{
	start(false, false);
	*state = &daemon_of_test;
	return 0;
}

static int setup_added_areas(void **state)
{
	start(true, true);
	*state = &daemon_of_test;
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

/* A client in a process of its own, bound, that waits there to be killed. */
static pid_t start_bound(struct daemon *d, char *ret_id)
{
	struct client c;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!client_open(d, &c, CLIENT_BOUND) &&
		    write(ends[1], c.id, sizeof(c.id)) == sizeof(c.id))
			pause();
		_exit(EXIT_FAILURE);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], ret_id, sizeof(c.id)), sizeof(c.id));
	close(ends[0]);
	return pid;
}

static unsigned operations_until_gone(struct daemon *d, const char *id, unsigned before)
{
	while (strcmp(lease_state(d, id), "gone") != 0)
		usleep(1000);
	return sim_operations(d->sim) - before;
}

/* Before its device is deleted, the ring of a client that died is looked for again and again, but not
 * for ever: here a fork keeps it. Less often that of one that lives and has let go; of one that has
 * not, nothing is expected. */
static void test_a_ring_that_closes_goes_first(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = daemon_connect(d);
	char id[sizeof(((struct client *)NULL)->id)];
	struct client c;
	unsigned before, dead, let_go, revoked;
	pid_t pid;

	pid = start_bound(d, id);
	before = sim_operations(d->sim);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	dead = operations_until_gone(d, id, before);

	assert_null(client_open(d, &c, CLIENT_BOUND));
	before = sim_operations(d->sim);
	close(c.handle);
	c.handle = -EBADF;
	let_go = operations_until_gone(d, c.id, before);
	client_close(&c);

	assert_null(client_open(d, &c, CLIENT_BOUND));
	before = sim_operations(d->sim);
	assert_null(call(root, "Revoke", NULL, "{\"leaseId\":\"%s\"}", c.id));
	revoked = operations_until_gone(d, c.id, before);
	client_close(&c);
	wait_until_clean(d);

	/* Looks at the ring, and a few others for other reasons. */
	assert_true(let_go > revoked + 3);
	assert_true(dead > let_go + 6);
}

/* The kernel does not show any more whether the ring is there, and it makes no difference. */
static void test_the_ring_makes_no_difference(void **state)
{
	struct daemon *d = *state;
	char id[sizeof(((struct client *)NULL)->id)];
	unsigned before, dead, released;
	struct nic_state *s;
	struct client c;
	pid_t pid;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_int_equal(sim_ring_closed(d->sim, SIM0, c.rings[0]), 0);
	s = observe(d);
	assert_true(s->queues[c.rings[0]].io_uring);
	nic_state_free(s);
	before = sim_operations(d->sim);
	assert_null(call_fds(c.link, "Release", &c.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", c.id));
	released = operations_until_gone(d, c.id, before);
	client_close(&c);
	wait_until_clean(d);

	pid = start_bound(d, id);
	before = sim_operations(d->sim);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	dead = operations_until_gone(d, id, before);
	wait_until_clean(d);
	assert_true(dead < released + 3);
}

static void wait_for_state(struct daemon *d, const char *id, const char *state)
{
	for (int i = 0; i < 2000 && strcmp(lease_state(d, id), state) != 0; i++)
		usleep(5000);
	assert_string_equal(lease_state(d, id), state);
}

static bool is_leased(struct daemon *d, uint32_t queue)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	return s->queues[queue].leased;
}

/* It is the second time that costs the client its life. */
static void test_memory_that_does_not_come(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = daemon_connect(d);
	char id[sizeof(((struct client *)NULL)->id)];
	struct client other;
	sd_json_variant *reply;
	siginfo_t ended = {};
	pid_t pid;

	pid = start_bound(d, id);
	sim_hold_areas(d->sim, true);
	assert_null(call(root, "Revoke", NULL, "{\"leaseId\":\"%s\"}", id));
	wait_for_state(d, id, "quarantined");
	assert_null(call(root, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", id));
	assert_true(is_leased(d, 4));
	assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
	assert_int_equal(ended.si_pid, 0);
	/* Nobody else waits. */
	assert_null(client_open(d, &other, CLIENT_STEERED));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_string_equal(lease_state(d, id), "quarantined");
	assert_true(is_leased(d, 4));
	sim_hold_areas(d->sim, false);
	wait_for_state(d, id, "gone");
	client_close(&other);
	wait_until_clean(d);
}

static void test_areas_that_come(void **state)
{
	struct daemon *d = *state;
	struct client c;

	for (unsigned n = 1; n <= 4; n++) {
		assert_null(client_open_queues(d, &c, n, CLIENT_BOUND));
		client_close(&c);
		wait_until_clean(d);
	}
}

/* A ring that is kept from the daemon after its ifq is there: who does that is not trusted with more,
 * and its device is deleted when the ring is gone. */
static void test_no_export(void **state)
{
	struct daemon *d = *state;
	struct client c;

	sim_fail_operation(d->sim, "export the interface queue", EACCES, "kept");
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_string_equal(client_register(&c), OURS("WrongState"));
	sim_fail_operation(d->sim, NULL, 0, NULL);
	wait_for_hangup(c.handle);
	usleep(300000);
	assert_string_equal(lease_state(d, c.id), "draining");
	assert_true(is_leased(d, 4));
	assert_int_equal(sim_ring_closed(d->sim, SIM0, 4), 0);
	client_close(&c);
	wait_until_clean(d);
}

/* Where nothing depends on it, the lease goes on without. */
static void test_no_export_and_no_need(void **state)
{
	struct daemon *d = *state;
	struct client c;

	sim_fail_operation(d->sim, "export the interface queue", EACCES, "kept");
	assert_null(client_open(d, &c, CLIENT_STEERED));
	sim_fail_operation(d->sim, NULL, 0, NULL);
	client_close(&c);
	wait_until_clean(d);
}

/* It cannot be asked: nothing is known, and so the ring has to go first. */
static void test_no_answer(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	sim_fail_operation(d->sim, "wait for areas", EPERM, "no ring");
	close(c.handle);
	c.handle = -EBADF;
	wait_for_state(d, c.id, "draining");
	usleep(300000);
	assert_true(is_leased(d, 4));
	assert_int_equal(sim_ring_closed(d->sim, SIM0, 4), 0);
	client_close(&c);
	wait_until_clean(d);
	sim_fail_operation(d->sim, NULL, 0, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_ring_that_closes_goes_first,
						setup_without_exports, teardown),
		cmocka_unit_test_setup_teardown(test_the_ring_makes_no_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_export_and_no_need, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_that_does_not_come, setup_added_areas,
						teardown),
		cmocka_unit_test_setup_teardown(test_areas_that_come, setup_added_areas, teardown),
		cmocka_unit_test_setup_teardown(test_no_export, setup_added_areas, teardown),
		cmocka_unit_test_setup_teardown(test_no_answer, setup_added_areas, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
