/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "restoring.h"
#include "sim-internal.h"

struct daemon d;
sd_varlink *admin;

sd_json_variant *interface(void)
{
	sd_json_variant *reply;

	assert_null(call(admin, "Describe", &reply, "{}"));
	return sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
}

void expect_held(const char *reason)
{
	sd_json_variant *v = interface();

	assert_string_equal(text_of(v, "state"), "degraded");
	if (!strstr(text_of(v, "reason"), reason))
		fail_msg("%s", text_of(v, "reason"));
	assert_null(sd_json_variant_by_key(v, "confirmUntilUSec"));
	assert_int_equal(number_of(v, "zeroCopyCount"), 0);
	assert_string_equal(call(admin, "Acquire", NULL, "{}"), NOT_SUPPORTED);
}

void expect_configured(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

	assert_string_equal(text_of(interface(), "state"), "configured");
	assert_int_equal(s->channels.combined, 8);
	assert_int_equal(s->split, SPLIT_ENABLED);
	assert_int_equal(nic_state_rss_queues(s), 4);
}

bool table_was_set(void)
{
	size_t slot;

	assert_int_equal(sim_find(sim_of(d.sim), SIM0, &slot), 0);
	return sim_of(d.sim)->nics[slot].state->rss_was_set;
}

bool is_as_found(const struct nic_state *s)
{
	for (size_t i = 0; i < s->rss.n; i++)
		if (s->rss.entries[i] != i % 4)
			return false;
	return s->channels.combined == 4 && s->split == SPLIT_UNKNOWN && s->hds_threshold == 256 &&
	       s->ntuple == FEATURE_OFF && !table_was_set();
}

void expect_as_found(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

	assert_true(is_as_found(s));
}

void wait_until_as_found(void)
{
	for (int i = 0; i < DEADLINE_MS / 5; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = observe(&d);

		if (is_as_found(s) && streq(text_of(interface(), "state"), "degraded") &&
		    !strstr(text_of(interface(), "reason"), "being restored"))
			return;
		usleep(5000);
	}
	fail_msg("it is not restored");
}

struct baseline noted(void)
{
	_cleanup_free_ char *path = NULL, *set_aside = NULL;
	struct baseline o;

	assert_int_equal(baseline_path(d.directory, SIM0, &path), 0);
	assert_int_equal(baseline_read(path, SIM0, "simulated", &o, &set_aside, NULL), 0);
	assert_null(set_aside);
	return o;
}

void start(void)
{
	daemon_start(&d, NULL);
	admin = daemon_connect(&d);
}

void start_guarded(void)
{
	daemon_prepare(&d, NULL);
	assert_int_equal(sim_set_default_route(d.sim, SIM0, true), 0);
	daemon_run(&d);
	admin = daemon_connect(&d);
	expect_as_found();
}

void stop(void)
{
	admin = sd_varlink_close_unref(admin);
	daemon_stop(&d);
}

const char *try_for(uint64_t usec, sd_json_variant **ret)
{
	return call(admin, "Apply", ret, "{\"force\":true,\"confirmWithinUSec\":%llu}",
		    (unsigned long long)usec);
}
