/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "hotplug.h"

struct daemon d;

void start(const char *interfaces)
{
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&text, "interfaces:\n%spolicy:\n  - user: \"%u\"\n    flows: any\n"
				    "    administer: true\n", interfaces, (unsigned)getuid()) > 0);
	daemon_start(&d, text);
}

int stop(void **state)
{
	daemon_stop(&d);
	return 0;
}

void add_nic(unsigned ifindex, const char *name, const char *mac, const char *path)
{
	static const struct local_address loopback = { .protocol = FLOW_TCP4,
						       .bytes = { 127, 0, 0, 1 } };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;

	assert_int_equal(sim_nic_state_new(ifindex, name, "simulated", 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(d.sim, s, mac, path), 0);
	assert_int_equal(sim_set_addresses(d.sim, ifindex, &loopback, 1), 0);
}

const char *state_of(const char *name, char *ret_reason, size_t size)
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

void await(const char *name, const char *state)
{
	for (int i = 0; i < 2000; i++) {
		if (streq(state_of(name, NULL, 0), state))
			return;
		usleep(5000);
	}
	fail_msg("%s is %s, never %s", name, state_of(name, NULL, 0), state);
}

void await_lease(const struct client *c, const char *state)
{
	for (int i = 0; i < 2000; i++) {
		if (streq(lease_state(&d, c->id), state))
			return;
		usleep(5000);
	}
	fail_msg("lease %s is %s, never %s", c->id, lease_state(&d, c->id), state);
}

void assert_interface_of(const struct client *c, const char *name)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	sd_json_variant *reply;

	assert_null(call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", c->id));
	assert_string_equal(text_of(sd_json_variant_by_key(reply, "lease"), "interface"), name);
}

const char *acquire(const char *interface)
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
