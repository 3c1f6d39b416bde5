/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What docs/examples/http-upload.c takes for the head of a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../docs/examples/http-head.h"
#include "macro.h"

#define HOST "Host: a\r\n"
#define LENGTH "Content-Length: 5\r\n"
#define OK "PUT /x HTTP/1.1\r\n"
#define END "\r\n"

static const struct {
	const char *text, *status;
} heads[] = {
	{ OK HOST LENGTH END, NULL },
	{ END OK HOST LENGTH END, NULL },
	{ "POST /A-z_0.9 HTTP/1.1\r\n" HOST LENGTH END, NULL },
	{ "PUT http://a/x HTTP/1.1\r\n" HOST LENGTH END, NULL },
	{ "PUT /x HTTP/1.0\r\n" LENGTH END, NULL },
	{ OK "hOST:a\r\ncontent-LENGTH:\t5 \r\n" END, NULL },
	{ OK HOST LENGTH "A: b:c, d\r\nB:\r\n" END, NULL },

	{ OK LENGTH END, "400" },
	{ OK HOST HOST LENGTH END, "400" },
	{ OK HOST END, "411" },
	{ OK HOST LENGTH LENGTH END, "400" },
	{ OK HOST "Content-Length: +5\r\n" END, "400" },
	{ OK HOST "Content-Length: 5, 5\r\n" END, "400" },
	{ OK HOST "Content-Length:\r\n" END, "400" },
	{ OK HOST "Content-Length: 18446744073709551616\r\n" END, "400" },
	{ OK HOST LENGTH "Transfer-Encoding: chunked\r\n" END, "501" },
	{ OK HOST LENGTH "Transfer-Encoding : chunked\r\n" END, "400" },
	{ OK HOST LENGTH " folded: 1\r\n" END, "400" },
	{ OK HOST LENGTH "A\r\n" END, "400" },
	{ OK HOST LENGTH "A: b\rc\r\n" END, "400" },
	{ OK HOST LENGTH "A: b\nTransfer-Encoding: chunked\r\n" END, "400" },
	{ OK HOST LENGTH "Expect: something\r\n" END, "417" },
	{ "PUT /x HTTP/2.0\r\n" HOST LENGTH END, "505" },
	{ "PUT /x\r\n" HOST LENGTH END, "400" },
	{ "PUT  /x HTTP/1.1\r\n" HOST LENGTH END, "400" },
	{ "PUT x HTTP/1.1\r\n" HOST LENGTH END, "400" },
	{ "put /x HTTP/1.1\r\n" HOST LENGTH END, "405" },
	{ "GET /x HTTP/1.1\r\n" HOST END, "405" },
	{ "PUT / HTTP/1.1\r\n" HOST LENGTH END, "404" },
	{ "PUT /.x HTTP/1.1\r\n" HOST LENGTH END, "404" },
	{ "PUT /a/b HTTP/1.1\r\n" HOST LENGTH END, "404" },
	{ "PUT /a%2fb HTTP/1.1\r\n" HOST LENGTH END, "404" },
	{ "PUT /0123456789012345678901234567890123456789012345678901234567890123456789 HTTP/1.1\r\n" HOST LENGTH
	  END, "414" },
};

/* In pieces of so many bytes, with something behind it. */
static const char *parse(const char *text, size_t piece, struct head *ret)
{
	char head[HEAD_MAX], all[HEAD_MAX];
	size_t size = 0, at = 0, n = strlen(text);

	memcpy(all, text, n);
	memcpy(all + n, "body", 4);
	while (!head_is_complete(head, size)) {
		assert_true(at < n);
		at += head_collect(head, &size, all + at, piece < n + 4 - at ? piece : n + 4 - at);
	}
	assert_int_equal(at, n);
	return head_parse(head, size, ret);
}

static void test_heads(void **state)
{
	struct head h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		for (size_t piece = 1; piece < 400; piece += 99) {
			const char *status = parse(heads[i].text, piece, &h);

			if (heads[i].status && (!status || strncmp(status, heads[i].status, 3) != 0))
				fail_msg("%s: %s instead of %s", heads[i].text, status, heads[i].status);
			if (!heads[i].status && (status || h.length != 5))
				fail_msg("%s: %s", heads[i].text, status);
		}
}

static void test_what_a_head_says(void **state)
{
	struct head h;

	(void)state;
	assert_null(parse(OK HOST "Content-Length: 18446744073709551609\r\n" END, 1, &h));
	assert_string_equal(h.name, "x");
	assert_true(h.length == UINT64_MAX - 6);
	assert_false(h.waits || h.closes);
	assert_null(parse(OK HOST LENGTH "Expect: 100-Continue\r\nConnection: a, Close\r\n" END, 1, &h));
	assert_true(h.waits && h.closes);
	assert_null(parse(OK HOST LENGTH "Connection: closed\r\n" END, 1, &h));
	assert_false(h.closes);
	assert_null(parse("PUT /x HTTP/1.0\r\n" LENGTH "Expect: 100-continue\r\n" END, 1, &h));
	assert_true(h.closes && !h.waits);
}

static void test_a_head_without_end(void **state)
{
	char head[HEAD_MAX], data[100];
	size_t size = 0, taken = 0;

	(void)state;
	memset(data, 'a', sizeof(data));
	for (size_t i = 0; i < HEAD_MAX; i++)
		taken += head_collect(head, &size, data, sizeof(data));
	assert_int_equal(taken, HEAD_MAX);
	assert_int_equal(size, HEAD_MAX);
	assert_false(head_is_complete(head, size));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_what_a_head_says),
		cmocka_unit_test(test_a_head_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
