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
		 "\"areaFileDescriptor\":1,\"areaSize\":262144,\"refillEntries\":64,"
		 "\"eventUserData\":9223372036854775812}",
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
		TEST(test_register_without_statistics),
		TEST(test_register_bad_replies),
		TEST(test_queue_limits),
		TEST(test_locked_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
