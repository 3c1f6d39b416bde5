/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What protects payload comes first: in the queue of an interface's worker, and on the loop. Time is not
 * measured: what counts is how much was done before.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define FOR_EVER   3600000 /* until sim_set_delay says otherwise */
#define FLOOD	   200
#define FEW	   (FLOOD / 10) /* operations */

static void begin(sd_varlink *link, const char *method, const char *parameters)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

	assert_true(sd_json_parse(parameters, 0, &v, NULL, NULL) >= 0);
	assert_true(sd_varlink_invoke(link, method, v) >= 0);
	do
		assert_true(sd_varlink_get_events(link) >= 0);
	while (sd_varlink_process(link) > 0); /* sends it */
	assert_false(sd_varlink_get_events(link) & POLLOUT);
}

static void finish(sd_varlink *link)
{
	while (sd_varlink_is_idle(link) == 0) {
		assert_true(sd_varlink_process(link) >= 0);
		(void)sd_varlink_wait(link, 10000);
	}
}

/* All of them are with the daemon: the loop has had turns since, and clients are served in the order in
 * which they spoke. */
static void wait_until_read(struct daemon *d)
{
	for (unsigned i = 0; i < 20; i++) {
		_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);

		assert_null(call(link, "ListLeases", NULL, "{}"));
		usleep(10000);
	}
}

/* Of those who may look, nobody keeps a rule in its place. */
static void test_removal_before_read_only_calls(void **state)
{
	static const char *const methods[] = { OURS("Plan"), OURS("Describe"), OURS("Explain") };
	static const char *const parameters[] = {
		"{\"interface\":\"sim0\"}", "{}",
		"{\"interface\":\"sim0\",\"flow\":{\"protocol\":\"tcp4\",\"destinationPort\":80}}"
	};
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *first = NULL;
	sd_varlink *links[FLOOD];
	struct client c;
	struct daemon d;
	unsigned before;

	daemon_start(&d, NULL);
	first = daemon_connect(&d);
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	sim_note_operation(d.sim, "delete ntuple rule");
	sim_set_delay(d.sim, FOR_EVER);
	begin(first, methods[0], parameters[0]); /* is under way */
	for (unsigned i = 0; i < FLOOD; i++) {
		links[i] = daemon_connect(&d);
		begin(links[i], methods[i % 3], parameters[i % 3]);
	}
	wait_until_read(&d);
	before = sim_operations(d.sim);
	close(c.handle);
	c.handle = -EBADF;
	while (!streq(lease_state(&d, c.id), "draining"))
		usleep(1000);
	sim_set_delay(d.sim, 0);
	while (sim_noted(d.sim) == 0)
		usleep(1000);
	/* What was under way, and the looks of a second or two on a slow machine: not the flood. */
	assert_in_range(sim_noted(d.sim), before + 1, before + FEW);
	/* And all who looked are told of one look. */
	for (unsigned i = 0; i < FLOOD; i++) {
		finish(links[i]);
		sd_varlink_close_unref(links[i]);
	}
	assert_true(sim_operations(d.sim) - before < FLOOD / 4);
	client_close(&c);
	wait_until_clean(&d);
	daemon_stop(&d);
}

/* A lease that ends has operations that wait: its rules are not kept by them. */
static void test_removal_before_own_operations(void **state)
{
	sd_varlink *links[FLOOD / 4], *looker;
	struct client c;
	struct daemon d;
	unsigned before;
	char text[256];

	daemon_start(&d, NULL);
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_null(call_fds(c.link, "AddFlow", &c.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":{\"protocol\":\"tcp4\","
			     "\"destination\":\"10.9.0.1\",\"destinationPort\":8999}}", c.id));
	sim_note_operation(d.sim, "delete ntuple rule");
	sim_set_delay(d.sim, FOR_EVER);
	looker = daemon_connect(&d);
	begin(looker, OURS("Plan"), "{\"interface\":\"sim0\"}");
	for (unsigned i = 0; i < ARRAY_SIZE(links); i++) {
		links[i] = daemon_connect(&d);
		assert_true(sd_varlink_push_dup_fd(links[i], c.handle) >= 0);
		snprintf(text, sizeof(text),
			 "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":{\"protocol\":\"tcp4\","
			 "\"destination\":\"10.9.0.1\",\"destinationPort\":%u}}", c.id, 9000 + i);
		begin(links[i], OURS("AddFlow"), text);
	}
	wait_until_read(&d);
	before = sim_operations(d.sim);
	begin(c.link, OURS("Revoke"), (snprintf(text, sizeof(text), "{\"leaseId\":\"%s\"}", c.id), text));
	while (!streq(lease_state(&d, c.id), "draining"))
		usleep(1000);
	sim_set_delay(d.sim, 0);
	while (sim_noted(d.sim) == 0)
		usleep(1000);
	assert_in_range(sim_noted(d.sim), before + 1, before + FEW);
	for (unsigned i = 0; i < ARRAY_SIZE(links); i++) {
		finish(links[i]);
		sd_varlink_close_unref(links[i]);
	}
	sd_varlink_close_unref(looker);
	client_close(&c);
	wait_until_clean(&d);
	daemon_stop(&d);
}

static unsigned n_steered; /* replies that show the lease as if nothing had happened */

static int on_lease(sd_varlink *link, sd_json_variant *parameters, const char *error,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	n_steered += streq(text_of(sd_json_variant_by_key(parameters, "lease"), "state"), "steered");
	return 0;
}

/* What protects payload does not wait for calls, however many there are. */
static void test_protection_before_calls(void **state)
{
	sd_varlink *links[FLOOD];
	struct client c;
	struct daemon d;

	daemon_start(&d, NULL);
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	for (unsigned i = 0; i < FLOOD; i++)
		links[i] = daemon_connect(&d);
	wait_until_read(&d);
	daemon_hold();
	for (unsigned i = 0; i < FLOOD; i++) {
		assert_true(sd_varlink_bind_reply(links[i], on_lease) >= 0);
		begin(links[i], OURS("ListLeases"), "{}");
	}
	n_steered = 0;
	close(c.handle);
	c.handle = -EBADF;
	daemon_go_on();
	for (unsigned i = 0; i < FLOOD; i++) {
		finish(links[i]);
		sd_varlink_close_unref(links[i]);
	}
	assert_int_equal(n_steered, 0);
	client_close(&c);
	wait_until_clean(&d);
	daemon_stop(&d);
}

static atomic_uint n_asked; /* by the daemon's loop, whether there is something to be written on a link */

int __real_sd_varlink_get_events(sd_varlink *link);
int __wrap_sd_varlink_get_events(sd_varlink *link);
int __wrap_sd_varlink_get_events(sd_varlink *link)
{
	n_asked += gettid() != getpid();
	return __real_sd_varlink_get_events(link);
}

/* They have their turns one by one: what each costs does not grow with how many wait. */
static void test_replies_that_wait_cost_others_nothing(void **state)
{
	char text[64];
	sd_varlink *links[FLOOD];
	struct client c;
	struct daemon d;

	daemon_start(&d, NULL);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	for (unsigned i = 0; i < FLOOD; i++)
		links[i] = daemon_connect(&d);
	sim_set_delay(d.sim, FOR_EVER);
	snprintf(text, sizeof(text), "{\"leaseId\":\"%s\"}", c.id);
	for (unsigned i = 0; i < FLOOD; i++)
		begin(links[i], OURS("Revoke"), text);
	wait_until_read(&d);
	n_asked = 0;
	sim_set_delay(d.sim, 0); /* the lease ends, and all of them are answered */
	for (unsigned i = 0; i < FLOOD; i++) {
		finish(links[i]);
		sd_varlink_close_unref(links[i]);
	}
	assert_true(n_asked < FLOOD * FEW);
	client_close(&c);
	wait_until_clean(&d);
	daemon_stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_removal_before_read_only_calls),
		cmocka_unit_test(test_removal_before_own_operations),
		cmocka_unit_test(test_protection_before_calls),
		cmocka_unit_test(test_replies_that_wait_cost_others_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
