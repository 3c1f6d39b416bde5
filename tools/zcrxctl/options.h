/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line: options before or after the command, and the help that lists them. Called by
 * main() only; errors are printed here, as usage errors are nobody else's business.
 */
#pragma once

#include "zcrxctl.h"

struct command_line {
	struct ctl ctl;
	const struct command *command; /* NULL: help or the version was asked for, and printed */
	char **arguments;	       /* in argv */
	bool help, version;	       /* asked for */
};

enum exit_status options_parse(int argc, char **argv, struct command_line *ret);

/* Reads one flow; prints what is wrong and where. */
enum exit_status options_parse_flow(const char *text, struct flow *ret);
