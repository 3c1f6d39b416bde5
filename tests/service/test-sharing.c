/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Share: one more ring for a queue, of the same process or of another one that has the handle.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define NIC "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"

static struct daemon d;

static void start(bool control, bool added_areas, const char *config)
{
	daemon_prepare(&d, config);
	sim_features(d.sim)->control = control;
	sim_features(d.sim)->added_areas = added_areas;
	daemon_run(&d);
}

static int setup(void **state)
{
	start(true, false, NULL);
	return 0;
}

static int setup_without_exports(void **state)
{
	start(false, false, NULL);
	return 0;
}

static int setup_added_areas(void **state)
{
	start(true, true, NULL);
	return 0;
}

static int setup_software(void **state)
{
	start(true, false, NIC "software:\n  queues: 2\n");
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(&d);
	return 0;
}

static const char *share_on(sd_varlink *link, const struct client *c, int queue, sd_json_variant **ret)
{
	return call_fds(link, "Share", &c->handle, 1, ret,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":%d,\"ring\":0}", c->id, queue);
}

static const char *share(const struct client *c, sd_json_variant **ret)
{
	return share_on(c->link, c, 0, ret);
}

static void test_each_ring_has_an_id_of_its_own(void **state)
{
	sd_json_variant *reply;
	struct client c;
	uint64_t first;

	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_null(share(&c, &reply));
	first = number_of(reply, "zcrxId");
	assert_int_equal(number_of(reply, "refillMapOffset"), 0x30000000 + (first << 16));
	assert_int_equal(number_of(reply, "tailOffset"), 4);
	assert_int_equal(number_of(reply, "entriesOffset"), 64);
	assert_null(share(&c, &reply));
	assert_int_not_equal(number_of(reply, "zcrxId"), first);
	assert_string_equal(lease_state(&d, c.id), "steered");
	client_close(&c);
	wait_until_clean(&d);
}

static void test_queue_that_is_not_registered_is_refused(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_string_equal(share(&c, NULL), OURS("WrongState"));
	assert_null(client_register(&c));
	assert_string_equal(share_on(c.link, &c, 1, NULL), "org.varlink.service.InvalidParameter");
	assert_string_equal(share_on(c.link, &c, 4096, NULL), "org.varlink.service.InvalidParameter");
	assert_string_equal(call_fds(c.link, "Share", &c.handle, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":-1}",
				     c.id),
			    "org.varlink.service.InvalidParameter");
	assert_null(share(&c, NULL));
	client_close(&c);
	wait_until_clean(&d);
}

static void test_who_has_no_handle_is_refused(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	struct client c, other;

	assert_null(client_open(&d, &c, CLIENT_BOUND));
	assert_null(client_open(&d, &other, CLIENT_BOUND));
	assert_string_equal(call(link, "Share", NULL, "{\"leaseId\":\"%s\",\"queue\":0,\"ring\":0}", c.id),
			    "org.varlink.service.PermissionDenied");
	assert_string_equal(call_fds(link, "Share", &other.handle, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":0}",
				     c.id),
			    "org.varlink.service.PermissionDenied");
	client_close(&c);
	client_close(&other);
	wait_until_clean(&d);
}

static void test_kernel_without_exports_is_told(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_BOUND));
	assert_string_equal(share(&c, NULL), OURS("NotSupported"));
	client_close(&c);
	wait_until_clean(&d);
}

static void test_software_queue_cannot_be_shared(void **state)
{
	int fds[2] = { -EBADF, area_new(65536) };
	sd_varlink *link = daemon_connect(&d);
	sd_json_variant *reply;
	char id[16];

	assert_null(call(link, "Acquire", &reply, "{\"interface\":\"software\"}"));
	snprintf(id, sizeof(id), "%s", text_of(sd_json_variant_by_key(reply, "lease"), "leaseId"));
	fds[0] = sd_varlink_take_fd(link, 0);
	assert_null(call_fds(link, "Register", fds, 2, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":0,"
			     "\"areaFileDescriptor\":1,\"areaSize\":65536,\"refillEntries\":16}", id));
	assert_string_equal(call_fds(link, "Share", fds, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":0}", id),
			    OURS("NotSupported"));
	assert_int_equal(sim_ring_closed(d.sim, SOFTWARE_IFINDEX, 0), 0);
	close(fds[0]);
	close(fds[1]);
	sd_varlink_close_unref(link);
	wait_until_clean(&d);
}

static void test_rings_of_a_queue_are_bounded(void **state)
{
	struct client c;
	unsigned n = 0;

	assert_null(client_open(&d, &c, CLIENT_BOUND));
	while (n < 200 && !share(&c, NULL))
		n++;
	assert_int_equal(n, 63); /* and the first */
	assert_string_equal(share(&c, NULL), OURS("QuotaExceeded"));
	client_close(&c);
	wait_until_clean(&d);
}

/* What the kernel refuses reaches the client, and the next one works. */
static void test_refusal_of_the_kernel_leaves_nothing(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_STEERED));
	sim_fail_operation(d.sim, "register the interface queue", ENOMEM, "no memory");
	assert_string_equal(share(&c, NULL), OURS("KernelRejected"));
	sim_fail_operation(d.sim, NULL, 0, NULL);
	assert_null(share(&c, NULL));
	assert_string_equal(lease_state(&d, c.id), "steered");
	client_close(&c);
	wait_until_clean(&d);
}

/* ------------------------------------------------------------------- another process */

/* It shares, says whether it could, and waits to be killed. */
static pid_t start_sharer(const struct client *c, char *ret)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		sd_varlink *link = daemon_connect(&d);
		const char *error = share_on(link, c, 0, NULL);
		char said = !error ? 'y' : strcmp(error, OURS("QuotaExceeded")) == 0 ? 'q' : 'n';

		if (write(ends[1], &said, 1) == 1)
			pause();
		_exit(EXIT_FAILURE);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], ret, 1), 1);
	close(ends[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_lease_outlives_a_sharer_that_is_killed(void **state)
{
	struct client c;
	char said;
	pid_t pid;

	assert_null(client_open(&d, &c, CLIENT_STEERED));
	pid = start_sharer(&c, &said);
	assert_int_equal(said, 'y');
	end(pid);
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_null(share(&c, NULL));
	client_close(&c);
	wait_until_clean(&d);
}

static void test_processes_that_share_are_bounded_and_make_room(void **state)
{
	pid_t pids[16];
	struct client c;
	char said;

	assert_null(client_open(&d, &c, CLIENT_BOUND));
	for (unsigned i = 0; i < 15; i++) {
		pids[i] = start_sharer(&c, &said);
		assert_int_equal(said, 'y');
	}
	pids[15] = start_sharer(&c, &said);
	assert_int_equal(said, 'q');
	end(pids[15]);
	end(pids[3]);
	pids[3] = start_sharer(&c, &said);
	assert_int_equal(said, 'y');
	for (unsigned i = 0; i < 15; i++)
		end(pids[i]);
	client_close(&c);
	wait_until_clean(&d);
}

/* A worker of two died: the queue is on the ring of its successor, which counts as any ring of the lease does. */
static void test_queue_without_a_ring_is_taken_over_beside_others(void **state)
{
	struct client c;

	assert_null(client_open_queues(&d, &c, 2, CLIENT_STEERED));
	assert_int_equal(sim_ring_closed(d.sim, SIM0, c.rings[0]), 0);
	usleep(1300000);
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_string_equal(client_register_queue(&c, 0), OURS("WrongState"));
	assert_null(share(&c, NULL));
	assert_int_equal(sim_ring_closed(d.sim, SIM0, c.rings[1]), 0);
	usleep(1300000);
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_null(share_on(c.link, &c, 1, NULL));
	client_close(&c);
	wait_until_clean(&d);
}

/* Linux 7.3: whoever has a ring can hold up the end of the lease, and pays for it. */
static void test_sharer_that_holds_the_queue_is_killed_too(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = daemon_connect(&d);
	struct pollfd end = { .events = POLLIN };
	pid_t sharer, first;
	struct client c;
	int ends[2];
	char said;

	/* The one that registers has to be expendable, too. */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	first = fork();
	if (first == 0) {
		if (client_open(&d, &c, CLIENT_BOUND))
			_exit(EXIT_FAILURE);
		sharer = start_sharer(&c, &said);
		if (said != 'y' || write(ends[1], &sharer, sizeof(sharer)) != sizeof(sharer) ||
		    write(ends[1], c.id, sizeof(c.id)) != sizeof(c.id))
			_exit(EXIT_FAILURE);
		pause();
	}
	assert_int_equal(read(ends[0], &sharer, sizeof(sharer)), sizeof(sharer));
	assert_int_equal(read(ends[0], c.id, sizeof(c.id)), sizeof(c.id));
	close(ends[0]);
	close(ends[1]);
	end.fd = (int)syscall(SYS_pidfd_open, sharer, 0);
	assert_true(end.fd >= 0);
	sim_hold_areas(d.sim, true);
	assert_null(call(root, "Revoke", NULL, "{\"leaseId\":\"%s\",\"force\":true}", c.id));
	assert_int_equal(waitpid(first, NULL, 0), first);
	/* Its parent is dead, so that it is nobody's to wait for. */
	assert_int_equal(poll(&end, 1, 10000), 1);
	close(end.fd);
	sim_hold_areas(d.sim, false);
	wait_until_clean(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_ring_has_an_id_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue_that_is_not_registered_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_has_no_handle_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kernel_without_exports_is_told, setup_without_exports,
						teardown),
		cmocka_unit_test_setup_teardown(test_software_queue_cannot_be_shared, setup_software, teardown),
		cmocka_unit_test_setup_teardown(test_rings_of_a_queue_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusal_of_the_kernel_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lease_outlives_a_sharer_that_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_processes_that_share_are_bounded_and_make_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_queue_without_a_ring_is_taken_over_beside_others, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_sharer_that_holds_the_queue_is_killed_too, setup_added_areas,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
