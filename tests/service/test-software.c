/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Queues without a NIC: leased as those of a NIC are, never steered, and given back on the word of the
 * kernel that the ring is gone, for nothing can take them back.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define LEASE "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0"
#define NIC "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
#define SOFTWARE "software:\n  queues: 2\n"

static struct daemon d;
static sd_varlink *admin;

static void start(const char *config)
{
	daemon_start(&d, config);
	admin = daemon_connect(&d);
}

static int setup(void **state)
{
	start(NIC SOFTWARE);
	return 0;
}

static int teardown(void **state)
{
	admin = sd_varlink_close_unref(admin);
	daemon_stop(&d);
	return 0;
}

/* NULL, or the error. */
static const char *acquire(struct client *c, const char *more)
{
	sd_json_variant *reply, *lease;
	const char *error;

	*c = (struct client){ .link = daemon_connect(&d), .handle = -EBADF };
	c->listener = listener_new(&c->port);
	error = call(c->link, "Acquire", &reply, "{\"interface\":\"software\"%s}", more);
	if (error)
		return error;
	lease = sd_json_variant_by_key(reply, "lease");
	assert_string_equal(text_of(lease, "grant"), "software");
	assert_string_equal(text_of(lease, "interface"), "software");
	snprintf(c->id, sizeof(c->id), "%s", text_of(lease, "leaseId"));
	c->handle = sd_varlink_take_fd(c->link, 0);
	return NULL;
}

/* It is gone, and its lease is still looked for. */
static void leave(struct client *c)
{
	struct client gone = *c;

	gone.n_rings = 0; /* close_ring() does that, or nobody */
	client_close(&gone);
	c->link = NULL;
}

static void close_ring(unsigned queue)
{
	assert_int_equal(sim_ring_closed(d.sim, SOFTWARE_IFINDEX, queue), 0);
}

static void wait_until_gone(const struct client *c)
{
	for (int i = 0; i < 2000 && !streq(lease_state(&d, c->id), "gone"); i++)
		usleep(5000);
	assert_string_equal(lease_state(&d, c->id), "gone");
}

static sd_json_variant *interface(const char *name)
{
	sd_json_variant *reply, *list, *v;

	assert_null(call(admin, "Describe", &reply, "{}"));
	list = sd_json_variant_by_key(reply, "interfaces");
	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		v = sd_json_variant_by_index(list, i);
		if (streq(text_of(v, "name"), name))
			return v;
	}
	return NULL;
}

static size_t count_queues(void)
{
	return sd_json_variant_elements(sd_json_variant_by_key(interface("software"), "queues"));
}

static void test_a_software_lease_goes_through_all_states(void **state)
{
	sd_json_variant *v = interface("software"), *reply;
	struct client c;
	int fds[2];

	assert_string_equal(text_of(v, "state"), "configured");
	assert_int_equal(number_of(v, "index"), 0);
	assert_int_equal(number_of(v, "zeroCopyFirst"), 0);
	assert_int_equal(number_of(v, "zeroCopyCount"), 2);
	assert_int_equal(count_queues(), 2);

	assert_null(acquire(&c, ""));
	fds[0] = c.handle;
	fds[1] = area_new(65536);
	assert_null(call_fds(c.link, "Register", fds, 2, &reply, LEASE
			     ",\"queue\":0,\"ring\":0,\"areaFileDescriptor\":1,\"areaSize\":65536,"
			     "\"refillEntries\":16}", c.id));
	close(fds[1]);
	assert_int_equal(number_of(reply, "interfaceIndex"), 0);
	assert_int_equal(number_of(reply, "hardwareQueue"), 0);
	assert_string_equal(lease_state(&d, c.id), "bound");
	v = interface("software");
	v = sd_json_variant_by_index(sd_json_variant_by_key(v, "queues"), 0);
	assert_string_equal(text_of(v, "state"), "bound");
	assert_string_equal(text_of(v, "leaseId"), c.id);

	close_ring(0);
	assert_null(call_fds(c.link, "Release", &c.handle, 1, NULL, LEASE "}", c.id));
	assert_string_equal(lease_state(&d, c.id), "gone");
	leave(&c);
}

/* There is nothing that could be steered, spread or polled, and that is said. */
static void test_what_it_cannot(void **state)
{
	struct client c;
	int fds[2];

	assert_string_equal(acquire(&c, ",\"flows\":[{\"protocol\":\"tcp4\",\"destinationPort\":9}]"),
			    OURS("NotSupported"));
	leave(&c);
	assert_null(acquire(&c, ",\"queues\":2"));
	fds[0] = c.handle;
	fds[1] = area_new(65536);
	assert_string_equal(call_fds(c.link, "Register", fds, 2, NULL, LEASE
				     ",\"queue\":0,\"ring\":0,\"areaFileDescriptor\":1,"
				     "\"areaType\":\"dmabuf\",\"areaSize\":65536,\"refillEntries\":16}",
				     c.id), OURS("InvalidArea"));
	close(fds[1]);
	assert_null(client_register_queue(&c, 0));
	assert_null(client_register_queue(&c, 1));
	assert_string_equal(client_add_flow(&c), OURS("NotSupported"));
	assert_string_equal(call_fds(c.link, "Tune", &c.handle, 1, NULL, LEASE
				     ",\"deferHardIrqs\":2}", c.id), OURS("NotSupported"));
	assert_string_equal(call(admin, "Explain", NULL, "{\"interface\":\"software\",\"flow\":"
				 "{\"protocol\":\"tcp4\",\"destinationPort\":9}}"),
			    OURS("NotSupported"));
	assert_string_equal(lease_state(&d, c.id), "bound");
	close_ring(0);
	close_ring(1);
	leave(&c);
	wait_until_gone(&c);
}

/* A handle that is closed gives nothing back while the ring is there, however it is kept. */
static void test_a_ring_that_is_kept(void **state)
{
	struct client a, b, c;

	assert_null(acquire(&a, ""));
	assert_null(client_register(&a));
	assert_null(acquire(&b, ""));
	leave(&a);
	leave(&b);
	wait_until_gone(&b); /* it had none */
	assert_string_equal(lease_state(&d, a.id), "draining");
	assert_null(acquire(&b, ""));
	assert_string_equal(acquire(&c, ""), OURS("NoQueueAvailable"));
	leave(&c);
	assert_string_equal(lease_state(&d, a.id), "draining");
	close_ring(0);
	wait_until_gone(&a);
	assert_null(acquire(&c, ""));
	leave(&b);
	leave(&c);
	wait_until_gone(&b);
	wait_until_gone(&c);
}

/* Its client is killed, which takes a fork's ring nowhere: only the ring counts. */
static void test_revoked_by_force(void **state)
{
	struct client c;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!acquire(&c, "") && !client_register(&c) &&
		    write(ends[1], c.id, sizeof(c.id)) == sizeof(c.id))
			for (;;)
				pause();
		_exit(EXIT_FAILURE);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], c.id, sizeof(c.id)), sizeof(c.id));
	close(ends[0]);
	assert_int_equal(sd_varlink_set_relative_timeout(admin, 1000), 0);
	(void)call(admin, "Revoke", NULL, "{\"leaseId\":\"%s\",\"force\":true}", c.id);
	sd_varlink_close_unref(admin);
	admin = daemon_connect(&d);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_string_equal(lease_state(&d, c.id), "draining");
	close_ring(0);
	wait_until_gone(&c);
}

/* Who names no interface is given a NIC's queue or none; where there is no NIC, one of these. */
static void test_who_asks_for_any(void **state)
{
	struct client c[5];

	for (int i = 0; i < 4; i++)
		assert_null(client_open(&d, &c[i], CLIENT_RESERVED));
	assert_string_equal(client_open(&d, &c[4], CLIENT_RESERVED), OURS("NoQueueAvailable"));
	for (int i = 0; i < 5; i++)
		leave(&c[i]);
	wait_until_clean(&d);
	teardown(NULL);

	start(SOFTWARE);
	assert_null(client_open(&d, &c[0], CLIENT_BOUND));
	assert_null(interface("sim0"));
	close_ring(0);
	leave(&c[0]);
	wait_until_gone(&c[0]);
}

static void expect_no_changes(const char *method, const char *parameters)
{
	sd_json_variant *reply;

	assert_null(call(admin, method, &reply, "%s", parameters));
	assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(reply, "changes")), 0);
}

static void test_nothing_to_do(void **state)
{
	struct client c;

	assert_null(acquire(&c, ""));
	assert_null(client_register(&c));
	expect_no_changes("Plan", "{\"interface\":\"software\"}");
	expect_no_changes("Apply", "{\"interface\":\"software\",\"force\":true}");
	expect_no_changes("Restore", "{\"interface\":\"software\",\"force\":true}");
	assert_string_equal(lease_state(&d, c.id), "bound");
	assert_string_equal(text_of(interface("software"), "state"), "configured");
	close_ring(0);
	leave(&c);
	wait_until_gone(&c);
}

static size_t reload(const char *config)
{
	sd_json_variant *reply;

	daemon_write_config(&d, config);
	assert_null(call(admin, "Reload", &reply, "{}"));
	return sd_json_variant_elements(sd_json_variant_by_key(reply, "waiting"));
}

static void test_reload(void **state)
{
	struct client a, b, c;

	assert_int_equal(reload(NIC "software: {queues: 3}"), 0);
	assert_int_equal(count_queues(), 3);
	assert_null(acquire(&a, ",\"queues\":2"));
	assert_null(acquire(&b, ""));
	leave(&a);
	wait_until_gone(&a);

	/* Queue 2 stays its client's; nobody gets one of those that are too many. */
	assert_int_equal(reload(NIC "software: {queues: 1}"), 1);
	assert_string_equal(text_of(interface("software"), "state"), "degraded");
	assert_non_null(strstr(text_of(interface("software"), "reason"), b.id));
	assert_null(acquire(&a, ""));
	assert_string_equal(acquire(&c, ""), OURS("NoQueueAvailable"));
	leave(&c);
	daemon_write_config(&d, NIC);
	assert_string_equal(call(admin, "Reload", NULL, "{}"), OURS("WrongState"));
	leave(&b);
	wait_until_gone(&b);
	for (int i = 0; i < 2000 && count_queues() > 1; i++)
		usleep(5000);
	assert_int_equal(count_queues(), 1);
	assert_string_equal(text_of(interface("software"), "state"), "configured");
	leave(&a);
	wait_until_gone(&a);
	assert_int_equal(reload(NIC), 0);
	assert_null(interface("software"));
	assert_string_equal(acquire(&a, ""), OURS("NoSuchInterface"));
	leave(&a);
	assert_int_equal(reload(NIC SOFTWARE), 0);
	assert_int_equal(count_queues(), 2);
}

static void test_an_older_kernel(void **state)
{
	struct client c;

	teardown(NULL);
	daemon_prepare(&d, SOFTWARE);
	sim_features(d.sim)->software = false;
	daemon_run(&d);
	admin = daemon_connect(&d);
	assert_string_equal(text_of(interface("software"), "state"), "degraded");
	assert_non_null(strstr(text_of(interface("software"), "reason"), "7.1"));
	assert_string_equal(acquire(&c, ""), OURS("NotSupported"));
	leave(&c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_software_lease_goes_through_all_states),
		TEST(test_what_it_cannot),
		TEST(test_a_ring_that_is_kept),
		TEST(test_revoked_by_force),
		TEST(test_who_asks_for_any),
		TEST(test_nothing_to_do),
		TEST(test_reload),
		TEST(test_an_older_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
