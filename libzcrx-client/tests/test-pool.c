/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lower layer on prepared completions: spans, what follows a receive that ended, who keeps the memory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "fake-kernel.h"

#define MORE ZC_CQE_F_MORE

static int take(int result, unsigned int flags, uint64_t off, struct zcrx_span *ret)
{
	const struct zc_cqe cqe = { .user_data = 1, .result = result, .flags = flags, .off = off };

	return zcrx_pool_take(k->pool, &cqe, ret);
}

static void *taken(uint64_t off)
{
	struct zcrx_span span;

	assert_int_equal(take(1, MORE, off, &span), 1);
	return span.data;
}

static bool is_mapped(const void *data)
{
	unsigned char present;

	return mincore((void *)((uintptr_t)data & ~(uintptr_t)(LENGTH - 1)), LENGTH, &present) == 0;
}

static void test_take(void **state)
{
	static const struct {
		int result;
		unsigned int flags;
		uint64_t off;
		int expected;
	} cells[] = {
		{ 1, MORE, 0, 1 },
		{ LENGTH, MORE, 0, 1 },
		{ LENGTH, MORE, (N - 1) * LENGTH, 1 },
		{ 1, MORE, N * LENGTH - 1, 1 },
		{ 100, MORE | 1U << 15, 3 * LENGTH + 66, 1 }, /* IORING_CQE_F_32, of a mixed ring */
		/* the receive has ended, whatever the second half may be */
		{ 0, 0, 0, 0 },
		{ -ENOSPC, 0, 0, 0 },
		{ -ENOMEM, 0, UINT64_MAX, 0 },
		{ 1, 0, 0, 0 },
		{ INT32_MIN, 0, 0, 0 },
		/* not in the area, not in one buffer, no length */
		{ 0, MORE, 0, -EBADMSG },
		{ -1, MORE, 0, -EBADMSG },
		{ INT32_MIN, MORE, 0, -EBADMSG },
		{ INT32_MAX, MORE, 0, -EBADMSG },
		{ LENGTH + 1, MORE, 0, -EBADMSG },
		{ 2, MORE, N * LENGTH - 1, -EBADMSG },
		{ 2, MORE, LENGTH - 1, -EBADMSG },
		{ 1, MORE, N * LENGTH, -EBADMSG },
		{ 1, MORE, (UINT64_C(1) << ZC_AREA_SHIFT) - 1, -EBADMSG },
		/* another area's token */
		{ 1, MORE, UINT64_C(1) << ZC_AREA_SHIFT, -EBADMSG },
		{ 1, MORE, UINT64_C(0xffff) << ZC_AREA_SHIFT, -EBADMSG },
		{ 1, MORE, UINT64_MAX, -EBADMSG },
	};
	uint64_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		struct zcrx_span span = { .length = 77 };

		assert_int_equal(take(cells[i].result, cells[i].flags, cells[i].off, &span), cells[i].expected);
		if (cells[i].expected != 1) {
			assert_int_equal(span.length, 77);
			continue;
		}
		n++;
		assert_int_equal(span.length, cells[i].result);
		assert_int_equal(span.offset, cells[i].off);
		assert_ptr_equal(span.data, k->area + cells[i].off);
		assert_int_equal(zcrx_pool_return(k->pool, span.data), 0);
	}
	assert_int_equal(pool_spans_out(k->pool), 0);
	assert_int_equal(k->rq_tail, n);
}

static void test_take_needs_a_registered_pool(void **state)
{
	const struct zc_cqe cqe = { .result = 1, .flags = MORE };
	const void *data = k->area;
	struct zcrx_span span;

	(void)state;
	assert_int_equal(zcrx_pool_take(NULL, &cqe, &span), -EINVAL);
	assert_int_equal(zcrx_pool_take(k->pool, NULL, &span), -EINVAL);
	assert_int_equal(zcrx_pool_take(k->pool, &cqe, NULL), -EINVAL);
	k->pool->registered = false;
	assert_int_equal(zcrx_pool_take(k->pool, &cqe, &span), -EBADFD);
	assert_int_equal(zcrx_pool_return(k->pool, data), -EBADFD);
	assert_int_equal(zcrx_pool_return_many(k->pool, &data, 1), -EBADFD);
	assert_int_equal(zcrx_pool_hold(k->pool, data), -EBADFD);
	assert_int_equal(zcrx_pool_flush(k->pool), -EBADFD);
	assert_int_equal(zcrx_pool_get_area(k->pool, NULL, NULL, NULL), -EBADFD);
	assert_int_equal(zcrx_pool_get_copied(k->pool, NULL, NULL), -EBADFD);
	assert_int_equal(zcrx_pool_next(k->pool, -ENOMEM), ZCRX_NEXT_ERROR);
	assert_int_equal(zcrx_pool_get_buffers(k->pool), 0);
	k->pool->registered = true;
}

/* Every errno there is, and what is none. */
static void test_next(void **state)
{
	static const int other[] = { 1, 4096, INT32_MAX, INT32_MIN };

	(void)state;
	for (int error = 1; error < 4096; error++) {
		enum zcrx_next expected = ZCRX_NEXT_ERROR;

		if (error == ENOSPC || error == EAGAIN || error == EINTR)
			expected = ZCRX_NEXT_ARM;
		else if (error == ENOMEM)
			expected = ZCRX_NEXT_WAIT;
		assert_int_equal(zcrx_pool_next(k->pool, -error), expected);
	}
	assert_int_equal(zcrx_pool_next(k->pool, 0), ZCRX_NEXT_END);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_int_equal(zcrx_pool_next(k->pool, other[i]), ZCRX_NEXT_ERROR);
	assert_int_equal(zcrx_pool_next(NULL, -ENOMEM), ZCRX_NEXT_ERROR);
}

/* Without a free buffer: flush while there is what the kernel has not taken, else wait for somebody. */
static void test_no_memory(void **state)
{
	void *data = taken(0), *more = taken(LENGTH);

	(void)state;
	assert_int_equal(zcrx_pool_next(k->pool, -ENOMEM), ZCRX_NEXT_WAIT);
	assert_int_equal(zcrx_pool_flush(k->pool), 0);
	assert_int_equal(zcrx_pool_return(k->pool, data), 0);
	assert_int_equal(zcrx_pool_next(k->pool, -ENOMEM), ZCRX_NEXT_FLUSH);
	k->flush_result = -ENXIO; /* nothing that it would be wise to remember */
	assert_int_equal(zcrx_pool_flush(k->pool), -ENXIO);
	assert_int_equal(zcrx_pool_next(k->pool, -ENOMEM), ZCRX_NEXT_FLUSH);
	k->flush_result = 0;
	assert_int_equal(zcrx_pool_flush(k->pool), 1);
	assert_int_equal(k->flushes, 1);
	assert_int_equal(zcrx_pool_next(k->pool, -ENOMEM), ZCRX_NEXT_WAIT);
	assert_int_equal(zcrx_pool_flush(k->pool), 0);
	assert_int_equal(k->flushes, 1);

	/* A kernel that cannot is asked once. */
	assert_int_equal(zcrx_pool_return(k->pool, more), 0);
	k->flush_result = -EINVAL;
	assert_int_equal(zcrx_pool_flush(k->pool), -EOPNOTSUPP);
	k->flush_result = 0;
	assert_int_equal(zcrx_pool_flush(k->pool), -EOPNOTSUPP);
	assert_int_equal(zcrx_pool_next(k->pool, -ENOMEM), ZCRX_NEXT_WAIT);
	assert_int_equal(k->flushes, 1);
}

static void test_return_many(void **state)
{
	const void *data[N + 1];
	int other;

	(void)state;
	for (unsigned int i = 0; i < N; i++)
		data[i] = taken(i * LENGTH + i);
	data[N] = data[3];
	assert_int_equal(zcrx_pool_return_many(k->pool, NULL, 0), 0);
	assert_int_equal(zcrx_pool_return_many(k->pool, NULL, 1), -EINVAL);
	assert_int_equal(zcrx_pool_return_many(k->pool, data, 3), 0);
	assert_int_equal(k->rq_tail, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(k->rqes[i].off, i * LENGTH);
	/* One of them twice, and one that is none: the others are returned all the same. */
	data[5] = &other;
	assert_int_equal(zcrx_pool_return_many(k->pool, data + 3, N - 2), -EINVAL);
	assert_int_equal(k->rq_tail, N - 1);
	assert_int_equal(pool_spans_out(k->pool), 1);
	assert_int_equal(zcrx_pool_return(k->pool, k->area + 5 * LENGTH), 0);
	assert_int_equal(k->rq_tail, N);
}

static void test_hold(void **state)
{
	void *data = taken(4 * LENGTH + 100);
	uint64_t users = k->pool->users;

	(void)state;
	assert_int_equal(zcrx_pool_hold(NULL, data), -EINVAL);
	assert_int_equal(zcrx_pool_hold(k->pool, k->area), -EINVAL);
	assert_int_equal(zcrx_pool_hold(k->pool, &users), -EINVAL);
	assert_int_equal(k->pool->users, users);
	assert_int_equal(zcrx_pool_hold(k->pool, data), 0);
	assert_int_equal(pool_spans_out(k->pool), 2);
	assert_int_equal(zcrx_pool_return(k->pool, data), 0);
	assert_int_equal(k->rq_tail, 0);
	assert_int_equal(zcrx_pool_return(k->pool, data), 0);
	assert_int_equal(k->rq_tail, 1);
	assert_int_equal(zcrx_pool_return(k->pool, data), -EINVAL);
}

/* It lives until its last span is back, whoever holds it; but the ring and the lease are let go of at once. */
static void test_spans_keep_the_memory(void **state)
{
	struct zcrx_pool *p = k->pool;
	char *area = k->area, *first = taken(LENGTH), *second = taken(2 * LENGTH + 5);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(zcrx_pool_hold(p, second), 0);
	*second = 'x';
	p->ring_fd = fd;
	assert_ptr_equal(zcrx_pool_ref(p), p);
	drop_pool();
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	zcrx_pool_unref(p);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(k->lease.refs, 1);
	assert_int_equal(zcrx_pool_return(p, first), 0);
	assert_int_equal(zcrx_pool_return(p, first), -EINVAL);
	assert_int_equal(zcrx_pool_return(p, second), 0);
	assert_true(is_mapped(area));
	assert_int_equal(*second, 'x');
	assert_int_equal(zcrx_pool_return(p, second), 0);
	assert_false(is_mapped(area));
	assert_int_equal(k->rq_tail, 0); /* the ring may be another's by now */
}

static void test_unused_pool_goes_at_once(void **state)
{
	char *area = k->area;

	(void)state;
	assert_int_equal(zcrx_pool_return(k->pool, taken(0)), 0);
	drop_pool();
	assert_false(is_mapped(area));
	assert_null(zcrx_pool_unref(NULL));
	assert_null(zcrx_pool_ref(NULL));
}

static void test_figures(void **state)
{
	static const struct zc_stats stats = { .copy_count = 3, .copy_bytes = 4000 };
	uint64_t count = 0, bytes = 0;
	void *data = NULL;
	size_t size = 0;
	int fd = 0;

	(void)state;
	assert_int_equal(zcrx_pool_get_id(k->pool), ZCRX_ID);
	assert_int_equal(zcrx_pool_get_buffers(k->pool), N);
	assert_int_equal(zcrx_pool_get_buffer_length(k->pool), LENGTH);
	assert_int_equal(zcrx_pool_get_area(k->pool, &data, &size, &fd), 0);
	assert_ptr_equal(data, k->area);
	assert_int_equal(size, N * LENGTH);
	assert_int_equal(fd, k->pool->area_fd);
	assert_int_equal(zcrx_pool_get_copied(k->pool, &count, &bytes), -EOPNOTSUPP);
	k->pool->stats = &stats;
	assert_int_equal(zcrx_pool_get_copied(k->pool, &count, &bytes), 0);
	assert_int_equal(count, 3);
	assert_int_equal(bytes, 4000);
	assert_int_equal(zcrx_pool_get_ring_flags(), IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
							     IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32);
	assert_int_equal(zcrx_pool_set_area_size(k->pool, 4096), -EBUSY);
	assert_int_equal(zcrx_pool_set_buffer_length(k->pool, 4096), -EBUSY);
	assert_int_equal(zcrx_pool_set_huge_pages(k->pool, 1), -EBUSY);
	assert_int_equal(zcrx_pool_register(k->pool, 0), -EBUSY);
	/* What a nudge does: test-receive.c. */
	assert_int_equal(zcrx_pool_nudge(-1), -EBADF);
	assert_int_equal(zcrx_pool_nudge(0), -ENOTSOCK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_take),
		TEST(test_take_needs_a_registered_pool),
		TEST(test_next),
		TEST(test_no_memory),
		TEST(test_return_many),
		TEST(test_hold),
		TEST(test_spans_keep_the_memory),
		TEST(test_unused_pool_goes_at_once),
		TEST(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
