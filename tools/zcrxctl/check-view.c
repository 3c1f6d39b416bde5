/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See check-view.h.
 */
#include <errno.h>

#include "check-view.h"
#include "table.h"

/* Under one heading: requirements of the same interface, and of them those about zcrxd apart. */
struct group {
	const char *interface; /* "": the machine's */
	bool of_zcrxd;
};

static struct group group_of(sd_json_variant *q)
{
	const char *interface = field_string(q, "interface") ?: "", *name = field_string(q, "requirement") ?: "";

	return (struct group) { interface,
				*interface && (streq(name, "configured") || streq(name, "policy")) };
}

static bool is_in(sd_json_variant *q, const struct group *g)
{
	const struct group other = group_of(q);

	return streq(other.interface, g->interface) && other.of_zcrxd == g->of_zcrxd;
}

static const char *verdict_of(sd_json_variant *q)
{
	return field_string(q, "verdict") ?: "unknown";
}

static bool is_no(sd_json_variant *q)
{
	return streq(verdict_of(q), "no") && !field_boolean(q, "optional");
}

bool check_has_no(sd_json_variant *report)
{
	sd_json_variant *q;

	array_foreach(q, report)
		if (is_no(q))
			return true;
	return false;
}

static enum ink verdict_ink(sd_json_variant *q)
{
	if (streq(verdict_of(q), "yes"))
		return INK_GOOD;
	return is_no(q) ? INK_BAD : INK_WARN;
}

static void write_heading(FILE *f, const struct style *style, const char *text, const char *more)
{
	fputs(ink_on(INK_BOLD, style->colour), f);
	text_put(f, text);
	fprintf(f, "%s%s\n", more, ink_off(INK_BOLD, style->colour));
}

/* From the first of them on. Headings say what the columns are; those of tables would be one more line each. */
static int write_group(FILE *f, sd_json_variant *report, size_t first, const struct style *style)
{
	const struct group g = group_of(sd_json_variant_by_index(report, first));
	const struct style bare = { .colour = style->colour, .utf8 = style->utf8, .width = style->width };
	_cleanup_(table_freep) struct table *t = table_new("REQUIREMENT", "MET", "FOUND", NULL);
	sd_json_variant *q;

	if (!t)
		return -ENOMEM;
	array_foreach(q, report) {
		if (!is_in(q, &g))
			continue;
		table_add(t, INK_NONE, "%s", field_string(q, "requirement") ?: "");
		table_add(t, verdict_ink(q), "%s",
			  streq(verdict_of(q), "no") && field_boolean(q, "optional") ? "optional" : verdict_of(q));
		table_add(t, INK_NONE, "%s", field_string(q, "found") ?: "");
	}
	if (style->legend) {
		fputs(first > 0 ? "\n" : "", f);
		write_heading(f, style, *g.interface ? g.interface : "This machine",
			      g.of_zcrxd ? " and zcrxd" : "");
	}
	return table_write(t, f, &bare);
}

static bool is_first_of_group(sd_json_variant *report, size_t i)
{
	const struct group g = group_of(sd_json_variant_by_index(report, i));

	for (size_t j = 0; j < i; j++)
		if (is_in(sd_json_variant_by_index(report, j), &g))
			return false;
	return true;
}

/* Of what is missing, or may be; or of what would be better. */
static int write_remedies(FILE *f, sd_json_variant *report, bool optional, const struct style *style)
{
	bool any = false;
	sd_json_variant *q;

	array_foreach(q, report) {
		const char *interface = field_string(q, "interface") ?: "", *remedy = field_string(q, "remedy");
		_cleanup_free_ char *raw = NULL, *text = NULL;

		if (!remedy || streq(verdict_of(q), "yes") || field_boolean(q, "optional") != optional)
			continue;
		if (asprintf(&raw, "%s%s%s: %s", interface, *interface ? " " : "",
			     field_string(q, "requirement") ?: "?", remedy) < 0)
			raw = NULL;
		text = raw ? text_escape(raw) : NULL;
		if (!text)
			return -ENOMEM;
		if (!any) {
			fputc('\n', f);
			write_heading(f, style, optional ? "What would be better" : "What to do", "");
		}
		any = true;
		fputs("  ", f);
		text_wrap(f, text, 2, style_text_width(style));
	}
	return 0;
}

int check_write(FILE *f, sd_json_variant *report, const struct style *style)
{
	int r = 0;

	for (size_t i = 0; i < sd_json_variant_elements(report) && r >= 0; i++)
		if (is_first_of_group(report, i))
			r = write_group(f, report, i, style);
	if (r >= 0)
		r = write_remedies(f, report, false, style);
	if (r >= 0)
		r = write_remedies(f, report, true, style);
	return r;
}
