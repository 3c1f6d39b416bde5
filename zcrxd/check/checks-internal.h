/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the two files of verdicts write into the report. Both functions note when memory runs out.
 */
#pragma once

#include "facts.h"
#include "checks.h"

/* The next requirement, with what was found. */
struct requirement *require(struct report *report, const char *interface, const char *name,
			    enum verdict verdict, const char *found, ...)
	__attribute__((format(printf, 5, 6)));
/* What to do about it; nothing if the verdict is a yes. */
void hint(struct report *report, struct requirement *q, const char *remedy, ...)
	__attribute__((format(printf, 3, 4)));
enum verdict yes_if(bool yes);

/* Of an interface that could be read. */
void check_area(const struct interface_facts *f, struct report *report);
