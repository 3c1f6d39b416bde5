/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bars on a terminal. What it is like is an argument; chart_of_terminal() finds it out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct chart {
	unsigned int width; /* of a line; 0: this is no terminal, and there are no bars */
	bool utf8;
	bool colour;
};

struct bar {
	const char *label; /* at most 9 columns */
	const char *value; /* at most 12, beside the bar */
	double length;
	double rest; /* goes on from there, paler */
	bool marked;	   /* the one that all this is about */
};

/* A title, and the bars below it, the longest as wide as there is room for. Nothing where there is no room. */
void chart_draw(const struct chart *chart, FILE *f, const char *title, const struct bar *bars, size_t n);

/* What the terminal of `f` is like: $COLUMNS, NO_COLOR, TERM and the locale (setlocale() was called) count. */
struct chart chart_of_terminal(FILE *f);
