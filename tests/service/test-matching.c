/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which entry of the configuration has which interface: by name, driver, address and path, when
 * interfaces are renamed with leases held and without, and when there are more of one than of the other.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hotplug.h"
#include "lease.h"
#include "state-file.h"

/* ----------------------------------------------------------------------------- renaming */

/* Found by name: the entry has no interface now. Its leases are not harmed, and no more are made. */
static void test_renamed_by_name(void **state)
{
	char reason[256];
	struct client c;

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
	renamed_by(ENTRY("driver: simulated"));
}

static void test_renamed_by_mac(void **state)
{
	renamed_by(ENTRY("mac: " MAC1));
}

static void test_renamed_by_path(void **state)
{
	renamed_by(ENTRY("path: pci-0000:3b:00.0"));
}

/* udev has its own time: the interface is there before anybody knows where. */
static void test_path_comes_later(void **state)
{
	start(ENTRY("path: pci-0000:3b:00.0"));
	add_nic(SIM1, "sim1", MAC1, NULL);
	usleep(50000);
	assert_string_equal(state_of("path pci-0000:3b:00.0", NULL, 0), "missing");
	assert_int_equal(sim_set_path(d.sim, SIM1, "pci-0000:3b:00.0"), 0);
	await("sim1", "configured");
}

static void test_alternative_name(void **state)
{
	struct client c;

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

/* Whoever takes the name of an interface takes the others as well. */
static void test_named_to_methods(void **state)
{
	static const char *const names[] = { "sim0", "enp1s0", "a-long-alternative-name" };
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	sd_json_variant *reply, *one;
	char policy[256];

	snprintf(policy, sizeof(policy), "interfaces:\n" ENTRY("name: sim?") "policy:\n"
		 "  - user: \"%u\"\n    interfaces: [a-long-alternative-name]\n    administer: true\n",
		 (unsigned)getuid());
	daemon_start(&d, policy);
	assert_int_equal(sim_set_altnames(d.sim, SIM0, "enp1s0 a-long-alternative-name"), 0);
	add_nic(SIM1, "sim1", MAC1, NULL); /* with the notification comes the news of the other, too */
	await("sim1", "configured");
	link = daemon_connect(&d);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_null(call(link, "Describe", &reply, "{\"interface\":\"%s\"}", names[i]));
		one = sd_json_variant_by_key(reply, "interfaces");
		assert_int_equal(sd_json_variant_elements(one), 1);
		one = sd_json_variant_by_index(one, 0);
		assert_string_equal(text_of(one, "name"), "sim0");
		assert_null(sd_json_variant_by_key(one, "leaseRefusal"));
		assert_null(call(link, "Plan", &reply, "{\"interface\":\"%s\"}", names[i]));
		assert_null(sd_json_variant_by_key(reply, "warnings"));
		assert_null(call(link, "Apply", NULL, "{\"interface\":\"%s\"}", names[i]));
		assert_null(call(link, "Explain", NULL,
				 "{\"interface\":\"%s\",\"flow\":{\"protocol\":\"tcp4\",\"destinationPort\":80}}", names[i]));
		assert_null(acquire(names[i]));
		wait_until_clean(&d); /* it was closed again */
		assert_null(call(link, "Restore", NULL, "{\"interface\":\"%s\"}", names[i]));
		assert_null(call(link, "Apply", NULL, "{\"interface\":\"%s\",\"confirmWithinUSec\":60000000}",
				 names[i]));
		assert_null(call(link, "Confirm", NULL, "{\"interface\":\"%s\"}", names[i]));
	}
	assert_string_equal(call(link, "Describe", &reply, "{\"interface\":\"enp1s0:\"}"),
			    OURS("NoSuchInterface"));
	assert_string_equal(text_of(reply, "message"),
			    "enp1s0: is not in the configuration; did you mean sim0? See zcrxctl status.");
	assert_string_equal(call(link, "Describe", &reply, "{\"interface\":\"enp1\"}"),
			    OURS("NoSuchInterface"));
	assert_string_equal(text_of(reply, "message"),
			    "enp1 is not in the configuration. See zcrxctl status.");
	/* sim1 matches the entry as well, but not the policy. */
	assert_string_equal(acquire("sim1"), "org.varlink.service.PermissionDenied");
}

/* What is for nothing is no mistake, and no silence either. */
static void test_matches_nothing(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	sd_json_variant *reply, *list;
	char text[256];

	snprintf(text, sizeof(text), "interfaces:\n" ENTRY("driver: simul") ENTRY("name: sim0") "policy:\n"
		 "  - user: \"%u\"\n    interfaces: [sim0, smi0]\n", (unsigned)getuid());
	daemon_start(&d, text);
	link = daemon_connect(&d);
	assert_null(call(link, "Plan", &reply, "{}"));
	list = sd_json_variant_by_key(reply, "warnings");
	assert_int_equal(sd_json_variant_elements(list), 2);
	assert_string_equal(sd_json_variant_string(sd_json_variant_by_index(list, 0)),
			    "interfaces[0].driver: no interface of this machine matches \"simul\" now. Here "
			    "there are: simulated.");
	assert_string_equal(sd_json_variant_string(sd_json_variant_by_index(list, 1)),
			    "policy[0].interfaces[1]: no entry under interfaces: is for \"smi0\", so that the "
			    "rule at line 9 allows nothing there.");
}

/* The record of a lease that was on sim0 when that was called so. */
static void start_with_lease_and(const char *interface, const char *more)
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
				      "\"persistent\":true,\"selfRegistered\":false,%s"
				      "\"granted\":true,\"grant\":%u,"
				      "\"queues\":[{\"queue\":4,\"area\":0}],\"creation\":1,"
				      "\"expiry\":0,\"flows\":[],\"proofs\":[]}]}",
			     SIM0, interface, (unsigned)LEASE_RESERVED, more, (unsigned)GRANT_DIRECT) > 0);
	assert_int_equal(state_write(path, record, NULL), 0);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	unlink(path);
	daemon_start_with(&d, "interfaces:\n" ENTRY("name: other0"), text);
}

static void start_with_lease(const char *interface)
{
	start_with_lease_and(interface, "");
}

/* As it is on record now: under its new name, and left to its leases. */
static void test_renamed_before_a_restart(void **state)
{
	_cleanup_record_ struct record record = {}, again = {};
	_cleanup_free_ char *set_aside = NULL;
	struct client c;

	start(ENTRY("name: sim0"));
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_int_equal(sim_rename(d.sim, SIM0, "other0"), 0);
	await("other0", "degraded");
	assert_int_equal(state_read(d.state_path, &record, &set_aside), 0);
	assert_string_equal(record.leases[0].interface, "other0");
	assert_true(record.leases[0].left);
	assert_int_equal(sim_rename(d.sim, SIM0, "sim0"), 0);
	await("sim0", "configured");
	assert_int_equal(state_read(d.state_path, &again, &set_aside), 0);
	assert_false(again.leases[0].left);
	client_close(&c);
	wait_until_clean(&d);
	stop(NULL);
	/* And so it goes on, for as many restarts as there are. */
	start_with_lease_and("sim0", "\"left\":true,");
	assert_string_equal(lease_state(&d, "00000007"), "reserved");
	assert_string_equal(state_of("sim0", NULL, 0), "degraded");
}

static void test_renamed_while_away(void **state)
{
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
	start_with_lease("sim0");
	await("sim0", "none");
	assert_string_equal(lease_state(&d, "00000007"), "gone");
}

/* -------------------------------------------------------------------- entries and interfaces */

static void test_two_entries_for_one(void **state)
{
	char reason[256];

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
		TEST(test_renamed_by_name),
		TEST(test_renamed_and_back),
		TEST(test_names_swapped),
		TEST(test_renamed_by_driver),
		TEST(test_renamed_by_mac),
		TEST(test_renamed_by_path),
		TEST(test_path_comes_later),
		TEST(test_alternative_name),
		TEST(test_named_to_methods),
		TEST(test_matches_nothing),
		TEST(test_renamed_before_a_restart),
		TEST(test_renamed_while_away),
		TEST(test_not_configured_while_away),
		TEST(test_two_entries_for_one),
		TEST(test_one_entry_for_several),
		TEST(test_entry_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
