/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces that come, go, come back, are renamed, moved and changed under the daemon's eyes, with
 * leases held and without; and which entry of the configuration has which of them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "harness.h"
#include "lease.h"
#include "state-file.h"

#define OURS(name) "io.zcrx.Manager." name
#define SIM1 3
#define MAC0 "02:00:00:00:00:01"
#define MAC1 "02:00:00:00:00:02"

static struct daemon d;

static void start(const char *interfaces)
{
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&text, "interfaces:\n%spolicy:\n  - user: \"%u\"\n    flows: any\n"
				    "    administer: true\n", interfaces, (unsigned)getuid()) > 0);
	daemon_start(&d, text);
}

#define ENTRY(match) "  - " match "\n    channels: 8\n    zero-copy-queues: 4\n"

static int stop(void **state)
{
	(void)state;
	daemon_stop(&d);
	return 0;
}

static void add_nic(unsigned ifindex, const char *name, const char *mac, const char *path)
{
	static const struct local_address loopback = { .protocol = FLOW_TCP4,
						       .bytes = { 127, 0, 0, 1 } };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	assert_int_equal(sim_nic_state_new(ifindex, name, "simulated", 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(d.sim, s, mac, path), 0);
	assert_int_equal(sim_set_addresses(d.sim, ifindex, &loopback, 1), 0);
}

/* "STATE" of the interface with this name; "none" if it is not listed. */
static const char *state_of(const char *name, char *ret_reason, size_t size)
{
	static char text[32];
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	sd_json_variant *reply, *all;

	assert_null(call(link, "Describe", &reply, "{}"));
	all = sd_json_variant_by_key(reply, "interfaces");
	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		sd_json_variant *v = sd_json_variant_by_index(all, i);

		if (!streq(text_of(v, "name"), name))
			continue;
		snprintf(text, sizeof(text), "%s", text_of(v, "state"));
		if (ret_reason)
			snprintf(ret_reason, size, "%s", text_of(v, "reason"));
		return text;
	}
	return "none";
}

static void await(const char *name, const char *state)
{
	for (int i = 0; i < 2000; i++) {
		if (streq(state_of(name, NULL, 0), state))
			return;
		usleep(5000);
	}
	fail_msg("%s is %s, never %s", name, state_of(name, NULL, 0), state);
}

static void await_lease(const struct client *c, const char *state)
{
	for (int i = 0; i < 2000; i++) {
		if (streq(lease_state(&d, c->id), state))
			return;
		usleep(5000);
	}
	fail_msg("lease %s is %s, never %s", c->id, lease_state(&d, c->id), state);
}

static void assert_interface_of(const struct client *c, const char *name)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	sd_json_variant *reply;

	assert_null(call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c->id));
	assert_string_equal(text_of(sd_json_variant_by_key(reply, "lease"), "interface"), name);
}

/* A lease of a named interface, or the error. */
static const char *acquire(const char *interface)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	static char error[64];
	const char *e;

	e = call(link, "Acquire", NULL, "{\"interface\":\"%s\"}", interface);
	if (!e)
		close(sd_varlink_take_fd(link, 0));
	snprintf(error, sizeof(error), "%s", e ?: "");
	return e ? error : NULL;
}

/* ------------------------------------------------------------------------ coming, going */

static void test_appears_later(void **state)
{
	(void)state;
	start(ENTRY("name: sim1"));
	assert_string_equal(state_of("sim1", NULL, 0), "missing");
	assert_string_equal(acquire("sim1"), OURS("NotSupported"));
	add_nic(SIM1, "sim1", MAC1, NULL);
	await("sim1", "configured");
	assert_null(acquire("sim1"));
	wait_until_clean(&d);
}

/* It goes with a lease in each state; handles hang up, and the next one is as good as the first. */
static void test_goes_and_returns(void **state)
{
	(void)state;
	start(ENTRY("name: sim0"));
	for (int s = CLIENT_RESERVED; s <= CLIENT_STEERED; s++) {
		unsigned ifindex = SIM0 + 10 + (unsigned)s;
		struct client c;
		char text[256];
		ssize_t n;

		await("sim0", "configured");
		assert_null(client_open(&d, &c, s));
		assert_int_equal(sim_unplug(d.sim, s == CLIENT_RESERVED ? SIM0 : ifindex - 1), 0);
		wait_for_hangup(c.handle);
		/* What the library reads off it. */
		n = recv(c.handle, text, sizeof(text) - 1, 0);
		assert_true(n > 0);
		text[n] = '\0';
		assert_string_equal(text, "{\"end\":\"interface-gone\","
					  "\"reason\":\"the interface is gone\"}");
		await_lease(&c, "gone");
		await("sim0", "missing");
		client_close(&c);
		add_nic(ifindex, "sim0", MAC0, NULL);
	}
	await("sim0", "configured");
	assert_null(acquire("sim0"));
}

/* Under its old index, while the leases of the one that went are still being ended. */
static void test_back_before_the_leases_are_over(void **state)
{
	struct client c[2];

	(void)state;
	start(ENTRY("name: sim0"));
	for (int i = 0; i < 2; i++)
		assert_null(client_open(&d, &c[i], CLIENT_STEERED));
	sim_set_delay(d.sim, 100);
	assert_int_equal(sim_unplug(d.sim, SIM0), 0);
	add_nic(SIM0, "sim0", MAC0, NULL);
	for (int i = 0; i < 2; i++) {
		wait_for_hangup(c[i].handle);
		await_lease(&c[i], "gone");
		client_close(&c[i]);
	}
	sim_set_delay(d.sim, 0);
	await("sim0", "configured");
	assert_null(acquire("sim0"));
	wait_until_clean(&d);
}

/* ... while its worker is at something: nothing that was under way counts for the new one. */
static void test_gone_in_the_middle(void **state)
{
	static const char *const methods[] = { "Acquire", "Apply", "Plan" };

	(void)state;
	start(ENTRY("name: sim0"));
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
		_cleanup_free_ char *name = NULL;

		await("sim0", "configured");
		sim_set_delay(d.sim, 50);
		assert_true(asprintf(&name, OURS("%s"), methods[i]) > 0);
		assert_true(sd_varlink_invokebo(link, name,
						SD_JSON_BUILD_PAIR_STRING("interface", "sim0")) >= 0);
		assert_true(sd_varlink_flush(link) >= 0);
		usleep(25000);
		assert_int_equal(sim_unplug(d.sim, SIM0), 0);
		add_nic(SIM0, "sim0", MAC0, NULL);
		/* Whatever the answer is, there is one. */
		for (int k = 0; k < 1000 && sd_varlink_is_idle(link) == 0; k++) {
			assert_true(sd_varlink_process(link) >= 0);
			(void)sd_varlink_wait(link, 10000);
		}
		assert_true(sd_varlink_is_idle(link) > 0);
		sim_set_delay(d.sim, 0);
		await("sim0", "configured");
	}
	assert_null(acquire("sim0"));
	wait_until_clean(&d);
}

/* ----------------------------------------------------------------------------- renaming */

/* Found by name: the entry has no interface now. Its leases are not harmed, and no more are made. */
static void test_renamed_by_name(void **state)
{
	char reason[256];
	struct client c;

	(void)state;
	start(ENTRY("name: sim0"));
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_int_equal(sim_rename(d.sim, SIM0, "wan0"), 0);
	await("sim0", "missing");
	assert_string_equal(state_of("wan0", reason, sizeof(reason)), "degraded");
	assert_non_null(strstr(reason, "renamed"));
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_interface_of(&c, "wan0");
	wait_for_rules(&d, 1);
	assert_string_equal(acquire("wan0"), OURS("NotSupported"));
	assert_string_equal(acquire("sim0"), OURS("NotSupported"));
	client_close(&c);
	wait_until_clean(&d);
	await("wan0", "none");

	/* Another one takes the name, and the entry; then the first gets it back. */
	add_nic(SIM1, "sim0", MAC1, NULL);
	await("sim0", "configured");
	assert_null(acquire("sim0"));
	assert_int_equal(sim_unplug(d.sim, SIM1), 0);
	await("sim0", "missing");
	assert_int_equal(sim_rename(d.sim, SIM0, "sim0"), 0);
	await("sim0", "configured");
	assert_null(acquire("sim0"));
	wait_until_clean(&d);
}

/* There and back with a lease: it belongs to the configuration again. */
static void test_renamed_and_back(void **state)
{
	struct client c;

	(void)state;
	start(ENTRY("name: sim0"));
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_int_equal(sim_rename(d.sim, SIM0, "wan0"), 0);
	await("sim0", "missing");
	assert_int_equal(sim_rename(d.sim, SIM0, "sim0"), 0);
	await("sim0", "configured");
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_null(acquire("sim0"));
	client_close(&c);
	wait_until_clean(&d);
}

/* Two are called like each other: the leases stay with the hardware, the entries with the names. */
static void test_names_swapped(void **state)
{
	struct client c;

	(void)state;
	start(ENTRY("name: sim0") ENTRY("name: sim1"));
	add_nic(SIM1, "sim1", MAC1, NULL);
	await("sim1", "configured");
	assert_null(client_open(&d, &c, CLIENT_STEERED)); /* of sim0, the first that would do */
	assert_interface_of(&c, "sim0");
	assert_int_equal(sim_rename(d.sim, SIM0, "tmp"), 0);
	assert_int_equal(sim_rename(d.sim, SIM1, "sim0"), 0);
	assert_int_equal(sim_rename(d.sim, SIM0, "sim1"), 0);
	for (int i = 0; i < 1000 && !streq(state_of("sim1", NULL, 0), "configured"); i++)
		usleep(5000);
	await("sim0", "configured");
	await("sim1", "configured");
	await("tmp", "none");
	assert_interface_of(&c, "sim1");
	assert_string_equal(lease_state(&d, c.id), "steered");
	client_close(&c);
	wait_until_clean(&d);
}

/* Found by what it is, not by its name: entry, rules and leases follow it. */
static void renamed_by(const char *entry)
{
	struct client c;

	start(entry);
	assert_int_equal(sim_unplug(d.sim, SIM0), 0);
	add_nic(SIM1, "sim1", MAC1, "pci-0000:3b:00.0");
	await("sim1", "configured");
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_int_equal(sim_rename(d.sim, SIM1, "wan0"), 0);
	await("wan0", "configured");
	assert_string_equal(state_of("sim1", NULL, 0), "none");
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_interface_of(&c, "wan0");
	assert_null(acquire("wan0"));
	assert_string_equal(acquire("sim1"), OURS("NoSuchInterface"));
	client_close(&c);
}

static void test_renamed_by_driver(void **state)
{
	(void)state;
	renamed_by(ENTRY("driver: simulated"));
}

static void test_renamed_by_mac(void **state)
{
	(void)state;
	renamed_by(ENTRY("mac: " MAC1));
}

static void test_renamed_by_path(void **state)
{
	(void)state;
	renamed_by(ENTRY("path: pci-0000:3b:00.0"));
}

static void test_alternative_name(void **state)
{
	struct client c;

	(void)state;
	start(ENTRY("name: a-long-alternative-name"));
	assert_string_equal(state_of("a-long-alternative-name", NULL, 0), "missing");
	assert_int_equal(sim_set_altnames(d.sim, SIM0, "enp1s0 a-long-alternative-name"), 0);
	await("sim0", "configured");
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	/* By any of its names. */
	assert_null(acquire("enp1s0"));
	assert_int_equal(sim_rename(d.sim, SIM0, "wan0"), 0);
	await("wan0", "configured");
	assert_int_equal(sim_set_altnames(d.sim, SIM0, "enp1s0"), 0);
	await("wan0", "degraded");
	assert_string_equal(lease_state(&d, c.id), "steered");
	client_close(&c);
	await("wan0", "none");
}

/* The record of a lease that was on sim0 when that was called so. */
static void start_with_lease(const char *interface)
{
	char path[] = "/tmp/zcrxd-test-record.XXXXXX", text[4096];
	_cleanup_free_ char *record = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	size_t n;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_true(asprintf(&record, "{\"lastFlowId\":0,\"leases\":[{\"id\":7,\"uid\":0,\"pid\":1,"
				      "\"ifindex\":%u,\"interface\":\"%s\",\"state\":%u,"
				      "\"persistent\":true,\"selfRegistered\":false,"
				      "\"granted\":true,\"grant\":%u,"
				      "\"queues\":[{\"queue\":4,\"area\":0}],\"creation\":1,"
				      "\"expiry\":0,\"flows\":[],\"proofs\":[]}]}",
			     SIM0, interface, (unsigned)LEASE_RESERVED, (unsigned)GRANT_DIRECT) > 0);
	assert_int_equal(state_write(path, record), 0);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	unlink(path);
	daemon_start_with(&d, "interfaces:\n" ENTRY("name: other0"), text);
}

static void test_renamed_while_away(void **state)
{
	(void)state;
	start_with_lease("other0");
	assert_string_equal(lease_state(&d, "00000007"), "reserved");
	assert_string_equal(state_of("sim0", NULL, 0), "degraded");
	/* Its name again, and the entry is its own. */
	assert_string_equal(state_of("other0", NULL, 0), "missing");
	assert_int_equal(sim_rename(d.sim, SIM0, "other0"), 0);
	await("sim0", "none");
	assert_string_equal(lease_state(&d, "00000007"), "reserved");
}

/* Not renamed: somebody took it out of the configuration. */
static void test_not_configured_while_away(void **state)
{
	(void)state;
	start_with_lease("sim0");
	await("sim0", "none");
	assert_string_equal(lease_state(&d, "00000007"), "gone");
}

/* ----------------------------------------------------------------------- what it is like */

/* The hardware is known by its permanent address. */
static void test_another_address(void **state)
{
	struct client c;

	(void)state;
	start(ENTRY("mac: " MAC1));
	add_nic(SIM1, "sim1", MAC1, NULL);
	await("sim1", "configured");
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_int_equal(sim_set_mac(d.sim, SIM1, "02:00:00:00:00:99"), 0);
	/* Somebody else takes the address: a bond gives one to all of its ports. */
	assert_int_equal(sim_set_mac(d.sim, SIM0, MAC1), 0);
	assert_int_equal(sim_set_master(d.sim, SIM0, 77), 0);
	usleep(50000);
	assert_string_equal(state_of("sim1", NULL, 0), "configured");
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_int_equal(sim_set_master(d.sim, SIM0, 0), 0);
	assert_null(acquire("sim1"));
	assert_int_equal(sim_unplug(d.sim, SIM1), 0);
	await_lease(&c, "gone");
	client_close(&c);
	/* It does not tell a permanent one (the harness gave it none): by the present one, then. */
	await("sim0", "configured");
	assert_int_equal(sim_set_mac(d.sim, SIM0, MAC0), 0);
	usleep(50000);
	assert_string_equal(state_of("sim0", NULL, 0), "configured");
}

/* Down and up: rules, ifq and lease are still there. */
static void test_flaps(void **state)
{
	struct nic_state *s;
	struct client c;

	(void)state;
	start(ENTRY("name: sim0"));
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(sim_set_up(d.sim, SIM0, false), 0);
		assert_int_equal(sim_set_up(d.sim, SIM0, true), 0);
	}
	usleep(50000);
	assert_string_equal(lease_state(&d, c.id), "steered");
	s = observe(&d);
	assert_int_equal(s->n_rules, 1);
	assert_true(s->queues[4].io_uring);
	nic_state_free(s);
	client_close(&c);
	wait_until_clean(&d);
}

/* What a driver refuses while the link is down is tried again when it comes up. */
static void test_configured_when_it_comes_up(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	(void)state;
	start(ENTRY("name: sim1"));
	sim_set_nothing_while_down(d.sim);
	assert_int_equal(sim_nic_state_new(SIM1, "sim1", "simulated", 4, 16, &s), 0);
	s->up = false;
	assert_int_equal(sim_add_nic(d.sim, s, MAC1, NULL), 0);
	await("sim1", "degraded");
	assert_int_equal(sim_set_up(d.sim, SIM1, true), 0);
	await("sim1", "configured");
}

static void test_overrun(void **state)
{
	struct client c;

	(void)state;
	start(ENTRY("name: sim0") ENTRY("name: sim1"));
	assert_null(client_open(&d, &c, CLIENT_BOUND));
	sim_set_quiet(d.sim, true);
	assert_int_equal(sim_unplug(d.sim, SIM0), 0);
	add_nic(SIM1, "sim1", MAC1, NULL);
	sim_set_quiet(d.sim, false);
	assert_int_equal(sim_overrun(d.sim), 0);
	wait_for_hangup(c.handle);
	await_lease(&c, "gone");
	client_close(&c);
	await("sim0", "missing");
	await("sim1", "configured");
}

/* -------------------------------------------------------------------- entries and interfaces */

static void test_two_entries_for_one(void **state)
{
	char reason[256];

	(void)state;
	start(ENTRY("driver: simulated") ENTRY("name: sim0"));
	assert_string_equal(state_of("sim0", NULL, 0), "configured");
	/* Under its match there is the entry that came too late, and says so. */
	{
		_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
		sd_json_variant *reply, *all;

		assert_null(call(link, "Describe", &reply, "{}"));
		all = sd_json_variant_by_key(reply, "interfaces");
		assert_int_equal(sd_json_variant_elements(all), 2);
		for (size_t i = 0; i < 2; i++) {
			sd_json_variant *v = sd_json_variant_by_index(all, i);

			if (streq(text_of(v, "state"), "missing"))
				snprintf(reason, sizeof(reason), "%s", text_of(v, "reason"));
		}
	}
	assert_string_equal(reason, "sim0 matches, but belongs to the entry with driver simulated, "
				    "which comes first");
}

static void test_one_entry_for_several(void **state)
{
	struct client c;

	(void)state;
	start(ENTRY("driver: simulated"));
	add_nic(SIM1, "sim1", MAC1, NULL);
	await("sim1", "configured");
	assert_string_equal(state_of("sim0", NULL, 0), "configured");
	assert_null(acquire("sim0"));
	assert_null(acquire("sim1"));
	assert_null(client_open(&d, &c, CLIENT_BOUND));
	assert_int_equal(sim_unplug(d.sim, SIM0), 0);
	wait_for_hangup(c.handle);
	await("sim0", "none");
	assert_string_equal(state_of("driver simulated", NULL, 0), "none");
	client_close(&c);
	assert_int_equal(sim_unplug(d.sim, SIM1), 0);
	await("driver simulated", "missing");
	add_nic(SIM0, "sim0", MAC0, NULL);
	await("sim0", "configured");
	assert_string_equal(state_of("driver simulated", NULL, 0), "none");
}

/* A reload that gives an interface to another entry harms nobody. */
static void test_entry_changes(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	_cleanup_free_ char *text = NULL;
	struct client c;

	(void)state;
	start(ENTRY("name: sim0"));
	link = daemon_connect(&d);
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_true(asprintf(&text, "interfaces:\n" ENTRY("driver: simulated") "policy:\n"
				    "  - user: \"%u\"\n    flows: any\n    administer: true\n",
			     (unsigned)getuid()) > 0);
	daemon_write_config(&d, text);
	assert_null(call(link, "Reload", NULL, "{}"));
	assert_string_equal(state_of("sim0", NULL, 0), "configured");
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_int_equal(sim_rename(d.sim, SIM0, "wan0"), 0);
	await("wan0", "configured");
	client_close(&c);
	wait_until_clean(&d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_appears_later),
		TEST(test_goes_and_returns),
		TEST(test_back_before_the_leases_are_over),
		TEST(test_gone_in_the_middle),
		TEST(test_renamed_by_name),
		TEST(test_renamed_and_back),
		TEST(test_names_swapped),
		TEST(test_renamed_by_driver),
		TEST(test_renamed_by_mac),
		TEST(test_renamed_by_path),
		TEST(test_alternative_name),
		TEST(test_renamed_while_away),
		TEST(test_not_configured_while_away),
		TEST(test_another_address),
		TEST(test_flaps),
		TEST(test_configured_when_it_comes_up),
		TEST(test_overrun),
		TEST(test_two_entries_for_one),
		TEST(test_one_entry_for_several),
		TEST(test_entry_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
