/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How zcrxperf says what failed. */
#include <stdarg.h>
#include <stdio.h>

#include "session.h"

int fail(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("zcrxperf: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return STATUS_FAILED;
}
