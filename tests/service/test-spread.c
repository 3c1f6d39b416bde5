/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases of several queues: flows over all of them, by an RSS context of the lease's own or dealt
 * out, never to a queue that is not bound, and nothing left at the end.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define WRONG_STATE OURS("WrongState")

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

static const char *add_value(struct client *c, unsigned port, const char *more)
{
	return call_fds(c->link, "AddFlow", &c->handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0%s,\"flow\":{"
			"\"protocol\":\"tcp4\",\"destination\":\"10.9.0.1\",\"destinationPort\":%u}}",
			c->id, more, port);
}

static const char *release(struct client *c)
{
	return call_fds(c->link, "Release", &c->handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", c->id);
}

/* UINT64_MAX if it has none. */
static uint64_t rss_context(struct daemon *d, const char *id, const char *spread)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;

	assert_null(call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", id));
	reply = sd_json_variant_by_key(reply, "lease");
	assert_string_equal(text_of(reply, "spread"), spread);
	return number_of(reply, "rssContext");
}

static char *read_record(struct daemon *d)
{
	_cleanup_fclose_ FILE *f = fopen(d->state_path, "re");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	return text;
}

static void write_record(struct daemon *d, const char *text)
{
	_cleanup_fclose_ FILE *f = fopen(d->state_path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

static size_t count_contexts(struct daemon *d)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	return s->n_contexts;
}

/* Where the rule for that port leads. */
static struct rule_target target_of(struct daemon *d, unsigned port)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].flow.destination_port == port)
			return (struct rule_target){ s->rules[i].action, s->rules[i].target };
	fail_msg("there is no rule for port %u", port);
	return (struct rule_target){};
}

static void expect_target(struct daemon *d, unsigned port, enum rule_action action, uint32_t number)
{
	struct rule_target t = target_of(d, port);

	assert_int_equal(t.action, action);
	assert_int_equal(t.number, number);
}

/* No context leads to a queue that is not bound, and no flow without one. */
static void test_context(void **state)
{
	static const uint32_t queues[] = { 4, 5, 6 };
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct nic_state *s;
	struct client c;

	assert_null(client_open_queues(d, &c, 3, CLIENT_RESERVED));
	assert_string_equal(client_add_flow(&c), WRONG_STATE);
	assert_null(client_register_queue(&c, 2));
	assert_null(client_register_queue(&c, 0));
	assert_string_equal(lease_state(d, c.id), "bound");
	assert_int_equal(count_contexts(d), 0);
	assert_string_equal(client_add_flow(&c), WRONG_STATE);
	assert_string_equal(add_value(&c, 80, ""), WRONG_STATE);
	assert_string_equal(add_value(&c, 80, ",\"queue\":1"), WRONG_STATE);
	assert_string_equal(add_value(&c, 80, ",\"queue\":3"), "org.varlink.service.InvalidParameter");
	assert_null(add_value(&c, 82, ",\"queue\":2"));
	expect_target(d, 82, RULE_TO_QUEUE, 6);
	assert_int_equal(rss_context(d, c.id, ""), UINT64_MAX);

	assert_null(client_register_queue(&c, 1));
	assert_int_equal(rss_context(d, c.id, "context"), 1);
	s = observe(d);
	assert_int_equal(s->n_contexts, 1);
	assert_non_null(nic_state_own_context(s, 1, queues, 3));
	nic_state_free(s);
	assert_null(client_add_flow(&c));
	assert_null(add_value(&c, 80, ",\"queue\":null"));
	expect_target(d, c.port, RULE_TO_CONTEXT, 1);
	expect_target(d, 80, RULE_TO_CONTEXT, 1);

	assert_null(call(c.link, "Explain", &reply,
			 "{\"flow\":{\"protocol\":\"tcp4\",\"destination\":\"10.9.0.1\","
			 "\"destinationPort\":80}}"));
	reply = sd_json_variant_by_index(sd_json_variant_by_key(reply, "targets"), 0);
	assert_int_equal(number_of(reply, "rssContext"), 1);
	assert_string_equal(text_of(reply, "leaseId"), c.id);
	assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(reply, "queues")), 3);
	assert_non_null(strstr(text_of(reply, "message"), "has the lease's RSS context 1 spread it"));

	assert_null(release(&c));
	assert_int_equal(count_contexts(d), 0);
	client_close(&c);
	wait_until_clean(d);
}

/* What comes with Acquire waits for the last queue. */
static void test_waiting_flows(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply;
	struct client c = { .daemon = d, .link = daemon_connect(d), .listener = -EBADF };

	assert_null(call(c.link, "Acquire", &reply,
			 "{\"queues\":2,\"flows\":[{\"protocol\":\"tcp4\",\"destinationPort\":7}]}"));
	reply = sd_json_variant_by_key(reply, "lease");
	snprintf(c.id, sizeof(c.id), "%s", text_of(reply, "leaseId"));
	c.handle = sd_varlink_take_fd(c.link, 0);
	assert_null(client_register_queue(&c, 1));
	assert_string_equal(lease_state(d, c.id), "bound");
	wait_for_rules(d, 0);
	assert_null(client_register_queue(&c, 0));
	wait_for_rules(d, 1);
	expect_target(d, 7, RULE_TO_CONTEXT, 1);
	client_close(&c);
	wait_until_clean(d);
}

/* root's own: its program registers by itself, so it is steered at once. */
static void test_self_registered(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply, *lease;
	char id[16];

	if (getuid() != 0)
		fail_msg("This test is root's.");
	assert_null(call(link, "Acquire", &reply,
			 "{\"queues\":2,\"persistent\":true,"
			 "\"flows\":[{\"protocol\":\"tcp4\",\"destinationPort\":7}]}"));
	lease = sd_json_variant_by_key(reply, "lease");
	assert_int_equal(number_of(lease, "rssContext"), 1);
	snprintf(id, sizeof(id), "%s", text_of(lease, "leaseId"));
	expect_target(d, 7, RULE_TO_CONTEXT, 1);
	assert_null(call(link, "Release", NULL, "{\"leaseId\":\"%s\"}", id));
	wait_until_clean(d);
}

/* Each flow goes to the queue with the fewest. */
static void test_no_contexts(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_int_equal(sim_set_contexts_max(d->sim, SIM0, 0), 0);
	assert_null(client_open_queues(d, &c, 2, CLIENT_BOUND));
	assert_int_equal(rss_context(d, c.id, "perFlow"), UINT64_MAX);
	assert_null(add_value(&c, 81, ",\"queue\":0"));
	assert_null(add_value(&c, 82, ""));
	assert_null(add_value(&c, 83, ""));
	assert_null(add_value(&c, 84, ""));
	expect_target(d, 82, RULE_TO_QUEUE, 5);
	expect_target(d, 83, RULE_TO_QUEUE, 4);
	expect_target(d, 84, RULE_TO_QUEUE, 5);
	client_close(&c);
	wait_until_clean(d);
	assert_int_equal(sim_set_contexts_max(d->sim, SIM0, 15), 0);
}

/* Somebody else's context to our queues is refused as before, also by what would be our table. */
static void test_foreign_context(void **state)
{
	static const uint32_t queues[] = { 4, 5 };
	struct daemon *d = *state;
	uint32_t context;
	struct client c;
	struct nic *nic;

	assert_null(client_open_queues(d, &c, 2, CLIENT_RESERVED));
	assert_null(client_register_queue(&c, 0));
	assert_int_equal(d->sim->ops->open(d->sim, SIM0, &nic, NULL), 0);
	assert_int_equal(nic->ops->context_create(nic, queues, 2, &context, NULL), 0);
	assert_string_equal(client_register_queue(&c, 1), OURS("FlowConflict"));
	assert_int_equal(sim_remove_context(d->sim, SIM0, context), 0);
	assert_null(client_register_queue(&c, 1));
	nic->ops->close(nic);
	client_close(&c);
	wait_until_clean(d);
}

/* Somebody's rule keeps our context: the queues are not given on while it does. */
static void test_busy_context(void **state)
{
	struct nic_rule foreign = { .location = 900, .action = RULE_TO_CONTEXT, .target = 1,
				    .understood = true,
				    .flow = { .protocol = FLOW_TCP4, .destination_port = 22 } };
	struct daemon *d = *state;
	struct nic_state *s;
	struct client c, next;

	assert_null(client_open_queues(d, &c, 4, CLIENT_STEERED));
	assert_int_equal(sim_foreign_rule(d->sim, SIM0, &foreign), 0);
	close(c.handle);
	c.handle = -EBADF;
	wait_for_rules(d, 1);
	assert_string_equal(client_open(d, &next, CLIENT_RESERVED), OURS("NoQueueAvailable"));
	client_close(&next);
	assert_string_equal(lease_state(d, c.id), "draining");
	s = observe(d);
	assert_int_equal(s->n_contexts, 1);
	nic_state_free(s);
	assert_int_equal(sim_remove_rule(d->sim, SIM0, 900), 0);
	client_close(&c);
	wait_until_clean(d);
}

/* Without waiting for the answer. */
static void begin_register(struct client *c, unsigned queue)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int area = area_new(65536);

	assert_true(sd_json_buildo(&v, SD_JSON_BUILD_PAIR_STRING("leaseId", c->id),
				   SD_JSON_BUILD_PAIR_UNSIGNED("handleFileDescriptor", 0),
				   SD_JSON_BUILD_PAIR_UNSIGNED("queue", queue),
				   SD_JSON_BUILD_PAIR_UNSIGNED("ring", 0),
				   SD_JSON_BUILD_PAIR_UNSIGNED("areaFileDescriptor", 1),
				   SD_JSON_BUILD_PAIR_UNSIGNED("areaSize", 65536),
				   SD_JSON_BUILD_PAIR_UNSIGNED("refillEntries", 16)) >= 0);
	assert_true(sd_varlink_push_dup_fd(c->link, c->handle) >= 0);
	assert_true(sd_varlink_push_dup_fd(c->link, area) >= 0);
	assert_true(sd_varlink_invoke(c->link, "io.zcrx.Manager.Register", v) >= 0);
	assert_true(sd_varlink_flush(c->link) >= 0);
	close(area);
}

/* A lease that ends at some time while its context is being made takes that along. */
static void test_ends_meanwhile(void **state)
{
	struct daemon *d = *state;

	for (unsigned delay = 0; delay <= 80; delay += 8) {
		struct client c;

		assert_null(client_open_queues(d, &c, 2, CLIENT_RESERVED));
		assert_null(client_register_queue(&c, 0));
		sim_set_delay(d->sim, 20); /* each of looking, registering, looking again, making it */
		begin_register(&c, 1);
		usleep(delay * 1000);
		client_close(&c);
		sim_set_delay(d->sim, 0);
		wait_until_clean(d);
	}
}

/* All queues count, whosever request it is. */
static void test_quotas(void **state)
{
	static const char config[] =
		"interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
		"policy:\n  - user: \"%u\"\n    max-queues: 3\n    max-area: 96K\n    flows: any\n";
	struct daemon *d = *state;
	char text[512];
	struct client c, other;

	snprintf(text, sizeof(text), config, (unsigned)getuid());
	daemon_write_config(d, text);
	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(call(c.link, "Reload", NULL, "{}"));
	assert_string_equal(client_open_queues(d, &other, 3, CLIENT_RESERVED), OURS("QuotaExceeded"));
	client_close(&other);
	assert_null(client_open_queues(d, &other, 2, CLIENT_RESERVED));
	/* Of another's lease there is nothing to be had by an index. */
	assert_string_equal(client_register_queue(&other, 2), "org.varlink.service.InvalidParameter");
	assert_null(client_register_queue(&other, 0)); /* 64K */
	assert_string_equal(client_register_queue(&other, 1), OURS("QuotaExceeded"));
	snprintf(other.id, sizeof(other.id), "%s", c.id);
	assert_string_equal(client_register_queue(&other, 0), "org.varlink.service.PermissionDenied");
	client_close(&other);
	client_close(&c);
	wait_until_clean(d);
}

/* The daemon looks at the NIC for drift after contexts came and went: until it has done so. */
static void settle(struct daemon *d)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	unsigned before;

	do {
		before = sim_operations(d->sim);
		assert_null(call(link, "Describe", NULL, "{}"));
	} while (sim_operations(d->sim) - before > 1);
}

/* The n-th operation from here on fails; its number. */
static unsigned fail_at(struct daemon *d, unsigned n)
{
	unsigned before;

	do {
		before = sim_operations(d->sim);
		assert_int_equal(sim_fail_at(d->sim, n, EIO, "simulated failure"), 0);
	} while (sim_operations(d->sim) != before);
	return before + n;
}

/* For every N: the N-th operation of the life of a lease of two queues fails. Some are looks of the watch
 * for drift, a different one each time. */
static void test_every_failure(void **state)
{
	struct daemon *d = *state;
	unsigned before = sim_operations(d->sim), total, failed;
	const char *error;
	struct client c;

	assert_null(client_open_queues(d, &c, 2, CLIENT_STEERED));
	client_close(&c);
	wait_until_clean(d);
	total = sim_operations(d->sim) - before;
	for (unsigned n = 1; n <= total; n++) {
		settle(d);
		sim_note_operation(d->sim, "create an RSS context");
		failed = fail_at(d, n);
		error = client_open_queues(d, &c, 2, CLIENT_STEERED);
		/* What is left of the failure would hit the observation instead. */
		(void)sim_fail_at(d->sim, 0, 0, NULL);
		/* Without the context it goes on, and only without. */
		if (!error)
			assert_int_equal(target_of(d, c.port).action == RULE_TO_QUEUE,
					 sim_noted(d->sim) == failed);
		client_close(&c);
		wait_until_clean(d);
	}
	assert_null(client_open_queues(d, &c, 4, CLIENT_STEERED));
	client_close(&c);
	wait_until_clean(d);
}

static int begin_anew(void **state)
{
	daemon_stop(*state);
	daemon_start(*state, NULL);
	return 0;
}

/* Whatever the kernel still lists. */
static void wait_until_over(struct daemon *d)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;

	for (int i = 0; i < 2000; i++) {
		if (!call(link, "ListLeases", &reply, "{}") && !sd_json_variant_by_key(reply, "lease"))
			return;
		usleep(5000);
	}
	fail_msg("there is still a lease");
}

/* The driver has lost it in a reset, and the kernel lists it all the same: another one is made, and the
 * flow is back. */
static void test_a_lost_context_is_made_again(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open_queues(d, &c, 2, CLIENT_BOUND));
	assert_null(add_value(&c, 80, ""));
	wait_for_rules(d, 1);
	assert_int_equal(sim_lose_contexts(d->sim, SIM0), 0);
	wait_for_rules(d, 1);
	assert_int_equal(count_contexts(d), 2);
	assert_string_equal(lease_state(d, c.id), "steered");
	assert_int_equal(rss_context(d, c.id, "context"), 2);
	assert_null(release(&c));
	client_close(&c);
	wait_until_over(d);
}

static void use_all_queues(struct daemon *d)
{
	struct client c;

	assert_null(client_open_queues(d, &c, 4, CLIENT_STEERED));
	client_close(&c);
	wait_until_over(d);
}

/* It keeps nobody from its queues, neither now nor after a restart, of which there is one more for good measure:
 * what the kernel lists is on record until it lists it no more. */
static void test_a_lost_context_is_known_after_a_restart(void **state)
{
	static const uint32_t queues[] = { 4, 5 };
	struct daemon *d = *state;

	use_all_queues(d);
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = NULL;
		struct step channels = { .op = STEP_CHANNELS };
		_cleanup_free_ char *record = NULL;
		struct nic *nic;
		uint32_t context;

		record = read_record(d);
		daemon_stop(d);
		daemon_prepare(d, NULL);
		assert_int_equal(d->sim->ops->open(d->sim, SIM0, &nic, NULL), 0);
		assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
		channels.to.channels = channels.from.channels = s->channels;
		channels.to.channels.combined = 8;
		assert_int_equal(nic->ops->apply(nic, &channels, 1, NULL), 0);
		assert_int_equal(nic->ops->context_create(nic, queues, 2, &context, NULL), 0);
		assert_int_equal(context, 1);
		nic->ops->close(nic);
		assert_int_equal(sim_lose_contexts(d->sim, SIM0), 0);
		write_record(d, record);
		daemon_run(d);
		use_all_queues(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_waiting_flows),
		cmocka_unit_test(test_self_registered),
		cmocka_unit_test(test_no_contexts),
		cmocka_unit_test(test_foreign_context),
		cmocka_unit_test(test_busy_context),
		cmocka_unit_test(test_ends_meanwhile),
		cmocka_unit_test(test_every_failure),
		cmocka_unit_test(test_quotas),
		/* The contexts stay: with a kernel of their own. */
		cmocka_unit_test_setup_teardown(test_a_lost_context_is_made_again, begin_anew, NULL),
		cmocka_unit_test(test_a_lost_context_is_known_after_a_restart),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
