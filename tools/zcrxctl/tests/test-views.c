/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What status, leases and watch show, compared with golden/NAME.txt for golden/NAME.json. After a
 * change that is meant, run with WRITE_GOLDEN=1 and read the difference.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event-line.h"
#include "field.h"
#include "open-metrics.h"
#include "queue-map.h"
#include "status-view.h"
#include "text.h"

#define NOW (UINT64_C(1795223403) * USEC_PER_SEC)

static char *golden_path(const char *name, const char *suffix)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s.%s", getenv("GOLDEN"), name, suffix) > 0);
	return path;
}

static sd_json_variant *load(const char *name)
{
	_cleanup_free_ char *path = golden_path(name, "json");
	sd_json_variant *v = NULL;
	unsigned line = 0, column = 0;

	if (sd_json_parse_file(NULL, path, 0, &v, &line, &column) < 0)
		fail_msg("%s:%u:%u: cannot read", path, line, column);
	return v;
}

static char *read_file(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!f || getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		return strdup("");
	}
	return text;
}

static void check_golden(const char *name, const char *text)
{
	_cleanup_free_ char *path = golden_path(name, "txt"), *expected = NULL;

	if (getenv("WRITE_GOLDEN")) {
		_cleanup_fclose_ FILE *f = fopen(path, "we");

		assert_non_null(f);
		fputs(text, f);
		return;
	}
	expected = read_file(path);
	if (!streq(text, expected))
		fail_msg("%s is:\n%s\nexpected:\n%s", name, text, expected);
}

static void check_width(const char *text, size_t width)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, n);

		if (text_width(line) > width)
			fail_msg("wider than %zu columns: %s", width, line);
		if (n > 0 && line[n - 1] == ' ')
			fail_msg("ends with a blank: '%s'", line);
		text += n + (text[n] == '\n');
	}
}

static char *some_user(uid_t uid)
{
	return uid == 0 ? strdup("root") : uid == 1000 ? strdup("alice") : NULL;
}

static struct lease_view view_of(bool brief, bool legend, bool colour)
{
	return (struct lease_view) {
		.now_usec = NOW,
		.user_name = some_user,
		.brief = brief,
		.style = { .legend = legend, .colour = colour, .width = 80, .utf8 = true },
	};
}

/* NAME.json: {"description": reply of Describe, "leases": [Lease...]} */
static char *status_text(const char *name, bool legend, bool colour)
{
	_cleanup_json_ sd_json_variant *v = load(name);
	struct lease_view view = view_of(true, legend, colour);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(
		status_write(f, field_object(v, "description"), field_array(v, "leases"), &view),
		0);
	fclose(f);
	return text;
}

static void test_leases(void **state)
{
	_cleanup_json_ sd_json_variant *v = load("status-32-queues");
	struct lease_view view = view_of(false, true, false);
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(lease_table_write(f, field_array(v, "leases"), &view), 0);
	fclose(f);
	check_golden("leases", text);
}

static void check_status(const char *name)
{
	_cleanup_free_ char *text = status_text(name, true, false);

	check_golden(name, text);
	check_width(text, 80);
}

/* Leases and status as a narrow and a wide terminal have them; a line is never wider than it. */
static void test_terminals(void **state)
{
	static const size_t widths[] = { 40, 80, 200 };

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		_cleanup_json_ sd_json_variant *v = load("status-32-queues");
		struct lease_view view = view_of(true, true, false);
		_cleanup_free_ char *text = NULL, *name = NULL;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		view.style.width = widths[i];
		assert_int_equal(status_write(f, field_object(v, "description"), field_array(v, "leases"), &view),
				 0);
		view.brief = false;
		assert_int_equal(lease_table_write(f, field_array(v, "leases"), &view), 0);
		fclose(f);
		assert_true(asprintf(&name, "columns-%zu", widths[i]) > 0);
		check_golden(name, text);
		check_width(text, widths[i]);
	}
}

static void test_status(void **state)
{
	check_status("status-4-queues");
	check_status("status-32-queues");
	check_status("status-degraded");
	check_status("status-nothing");
	check_status("status-hostile");
}

static void test_status_variants(void **state)
{
	_cleanup_free_ char *bare = status_text("status-32-queues", false, false);
	_cleanup_free_ char *coloured = status_text("status-32-queues", true, true);

	check_golden("status-32-queues-no-legend", bare);
	check_golden("status-32-queues-colour", coloured);
}

/* A NIC with `n` queues, the upper half carved out, all leased. */
static char *map_of(size_t n, size_t width)
{
	_cleanup_json_ sd_json_variant *interface = NULL, *leases = NULL, *queues = NULL;
	static const char *const states[] = { "free",	 "reserved", "bound",
					      "steered", "draining", "quarantined" };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *id = NULL;

		assert_true(asprintf(&id, "%08zx", i) > 0);
		assert_true(sd_json_variant_append_arraybo(
				    &queues, SD_JSON_BUILD_PAIR_UNSIGNED("queue", i),
				    SD_JSON_BUILD_PAIR_STRING("kind",
							      i < n / 2 ? "ordinary" : "zeroCopy"),
				    SD_JSON_BUILD_PAIR_STRING("state",
							      i < n / 2 ? "free" : states[i % 6]),
				    SD_JSON_BUILD_PAIR_STRING("leaseId", id)) >= 0);
		if (i >= n / 2)
			assert_true(sd_json_variant_append_arraybo(
					    &leases, SD_JSON_BUILD_PAIR_STRING("leaseId", id)) >=
				    0);
	}
	assert_true(sd_json_buildo(&interface, SD_JSON_BUILD_PAIR_VARIANT("queues", queues)) >= 0);
	queue_map_write(f, interface, leases, &(const struct style){ .legend = true, .width = width });
	fclose(f);
	return text;
}

static void test_map_sizes(void **state)
{
	static const size_t sizes[] = { 1, 2, 4, 15, 16, 17, 64, 128, 256, 1024 };
	_cleanup_free_ char *map = map_of(128, 80);

	check_golden("map-128-queues", map);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ char *text = map_of(sizes[i], 80), *narrow = map_of(sizes[i], 40);

		check_width(text, 80);
		check_width(narrow, 40);
	}
}

static void test_events(void **state)
{
	_cleanup_json_ sd_json_variant *events = load("events");
	_cleanup_free_ char *text = NULL;
	sd_json_variant *event;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	array_foreach(event, events)
		event_write(f, event, field_has(event, "deadlineUSec") ? "we\x1b" "b, alice" : NULL, false);
	fclose(f);
	check_golden("events", text);
}

static void test_flow_and_queues(void **state)
{
	_cleanup_json_ sd_json_variant *queues = NULL, *flow = NULL;
	_cleanup_free_ char *list = NULL, *spec = NULL;

	assert_true(sd_json_parse("[12,13,14,9,3,2]", 0, &queues, NULL, NULL) >= 0);
	list = queues_format(queues);
	assert_string_equal(list, "12-14,9,3,2");
	assert_true(sd_json_parse("{\"protocol\":\"tcp6\",\"source\":\"fd09::/64\","
				  "\"destination\":null,\"destinationPort\":9999}",
				  0, &flow, NULL, NULL) >= 0);
	spec = flow_object_format(flow);
	assert_string_equal(spec, "tcp6,dst-port=9999,src=fd09::/64");
}

/* All families of a zcrxd with a lease; names that would break lines are in test_metrics.py. */
static void test_metrics(void **state)
{
	_cleanup_json_ sd_json_variant *all = load("metrics");

	for (enum metrics_format format = FORMAT_OPENMETRICS; format <= FORMAT_PROMETHEUS; format++) {
		_cleanup_free_ char *text = NULL;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		assert_non_null(f);
		assert_int_equal(open_metrics_write(f, field_array(all, "families"), field_array(all, "values"), format), 0);
		fclose(f);
		check_golden(format == FORMAT_OPENMETRICS ? "metrics" : "metrics-prometheus", text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leases),		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_variants), cmocka_unit_test(test_map_sizes),
		cmocka_unit_test(test_terminals),
		cmocka_unit_test(test_events),		cmocka_unit_test(test_flow_and_queues),
		cmocka_unit_test(test_metrics),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
