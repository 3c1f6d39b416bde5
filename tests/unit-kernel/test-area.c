/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which descriptors may be an area, with real ones of every kind.
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "area.h"
#include "testlib.h"

#define PAGE 4096ULL
#define SIZE (16 * PAGE)

static int memfd(unsigned flags, int seals, uint64_t size, uint64_t populated)
{
	int fd = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (populated > 0)
		assert_int_equal(fallocate(fd, 0, 0, (off_t)populated), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refused(int fd, uint64_t offset, uint64_t size, bool dmabuf, const char *why)
{
	_cleanup_fault_ struct fault fault = {};

	assert_int_equal(area_check(fd, offset, size, dmabuf, &fault), ZCRX_INVALID_AREA);
	assert_int_equal(fault.kind, ZCRX_INVALID_AREA);
	CHECK_CONTAINS(fault.message, why);
	assert_int_equal(area_check(fd, offset, size, dmabuf, NULL), ZCRX_INVALID_AREA);
}

static void test_good(void **state)
{
	_cleanup_close_ int fd = memfd(0, F_SEAL_SHRINK, SIZE, SIZE);
	_cleanup_close_ int grown = memfd(0, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, SIZE, SIZE);

	assert_int_equal(area_check(fd, 0, SIZE, false, NULL), 0);
	assert_int_equal(area_check(fd, PAGE, SIZE - PAGE, false, NULL), 0);
	assert_int_equal(area_check(fd, SIZE - PAGE, PAGE, false, NULL), 0);
	assert_int_equal(area_check(grown, 0, SIZE, false, NULL), 0);
}

static void test_seals(void **state)
{
	_cleanup_close_ int open = memfd(0, 0, SIZE, SIZE);
	_cleanup_close_ int grow = memfd(0, F_SEAL_GROW, SIZE, SIZE);
	_cleanup_close_ int written = memfd(0, F_SEAL_SHRINK | F_SEAL_WRITE, SIZE, SIZE);
	_cleanup_close_ int future = memfd(0, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, SIZE, SIZE);

	refused(open, 0, SIZE, false, "F_SEAL_SHRINK");
	refused(grow, 0, SIZE, false, "F_SEAL_SHRINK");
	refused(written, 0, SIZE, false, "sealed against writing");
	refused(future, 0, SIZE, false, "sealed against writing");
}

static void test_extent(void **state)
{
	_cleanup_close_ int fd = memfd(0, F_SEAL_SHRINK, SIZE, SIZE);

	refused(fd, 0, 0, false, "0 bytes");
	refused(fd, 0, SIZE + PAGE, false, "behind the end");
	refused(fd, PAGE, SIZE, false, "behind the end");
	refused(fd, UINT64_MAX - PAGE + 1, PAGE, false, "cannot be");
	refused(fd, UINT64_MAX, UINT64_MAX, false, "cannot be");
	refused(fd, 0, (1ULL << 40) + PAGE, false, "cannot be");
	refused(fd, 1, PAGE, false, "multiples");
	refused(fd, 0, PAGE + 1, false, "multiples");
	refused(fd, 0, 100, false, "multiples");
}

/* Pages that do not exist yet would be charged to the daemon. */
static void test_holes(void **state)
{
	_cleanup_close_ int empty = memfd(0, F_SEAL_SHRINK, SIZE, 0);
	_cleanup_close_ int half = memfd(0, F_SEAL_SHRINK, SIZE, SIZE / 2);
	_cleanup_close_ int punched = memfd(0, F_SEAL_SHRINK, SIZE, SIZE);

	refused(empty, 0, SIZE, false, "not populated: 0 of its");
	refused(half, 0, SIZE, false, "not populated");
	refused(half, 0, SIZE / 2, false, "not populated");
	assert_int_equal(fallocate(punched, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE),
			 0);
	refused(punched, 0, SIZE, false, "not populated");
}

/* Huge pages are whole or nothing. */
static void test_huge(void **state)
{
	_cleanup_close_ int fd =
		memfd(MFD_HUGETLB | 21U << MAP_HUGE_SHIFT, F_SEAL_SHRINK, 4 << 20, 0);

	refused(fd, 0, SIZE, false, "2097152 bytes");
	refused(fd, PAGE, 2 << 20, false, "2097152 bytes");
	refused(fd, 0, 2 << 20, false, "not populated");
}

static void test_read_only(void **state)
{
	_cleanup_close_ int fd = memfd(0, F_SEAL_SHRINK, SIZE, SIZE);
	_cleanup_close_ int ro = -EBADF;
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "/proc/self/fd/%d", fd) > 0);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(ro >= 0);
	refused(ro, 0, SIZE, false, "reading and writing");
}

static void test_anything_else(void **state)
{
	char name[] = "/tmp/test-area-XXXXXX", shm[] = "/dev/shm/test-area-XXXXXX";
	int pipes[2], pair[2];
	int fds[] = {
		mkostemp(name, O_CLOEXEC),
		mkostemp(shm, O_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		open("/dev/zero", O_RDWR | O_CLOEXEC),
		open("/", O_PATH | O_CLOEXEC),
		open("/proc/self/mem", O_RDWR | O_CLOEXEC),
		eventfd(0, EFD_CLOEXEC),
		epoll_create1(EPOLL_CLOEXEC),
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	};

	unlink(name);
	unlink(shm);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		assert_true(fds[i] >= 0);
		(void)!ftruncate(fds[i], SIZE);
		refused(fds[i], 0, SIZE, false, "");
		refused(fds[i], 0, SIZE, true, "no dma-buf");
		close(fds[i]);
	}
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	refused(pipes[1], 0, SIZE, false, "no memfd");
	refused(pipes[1], 0, SIZE, true, "no dma-buf");
	refused(pair[0], 0, SIZE, false, "no memfd");
	close(pipes[0]), close(pipes[1]), close(pair[0]), close(pair[1]);
}

static void test_memfd_is_no_dmabuf(void **state)
{
	_cleanup_close_ int fd = memfd(0, F_SEAL_SHRINK, SIZE, SIZE);
	_cleanup_close_ int named = memfd_create("dmabuf:", MFD_CLOEXEC);

	refused(fd, 0, SIZE, true, "no dma-buf");
	refused(named, 0, SIZE, true, "no dma-buf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	      cmocka_unit_test(test_seals),
		cmocka_unit_test(test_extent),	      cmocka_unit_test(test_holes),
		cmocka_unit_test(test_huge),	      cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_anything_else), cmocka_unit_test(test_memfd_is_no_dmabuf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
