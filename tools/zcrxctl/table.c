/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables. See table.h.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>

#include "table.h"

struct cell {
	char *text; /* escaped */
	enum ink ink;
};

struct table {
	size_t n_columns;
	size_t n_cells; /* the headings are the first row */
	struct cell *cells;
	bool *right;
	bool failed; /* a cell was lost */
};

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t->right);
	free(t);
	return NULL;
}

static void append(struct table *t, enum ink ink, char *text)
{
	struct cell *cells = NULL;

	if (text)
		cells = reallocarray(t->cells, t->n_cells + 1, sizeof *cells);
	if (!cells) {
		free(text);
		t->failed = true;
		return;
	}
	cells[t->n_cells++] = (struct cell) { .text = text, .ink = ink };
	t->cells = cells;
}

struct table *table_new(const char *heading, ...)
{
	_cleanup_(table_freep) struct table *t = calloc(1, sizeof *t);
	va_list ap;

	if (!t)
		return NULL;
	va_start(ap, heading);
	for (const char *h = heading; h; h = va_arg(ap, const char *))
		t->n_columns++;
	va_end(ap);

	t->right = calloc(t->n_columns, sizeof *t->right);
	if (!t->right)
		return NULL;
	va_start(ap, heading);
	for (const char *h = heading; h; h = va_arg(ap, const char *)) {
		t->right[t->n_cells] = *h == '>';
		append(t, INK_BOLD, strdup(h + (*h == '>')));
		if (t->failed)
			break;
	}
	va_end(ap);
	return t->failed ? NULL : TAKE_PTR(t);
}

void table_take(struct table *t, enum ink ink, char *text)
{
	_cleanup_free_ char *raw = text;

	append(t, ink, !raw ? NULL : *raw ? text_escape(raw) : strdup("-"));
}

void table_add(struct table *t, enum ink ink, const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	table_take(t, ink, n < 0 ? NULL : text);
}

static void write_row(const struct table *t, FILE *f, const struct cell *row, const size_t *widths,
		      bool colour)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		size_t padding = widths[i] - text_width(row[i].text);
		bool last = i == t->n_columns - 1;

		if (t->right[i])
			fprintf(f, "%*s", (int)padding, "");
		fprintf(f, "%s%s%s", ink_on(row[i].ink, colour), row[i].text,
			ink_off(row[i].ink, colour));
		if (!t->right[i] && !last)
			fprintf(f, "%*s", (int)padding, "");
		fputs(last ? "\n" : "  ", f);
	}
}

int table_write(const struct table *t, FILE *f, bool legend, bool colour)
{
	_cleanup_free_ size_t *widths = calloc(t->n_columns, sizeof *widths);
	size_t first = legend ? 0 : t->n_columns;

	if (!widths || t->failed)
		return -ENOMEM;
	assert(t->n_cells % t->n_columns == 0);
	if (t->n_cells == t->n_columns)
		return 0;
	for (size_t i = first; i < t->n_cells; i++) {
		size_t width = text_width(t->cells[i].text);

		if (width > widths[i % t->n_columns])
			widths[i % t->n_columns] = width;
	}
	for (size_t i = first; i < t->n_cells; i += t->n_columns)
		write_row(t, f, &t->cells[i], widths, colour);
	return 0;
}
