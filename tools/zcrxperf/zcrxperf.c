/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zcrxperf: try zero-copy receive, and measure it. Only the command line is here. */
#include <locale.h>

#include "answer.h"
#include "compare.h"
#include "iperf3-serve.h"
#include "macro.h"
#include "options.h"
#include "send.h"
#include "session.h"

int main(int argc, char **argv)
{
	struct options o;
	int r;

	setlocale(LC_CTYPE, ""); /* what the terminal can show */
	r = options_parse(&o, argc, argv);
	if (r != 0)
		return r > 0 ? STATUS_DONE : STATUS_USAGE;
	switch (o.command) {
	case COMMAND_RECEIVE:
		return receive_run(&o);
	case COMMAND_SEND:
		return send_run(&o);
	case COMMAND_SERVE:
		return iperf3_serve(&o);
	case COMMAND_COMPARE:
		return compare_run(&o);
	case COMMAND_ANSWER:
		return answer_run(&o);
	case _COMMAND_MAX:
		break;
	}
	return STATUS_USAGE;
}
