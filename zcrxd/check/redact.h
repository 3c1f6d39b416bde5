/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text that may be shown to anybody: without addresses, and without the names that it is told.
 */
#pragma once

#include <stddef.h>

struct redaction {
	const char *name;  /* as a whole word */
	const char *stead; /* what is written in its stead */
};

/* MAC, IPv4, IPv6 and PCI addresses go, too. -ENOMEM. */
int redact(const char *text, const struct redaction *list, size_t n, char **ret);
