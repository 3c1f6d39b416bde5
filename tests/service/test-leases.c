/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases through the real service on the simulated machine: what a client may do, what it gets, and
 * that nothing is left when it ends, however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <time.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define DENIED "org.varlink.service.PermissionDenied"

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

static void test_a_lease_goes_through_all_states(void **state)
{
	struct daemon *d = *state;
	struct nic_state *s;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_string_equal(lease_state(d, c.id), "reserved");
	assert_null(client_register(&c));
	assert_string_equal(lease_state(d, c.id), "bound");
	assert_null(client_add_flow(&c));
	assert_string_equal(lease_state(d, c.id), "steered");

	s = observe(d);
	assert_int_equal(s->n_rules, 1);
	assert_int_equal(s->rules[0].target, 4);
	assert_int_equal(s->rules[0].flow.destination_port, c.port);
	assert_true(s->queues[4].io_uring && s->queues[4].leased);
	nic_state_free(s);

	assert_null(call_fds(c.link, "Release", &c.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", c.id));
	/* Answered only when it is over. */
	assert_string_equal(lease_state(d, c.id), "gone");
	wait_for_hangup(c.handle);
	client_close(&c);
	wait_until_clean(d);
}

static void test_last_close_ends_it(void **state)
{
	struct daemon *d = *state;

	for (int s = CLIENT_RESERVED; s <= CLIENT_STEERED; s++) {
		struct client c;
		int copy;

		assert_null(client_open(d, &c, s));
		copy = fcntl(c.handle, F_DUPFD_CLOEXEC, 3);
		close(c.handle);
		c.handle = -EBADF;
		/* The connection may go, and one copy of two. */
		sd_varlink_close_unref(c.link);
		c.link = NULL;
		usleep(50000);
		assert_string_not_equal(lease_state(d, c.id), "gone");
		assert_string_not_equal(lease_state(d, c.id), "draining");
		close(copy);
		wait_until_clean(d);
		client_close(&c);
	}
}

static void test_calls_have_an_order(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_string_equal(client_add_flow(&c), OURS("WrongState"));
	assert_null(client_register(&c));
	assert_string_equal(client_register(&c), OURS("WrongState"));
	client_close(&c);
	wait_until_clean(d);
}

static void test_all_queues(void **state)
{
	struct daemon *d = *state;
	struct client c[5];

	for (int i = 0; i < 4; i++)
		assert_null(client_open(d, &c[i], CLIENT_RESERVED));
	assert_string_equal(client_open(d, &c[4], CLIENT_RESERVED), OURS("NoQueueAvailable"));
	for (int i = 0; i < 5; i++)
		client_close(&c[i]);
	wait_until_clean(d);
}

static void test_handle_is_authority(void **state)
{
	struct daemon *d = *state;
	struct client a, b;
	int pipes[2];

	assert_null(client_open(d, &a, CLIENT_BOUND));
	assert_null(client_open(d, &b, CLIENT_BOUND));
	/* Without a handle, with another lease's, with something else, with none at that index. */
	assert_string_equal(call(b.link, "Release", NULL, "{\"leaseId\":\"%s\"}", a.id), DENIED);
	assert_string_equal(call_fds(b.link, "Release", &b.handle, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", a.id), DENIED);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_string_equal(call_fds(b.link, "Release", pipes, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", a.id), DENIED);
	assert_string_equal(call_fds(b.link, "Release", &b.handle, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":1}", a.id),
			    "org.varlink.service.InvalidParameter");
	assert_string_equal(lease_state(d, a.id), "bound");
	/* Whoever has the handle may. */
	assert_null(call_fds(b.link, "Release", &a.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", a.id));
	close(pipes[0]);
	close(pipes[1]);
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
}

static void test_hot_unplug(void **state)
{
	struct daemon *d = *state;
	struct nic_state *s = observe(d);
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(sim_unplug(d->sim, SIM0), 0);
	wait_for_hangup(c.handle);
	for (int i = 0; i < 1000 && !streq(lease_state(d, c.id), "gone"); i++)
		usleep(5000);
	assert_string_equal(lease_state(d, c.id), "gone");
	client_close(&c);
	/* It comes back, as it was before it was configured or not: leases are granted again. */
	assert_int_equal(sim_add_nic(d->sim, s, NULL, NULL), 0);
	nic_state_free(s);
	for (int i = 0; i < 1000; i++) {
		const char *error = client_open(d, &c, CLIENT_BOUND);

		client_close(&c);
		if (!error)
			break;
		assert_true(i < 999);
		usleep(10000);
	}
	wait_until_clean(d);
}

/* Somebody outside binds a free queue: it is withheld, another is leased; clean again, it returns. */
static void test_foreign_queue(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply, *queue;
	struct client c;

	assert_int_equal(sim_set_bound(d->sim, SIM0, 4, true), 0);
	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_null(call(link, "Describe", &reply, "{}"));
	reply = sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
	queue = sd_json_variant_by_index(sd_json_variant_by_key(reply, "queues"), 4);
	assert_string_equal(text_of(queue, "state"), "quarantined");
	assert_string_equal(text_of(queue, "reason"),
			    "the kernel shows it in use by an io_uring: some process keeps the ring open");
	queue = sd_json_variant_by_index(sd_json_variant_by_key(reply, "queues"), 5);
	assert_string_equal(text_of(queue, "leaseId"), c.id);
	client_close(&c);

	assert_int_equal(sim_set_bound(d->sim, SIM0, 4, false), 0);
	wait_until_clean(d);
	assert_null(call(link, "Describe", &reply, "{}"));
	reply = sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
	queue = sd_json_variant_by_index(sd_json_variant_by_key(reply, "queues"), 4);
	assert_string_equal(text_of(queue, "state"), "free");
}

static void expect_queue(struct daemon *d, unsigned index, const char *state, const char *reason)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply, *queue;

	assert_null(call(link, "Describe", &reply, "{}"));
	reply = sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
	queue = sd_json_variant_by_index(sd_json_variant_by_key(reply, "queues"), index);
	assert_string_equal(text_of(queue, "state"), state);
	assert_string_equal(text_of(queue, "reason"), reason);
}

/* What Register would refuse is neither shown as free nor granted; what is clean is. Nobody has told. */
static void test_leaking_queues_are_not_leased(void **state)
{
	const struct nic_rule rule = { .location = 900, .action = RULE_TO_QUEUE, .target = 5 };
	struct daemon *d = *state;
	struct client c, other;

	assert_int_equal(sim_foreign_context(d->sim, SIM0, 1, 4), 0);
	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &rule), 0);
	assert_null(client_open_queues(d, &c, 2, CLIENT_BOUND));
	assert_int_equal(c.rings[0], 6);
	assert_int_equal(c.rings[1], 7);
	expect_queue(d, 3, "", ""); /* ordinary */
	expect_queue(d, 4, "quarantined", "RSS context 1 of sim0, which is not zcrxd's, leads to queue 4; narrow "
		     "it, or remove it with: ethtool -X sim0 context 1 delete");
	expect_queue(d, 5, "quarantined", "Rule 900 of sim0, which is not zcrxd's, leads to queue 5; remove it "
		     "with: ethtool -N sim0 delete 900");
	assert_string_equal(client_open(d, &other, CLIENT_RESERVED), OURS("NoQueueAvailable"));
	client_close(&other);
	assert_int_equal(sim_remove_context(d->sim, SIM0, 1), 0);
	expect_queue(d, 4, "free", "");
	assert_null(client_open(d, &other, CLIENT_BOUND));
	assert_int_equal(other.rings[0], 4);
	client_close(&other);
	client_close(&c);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 900), 0);
	expect_queue(d, 5, "free", "");
	wait_until_clean(d);
}

/* A way of others to the queue is refused before the ifq, and named. */
static void test_a_leak_refuses_register(void **state)
{
	const struct nic_rule rule = { .location = 900, .action = RULE_TO_QUEUE, .target = 4,
				       .understood = true,
				       .flow = { .protocol = FLOW_TCP4, .destination_port = 22 } };
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &rule), 0);
	assert_string_equal(client_register(&c), OURS("FlowConflict"));
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 900), 0);
	assert_null(client_register(&c));
	client_close(&c);
	wait_until_clean(d);
}

static void test_time_to_live(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	_cleanup_close_ int handle = -EBADF;

	assert_null(call(link, "Acquire", NULL, "{\"timeToLiveUSec\":100000}"));
	handle = sd_varlink_take_fd(link, 0);
	wait_for_hangup(handle);
	wait_until_clean(d);
}

static void test_persistent(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	_cleanup_close_ int handle = -EBADF;
	sd_json_variant *reply;
	char id[16];

	assert_null(call(link, "Acquire", &reply, "{\"persistent\":true,\"name\":\"kept\"}"));
	reply = sd_json_variant_by_key(reply, "lease");
	snprintf(id, sizeof(id), "%s", text_of(reply, "leaseId"));
	assert_string_equal(text_of(reply, "name"), "kept");
	assert_null(call(link, "Open", NULL, "{\"leaseId\":\"%s\"}", id));
	handle = sd_varlink_take_fd(link, 0);
	assert_true(handle >= 0);
	close(TAKE_FD(handle));
	usleep(50000);
	assert_string_equal(lease_state(d, id), "reserved");
	assert_null(call(link, "Renew", NULL, "{\"leaseId\":\"%s\",\"timeToLiveUSec\":50000}", id));
	wait_until_clean(d);
}

/* On the handle, so far. */
static void said(const struct client *c, char *ret, size_t size)
{
	ssize_t n = recv(c->handle, ret, size - 1, MSG_PEEK | MSG_DONTWAIT);

	ret[n > 0 ? n : 0] = '\0';
}

/* Rules first; then the client has its grace, of which it hears, and can end it; then the handle reports the end, and
 * all that was said on it is one object. */
static void test_revoke_with_grace(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *all = NULL;
	char text[1024], *end = NULL;
	struct timespec now;
	uint64_t deadline;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_true(sd_varlink_invokebo(link, "io.zcrx.Manager.Revoke",
					SD_JSON_BUILD_PAIR_STRING("leaseId", c.id),
					SD_JSON_BUILD_PAIR_UNSIGNED("graceUSec", 3600 * 1000000ULL)) >= 0);
	assert_true(sd_varlink_flush(link) >= 0);
	wait_for_rules(d, 0);
	assert_string_equal(lease_state(d, c.id), "draining");
	said(&c, text, sizeof(text));
	assert_memory_equal(text, "{\"deadlineUSec\":", 16);
	deadline = strtoull(text + 16, &end, 10);
	assert_string_equal(end, "");
	clock_gettime(CLOCK_REALTIME, &now);
	assert_true(deadline / 1000000 > (uint64_t)now.tv_sec + 3590 && deadline / 1000000 <= (uint64_t)now.tv_sec + 3600);
	assert_string_equal(client_add_flow(&c), OURS("WrongState"));
	usleep(100000);
	assert_string_equal(lease_state(d, c.id), "draining");
	assert_null(call_fds(c.link, "Release", &c.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", c.id));
	wait_for_hangup(c.handle);
	said(&c, text, sizeof(text));
	assert_int_equal(sd_json_parse(text, 0, &all, NULL, NULL), 0);
	assert_string_equal(text_of(all, "end"), "revoke");
	assert_true(number_of(all, "deadlineUSec") == deadline);
	client_close(&c);
	wait_until_clean(d);
}

static void test_revoke_again_with_less_grace(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d),
						      *other = daemon_connect(d);
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *all = NULL;
	char text[1024], *later;
	uint64_t first;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_true(sd_varlink_invokebo(link, "io.zcrx.Manager.Revoke",
					SD_JSON_BUILD_PAIR_STRING("leaseId", c.id),
					SD_JSON_BUILD_PAIR_UNSIGNED("graceUSec", 3600 * 1000000ULL)) >= 0);
	assert_true(sd_varlink_flush(link) >= 0);
	for (int i = 0; i < 1000 && !streq(lease_state(d, c.id), "draining"); i++)
		usleep(5000);
	said(&c, text, sizeof(text));
	first = strtoull(text + 16, NULL, 10);
	assert_null(call(other, "Revoke", NULL, "{\"leaseId\":\"%s\",\"graceUSec\":1000}", c.id));
	assert_string_equal(lease_state(d, c.id), "gone");
	wait_for_hangup(c.handle);
	said(&c, text, sizeof(text));
	later = strstr(text, ",\"deadlineUSec\":");
	assert_non_null(later);
	assert_true(strtoull(later + 16, NULL, 10) < first);
	assert_int_equal(sd_json_parse(text, 0, &all, NULL, NULL), 0);
	assert_string_equal(text_of(all, "end"), "revoke");
	client_close(&c);
	wait_until_clean(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lease_goes_through_all_states),
		cmocka_unit_test(test_last_close_ends_it),
		cmocka_unit_test(test_calls_have_an_order),
		cmocka_unit_test(test_all_queues),
		cmocka_unit_test(test_handle_is_authority),
		cmocka_unit_test(test_foreign_queue),
		cmocka_unit_test(test_leaking_queues_are_not_leased),
		cmocka_unit_test(test_a_leak_refuses_register),
		cmocka_unit_test(test_time_to_live),
		cmocka_unit_test(test_persistent),
		cmocka_unit_test(test_revoke_with_grace),
		cmocka_unit_test(test_revoke_again_with_less_grace),
		cmocka_unit_test(test_hot_unplug),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
