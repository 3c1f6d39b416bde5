/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `zcrxperf compare` found, for people or as JSON. */
#include <inttypes.h>

#include <systemd/sd-json.h>

#include "chart.h"
#include "compare.h"
#include "figures.h"
#include "macro.h"
#include "meter-json.h"

#define GIGABYTE 1e9
#define LABEL	 15 /* columns of the names of rows */
#define WIDE	 11 /* and of a mode */

static double rate_of(const struct comparison *m)
{
	return m->totals.when > 0 ? (double)m->totals.bytes / m->totals.when : 0;
}

/* Processor seconds for each gigabyte. */
static double cost_of(const struct comparison *m, double seconds)
{
	return m->totals.bytes > 0 ? seconds / ((double)m->totals.bytes / GIGABYTE) : 0;
}

/* One figure of one mode, in at most 8 columns. */
struct row {
	const char *name;
	struct text (*text)(const struct comparison *m);
};

static struct text text_zero_copied(const struct comparison *m)
{
	return text_bytes(totals_zero_copied(&m->totals));
}

static struct text text_copied(const struct comparison *m)
{
	struct text unknown = { "unknown" }; /* the kernel counts it since Linux 7.2 */

	return m->totals.copies_known ? text_bytes(m->totals.copied_bytes) : unknown;
}

static struct text text_of_rate(const struct comparison *m)
{
	return text_gigabits(rate_of(m));
}

static struct text text_number(double value, int places)
{
	struct text t;

	snprintf(t.text, sizeof(t.text), "%.*f", places, value);
	return t;
}

static struct text text_user(const struct comparison *m)
{
	return text_number(cost_of(m, m->totals.user), 3);
}

static struct text text_system(const struct comparison *m)
{
	return text_number(cost_of(m, m->totals.system), 3);
}

static struct text text_p50(const struct comparison *m)
{
	return text_number((double)m->p50 / 1e3, m->p50 < 100000 ? 1 : 0);
}

static struct text text_p99(const struct comparison *m)
{
	return text_number((double)m->p99 / 1e3, m->p99 < 100000 ? 1 : 0);
}

static const struct row rows[] = {
	{ "zero copy", text_zero_copied }, { "copied", text_copied },
	{ "Gbit/s", text_of_rate },	   { "user s/GB", text_user },
	{ "system s/GB", text_system },	   { "trip p50 us", text_p50 },
	{ "trip p99 us", text_p99 },
};

/* Side by side, or where there is no room for that, one after the other. */
static void print_table(const struct compared *c)
{
	printf("%-*s", LABEL, "");
	for (unsigned int i = 0; i < c->n; i++)
		printf("%*s", WIDE, mode_to_string(c->modes[i].mode));
	putchar('\n');
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		printf("%-*s", LABEL, rows[row].name);
		for (unsigned int i = 0; i < c->n; i++)
			printf("%*s", WIDE, rows[row].text(&c->modes[i]).text);
		putchar('\n');
	}
}

static void print_list(const struct compared *c)
{
	for (unsigned int i = 0; i < c->n; i++) {
		printf("%s%s\n", i > 0 ? "\n" : "", mode_to_string(c->modes[i].mode));
		for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
			printf("  %-*s%*s\n", LABEL, rows[row].name, WIDE, rows[row].text(&c->modes[i]).text);
	}
}

static void draw(const struct compared *c, const struct chart *chart, bool cost)
{
	struct text values[_MODE_MAX];
	struct bar bars[_MODE_MAX];

	for (unsigned int i = 0; i < c->n; i++) {
		const struct comparison *m = &c->modes[i];
		double user = cost_of(m, m->totals.user), system = cost_of(m, m->totals.system);

		values[i] = cost ? text_number(user + system, 3) : text_gigabits(rate_of(m));
		bars[i] = (struct bar) { .label = mode_to_string(m->mode),
					 .value = values[i].text,
					 .length = cost ? user : rate_of(m),
					 .rest = cost ? system : 0,
					 .marked = m->mode == MODE_ZERO_COPY };
	}
	chart_draw(chart, stdout, cost ? "Processor, s/GB (user, then system)" : "Rate, Gbit/s", bars, c->n);
}

static void print_text(const struct compared *c)
{
	const struct chart chart = chart_of_terminal(stdout);

	if (chart.width > 0 && chart.width < LABEL + c->n * WIDE)
		print_list(c);
	else
		print_table(c);
	draw(c, &chart, false);
	draw(c, &chart, true);
	if (c->leased->options->verify && c->wrong == 0)
		puts("\nverified       every byte");
	if (c->leased->lease_lost)
		puts("lease          ended meanwhile");
}

static int build_mode(const struct comparison *m, sd_json_variant **into)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *intervals = NULL;
	const struct totals *t = &m->totals;
	int r;

	r = meter_to_json(&m->meter, &intervals);
	if (r < 0)
		return r;
	return sd_json_variant_append_arraybo(
		into, SD_JSON_BUILD_PAIR_STRING("mode", mode_to_string(m->mode)),
		SD_JSON_BUILD_PAIR_UNSIGNED("bytes", t->bytes),
		SD_JSON_BUILD_PAIR_CONDITION(t->copies_known, "zeroCopyBytes",
					     SD_JSON_BUILD_UNSIGNED(totals_zero_copied(t))),
		SD_JSON_BUILD_PAIR_CONDITION(t->copies_known, "copiedBytes",
					     SD_JSON_BUILD_UNSIGNED(t->copied_bytes)),
		SD_JSON_BUILD_PAIR_UNSIGNED("elapsedUSec", (uint64_t)(t->when * 1e6)),
		SD_JSON_BUILD_PAIR_UNSIGNED("bytesPerSecond", (uint64_t)rate_of(m)),
		SD_JSON_BUILD_PAIR_UNSIGNED("userUSec", (uint64_t)(t->user * 1e6)),
		SD_JSON_BUILD_PAIR_UNSIGNED("systemUSec", (uint64_t)(t->system * 1e6)),
		SD_JSON_BUILD_PAIR_REAL("userSecondsPerGB", cost_of(m, t->user)),
		SD_JSON_BUILD_PAIR_REAL("systemSecondsPerGB", cost_of(m, t->system)),
		SD_JSON_BUILD_PAIR_UNSIGNED("roundTrips", m->n_trips),
		SD_JSON_BUILD_PAIR_UNSIGNED("roundTripP50NSec", m->p50),
		SD_JSON_BUILD_PAIR_UNSIGNED("roundTripP99NSec", m->p99),
		SD_JSON_BUILD_PAIR_CONDITION(intervals != NULL, "intervals", SD_JSON_BUILD_VARIANT(intervals)));
}

static int print_json(const struct compared *c)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL, *modes = NULL;
	const struct session *s = c->leased;
	int r = 0;

	for (unsigned int i = 0; i < c->n && r >= 0; i++)
		r = build_mode(&c->modes[i], &modes);
	if (r < 0)
		return r;
	r = sd_json_buildo(&v, SD_JSON_BUILD_PAIR_UNSIGNED("connections", c->connections),
			   SD_JSON_BUILD_PAIR_CONDITION(s->backend != NULL, "backend",
							SD_JSON_BUILD_STRING(s->backend)),
			   SD_JSON_BUILD_PAIR_CONDITION(s->leased, "leaseId", SD_JSON_BUILD_STRING(s->lease_id)),
			   SD_JSON_BUILD_PAIR_CONDITION(s->leased, "interface", SD_JSON_BUILD_STRING(s->interface)),
			   SD_JSON_BUILD_PAIR_CONDITION(s->leased, "leaseLost", SD_JSON_BUILD_BOOLEAN(s->lease_lost)),
			   SD_JSON_BUILD_PAIR_CONDITION(s->options->verify, "wrongBytes",
							SD_JSON_BUILD_UNSIGNED(c->wrong)),
			   SD_JSON_BUILD_PAIR_VARIANT("modes", modes));
	return r < 0 ? r : sd_json_variant_dump(v, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

void compare_report(const struct compared *c)
{
	if (!c->leased->options->json)
		print_text(c);
	else if (print_json(c) < 0)
		fail("Cannot print the result: out of memory.");
	fflush(stdout);
}
