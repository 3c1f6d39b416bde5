/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registering a queue: what zcrxd is sent, and what of its answers is believed. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "queue.h"

static unsigned int arrives_by; /* what the kernel says of every socket, unless 0 */

int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	if (level != SOL_SOCKET || name != SO_INCOMING_NAPI_ID || arrives_by == 0)
		return (int)syscall(SYS_getsockopt, fd, level, name, value, length);
	memcpy(value, &arrives_by, sizeof(arrives_by));
	return 0;
}

static int ring_error; /* what making a ring fails with, unless 0 */

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
	int (*real)(unsigned, struct io_uring *, struct io_uring_params *) =
		(__typeof__(real))dlsym(RTLD_NEXT, "io_uring_queue_init_params");

	return ring_error ? ring_error : real(entries, ring, p);
}

#define REGISTRATION(entries, head, stats, length)                                                 \
	"{\"zcrxId\":3,\"refillEntries\":" entries ",\"refillSize\":16384,\"refillMapOffset\":0,"  \
	"\"headOffset\":" head                                                                     \
	",\"tailOffset\":8196,\"entriesOffset\":8256,\"statsOffset\":" stats                       \
	",\"areaToken\":0,\"receiveBufferLength\":" length ",\"interfaceIndex\":2,"                \
	"\"hardwareQueue\":7,\"napiId\":8204}"

static void check_area(int fd, off_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	assert_true(seals & F_SEAL_SHRINK);
	assert_false(seals & F_SEAL_WRITE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(st.st_blocks * 512, size); /* populated */
}

/* The whole of register, with a real ring; where the kernel would put the refill ring, some of the
 * ring's own memory is mapped (offset 0 is the submission and completion queue). */
static void test_register(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q = NULL;
	uint64_t count = 1, bytes = 1;
	struct io_uring *ring;
	char want[256];

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 1, &q), 0);
	assert_int_equal(zcrx_queue_get_fd(q), -EBADFD);
	assert_null(zcrx_queue_get_ring(q));
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * 4096 - 1), 0);
	assert_int_equal(zcrx_queue_set_completions(q, 4096), 0);
	x->server.registration = REGISTRATION("64", "8192", "16368", "4096");
	assert_int_equal(zcrx_queue_register(q), 0);
	ring = zcrx_queue_get_ring(q);
	snprintf(want, sizeof(want),
		 "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,\"ring\":%d,"
		 "\"areaFileDescriptor\":1,\"areaSize\":262144,\"refillEntries\":64}",
		 ring->ring_fd);
	assert_called(x, "Register", want);
	check_area(x->server.descriptors[1], 262144);
	assert_int_equal(zcrx_queue_register(q), -EBUSY);
	assert_int_equal(zcrx_queue_set_area_size(q, 4096), -EBUSY);
	assert_int_equal(zcrx_queue_get_napi_id(q), 8204);
	assert_int_equal(zcrx_lease_find_queue(x->lease, ring->ring_fd), -ENOTSOCK);
	arrives_by = 8204;
	assert_int_equal(zcrx_lease_find_queue(x->lease, 0), 1);
	arrives_by = 8203; /* by an ordinary queue, or one that is not registered here */
	assert_int_equal(zcrx_lease_find_queue(x->lease, 0), -ENOENT);
	assert_int_equal(zcrx_queue_get_buffers(q), 64);
	assert_int_equal(zcrx_queue_get_buffer_length(q), 4096);
	assert_int_equal(zcrx_queue_get_copied(q, &count, &bytes), 0);
	assert_int_equal(count + bytes, 0);
	assert_true(fcntl(ring->ring_fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(zcrx_queue_get_fd(q), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(zcrx_queue_get_fd(q), zcrx_queue_get_fd(q));
	zcrx_queue_unref(q);
	/* Its ring is gone, and with it what the NIC had put there. */
	arrives_by = 8204;
	assert_int_equal(zcrx_lease_find_queue(x->lease, 0), -ENOENT);
	arrives_by = 0;
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

static int new_memfd(size_t size)
{
	int fd = memfd_create("mine", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
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
		assert_int_equal(zcrx_pool_register(p, ring.ring_fd), 0);
		snprintf(want, sizeof(want),
			 "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":0,\"ring\":%d,"
			 "\"areaFileDescriptor\":1,\"areaOffset\":32768,\"areaSize\":262144,\"refillEntries\":64}",
			 ring.ring_fd);
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

static void test_register_without_statistics(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q = NULL;

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * 4096), 0);
	assert_int_equal(zcrx_queue_set_completions(q, 4096), 0);
	x->server.registration = REGISTRATION("64", "8192", "null", "4096");
	assert_int_equal(zcrx_queue_register(q), 0);
	assert_int_equal(zcrx_queue_get_copied(q, NULL, NULL), -EOPNOTSUPP);
	zcrx_queue_unref(q);
}

static void test_register_bad_replies(void **state)
{
	static const char *const replies[] = {
		"{\"zcrxId\":3}",
		REGISTRATION("64", "16384", "null", "4096"), /* head outside of the mapping */
		REGISTRATION("64", "8193", "null", "4096"),
		REGISTRATION("1024", "8192", "null", "4096"), /* entries likewise */
		REGISTRATION("64", "8192", "16376", "4096"),  /* statistics likewise */
		REGISTRATION("64", "8192", "null", "8192"),
		REGISTRATION("4294967296", "8192", "null", "4096"),
	};
	struct fixture *x = *state;
	struct zcrx_queue *q = NULL;

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * 4096), 0);
	assert_int_equal(zcrx_queue_set_completions(q, 4096), 0);
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		x->server.registration = replies[i];
		assert_int_equal(zcrx_queue_register(q), -EBADMSG);
		assert_int_equal(zcrx_queue_get_fd(q), -EBADFD);
	}
	x->server.registration =
		REGISTRATION("32", "8192", "null", "4096"); /* fewer than buffers */
	assert_int_equal(zcrx_queue_register(q), -EINVAL);
	x->server.error_id = "io.zcrx.Manager.InvalidArea";
	assert_int_equal(zcrx_queue_register(q), -EINVAL);
	x->server.error_id = NULL;
	x->server.registration = REGISTRATION("64", "8192", "null", "4096");
	assert_int_equal(zcrx_queue_register(q), 0);
	zcrx_queue_unref(q);
}

static void test_queue_limits(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q = NULL;

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 0), -EINVAL);
	assert_int_equal(zcrx_queue_set_buffer_length(q, 5000), -EINVAL);
	assert_int_equal(zcrx_queue_set_buffer_length(q, 2048), -EINVAL);
	assert_int_equal(zcrx_queue_set_completions(q, 65537), -EINVAL);
	assert_int_equal(zcrx_queue_set_area_size(q, (size_t)32769 * 4096), 0);
	assert_int_equal(zcrx_queue_register(q), -EINVAL);
	assert_non_null(strstr(zcrx_client_error(x->client), "32769 buffers"));
	assert_int_equal(x->server.calls, 1);
	zcrx_queue_unref(q);
}

/* The area of the lease before has used up what the user may lock: that is no lack of memory. */
static void test_locked_memory(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q = NULL;
	struct rlimit before, low;

	fixture_acquire(x);
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	low = (struct rlimit) { .rlim_cur = 8 << 20, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &low), 0);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	ring_error = -ENOMEM;
	assert_int_equal(zcrx_queue_register(q), -ENOMEM);
	assert_string_equal(zcrx_client_error(x->client),
			    "Cannot create an io_uring: Cannot allocate memory. If there is memory: this "
			    "user's limit of locked memory is 8192 KiB, and the areas of all its leases count. "
			    "Raise it by 17408 KiB for each of them, or lift it (LimitMEMLOCK=infinity in the "
			    "unit, ulimit -l unlimited).");
	ring_error = -EPERM;
	assert_int_equal(zcrx_queue_register(q), -EPERM);
	assert_non_null(strstr(zcrx_client_error(x->client), "io_uring_disabled"));
	ring_error = 0;
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	zcrx_queue_unref(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_register),
		TEST(test_register_a_pool),
		TEST(test_register_a_pool_again),
		TEST(test_an_area_of_the_callers_own),
		TEST(test_areas_that_are_none),
		TEST(test_spans_of_a_queue_that_goes),
		TEST(test_register_without_statistics),
		TEST(test_register_bad_replies),
		TEST(test_queue_limits),
		TEST(test_locked_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
