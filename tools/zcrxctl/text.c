/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text for people. See text.h.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <time.h>
#include <wchar.h>

#include "macro.h"
#include "text.h"

_printf_(1, 2) static char *format(const char *format, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, format);
	n = vasprintf(&s, format, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

static const char *const ink_sequences[] = {
	[INK_NONE] = "",	  [INK_DIM] = "\x1b[2m",     [INK_BOLD] = "\x1b[1m",
	[INK_GOOD] = "\x1b[32m",  [INK_BUSY] = "\x1b[1;36m", [INK_WARN] = "\x1b[33m",
	[INK_BAD] = "\x1b[1;31m",
};

size_t style_text_width(const struct style *style)
{
	enum { USUAL = 80, LEAST = 20 };

	return style->width == 0 ? USUAL : style->width < LEAST ? LEAST : style->width;
}

const char *ink_on(enum ink ink, bool colour)
{
	return colour ? ink_sequences[ink] : "";
}

const char *ink_off(enum ink ink, bool colour)
{
	return colour && ink != INK_NONE ? "\x1b[0m" : "";
}

/* The code point at `s` and its length in bytes; 0 for what is no UTF-8 (RFC 3629: no overlong
 * forms, no surrogates, nothing above U+10FFFF). */
static size_t decode(const char *s, uint32_t *ret)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0x80	 ? 1
		   : u[0] < 0xc2 ? 0
		   : u[0] < 0xe0 ? 2
		   : u[0] < 0xf0 ? 3
		   : u[0] < 0xf5 ? 4
				 : 0;
	uint32_t c;

	if (n <= 1) {
		*ret = u[0];
		return n;
	}
	c = u[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < smallest[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*ret = c;
	return n;
}

/* Characters that act on the terminal or on the reading order instead of being seen. */
static bool is_unprintable(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

void text_put(FILE *f, const char *s)
{
	uint32_t c;
	size_t n;

	for (; *s; s += n) {
		n = decode(s, &c);
		if (n == 0) {
			fprintf(f, "\\x%02x", (unsigned char)*s);
			n = 1;
		} else if (!is_unprintable(c)) {
			fwrite(s, 1, n, f);
		} else if (c == '\n') {
			fputs("\\n", f);
		} else if (c == '\t') {
			fputs("\\t", f);
		} else {
			fprintf(f, c < 0x80 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, c);
		}
	}
}

char *text_escape(const char *s)
{
	_cleanup_free_ char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	text_put(f, s);
	return fclose(f) == 0 ? TAKE_PTR(out) : NULL;
}

size_t text_width(const char *s)
{
	size_t width = 0, n;
	uint32_t c;

	for (; *s; s += n) {
		int columns;

		n = decode(s, &c);
		columns = n > 0 ? wcwidth((wchar_t)c) : 1;
		width += columns >= 0 ? (size_t)columns : 1;
		n = n > 0 ? n : 1;
	}
	return width;
}

/* How much of `s` fits into so many columns, in bytes. */
static size_t prefix_of(const char *s, size_t width)
{
	size_t bytes = 0, n;
	uint32_t c;

	for (; s[bytes]; bytes += n) {
		int columns;

		n = decode(s + bytes, &c);
		columns = n > 0 ? wcwidth((wchar_t)c) : 1;
		n = n > 0 ? n : 1;
		columns = columns >= 0 ? columns : 1;
		if ((size_t)columns > width)
			break;
		width -= (size_t)columns;
	}
	return bytes;
}

char *text_ellipsize(const char *s, size_t width, bool utf8)
{
	const char *dots = utf8 ? "…" : "...";
	const size_t n = utf8 ? 1 : 3;

	if (text_width(s) <= width)
		return strdup(s);
	if (width <= n)
		return format("%.*s", (int)prefix_of(s, width), s);
	return format("%.*s%s", (int)prefix_of(s, width - n), s, dots);
}

size_t text_distance(const char *a, const char *b)
{
	enum { MOST = 31 };
	size_t d[MOST + 1][MOST + 1], n = strlen(a), m = strlen(b);

	if (n > MOST || m > MOST)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			size_t least = i + j;

			if (i > 0 && j > 0)
				least = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (i > 0 && d[i - 1][j] + 1 < least)
				least = d[i - 1][j] + 1;
			if (j > 0 && d[i][j - 1] + 1 < least)
				least = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < least)
				least = d[i - 2][j - 2] + 1;
			d[i][j] = least;
		}
	return d[n][m];
}

void text_wrap(FILE *f, const char *s, size_t indent, size_t width)
{
	size_t column = indent;
	bool first = true;

	while (*(s += strspn(s, " \n"))) {
		size_t n = strcspn(s, " \n");
		_cleanup_free_ char *word = strndup(s, n);
		size_t columns = word ? text_width(word) : n;

		if (!first && column + 1 + columns > width) {
			fprintf(f, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		fprintf(f, "%s%.*s", first ? "" : " ", (int)n, s);
		column += columns + !first;
		first = false;
		s += n;
	}
	fputc('\n', f);
}

static const struct unit {
	const char *name;
	uint64_t usec;
} units[] = {
	{ "w", 7 * USEC_PER_DAY },
	{ "d", USEC_PER_DAY },
	{ "h", USEC_PER_HOUR },
	{ "min", USEC_PER_MIN },
	{ "s", USEC_PER_SEC },
	{ "ms", 1000 },
	{ "us", 1 },
};

char *text_span(uint64_t usec)
{
	char parts[2][sizeof "18446744073709551615min"] = { "", "" };
	size_t slot = 0;

	/* Weeks are read, but not written: "9d" says more than "1w 2d". Milliseconds matter only
	 * where there are no seconds. */
	for (size_t i = 1; i < ARRAY_SIZE(units) - 1 && slot < 2; i++) {
		uint64_t count = usec / units[i].usec;

		if (count == 0 && slot == 0)
			continue;
		if (count > 0 && (units[i].usec >= USEC_PER_SEC || slot == 0))
			snprintf(parts[slot], sizeof parts[slot], "%" PRIu64 "%s", count,
				 units[i].name);
		slot++;
		usec %= units[i].usec;
	}
	return format("%s%s%s", slot > 0 ? parts[0] : "0s", *parts[1] ? " " : "", parts[1]);
}

char *text_time(uint64_t realtime_usec)
{
	time_t seconds = (time_t)(realtime_usec / USEC_PER_SEC);
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		return format("@%" PRIu64, realtime_usec / USEC_PER_SEC);
	return format("%d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		      tm.tm_hour, tm.tm_min, tm.tm_sec);
}

int parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t number = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return -EINVAL;
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*s - '0'), &number))
			return -ERANGE;
	}
	if (number < min || number > max)
		return -ERANGE;
	*ret = number;
	return 0;
}
