/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What people call a network interface: its name, its alternative names, and patterns for several of
 * them, as systemd.link(5) has them (fnmatch(3)). Every text by which somebody names an interface is
 * compared here, so that none is understood in one place and unknown in another.
 */
#pragma once

#include <stdbool.h>

#define INTERFACE_NAME_MAX 127 /* bytes of an alternative name (ALTIFNAMSIZ of <linux/if.h>) */

struct interface_names {
	const char *name;
	const char *altnames; /* separated by blanks; NULL for none */
};

/* By this very name. */
bool interface_is_called(const struct interface_names *names, const char *text);
/* By a name that the pattern matches, or that is the pattern to the letter. */
bool interface_is_meant(const struct interface_names *names, const char *pattern);

bool is_pattern(const char *text);
/* The pattern as a whole matches the text, or is the text to the letter. */
bool pattern_matches(const char *pattern, const char *text);
