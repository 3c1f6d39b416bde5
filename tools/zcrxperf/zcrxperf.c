/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zcrxperf: try zero-copy receive, and measure it. Only the command line is here. */
#include "macro.h"
#include "options.h"
#include "send.h"
#include "session.h"

int main(int argc, char **argv)
{
	struct options o;
	int r;

	r = options_parse(&o, argc, argv);
	if (r != 0)
		return r > 0 ? STATUS_DONE : STATUS_USAGE;
	return o.send ? send_run(&o) : receive_run(&o);
}
