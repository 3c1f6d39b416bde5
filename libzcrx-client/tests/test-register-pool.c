/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registering a pool on a ring of the caller's own, and what becomes of its memory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "fixture.h"
#include "queue.h"

static int new_memfd(size_t size)
{
	int fd = memfd_create("mine", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

/* A pool on a ring of the caller's own, with more flags than the pool needs. */
static void test_register_a_pool(void **state)
{
	struct io_uring_params params = { .flags = zcrx_pool_get_ring_flags() | IORING_SETUP_CQSIZE,
					  .cq_entries = 4096 };
	struct fixture *x = *state;
	struct zcrx_pool *p = NULL;
	int area, copy;
	struct io_uring ring;
	char want[256];

	assert_int_equal(zcrx_pool_new(x->lease, 0, &p), -EBADFD);
	fixture_acquire(x);
	assert_int_equal(zcrx_pool_new(x->lease, 9, &p), -ERANGE);
	assert_int_equal(zcrx_pool_new(x->lease, 1, &p), 0);
	assert_int_equal(io_uring_queue_init_params(64, &ring, &params), 0);
	assert_int_equal(zcrx_pool_set_area_size(p, 64 * 4096), 0);
	assert_int_equal(zcrx_pool_register(p, -1), -EINVAL);
	assert_int_equal(zcrx_pool_register(p, 9999), -EBADF);
	assert_non_null(strstr(zcrx_client_error(x->client), "9999"));
	x->server.registration = REGISTRATION("64", "8192", "16368", "4096");
	assert_int_equal(zcrx_pool_register(p, ring.ring_fd), 0);
	snprintf(want, sizeof(want),
		 "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,\"ring\":%d,"
		 "\"areaFileDescriptor\":1,\"areaSize\":262144,\"refillEntries\":64}",
		 ring.ring_fd);
	assert_called(x, "Register", want);
	check_area(x->server.descriptors[1], 262144);
	assert_int_equal(zcrx_pool_get_id(p), 3);
	assert_int_equal(zcrx_pool_get_napi_id(p), 8204);
	assert_int_equal(zcrx_pool_get_area(p, NULL, NULL, &area), 0);
	assert_true(fcntl(area, F_GETFD) & FD_CLOEXEC);
	check_area(area, 262144);
	copy = p->ring_fd;
	assert_true(copy != ring.ring_fd && fcntl(copy, F_GETFD) & FD_CLOEXEC);
	zcrx_pool_unref(p);
	assert_int_equal(fcntl(copy, F_GETFD), -1);
	assert_int_equal(fcntl(area, F_GETFD), -1);
	io_uring_queue_exit(&ring);
}

/* It cannot be registered, and can again: nothing is left of the first time. */
static void test_register_a_pool_again(void **state)
{
	struct io_uring_params params = { .flags = zcrx_pool_get_ring_flags() };
	struct fixture *x = *state;
	struct zcrx_pool *p = NULL;
	struct io_uring ring;

	fixture_acquire(x);
	assert_int_equal(zcrx_pool_new(x->lease, 0, &p), 0);
	assert_int_equal(zcrx_pool_set_area_size(p, 64 * 4096), 0);
	assert_int_equal(io_uring_queue_init_params(64, &ring, &params), 0);
	x->server.error_id = "io.zcrx.Manager.InvalidRing";
	assert_int_equal(zcrx_pool_register(p, ring.ring_fd), -EINVAL);
	assert_int_equal(p->ring_fd, -EBADF);
	assert_int_equal(p->area_fd, -EBADF);
	assert_null(p->area);
	assert_int_equal(zcrx_pool_steer_socket(p, -1), -EINVAL);
	x->server.error_id = NULL;
	x->server.registration = REGISTRATION("64", "8192", "null", "8192");
	assert_int_equal(zcrx_pool_register(p, ring.ring_fd), -EBADMSG);
	assert_null(p->area);
	zcrx_pool_unref(p);
	io_uring_queue_exit(&ring);
}

/* In the middle of a memfd, mapped by the application or by the pool. */
static void test_an_area_of_the_callers_own(void **state)
{
	const struct zc_cqe cqe = { .result = 1, .flags = ZC_CQE_F_MORE, .off = 4096 };
	struct io_uring_params params = { .flags = zcrx_pool_get_ring_flags() | IORING_SETUP_CQSIZE,
					  .cq_entries = 4096 };
	const size_t size = 64 * 4096, offset = 8 * 4096;
	struct fixture *x = *state;
	int fd = new_memfd(80 * 4096);
	char *mine = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	struct io_uring ring;

	fixture_acquire(x);
	assert_int_equal(io_uring_queue_init_params(64, &ring, &params), 0);
	x->server.registration = REGISTRATION("64", "8192", "null", "4096");
	for (unsigned int mapped = 0; mapped < 2; mapped++) {
		struct zcrx_pool *p = NULL;
		struct zcrx_span span;
		char want[256];

		assert_int_equal(zcrx_pool_new(x->lease, 0, &p), 0);
		assert_int_equal(zcrx_pool_set_area(p, fd, offset, mapped ? mine : NULL, size), 0);
		if (mapped)
			assert_int_equal(zcrx_pool_set_events(p, 77), 0);
		assert_int_equal(zcrx_pool_register(p, ring.ring_fd), 0);
		snprintf(want, sizeof(want),
			 "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":%d,"
			 "\"areaFileDescriptor\":1,\"areaOffset\":32768,\"areaSize\":262144,\"refillEntries\":64%s}",
			 ring.ring_fd, mapped ? ",\"eventUserData\":77" : "");
		assert_called(x, "Register", want);
		assert_int_equal(zcrx_pool_set_area(p, fd, offset, NULL, size), -EBUSY);
		mine[4096] = (char)('a' + mapped);
		assert_int_equal(zcrx_pool_take(p, &cqe, &span), 1);
		assert_int_equal(*(char *)span.data, 'a' + mapped);
		assert_int_equal(span.data == mine + 4096, mapped);
		zcrx_pool_unref(p);
		assert_int_equal(zcrx_pool_return(p, span.data), 0);
		assert_int_equal(mine[4096], 'a' + mapped); /* still there */
	}
	io_uring_queue_exit(&ring);
	munmap(mine, size);
	close(fd);
}

static void test_areas_that_are_none(void **state)
{
	struct io_uring_params params = { .flags = zcrx_pool_get_ring_flags() | IORING_SETUP_CQSIZE,
					  .cq_entries = 4096 };
	struct fixture *x = *state;
	struct zcrx_pool *p = NULL;
	struct io_uring ring;
	int fd = new_memfd(4096);

	fixture_acquire(x);
	assert_int_equal(zcrx_pool_new(x->lease, 0, &p), 0);
	assert_int_equal(zcrx_pool_set_area(NULL, fd, 0, NULL, 4096), -EINVAL);
	assert_int_equal(zcrx_pool_set_area(p, fd, 0, NULL, 0), -EINVAL);
	assert_int_equal(zcrx_pool_set_area(p, fd, 0, NULL, 4095), -EINVAL);
	assert_int_equal(zcrx_pool_set_area(p, fd, 1, NULL, 4096), -EINVAL);
	assert_int_equal(zcrx_pool_set_area(p, fd, (uint64_t)1 << 63, NULL, 4096), -EINVAL);
	assert_int_equal(zcrx_pool_set_area(p, fd, 0, (char *)p + 1, 4096), -EINVAL);
	assert_int_equal(zcrx_pool_set_area(p, -1, 0, NULL, 4096), -EBADF);
	assert_int_equal(io_uring_queue_init_params(64, &ring, &params), 0);
	assert_int_equal(zcrx_pool_set_area(p, fd, 0, NULL, 4096), 0);
	assert_int_equal(zcrx_pool_set_buffer_length(p, 8192), 0);
	assert_int_equal(zcrx_pool_register(p, ring.ring_fd), -EINVAL);
	assert_non_null(strstr(zcrx_client_error(x->client), "no multiple"));
	assert_int_equal(zcrx_pool_set_buffer_length(p, 4096), 0);
	close(fd);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* cannot be mapped */
	assert_int_equal(zcrx_pool_set_area(p, fd, 0, NULL, 4096), 0);
	assert_int_equal(zcrx_pool_register(p, ring.ring_fd), -ENODEV);
	/* An area of the pool's again. */
	assert_int_equal(zcrx_pool_set_area_size(p, 64 * 4096), 0);
	x->server.registration = REGISTRATION("64", "8192", "null", "4096");
	assert_int_equal(zcrx_pool_register(p, ring.ring_fd), 0);
	zcrx_pool_unref(p);
	io_uring_queue_exit(&ring);
	close(fd);
}

/* A queue takes what is still out along with it, unless somebody has its pool. */
static void test_spans_of_a_queue_that_goes(void **state)
{
	const struct zc_cqe cqe = { .result = 1, .flags = ZC_CQE_F_MORE, .off = 4096 };
	struct fixture *x = *state;

	fixture_acquire(x);
	x->server.registration = REGISTRATION("64", "8192", "null", "4096");
	for (unsigned int kept = 0; kept < 2; kept++) {
		struct zcrx_queue *q = NULL;
		struct zcrx_pool *p;
		struct zcrx_span span;

		assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
		assert_int_equal(zcrx_queue_set_area_size(q, 64 * 4096), 0);
		assert_int_equal(zcrx_queue_set_completions(q, 4096), 0);
		assert_int_equal(zcrx_queue_register(q), 0);
		p = zcrx_queue_get_pool(q);
		assert_int_equal(zcrx_pool_take(p, &cqe, &span), 1);
		if (kept)
			zcrx_pool_ref(p);
		zcrx_queue_unref(q); /* the leak checker finds what it has forgotten */
		if (!kept)
			continue;
		assert_int_equal(p->ring_fd, -EBADF);
		assert_null(p->region);
		assert_int_equal(*(char *)span.data, 0);
		assert_int_equal(zcrx_pool_hold(p, span.data), 0);
		assert_int_equal(zcrx_pool_return(p, span.data), 0);
		zcrx_pool_unref(p);
		assert_int_equal(zcrx_pool_return(p, span.data), 0);
	}
	assert_null(zcrx_queue_get_pool(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_register_a_pool),
		TEST(test_register_a_pool_again),
		TEST(test_an_area_of_the_callers_own),
		TEST(test_areas_that_are_none),
		TEST(test_spans_of_a_queue_that_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
