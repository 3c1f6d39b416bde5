/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon's recvmsg(2) lets in, of real descriptors of every kind: connections/admit.c.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "admit.h"
#include "macro.h"

#define MANY 32

struct control {
	_Alignas(struct cmsghdr) char space[CMSG_SPACE(MANY * sizeof(int))];
};

/* Sends them and receives what is made of them; how many there are. */
static size_t pass(const int *fds, size_t n, int *ret, int *ret_flags)
{
	struct control control = {};
	struct iovec iov = { .iov_base = (char[1]){}, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	assert_int_equal(sendmsg(pair[0], &m, 0), 1);

	m.msg_controllen = sizeof(control);
	assert_int_equal(recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC), 1);
	c = CMSG_FIRSTHDR(&m);
	n = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
	if (n > 0)
		memcpy(ret, CMSG_DATA(c), n * sizeof(int));
	*ret_flags = m.msg_flags;
	close(pair[0]);
	close(pair[1]);
	return n;
}

static bool is_same(int a, int b)
{
	struct stat one, other;

	assert_int_equal(fstat(a, &one), 0);
	assert_int_equal(fstat(b, &other), 0);
	return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static void test_kinds(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), ends[2], pair[2], got[MANY], flags;
	char c;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	const int sent[] = { memfd_create("x", MFD_CLOEXEC), open("/proc/self/exe", O_RDONLY),
			     pair[0], ends[1], socket(AF_INET, SOCK_STREAM, 0) };

	assert_int_equal(pass(sent, ARRAY_SIZE(sent), got, &flags), ARRAY_SIZE(sent));
	assert_false(flags & MSG_CTRUNC);
	for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
		const bool harmless = i % 2 == 0;

		assert_true(is_same(got[i], harmless ? sent[i] : null));
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
		close(sent[i]);
	}
	/* The pipe's end that was replaced is closed, by and by: otherwise this hangs. */
	assert_int_equal(read(ends[0], &c, 1), 0);
	close(ends[0]);
	close(pair[1]);
	close(null);
}

static void test_too_many(void **state)
{
	int sent[MANY], got[MANY], flags;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		sent[i] = STDERR_FILENO;
	assert_int_equal(pass(sent, ADMIT_FDS_MAX, got, &flags), ADMIT_FDS_MAX);
	assert_false(flags & MSG_CTRUNC);
	for (size_t i = 0; i < ADMIT_FDS_MAX; i++)
		close(got[i]);
}

static void test_truncated(void **state)
{
	int sent[MANY], got[MANY], flags;
	size_t n;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		sent[i] = STDERR_FILENO;
	n = pass(sent, MANY, got, &flags);
	assert_true(n <= ADMIT_FDS_MAX);
	assert_true(flags & MSG_CTRUNC);
	for (size_t i = 0; i < n; i++)
		close(got[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_truncated),
	};

	assert_int_equal(admit_setup(), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
