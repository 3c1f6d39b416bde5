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
	struct column {
		bool right;
		unsigned optional; /* the higher, the sooner it is left out */
	} *columns;
	bool failed; /* a cell was lost */
};

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t->columns);
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

	t->columns = calloc(t->n_columns, sizeof *t->columns);
	if (!t->columns)
		return NULL;
	va_start(ap, heading);
	for (const char *h = heading; h; h = va_arg(ap, const char *)) {
		struct column *column = &t->columns[t->n_cells];

		if (*h >= '1' && *h <= '9')
			column->optional = (unsigned)(*h++ - '0');
		column->right = *h == '>';
		append(t, INK_BOLD, strdup(h + column->right));
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

/* ------------------------------------------------------------------ how wide each column is */

enum {
	GAP = 2,
	NARROW = 10, /* no column is cut below that while another may be left out */
};

struct layout {
	size_t *widths; /* of the columns; 0: left out */
	const struct table *table;
};

static const char *cell_text(const struct table *t, size_t row, size_t column)
{
	return t->cells[row * t->n_columns + column].text;
}

static size_t natural_width(const struct table *t, size_t column, bool legend)
{
	size_t width = 0;
	bool any = column == 0;

	for (size_t row = 1; row < t->n_cells / t->n_columns; row++) {
		const char *text = cell_text(t, row, column);
		size_t n = text_width(text);

		any |= !streq(text, "-");
		width = n > width ? n : width;
	}
	if (legend && text_width(cell_text(t, 0, column)) > width)
		width = text_width(cell_text(t, 0, column));
	return any ? width : 0;
}

/* Of all columns, if none is wider than `most`. */
static size_t total_width(const struct layout *l, size_t most)
{
	size_t total = 0;

	for (size_t i = 0; i < l->table->n_columns; i++)
		if (l->widths[i] > 0)
			total += (l->widths[i] < most ? l->widths[i] : most) + GAP;
	return total - GAP;
}

static bool leave_out_one(struct layout *l)
{
	const struct column *columns = l->table->columns;
	size_t worst = 0; /* the first never is */

	for (size_t i = 1; i < l->table->n_columns; i++)
		if (l->widths[i] > 0 && columns[i].optional > 0 && columns[i].optional >= columns[worst].optional)
			worst = i;
	if (worst > 0)
		l->widths[worst] = 0;
	return worst > 0;
}

/* The widest give way first, and alike. */
static void cut(struct layout *l, size_t width)
{
	size_t most = width;

	while (most > 1 && total_width(l, most) > width)
		most--;
	for (size_t i = 0; i < l->table->n_columns; i++)
		if (l->widths[i] > most)
			l->widths[i] = most;
}

static void fit(struct layout *l, size_t width)
{
	while (total_width(l, NARROW) > width && leave_out_one(l))
		;
	if (total_width(l, SIZE_MAX) > width)
		cut(l, width);
}

static int write_cell(const struct cell *cell, FILE *f, size_t width, bool right, bool pad, const struct style *style)
{
	_cleanup_free_ char *text = text_ellipsize(cell->text, width, style->utf8);
	int padding;

	if (!text)
		return -ENOMEM;
	padding = (int)(width - text_width(text));
	fprintf(f, "%*s%s%s%s%*s", right ? padding : 0, "", ink_on(cell->ink, style->colour), text,
		ink_off(cell->ink, style->colour), right || !pad ? 0 : padding, "");
	return 0;
}

static int write_row(const struct layout *l, FILE *f, const struct cell *row, const struct style *style)
{
	const struct table *t = l->table;
	size_t last = t->n_columns - 1;
	int r = 0;

	while (l->widths[last] == 0)
		last--;
	for (size_t i = 0; i <= last && r == 0; i++) {
		if (l->widths[i] == 0)
			continue;
		r = write_cell(&row[i], f, l->widths[i], t->columns[i].right, i < last, style);
		fputs(i == last ? "\n" : "  ", f);
	}
	return r;
}

int table_write(const struct table *t, FILE *f, const struct style *style)
{
	_cleanup_free_ size_t *widths = calloc(t->n_columns, sizeof *widths);
	struct layout layout = { .widths = widths, .table = t };
	int r = 0;

	if (!widths || t->failed)
		return -ENOMEM;
	assert(t->n_cells % t->n_columns == 0);
	if (t->n_cells == t->n_columns)
		return 0;
	for (size_t i = 0; i < t->n_columns; i++)
		widths[i] = natural_width(t, i, style->legend);
	if (style->width > 0)
		fit(&layout, style->width);
	for (size_t i = style->legend ? 0 : t->n_columns; i < t->n_cells && r == 0; i += t->n_columns)
		r = write_row(&layout, f, &t->cells[i], style);
	return r;
}
