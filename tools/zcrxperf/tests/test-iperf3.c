/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What iperf3's client sends is understood, what zcrxperf cannot do is refused, and its answer has all that the
 * client demands. The objects are in the form of iperf3 3.18. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iperf3-message.h"
#include "macro.h"

#define TCP "{\"tcp\":true,\"omit\":0,\"time\":10,\"num\":0,\"blockcount\":0,"
#define END "\"parallel\":1,\"len\":131072,\"pacing_timer\":1000,\"client_version\":\"3.18\"}"

static void test_a_plain_test(void **state)
{
	struct iperf3_test t;
	const char *why;

	assert_int_equal(iperf3_parse_test(TCP END, &t, &why), 0);
	assert_int_equal(t.streams, 1);
	assert_int_equal(t.seconds, 10);
	assert_int_equal(t.omit, 0);
	assert_true(t.bytes == 0 && t.blocks == 0 && !t.get_output);
	assert_int_equal(iperf3_parse_test("{\"tcp\":true,\"omit\":3,\"time\":0,\"num\":1e+10,\"blockcount\":7,"
					   "\"parallel\":128,\"get_server_output\":1,\"reverse\":false}",
					   &t, &why),
			 0);
	assert_int_equal(t.streams, 128);
	assert_int_equal(t.seconds, 0);
	assert_int_equal(t.omit, 3);
	assert_true(t.bytes == UINT64_C(10000000000) && t.blocks == 7 && t.get_output);
}

static void test_what_cannot_be_done_is_refused(void **state)
{
	static const struct {
		const char *json;
		int error;
	} table[] = {
		{ "", IPERF3_BAD_PARAMETERS },
		{ "[]", IPERF3_BAD_PARAMETERS },
		{ "{\"tcp\":true", IPERF3_BAD_PARAMETERS },
		{ "{}", IPERF3_NOT_IMPLEMENTED },
		{ "{\"udp\":true}", IPERF3_NOT_IMPLEMENTED },
		{ "{\"sctp\":true}", IPERF3_NO_SCTP },
		{ TCP "\"udp\":true," END, IPERF3_NOT_IMPLEMENTED },
		{ TCP "\"reverse\":true," END, IPERF3_NOT_IMPLEMENTED },
		{ TCP "\"bidirectional\":true," END, IPERF3_NOT_IMPLEMENTED },
		{ TCP "\"mptcp\":true," END, IPERF3_NOT_IMPLEMENTED },
		{ TCP "\"authtoken\":\"x\"," END, IPERF3_NOT_AUTHORIZED },
		{ TCP "\"server_affinity\":0," END, IPERF3_NO_AFFINITY },
		{ TCP "\"parallel\":129}", IPERF3_BAD_STREAMS },
		{ TCP "\"parallel\":-1}", IPERF3_BAD_STREAMS },
		{ TCP "\"parallel\":\"1\"}", IPERF3_BAD_STREAMS },
		{ "{\"tcp\":true,\"time\":86401}", IPERF3_BAD_DURATION },
		{ "{\"tcp\":true,\"time\":1e300}", IPERF3_BAD_DURATION },
		{ "{\"tcp\":true,\"omit\":601}", IPERF3_BAD_OMIT },
		{ "{\"tcp\":true,\"num\":-5}", IPERF3_BAD_PARAMETERS },
		{ "{\"tcp\":true,\"num\":1e30}", IPERF3_BAD_PARAMETERS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct iperf3_test t;
		const char *why = NULL;

		print_message("%s\n", table[i].json);
		assert_int_equal(iperf3_parse_test(table[i].json, &t, &why), table[i].error);
		assert_non_null(why);
	}
}

static void test_results_of_as_many_streams_as_there_are(void **state)
{
	static const char two[] = "{\"cpu_util_total\":1.5,\"streams\":[{\"id\":1,\"bytes\":1000,\"retransmits\":0},"
				  "{\"id\":3,\"bytes\":500}]}";
	struct iperf3_sent sent;

	assert_int_equal(iperf3_parse_sent(two, 2, &sent), 0);
	assert_true(sent.ids[0] == 1 && sent.ids[1] == 3 && sent.bytes == 1500);
	assert_int_equal(iperf3_parse_sent(two, 1, &sent), IPERF3_BAD_RESULTS);
	assert_int_equal(iperf3_parse_sent(two, 3, &sent), IPERF3_BAD_RESULTS);
	assert_int_equal(iperf3_parse_sent("{}", 1, &sent), IPERF3_BAD_RESULTS);
	assert_int_equal(iperf3_parse_sent("{\"streams\":[1]}", 1, &sent), IPERF3_BAD_RESULTS);
	assert_int_equal(iperf3_parse_sent("{\"streams\":[{\"id\":\"1\"}]}", 1, &sent), IPERF3_BAD_RESULTS);
	assert_int_equal(iperf3_parse_sent("{\"streams\":[{\"id\":1,\"bytes\":-1}]}", 1, &sent), IPERF3_BAD_RESULTS);
}

static void test_the_answer_has_all_that_a_client_demands(void **state)
{
	static const char *const demanded[] = { "\"cpu_util_total\":", "\"cpu_util_user\":", "\"cpu_util_system\":",
						"\"sender_has_retransmits\":-1", "\"streams\":[", "\"id\":3,",
						"\"bytes\":18446744073709551615,", "\"retransmits\":-1", "\"jitter\":0",
						"\"errors\":0", "\"packets\":0", "\"omitted_errors\":0",
						"\"omitted_packets\":0", "\"start_time\":0", "\"end_time\":2.5",
						"\"server_output_text\":\"a \\\"word\\\"\\n\"" };
	const int64_t ids[] = { 1, 3 };
	const uint64_t bytes[] = { 5, UINT64_MAX };
	const struct iperf3_received received = { .streams = 2,
						  .ids = ids,
						  .bytes = bytes,
						  .seconds = 2.5,
						  .user = 10,
						  .system = 20,
						  .output = "a \"word\"\n" };
	_cleanup_free_ char *text = iperf3_format_received(&received);

	for (size_t i = 0; i < ARRAY_SIZE(demanded); i++) {
		print_message("%s\n", demanded[i]);
		assert_non_null(strstr(text, demanded[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_plain_test),
		cmocka_unit_test(test_what_cannot_be_done_is_refused),
		cmocka_unit_test(test_results_of_as_many_streams_as_there_are),
		cmocka_unit_test(test_the_answer_has_all_that_a_client_demands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
