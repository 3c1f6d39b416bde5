/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values to text for people, and people's numbers and times to values. Everything that came from
 * the daemon passes through text_escape() before it reaches a terminal: lease names are other
 * users' strings. Pure: the clock is an argument, nothing is printed but to the given stream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)

/* What a piece of text means; a terminal shows it as a colour. */
enum ink {
	INK_NONE,
	INK_DIM,
	INK_BOLD,
	INK_GOOD,
	INK_BUSY,
	INK_WARN,
	INK_BAD,
};

/* How things are shown. */
struct style {
	bool legend; /* headings and explanations */
	bool colour;
	bool utf8;    /* the locale has more characters than ASCII's */
	size_t width; /* of the screen; 0: as wide as it gets */
};

/* Columns that running text may take. */
size_t style_text_width(const struct style *style);

/* Escape sequences; empty strings without colour. */
const char *ink_on(enum ink ink, bool colour);
const char *ink_off(enum ink ink, bool colour);

/* A copy in which nothing can move the cursor, change colours or reorder the line: control and
 * bidirectional characters and invalid UTF-8 become \x1b, \u202e, \xff. NULL: out of memory. */
char *text_escape(const char *s);

/* Writes that copy. */
void text_put(FILE *f, const char *s);

/* Columns that `s` takes on a terminal. Needs setlocale() for what is not ASCII. */
size_t text_width(const char *s);

/* A copy that takes at most `width` columns, of which the last say that there is more. NULL: out of memory. */
char *text_ellipsize(const char *s, size_t width, bool utf8);

/* How many letters to insert, delete, replace or swap with their neighbour to make `b` of `a`; SIZE_MAX for a long
 * one. */
size_t text_distance(const char *a, const char *b);

/* `s` in lines of at most `width` columns, each after the first behind `indent` spaces; the
 * caller has written the indent of the first. Ends with a newline. */
void text_wrap(FILE *f, const char *s, size_t indent, size_t width);

/* The following return a new string, or NULL when out of memory. */

/* "1h 30min", the two largest units; "0s" below a millisecond. */
char *text_span(uint64_t usec);

/* "2026-11-21 01:10:03", local time. */
char *text_time(uint64_t realtime_usec);

/* Decimal digits only. -EINVAL: not a number; -ERANGE: not in [min, max]. */
int parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
