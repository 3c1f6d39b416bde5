/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io.systemd.Metrics: the value of every metric, after what it counts has happened.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>

#include "drifting.h"
#include "histogram.h"
#include "leases.h"
#include "metrics.h"
#include "values.h"

static const char *owner(void)
{
	static char uid[16];

	snprintf(uid, sizeof(uid), "%u", (unsigned)getuid());
	return uid;
}

/* ------------------------------------------------------------------------- the interface */

/* systemd-report ignores what is not called after the socket, and what is no name of a field. */
static void test_families_are_described_and_named_as_systemd_asks(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(*state);
	sd_json_variant *families = collect(link, "io.systemd.Metrics.Describe");

	assert_int_equal(sd_json_variant_elements(families), _METRIC_MAX);
	for (size_t i = 0; i < _METRIC_MAX; i++) {
		sd_json_variant *v = sd_json_variant_by_index(families, i);
		const char *name = text_of(v, "name"), *field = name + strlen("io.zcrx.");
		bool counter = streq(text_of(v, "type"), "counter"), ends = false;
		const char *const endings[] = { "_total", "_bucket", "_count", "_sum" };

		assert_memory_equal(name, "io.zcrx.", 8);
		for (const char *c = field; *c; c++)
			assert_true(islower((unsigned char)*c) || (*c == '_' && c > field && c[1] && c[1] != '_'));
		for (size_t k = 0; k < ARRAY_SIZE(endings); k++)
			ends |= strlen(field) > strlen(endings[k]) &&
				streq(field + strlen(field) - strlen(endings[k]), endings[k]);
		assert_true(counter == ends);
		assert_true(counter || streq(text_of(v, "type"), "gauge"));
		assert_true(strlen(text_of(v, "description")) > 0);
	}
}

static bool is_described(sd_json_variant *v)
{
	for (int i = 0; i < _METRIC_MAX; i++)
		if (streq(text_of(v, "name") + strlen(METRICS_PREFIX), metric_infos[i].name))
			return true;
	return false;
}

static void test_values_are_numbers_of_described_families_and_labels_strings(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(*state);
	sd_json_variant *values = collect(link, "io.systemd.Metrics.List");

	for (size_t i = 0; i < sd_json_variant_elements(values); i++) {
		sd_json_variant *v = sd_json_variant_by_index(values, i), *fields = sd_json_variant_by_key(v, "fields");

		assert_true(is_described(v));
		assert_true(sd_json_variant_is_number(sd_json_variant_by_key(v, "value")));
		for (size_t k = 0; k < count_of(fields) * 2; k++)
			assert_true(sd_json_variant_is_string(sd_json_variant_by_index(fields, k)));
	}
}

static void test_a_caller_has_to_take_several_replies(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(*state);
	const char *const methods[] = { "io.systemd.Metrics.List", "io.systemd.Metrics.Describe" };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		sd_json_variant *reply;
		const char *error = NULL;

		assert_true(sd_varlink_call(link, methods[i], NULL, &reply, &error) >= 0);
		assert_string_equal(error, SD_VARLINK_ERROR_EXPECTED_MORE);
	}
}

/* -------------------------------------------------------------------------------- values */

static void test_nothing_has_happened(void **state)
{
	struct daemon *d = *state;

	assert_metric(d, 1, "build_info", "", "version", ZCRXD_VERSION);
	assert_metric(d, 0, "problems", "");
	assert_metric(d, 1, "interfaces", "", "state", "configured");
	assert_metric(d, 0, "interfaces", "", "state", "degraded");
	assert_metric(d, 0, "interfaces", "", "state", "missing");
	assert_metric(d, 4, "queues", "sim0", "state", "ordinary");
	assert_metric(d, 4, "queues", "sim0", "state", "free");
	assert_metric(d, 0, "queues", "sim0", "state", "quarantined");
	assert_metric(d, (int)ABSENT, "leases", "", "owner", owner(), "state", "reserved");
	assert_metric(d, 0, "lease_ends_total", "", "reason", "release");
	assert_metric(d, 0, "lease_end_seconds_count", "");
	assert_metric(d, 0, "oldest_ending_lease_seconds", "");
	assert_metric(d, 0, "area_bytes", "sim0");
	assert_metric(d, 0, "flows", "sim0", "state", "installed");
	assert_metric(d, 0, "taken_flows", "sim0");
	assert_metric(d, (int)ABSENT, "queue_received_bytes_total", "sim0", "queue", "4");
	assert_metric(d, 0, "queues_left_out", "");
	assert_metric(d, 0, "short_queues", "sim0");
	assert_metric(d, 0, "drifts_total", "sim0");
	assert_metric(d, 0, "refusals_total", "", "reason", "NoSuchLease");
	assert_metric(d, 0, "call_seconds_count", "", "method", "Acquire");
	assert_metric(d, 1, "connections", ""); /* its own */
	assert_true(metric(d, "loop_turns_total", "", NULL) > 10);
	assert_true(metric(d, "loop_longest_turn_seconds", "", NULL) > 0);
	assert_true(metric(d, "loop_turns_over_budget_total", "", NULL) >= 0);
}

static void test_leases_from_acquire_to_their_end(void **state)
{
	struct daemon *d = *state;
	struct client a, b;

	assert_null(client_open(d, &a, CLIENT_STEERED));
	assert_null(client_open_queues(d, &b, 2, CLIENT_RESERVED));
	assert_metric(d, 1, "leases", "", "owner", owner(), "state", "steered");
	assert_metric(d, 1, "leases", "", "owner", owner(), "state", "reserved");
	assert_metric(d, 1, "queues", "sim0", "state", "steered");
	assert_metric(d, 2, "queues", "sim0", "state", "reserved");
	assert_metric(d, 1, "queues", "sim0", "state", "free");
	assert_metric(d, 65536, "area_bytes", "sim0");
	assert_metric(d, 1, "flows", "sim0", "state", "installed");
	client_close(&b);
	assert_null(call_fds(a.link, "Release", &a.handle, 1, NULL, "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}",
			     a.id));
	client_close(&a);
	wait_until_clean(d);
	assert_metric(d, 1, "lease_ends_total", "", "reason", "release");
	assert_metric(d, 1, "lease_ends_total", "", "reason", "handle-gone");
	assert_metric(d, 0, "lease_ends_total", "", "reason", "expired");
	assert_metric(d, 2, "lease_end_seconds_count", "");
	assert_metric(d, 2, "lease_end_seconds_bucket", "", "le", "+Inf");
	assert_metric(d, 4, "queues", "sim0", "state", "free");
	assert_metric(d, 0, "area_bytes", "sim0");
}

/* Each call until its answer, however it came: at once, from the worker, or as a refusal. */
static void test_calls_are_timed(void **state)
{
	struct daemon *d = *state;
	struct client c;
	double first, last;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_non_null(call(c.link, "Acquire", NULL, "{\"queues\":0}"));
	assert_metric(d, 2, "call_seconds_count", "", "method", "Acquire");
	assert_metric(d, 2, "call_seconds_bucket", "", "le", "+Inf", "method", "Acquire");
	assert_metric(d, 1, "call_seconds_count", "", "method", "Register");
	assert_metric(d, 1, "call_seconds_count", "", "method", "AddFlow");
	assert_metric(d, 0, "call_seconds_count", "", "method", "Release");
	first = metric(d, "call_seconds_bucket", "", "le", "0.0001", "method", "Acquire", NULL);
	last = metric(d, "call_seconds_sum", "", "method", "Acquire", NULL);
	assert_true(first >= 0 && first <= 2);
	assert_true(last > 0 && last < 20);
	client_close(&c);
	wait_until_clean(d);
}

static void test_refusals_are_counted_by_reason(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);

	assert_non_null(call(link, "ListLeases", NULL, "{\"leaseId\":\"00000001\"}"));
	assert_non_null(call(link, "ListLeases", NULL, "{\"leaseId\":\"00000001\"}"));
	assert_non_null(call(link, "Acquire", NULL, "{\"interface\":\"sim9\"}"));
	assert_non_null(call(link, "Acquire", NULL, "{\"queues\":5}"));
	assert_metric(d, 2, "refusals_total", "", "reason", "NoSuchLease");
	assert_metric(d, 1, "refusals_total", "", "reason", "NoSuchInterface");
	assert_metric(d, 1, "refusals_total", "", "reason", "NoQueueAvailable");
	assert_metric(d, 0, "refusals_total", "", "reason", "PermissionDenied");
	assert_metric(d, 0, "refusals_total", "", "reason", "System");
}

static void test_counters_of_queues_are_those_of_the_driver(void **state)
{
	struct daemon *d = *state;
	struct client c;

	sim_set_counters(d->sim, SIM0, QUEUE, 1000, 7, 0);
	assert_null(client_open(d, &c, CLIENT_BOUND));
	assert_int_equal(c.rings[0], QUEUE);
	wait_for_metric(d, 1000, "queue_received_packets_total", "sim0", "queue", "4");
	assert_metric(d, 7, "queue_allocation_failures_total", "sim0", "queue", "4");
	assert_true(metric(d, "queue_received_bytes_total", "sim0", "queue", "4", NULL) >= 0);
	assert_metric(d, (int)ABSENT, "queue_hardware_drops_total", "sim0", "queue", "4"); /* it counts none */
	assert_metric(d, (int)ABSENT, "queue_received_packets_total", "sim0", "queue", "5");
	/* While nothing but packets comes, the worker alone looks. */
	sim_set_counters(d->sim, SIM0, QUEUE, 2000, 7, 0);
	wait_for_metric(d, 2000, "queue_received_packets_total", "sim0", "queue", "4");
	sim_set_counters(d->sim, SIM0, QUEUE, 3000, 7, 0);
	wait_for_metric(d, 3000, "queue_received_packets_total", "sim0", "queue", "4");
	client_close(&c);
	wait_until_clean(d);
	/* Their series does not end with the lease. */
	assert_metric(d, 3000, "queue_received_packets_total", "sim0", "queue", "4");
}

static void test_drift_and_its_repair(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	change(d, &wide_table);
	wait_for_metric(d, 1, "repairs_total", "sim0");
	assert_metric(d, 1, "drifts_total", "sim0");
	assert_metric(d, 0, "repair_failures_total", "sim0");
	wait_until_narrow(d);
	client_close(&c);
	wait_until_clean(d);
}

static void test_a_lease_that_does_not_end_has_an_age(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	double age;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_true(sd_varlink_invokebo(link, "io.zcrx.Manager.Revoke", SD_JSON_BUILD_PAIR_STRING("leaseId", c.id),
					SD_JSON_BUILD_PAIR_UNSIGNED("graceUSec", 3600 * 1000000ULL)) >= 0);
	assert_true(sd_varlink_flush(link) >= 0);
	wait_for_metric(d, 1, "lease_ends_total", "", "reason", "revoke");
	age = metric(d, "oldest_ending_lease_seconds", "", NULL);
	assert_true(age > 0 && age < 20);
	assert_true(metric(d, "oldest_ending_lease_seconds", "", NULL) > age);
	assert_metric(d, 0, "lease_end_seconds_count", "");
	assert_null(call_fds(c.link, "Release", &c.handle, 1, NULL, "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0}",
			     c.id));
	client_close(&c);
	wait_until_clean(d);
	assert_metric(d, 0, "oldest_ending_lease_seconds", "");
	assert_true(metric(d, "lease_end_seconds_sum", "", NULL) > age);
}

/* However many users there are: the last place is for all that have none. */
static void test_owners_are_so_many_and_others(void **state)
{
	struct metric_owner owners[METRICS_OWNERS_MAX + 1] = {};
	size_t n = 0;

	for (uid_t uid = 0; uid < 3 * METRICS_OWNERS_MAX; uid++)
		assert_ptr_equal(metric_owner_of(owners, &n, uid),
				 &owners[uid < METRICS_OWNERS_MAX ? uid : METRICS_OWNERS_MAX]);
	assert_ptr_equal(metric_owner_of(owners, &n, 5), &owners[5]);
	assert_int_equal(n, METRICS_OWNERS_MAX);
}

static void test_missing_interfaces(void **state)
{
	struct daemon *d = *state;

	assert_int_equal(sim_unplug(d->sim, SIM0), 0);
	wait_for_metric(d, 1, "interfaces", "", "state", "missing");
	assert_metric(d, 0, "interfaces", "", "state", "configured");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_families_are_described_and_named_as_systemd_asks),
		EACH(test_values_are_numbers_of_described_families_and_labels_strings),
		EACH(test_a_caller_has_to_take_several_replies),
		EACH(test_nothing_has_happened),
		EACH(test_leases_from_acquire_to_their_end),
		EACH(test_calls_are_timed),
		EACH(test_refusals_are_counted_by_reason),
		EACH(test_counters_of_queues_are_those_of_the_driver),
		EACH(test_drift_and_its_repair),
		EACH(test_a_lease_that_does_not_end_has_an_age),
		EACH(test_missing_interfaces),
		cmocka_unit_test(test_owners_are_so_many_and_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
