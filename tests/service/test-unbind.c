/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client closes its rings and keeps its lease: the lease is reserved again, and Register works.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name

static struct daemon daemon_of_test;

static int start(void **state, bool netkit, const char *config)
{
	struct daemon *d = &daemon_of_test;

	daemon_prepare(d, config);
	sim_features(d->sim)->control = true;
	sim_features(d->sim)->queue_leasing = netkit;
	daemon_run(d);
	*state = d;
	return 0;
}

static int setup(void **state)
{
	return start(state, true, NULL);
}

static int setup_direct(void **state)
{
	return start(state, false, NULL);
}

/* Room for one area of the harness's, and not for two. */
static int setup_small(void **state)
{
	char config[256];

	snprintf(config, sizeof(config),
		 "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    max-area: 96K\n    administer: "
		 "true\n",
		 (unsigned)getuid());
	return start(state, true, config);
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void wait_for_state(struct daemon *d, const char *id, const char *state)
{
	for (int i = 0; i < 2000 && strcmp(lease_state(d, id), state) != 0; i++)
		usleep(5000);
	assert_string_equal(lease_state(d, id), state);
}

static void close_ring(struct client *c, unsigned i)
{
	assert_int_equal(sim_ring_closed(c->daemon->sim, SIM0, c->rings[i]), 0);
}

static const char *release(struct client *c)
{
	return call_fds(c->link, "Release", &c->handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}", c->id);
}

/* Its flow, as ListLeases shows it; empty if there is none. */
static const char *flow_id(struct client *c)
{
	static char text[32];
	sd_json_variant *reply, *flows;

	assert_null(call(c->link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c->id));
	flows = sd_json_variant_by_key(sd_json_variant_by_key(reply, "lease"), "flows");
	snprintf(text, sizeof(text), "%s",
		 sd_json_variant_elements(flows) == 0
			 ? ""
			 : text_of(sd_json_variant_by_index(flows, 0), "flowId"));
	return text;
}

/* ------------------------------------------------------------------------------ tests */

static void test_a_lease_without_its_ring_is_reserved(void **state)
{
	struct daemon *d = *state;
	struct nic_state *s;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	close_ring(&c, 0);
	wait_for_state(d, c.id, "reserved");
	s = observe(d);
	assert_false(s->queues[c.rings[0]].io_uring);
	nic_state_free(s);
	assert_null(client_register(&c));
	assert_string_equal(lease_state(d, c.id), "bound");
	assert_null(client_add_flow(&c));
	wait_for_rules(d, 1);
	client_close(&c);
	wait_until_clean(d);
}

/* The one who starts anew need not wait for the daemon's look. */
static void test_register_looks_itself(void **state)
{
	struct client c;
	double before;

	assert_null(client_open(*state, &c, CLIENT_STEERED));
	usleep(20000);
	close_ring(&c, 0);
	before = now();
	assert_null(client_register(&c));
	assert_true(now() - before < 0.9);
	wait_for_rules(*state, 1);
	client_close(&c);
	wait_until_clean(*state);
}

static void test_rules_are_lifted_and_come_back(void **state)
{
	struct daemon *d = *state;
	struct client c;
	char flow[32];

	assert_null(client_open(d, &c, CLIENT_STEERED));
	snprintf(flow, sizeof(flow), "%s", flow_id(&c));
	close_ring(&c, 0);
	wait_for_rules(d, 0);
	wait_for_state(d, c.id, "reserved");
	assert_string_equal(flow_id(&c), flow);
	assert_string_equal(client_add_flow(&c), OURS("WrongState"));
	assert_null(client_register(&c));
	wait_for_rules(d, 1);
	assert_string_equal(lease_state(d, c.id), "steered");
	assert_string_equal(flow_id(&c), flow);
	client_close(&c);
	wait_until_clean(d);
}

/* They come back while their connections go on; who sets the guard for others leaves it to them, too. */
static void test_lifted_flows_stay_guarded(void **state)
{
	struct daemon *d = *state;
	struct client c, other;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	close_ring(&c, 0);
	wait_for_state(d, c.id, "reserved");
	assert_null(client_open(d, &other, CLIENT_STEERED));
	assert_int_equal(sim_count_guarded(d->sim, SIM0), 2);
	client_close(&other);
	assert_null(release(&c));
	for (int i = 0; i < 1000 && sim_count_guarded(d->sim, SIM0) > 0; i++)
		usleep(5000);
	assert_int_equal(sim_count_guarded(d->sim, SIM0), 0);
	client_close(&c);
	wait_until_clean(d);
}

static void test_flows_that_are_removed_meanwhile_stay_away(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	close_ring(&c, 0);
	wait_for_state(d, c.id, "reserved");
	while (*flow_id(&c))
		assert_null(call_fds(
			c.link, "RemoveFlow", &c.handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flowId\":\"%s\"}", c.id,
			flow_id(&c)));
	assert_null(client_register(&c));
	usleep(50000);
	wait_for_rules(d, 0);
	assert_string_equal(lease_state(d, c.id), "bound");
	client_close(&c);
	wait_until_clean(d);
}

static void test_flows_of_a_socket_that_ends_meanwhile_stay_away(void **state)
{
	struct daemon *d = *state;
	struct socket_facts facts;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	close_ring(&c, 0);
	wait_for_state(d, c.id, "reserved");
	assert_int_equal(d->sim->ops->socket_facts(d->sim, c.listener, &facts, NULL), 0);
	assert_int_equal(sim_close_socket(d->sim, facts.cookie), 0);
	usleep(50000);
	assert_null(client_register(&c));
	usleep(50000);
	wait_for_rules(d, 0);
	assert_string_equal(flow_id(&c), "");
	client_close(&c);
	wait_until_clean(d);
}

/* They go through one device, which is made anew. */
static void test_all_rings_of_a_lease_have_to_be_closed(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open_queues(d, &c, 2, CLIENT_STEERED));
	close_ring(&c, 0);
	usleep(1300000);
	assert_string_equal(lease_state(d, c.id), "steered");
	assert_string_equal(client_register_queue(&c, 0), OURS("WrongState"));
	close_ring(&c, 1);
	assert_null(client_register_queue(&c, 0));
	wait_for_rules(d, 0);
	assert_null(client_register_queue(&c, 1));
	wait_for_rules(d, 1);
	assert_string_equal(lease_state(d, c.id), "steered");
	client_close(&c);
	wait_until_clean(d);
}

static void test_a_ring_that_is_open_is_refused_as_ever(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_string_equal(client_register(&c), OURS("WrongState"));
	usleep(1300000);
	assert_string_equal(lease_state(d, c.id), "steered");
	wait_for_rules(d, 1);
	client_close(&c);
	wait_until_clean(d);
}

static void test_the_last_area_does_not_count_beside_the_next(void **state)
{
	struct client c;

	assert_null(client_open(*state, &c, CLIENT_BOUND));
	close_ring(&c, 0);
	assert_null(client_register(&c));
	client_close(&c);
	wait_until_clean(*state);
}

/* At once, after a second, after two more: each time the hardware queue restarts. */
static void test_a_loop_is_slowed_down(void **state)
{
	static const double least[] = { 0, 0.9, 1.9 };
	struct client c;
	double last = now(), before;

	assert_null(client_open(*state, &c, CLIENT_BOUND));
	for (size_t i = 0; i < ARRAY_SIZE(least); i++) {
		close_ring(&c, 0);
		before = now();
		assert_null(client_register(&c));
		/* It counts from the last time, which was after the last call had begun. */
		assert_true(now() - last >= least[i]);
		assert_true(now() - before < least[i] + 20);
		last = before;
	}
	client_close(&c);
	wait_until_clean(*state);
}

/* Whoever waits for its turn hears that there is none. */
static void test_a_lease_ends_while_register_waits(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	close_ring(&c, 0);
	assert_null(client_register(&c));
	close_ring(&c, 0);
	assert_null(call_fds(
		c.link, "Renew", &c.handle, 1, NULL,
		"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"timeToLiveUSec\":300000}", c.id));
	assert_string_equal(client_register(&c), OURS("WrongState"));
	client_close(&c);
	wait_until_clean(d);
}

static int on_event(sd_varlink *link, sd_json_variant *parameters, const char *error,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	const char *event =
		text_of(sd_json_variant_by_key(parameters, "event") ?: parameters, "event");

	if (event && streq(event, "unbound"))
		*(bool *)userdata = true;
	return 0;
}

static void test_watchers_are_told(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *watching = daemon_connect(d);
	struct client c;
	bool told = false;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_int_equal(sd_varlink_bind_reply(watching, on_event), 0);
	sd_varlink_set_userdata(watching, &told);
	assert_true(sd_varlink_observebo(watching, OURS("Watch"),
					 SD_JSON_BUILD_PAIR_STRING("leaseId", c.id)) >= 0);
	close_ring(&c, 0);
	for (double until = now() + 5; !told && now() < until;) {
		assert_true(sd_varlink_process(watching) >= 0);
		(void)sd_varlink_wait(watching, 50000);
	}
	assert_true(told);
	client_close(&c);
	wait_until_clean(d);
}

/* Whatever the kernel refuses in the middle: the lease is good, or it ends, and nothing stays
 * behind. */
static void test_each_failure_in_turn(void **state)
{
	struct daemon *d = *state;

	for (unsigned n = 1; n < 40; n++) {
		struct client c;
		unsigned before = sim_failures(d->sim);
		const char *error;
		bool through;

		assert_null(client_open(d, &c, CLIENT_STEERED));
		close_ring(&c, 0);
		assert_int_equal(sim_fail_at(d->sim, n, EIO, "not now"), 0);
		error = client_register(&c);
		through = sim_failures(d->sim) == before;
		assert_int_equal(sim_fail_at(d->sim, 0, 0, NULL), 0);
		if (error && strcmp(lease_state(d, c.id), "gone") != 0)
			(void)release(&c);
		client_close(&c);
		wait_until_clean(d);
		if (!error && through)
			return;
	}
	fail_msg("something fails for ever");
}

int main(void)
{
#define BOTH(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, setup, teardown),                                    \
		cmocka_unit_test_setup_teardown(name, setup_direct, teardown)
	const struct CMUnitTest tests[] = {
		BOTH(test_a_lease_without_its_ring_is_reserved),
		BOTH(test_register_looks_itself),
		BOTH(test_rules_are_lifted_and_come_back),
		cmocka_unit_test_setup_teardown(test_lifted_flows_stay_guarded, setup, teardown),
		BOTH(test_flows_that_are_removed_meanwhile_stay_away),
		BOTH(test_flows_of_a_socket_that_ends_meanwhile_stay_away),
		BOTH(test_all_rings_of_a_lease_have_to_be_closed),
		BOTH(test_a_ring_that_is_open_is_refused_as_ever),
		cmocka_unit_test_setup_teardown(test_the_last_area_does_not_count_beside_the_next,
						setup_small, teardown),
		BOTH(test_a_loop_is_slowed_down),
		BOTH(test_a_lease_ends_while_register_waits),
		BOTH(test_watchers_are_told),
		BOTH(test_each_failure_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
