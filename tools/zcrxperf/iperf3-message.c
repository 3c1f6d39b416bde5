/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See iperf3-message.h. */
#include "iperf3-message.h"

#include <errno.h>

#include <systemd/sd-json.h>

#include "macro.h"

#define SECONDS_MAX 86400
#define OMIT_MAX    600

/* cJSON writes numbers as it likes: 1e+10 is one, too. */
static int get_number(sd_json_variant *object, const char *key, double max, uint64_t *ret)
{
	sd_json_variant *v = sd_json_variant_by_key(object, key);
	double value;

	*ret = 0;
	if (!v)
		return 0;
	if (!sd_json_variant_is_number(v))
		return -EINVAL;
	value = sd_json_variant_is_unsigned(v) ? (double)sd_json_variant_unsigned(v) : sd_json_variant_real(v);
	if (!(value >= 0 && value <= max))
		return -ERANGE;
	*ret = sd_json_variant_is_unsigned(v) ? sd_json_variant_unsigned(v) : (uint64_t)value;
	return 0;
}

static bool is_there(sd_json_variant *object, const char *key)
{
	sd_json_variant *v = sd_json_variant_by_key(object, key);

	return v && !sd_json_variant_is_null(v) && !(sd_json_variant_is_boolean(v) && !sd_json_variant_boolean(v));
}

/* What would make it a test of something else. */
static int refuse(sd_json_variant *object, const char **ret_why)
{
	static const struct {
		const char *key;
		int error;
		const char *why;
	} table[] = {
		{ "udp", IPERF3_NOT_IMPLEMENTED, "UDP (-u)" },
		{ "sctp", IPERF3_NO_SCTP, "SCTP (--sctp)" },
		{ "mptcp", IPERF3_NOT_IMPLEMENTED, "MPTCP (-m)" },
		{ "reverse", IPERF3_NOT_IMPLEMENTED, "sending to the client (-R)" },
		{ "bidirectional", IPERF3_NOT_IMPLEMENTED, "sending to the client (--bidir)" },
		{ "authtoken", IPERF3_NOT_AUTHORIZED, "authorization (--username)" },
		{ "server_affinity", IPERF3_NO_AFFINITY, "a processor of the server's (-A)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (is_there(object, table[i].key)) {
			*ret_why = table[i].why;
			return table[i].error;
		}
	*ret_why = "no TCP";
	return is_there(object, "tcp") ? 0 : IPERF3_NOT_IMPLEMENTED;
}

int iperf3_parse_test(const char *json, struct iperf3_test *ret, const char **ret_why)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	struct iperf3_test test = {};
	uint64_t streams = 0, seconds = 0, omit = 0;
	int r;

	*ret_why = "it is no JSON object";
	if (sd_json_parse(json, 0, &v, NULL, NULL) < 0 || !sd_json_variant_is_object(v))
		return IPERF3_BAD_PARAMETERS;
	r = refuse(v, ret_why);
	if (r != 0)
		return r;
	*ret_why = "the number of streams (-P)";
	if (get_number(v, "parallel", IPERF3_STREAMS_MAX, &streams) < 0)
		return IPERF3_BAD_STREAMS;
	*ret_why = "the time (-t)";
	if (get_number(v, "time", SECONDS_MAX, &seconds) < 0)
		return IPERF3_BAD_DURATION;
	*ret_why = "what is to be omitted (-O)";
	if (get_number(v, "omit", OMIT_MAX, &omit) < 0)
		return IPERF3_BAD_OMIT;
	*ret_why = "the number of bytes (-n) or blocks (-k)";
	if (get_number(v, "num", (double)INT64_MAX, &test.bytes) < 0 ||
	    get_number(v, "blockcount", (double)INT64_MAX, &test.blocks) < 0)
		return IPERF3_BAD_PARAMETERS;
	test.streams = streams > 0 ? (unsigned int)streams : 1;
	test.seconds = (unsigned int)seconds;
	test.omit = (unsigned int)omit;
	test.get_output = is_there(v, "get_server_output");
	*ret = test;
	return 0;
}

int iperf3_parse_sent(const char *json, unsigned int streams, struct iperf3_sent *ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	sd_json_variant *array, *id;
	struct iperf3_sent sent = {};
	uint64_t bytes;

	if (sd_json_parse(json, 0, &v, NULL, NULL) < 0 || !sd_json_variant_is_object(v))
		return IPERF3_BAD_RESULTS;
	array = sd_json_variant_by_key(v, "streams");
	if (!array || !sd_json_variant_is_array(array) || sd_json_variant_elements(array) != streams ||
	    streams > IPERF3_STREAMS_MAX)
		return IPERF3_BAD_RESULTS;
	for (unsigned int i = 0; i < streams; i++) {
		sd_json_variant *stream = sd_json_variant_by_index(array, i);

		if (!sd_json_variant_is_object(stream))
			return IPERF3_BAD_RESULTS;
		id = sd_json_variant_by_key(stream, "id");
		if (!id || !sd_json_variant_is_integer(id) ||
		    get_number(stream, "bytes", (double)INT64_MAX, &bytes) < 0 ||
		    __builtin_add_overflow(sent.bytes, bytes, &sent.bytes))
			return IPERF3_BAD_RESULTS;
		sent.ids[i] = sd_json_variant_integer(id);
	}
	*ret = sent;
	return 0;
}

/* All that the client asks for; it accepts no object without them. */
static int append_stream(const struct iperf3_received *received, unsigned int i, sd_json_variant **into)
{
	return sd_json_variant_append_arraybo(
		into, SD_JSON_BUILD_PAIR_INTEGER("id", received->ids[i]),
		SD_JSON_BUILD_PAIR_UNSIGNED("bytes", received->bytes[i]),
		SD_JSON_BUILD_PAIR_INTEGER("retransmits", -1), /* the sender knows */
		SD_JSON_BUILD_PAIR_INTEGER("jitter", 0), SD_JSON_BUILD_PAIR_INTEGER("errors", 0),
		SD_JSON_BUILD_PAIR_INTEGER("omitted_errors", 0), SD_JSON_BUILD_PAIR_INTEGER("packets", 0),
		SD_JSON_BUILD_PAIR_INTEGER("omitted_packets", 0), SD_JSON_BUILD_PAIR_INTEGER("start_time", 0),
		SD_JSON_BUILD_PAIR_REAL("end_time", received->seconds));
}

char *iperf3_format_received(const struct iperf3_received *received)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL, *streams = NULL;
	char *text = NULL;

	for (unsigned int i = 0; i < received->streams; i++)
		if (append_stream(received, i, &streams) < 0)
			return NULL;
	if (sd_json_buildo(&v, SD_JSON_BUILD_PAIR_REAL("cpu_util_total", received->user + received->system),
			   SD_JSON_BUILD_PAIR_REAL("cpu_util_user", received->user),
			   SD_JSON_BUILD_PAIR_REAL("cpu_util_system", received->system),
			   SD_JSON_BUILD_PAIR_INTEGER("sender_has_retransmits", -1),
			   SD_JSON_BUILD_PAIR_CONDITION(received->output != NULL, "server_output_text",
							SD_JSON_BUILD_STRING(received->output)),
			   SD_JSON_BUILD_PAIR_VARIANT("streams", streams)) < 0)
		return NULL;
	return sd_json_variant_format(v, 0, &text) < 0 ? NULL : text;
}
