/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See open-metrics.h.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "memstream.h"
#include "open-metrics.h"
#include "text.h"

#define PREFIX "io.zcrx."
#define OBJECT "interface" /* what the objects of all metrics are */

struct sample {
	const char *name; /* behind the prefix */
	char *labels;	  /* {a="b",...} without "le"; "" for none */
	char *le;
	char *number;
};

struct samples {
	struct sample *list;
	size_t n;
};

static void samples_done(struct samples *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].labels);
		free(s->list[i].le);
		free(s->list[i].number);
	}
	free(s->list);
}

/* ---------------------------------------------------------------------------- reading */

static bool is_identifier(const char *s)
{
	if (!s || !(isalpha((unsigned char)*s) || *s == '_'))
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

/* NULL if it is no name of ours. */
static const char *name_of(sd_json_variant *v)
{
	const char *name = field_string(v, "name");

	if (!name || strncmp(name, PREFIX, strlen(PREFIX)) != 0 || !is_identifier(name + strlen(PREFIX)))
		return NULL;
	return name + strlen(PREFIX);
}

/* What could act on a terminal is made visible first, and is escaped then as the format wants it. */
static int put_quoted(FILE *f, const char *s)
{
	_cleanup_free_ char *shown = text_escape(s);

	if (!shown)
		return -ENOMEM;
	for (const char *c = shown; *c; c++)
		fprintf(f, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
	return 0;
}

static int put_label(FILE *f, bool *first, const char *name, const char *value)
{
	int r;

	fprintf(f, "%s%s=\"", *first ? "{" : ",", name);
	r = put_quoted(f, value);
	fputc('"', f);
	*first = false;
	return r;
}

/* Whether all of them are labels, each once. */
static bool labels_fit(sd_json_variant *fields, const char *object)
{
	const char *name;
	sd_json_variant *value;

	for (size_t i = 0, n = fields ? sd_json_variant_elements(fields) : 0; i + 1 < n; i += 2) {
		name = sd_json_variant_string(sd_json_variant_by_index(fields, i));
		value = sd_json_variant_by_index(fields, i + 1);
		if (!is_identifier(name) || !sd_json_variant_is_string(value) || (object && streq(name, OBJECT)))
			return false;
	}
	return true;
}

static int format_labels(sd_json_variant *fields, const char *object, char **ret)
{
	struct memstream m;
	bool first = true;
	int r = memstream_begin(&m);

	if (r == 0 && object)
		r = put_label(m.f, &first, OBJECT, object);
	for (size_t i = 0, n = fields ? sd_json_variant_elements(fields) : 0; r == 0 && i + 1 < n; i += 2) {
		const char *name = sd_json_variant_string(sd_json_variant_by_index(fields, i));

		if (!streq(name, "le"))
			r = put_label(m.f, &first, name, sd_json_variant_string(sd_json_variant_by_index(fields, i + 1)));
	}
	if (r == 0 && !first)
		fputc('}', m.f);
	return memstream_end(&m, r, ret);
}

/* As short as it can be read back. NULL without memory. */
static char *format_number(sd_json_variant *v)
{
	char text[64];

	if (sd_json_variant_is_unsigned(v))
		return text_format("%" PRIu64, sd_json_variant_unsigned(v));
	if (sd_json_variant_is_integer(v))
		return text_format("%" PRIi64, sd_json_variant_integer(v));
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, sd_json_variant_real(v));
		if (strtod(text, NULL) == sd_json_variant_real(v))
			break;
	}
	return strdup(text);
}

/* 0: it does not fit. */
static int sample_read(sd_json_variant *v, struct sample *ret)
{
	sd_json_variant *fields = field_object(v, "fields"), *value = sd_json_variant_by_key(v, "value");
	const char *object = field_string(v, "object"), *le = field_string(fields, "le");
	int r;

	*ret = (struct sample){ .name = name_of(v) };
	if (!ret->name || !value || !sd_json_variant_is_number(value) || !labels_fit(fields, object))
		return 0;
	r = format_labels(fields, object, &ret->labels);
	if (r < 0)
		return r;
	ret->number = format_number(value);
	ret->le = strdup(le ?: "");
	return ret->number && ret->le ? 1 : -ENOMEM;
}

static int samples_read(sd_json_variant *values, struct samples *ret)
{
	sd_json_variant *v;
	int r;

	ret->list = calloc(sd_json_variant_elements(values) + 1, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	array_foreach(v, values) {
		r = sample_read(v, &ret->list[ret->n]);
		ret->n += r != 0; /* also half of one, to be freed */
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---------------------------------------------------------------------------- writing */

struct family {
	const char *name, *help;
	size_t length; /* of its name, without the ending of its samples */
};

struct writer {
	FILE *f;
	const struct samples *samples;
	enum metrics_format format;
};

static bool ends_with(const char *s, const char *ending)
{
	size_t n = strlen(s), k = strlen(ending);

	return n > k && streq(s + n - k, ending);
}

static void put_heading(const struct writer *w, const struct family *m, const char *type)
{
	fprintf(w->f, "# TYPE zcrx_%.*s %s\n# HELP zcrx_%.*s ", (int)m->length, m->name, type, (int)m->length, m->name);
	for (const char *c = m->help; *c; c++) {
		if (*c == '\\' || (*c == '"' && w->format == FORMAT_OPENMETRICS))
			fputc('\\', w->f);
		fputc(iscntrl((unsigned char)*c) ? ' ' : *c, w->f);
	}
	fputc('\n', w->f);
}

/* Prometheus takes nothing from a text in which a sample comes twice; the first counts. */
static bool came_before(const struct samples *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (streq(s->list[k].name, s->list[i].name) && streq(s->list[k].labels, s->list[i].labels) &&
		    streq(s->list[k].le, s->list[i].le))
			return true;
	return false;
}

static void write_plain(const struct writer *w, const struct family *m, const char *type)
{
	bool first = true;

	for (size_t i = 0; i < w->samples->n; i++) {
		const struct sample *s = &w->samples->list[i];

		if (!streq(s->name, m->name) || *s->le || came_before(w->samples, i))
			continue;
		if (first)
			put_heading(w, m, type);
		first = false;
		fprintf(w->f, "zcrx_%s%s %s\n", s->name, s->labels, s->number);
	}
}

static void put_with(const struct writer *w, const struct family *m, const char *ending, const char *labels)
{
	for (size_t i = 0; i < w->samples->n; i++) {
		const struct sample *s = &w->samples->list[i];

		if (strncmp(s->name, m->name, m->length) == 0 && streq(s->name + m->length, ending) &&
		    streq(s->labels, labels) && !*s->le) {
			fprintf(w->f, "zcrx_%s%s %s\n", s->name, s->labels, s->number);
			return;
		}
	}
}

/* Buckets, count and sum of one after the other: labels with the last bucket end it. */
static void write_histogram(const struct writer *w, const struct family *m)
{
	bool first = true;

	for (size_t i = 0; i < w->samples->n; i++) {
		const struct sample *s = &w->samples->list[i];
		const size_t n = strlen(s->labels);

		if (!streq(s->name, m->name) || !*s->le || came_before(w->samples, i))
			continue;
		if (first)
			put_heading(w, m, "histogram");
		first = false;
		fprintf(w->f, "zcrx_%s%.*s%sle=\"", s->name, n > 0 ? (int)n - 1 : 0, s->labels, n > 0 ? "," : "{");
		(void)put_quoted(w->f, s->le);
		fprintf(w->f, "\"} %s\n", s->number);
		if (!streq(s->le, "+Inf"))
			continue;
		put_with(w, m, "_count", s->labels);
		put_with(w, m, "_sum", s->labels);
	}
}

static bool has_family(sd_json_variant *families, const char *start, size_t length, const char *ending)
{
	sd_json_variant *v;

	array_foreach(v, families) {
		const char *name = name_of(v);

		if (name && strlen(name) == length + strlen(ending) && strncmp(name, start, length) == 0 &&
		    streq(name + length, ending))
			return true;
	}
	return false;
}

/* It belongs to the histogram with these buckets. */
static bool is_part(sd_json_variant *families, const char *name)
{
	return (ends_with(name, "_count") && has_family(families, name, strlen(name) - strlen("_count"), "_bucket")) ||
	       (ends_with(name, "_sum") && has_family(families, name, strlen(name) - strlen("_sum"), "_bucket"));
}

static void write_family(const struct writer *w, sd_json_variant *families, sd_json_variant *v)
{
	const bool prometheus = w->format == FORMAT_PROMETHEUS;
	struct family m = { .name = name_of(v), .help = field_string(v, "description") ?: "" };
	const char *type = field_string(v, "type") ?: "";

	if (!m.name || is_part(families, m.name) || streq(type, "string"))
		return;
	m.length = strlen(m.name);
	if (ends_with(m.name, "_bucket")) {
		m.length -= strlen("_bucket");
		write_histogram(w, &m);
	} else if (streq(type, "counter") && ends_with(m.name, "_total")) {
		m.length -= prometheus ? 0 : strlen("_total");
		write_plain(w, &m, "counter");
	} else
		write_plain(w, &m, streq(type, "gauge") ? "gauge" : prometheus ? "untyped" : "unknown");
}

int open_metrics_write(FILE *f, sd_json_variant *families, sd_json_variant *values, enum metrics_format format)
{
	_cleanup_(samples_done) struct samples samples = {};
	const struct writer w = { .f = f, .samples = &samples, .format = format };
	sd_json_variant *v;
	int r = samples_read(values, &samples);

	if (r < 0)
		return r;
	array_foreach(v, families)
		write_family(&w, families, v);
	if (format == FORMAT_OPENMETRICS)
		fputs("# EOF\n", f);
	return 0;
}
