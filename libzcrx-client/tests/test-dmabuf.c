/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool of a dma-buf: spans by their offsets, and what the NIC has not placed, which is received by recv(). */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "fake-kernel.h"

static int peer; /* of the stream's socket */

static int setup(void **state)
{
	int r = kernel_setup(state);

	k->pool->dmabuf = true;
	return r;
}

static uint64_t begin(uint64_t bytes, struct zcrx_stream **ret)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	if (bytes > 0)
		assert_int_equal(zcrx_queue_receive_bounded(&k->queue, pair[0], bytes, NULL, ret), 0);
	else
		assert_int_equal(zcrx_queue_receive(&k->queue, pair[0], NULL, ret), 0);
	close(pair[0]);
	peer = pair[1];
	return armed_for((uint32_t)bytes);
}

static const struct zcrx_event *staged(const char *text, uint64_t offset)
{
	const struct zcrx_event *e = next();

	assert_int_equal(e->type, ZCRX_EVENT_STAGED);
	assert_int_equal(e->length, strlen(text));
	assert_memory_equal(e->data, text, strlen(text));
	assert_int_equal(e->offset, offset);
	return e;
}

static void test_span_is_known_by_its_offset(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = begin(0, &s);
	const struct zcrx_event *e;

	post(tag, 100, IORING_CQE_F_MORE, 3 * LENGTH + 5);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_DATA);
	assert_null(e->data);
	assert_int_equal(e->area_offset, 3 * LENGTH + 5);
	assert_int_equal(zcrx_pool_hold_offset(k->pool, 3 * LENGTH), 0);
	assert_int_equal(zcrx_queue_return_offset(&k->queue, 3 * LENGTH + 5), 0);
	assert_int_equal(zcrx_pool_return_offset(k->pool, 3 * LENGTH), 0);
	assert_int_equal(zcrx_pool_return_offset(k->pool, 3 * LENGTH), -EINVAL);
	assert_int_equal(zcrx_pool_return_offset(k->pool, UINT64_MAX), -EINVAL);
	assert_int_equal(zcrx_pool_hold_offset(k->pool, N * LENGTH), -EINVAL);
	assert_int_equal(k->rq_tail, 1);
	end(tag, s);
	close(peer);
}

/* In order with what is placed, and counted. */
static void test_what_was_not_placed_is_staged_in_order(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = begin(0, &s);
	const struct zcrx_event *e;

	assert_int_equal(write(peer, "early", 5), 5);
	post(tag, -ENOMEM, 0, 0);
	staged("early", 0);
	nothing();
	assert_true(armed() == tag);
	post(tag, 7, IORING_CQE_F_MORE, 0);
	e = next();
	assert_int_equal(e->offset, 5);
	assert_int_equal(zcrx_queue_return_offset(&k->queue, e->area_offset), 0);
	assert_int_equal(zcrx_pool_get_staged(k->pool), 5);
	assert_int_equal(zcrx_queue_get_received(&k->queue), 12);
	end(tag, s);
	close(peer);
}

static void test_bound_holds_for_staged_bytes(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = begin(6, &s);
	const struct zcrx_event *e;
	char rest[8];

	assert_int_equal(write(peer, "01234567", 8), 8);
	post(tag, -ENOMEM, 0, 0);
	staged("012345", 0);
	e = next();
	assert_int_equal(e->type, ZCRX_EVENT_STOPPED);
	assert_int_equal(e->offset, 6);
	assert_int_equal(recv(zcrx_stream_get_socket(s), rest, sizeof(rest), 0), 2);
	zcrx_stream_free(s);
	close(peer);
}

/* What lies there is the NIC's by now: at once, and then not too often. */
static void test_nothing_to_stage_arms_again(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = begin(0, &s);

	post(tag, -ENOMEM, 0, 0);
	nothing();
	assert_true(armed() == tag);
	post(tag, -ENOMEM, 0, 0);
	nothing();
	assert_int_equal(k->n_submitted, 1);
	assert_int_equal(k->submitted[0].opcode, IORING_OP_TIMEOUT);
	k->n_submitted = 0;
	zcrx_stream_free(s);
	close(peer);
}

static void test_paused_stream_stays_paused_after_staging(void **state)
{
	struct zcrx_stream *s;
	uint64_t tag = begin(0, &s);

	assert_int_equal(write(peer, "early", 5), 5);
	assert_int_equal(zcrx_stream_pause(s), 0);
	k->n_submitted = 0; /* that it is to end */
	post(tag, -ENOMEM, 0, 0);
	staged("early", 0);
	nothing();
	assert_int_equal(k->n_submitted, 0);
	assert_int_equal(zcrx_stream_resume(s), 0);
	nothing();
	assert_true(armed() == tag);
	end(tag, s);
	close(peer);
}

static void test_only_a_dmabuf_is_taken_for_one(void **state)
{
	int pair[2];

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(zcrx_pool_set_dmabuf(k->pool, pair[0]), -ESPIPE);
	assert_int_equal(zcrx_pool_set_dmabuf(k->pool, -1), -EBADF);
	assert_int_equal(zcrx_pool_set_dmabuf(NULL, 0), -EINVAL);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
#define DMABUF(name) cmocka_unit_test_setup_teardown(name, setup, kernel_teardown)
	const struct CMUnitTest tests[] = {
		DMABUF(test_span_is_known_by_its_offset),
		DMABUF(test_what_was_not_placed_is_staged_in_order),
		DMABUF(test_bound_holds_for_staged_bytes),
		DMABUF(test_nothing_to_stage_arms_again),
		DMABUF(test_paused_stream_stays_paused_after_staging),
		DMABUF(test_only_a_dmabuf_is_taken_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
