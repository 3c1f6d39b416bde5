/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text that is put together piece by piece:
 *
 *	struct memstream m;
 *	int r = memstream_begin(&m);
 *
 *	if (r == 0)
 *		fprintf(m.f, ...);
 *	return memstream_end(&m, r, ret);
 */
#pragma once

#include <errno.h>
#include <stdarg.h>

#include "macro.h"

struct memstream {
	FILE *f;
	char *text;
	size_t size;
};

/* -ENOMEM. The stream knows where `m` is. */
static inline int memstream_begin(struct memstream *m)
{
	*m = (struct memstream){};
	m->f = open_memstream(&m->text, &m->size);
	return m->f ? 0 : -ENOMEM;
}

/* Must follow, in every case. `r`, if what was put into it failed; -ENOMEM. */
static inline int memstream_end(struct memstream *m, int r, char **ret)
{
	if (m->f && fclose(m->f) != 0 && r >= 0)
		r = -ENOMEM;
	if (r < 0)
		free(m->text);
	else
		*ret = m->text;
	return r < 0 ? r : 0;
}

/* What can be said at once. NULL if there is no memory. */
static inline _printf_(1, 2) char *text_format(const char *format, ...)
{
	va_list ap;
	char *s;
	int r;

	va_start(ap, format);
	r = vasprintf(&s, format, ap);
	va_end(ap);
	return r < 0 ? NULL : s;
}
