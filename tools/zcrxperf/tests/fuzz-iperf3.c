/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any text, as the test of an iperf3 client and as its results: both are refused, or are what a server can hold; and
 * what it answers with the client's own numbers can be read again.
 */
#include <stdint.h>

#include "iperf3-message.h"
#include "macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const struct iperf3_sent *sent, unsigned int streams)
{
	uint64_t bytes[IPERF3_STREAMS_MAX] = {};
	const struct iperf3_received received = { .streams = streams, .ids = sent->ids, .bytes = bytes };
	_cleanup_free_ char *text = iperf3_format_received(&received);
	struct iperf3_sent again;

	if (iperf3_parse_sent(text, streams, &again) != 0 ||
	    memcmp(again.ids, sent->ids, streams * sizeof(*again.ids)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct iperf3_sent sent;
	struct iperf3_test test;
	const char *why;

	if (iperf3_parse_test(text, &test, &why) == 0 &&
	    (test.streams < 1 || test.streams > IPERF3_STREAMS_MAX || test.seconds > 86400 || test.omit > 600))
		abort();
	for (unsigned int streams = 1; streams <= 3; streams++)
		if (iperf3_parse_sent(text, streams, &sent) == 0)
			answer(&sent, streams);
	return 0;
}
