/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See chart.h. */
#include "chart.h"

#include <langinfo.h>
#include <sys/ioctl.h>

#include "macro.h"

#define LEFT	  25 /* two spaces, label, value */
#define BAR_LEAST 8
#define EIGHTHS	  8

/* As many eighths of a column: whole columns, and where the terminal can, a part of one at the end. */
static void put_bar(const struct chart *chart, FILE *f, unsigned int eighths, bool pale)
{
	static const char *const parts[EIGHTHS] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned int whole = chart->utf8 ? eighths / EIGHTHS : (eighths + EIGHTHS / 2) / EIGHTHS;

	for (unsigned int i = 0; i < whole; i++)
		fputs(chart->utf8 ? (pale ? "▒" : "█") : (pale ? "-" : "#"), f);
	if (chart->utf8 && !pale)
		fputs(parts[eighths % EIGHTHS], f);
}

static unsigned int scale(double value, double most, unsigned int columns)
{
	return most > 0 && value > 0 ? (unsigned int)(value / most * columns * EIGHTHS + 0.5) : 0;
}

static void draw_bar(const struct chart *chart, FILE *f, const struct bar *b, double most)
{
	const unsigned int columns = chart->width - LEFT;
	unsigned int length = scale(b->length, most, columns), whole = scale(b->length + b->rest, most, columns);

	/* A part of a column can be drawn at the end only. */
	if (b->rest > 0)
		length = (length + EIGHTHS / 2) / EIGHTHS * EIGHTHS;
	fprintf(f, "  %-9s %12s ", b->label, b->value);
	fputs(chart->colour ? (b->marked ? "\033[32m" : "\033[36m") : "", f);
	put_bar(chart, f, length, false);
	if (b->rest > 0 && whole > length)
		put_bar(chart, f, (whole - length + EIGHTHS / 2) / EIGHTHS * EIGHTHS, true);
	fputs(chart->colour ? "\033[0m" : "", f);
	fputc('\n', f);
}

void chart_draw(const struct chart *chart, FILE *f, const char *title, const struct bar *bars, size_t n)
{
	double most = 0;

	if (chart->width < LEFT + BAR_LEAST)
		return;
	for (size_t i = 0; i < n; i++)
		if (bars[i].length + bars[i].rest > most)
			most = bars[i].length + bars[i].rest;
	fprintf(f, "\n%s%s%s\n", chart->colour ? "\033[1m" : "", title, chart->colour ? "\033[0m" : "");
	for (size_t i = 0; i < n; i++)
		draw_bar(chart, f, &bars[i], most);
}

struct chart chart_of_terminal(FILE *f)
{
	const char *columns = getenv("COLUMNS"), *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size = {};
	struct chart chart = {};
	int fd = fileno(f);

	if (!isatty(fd))
		return chart;
	chart.width = columns ? (unsigned int)strtoul(columns, NULL, 10) : 0;
	if (chart.width == 0 || chart.width > 1000)
		chart.width = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
	chart.utf8 = streq(nl_langinfo(CODESET), "UTF-8");
	chart.colour = !(no_colour && *no_colour) && term && !streq(term, "dumb");
	return chart;
}
