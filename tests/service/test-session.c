/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which descriptors of clients a session passes on: zcrxd/session/vet.c. All else that it does is
 * played in tests/flood and tests/fuzz.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "macro.h"
#include "vet.h"

static bool passes(int fd)
{
	bool r;

	assert_true(fd >= 0);
	r = vet_descriptor(fd);
	close(fd);
	return r;
}

static void test_what_a_method_can_use(void **state)
{
	assert_true(passes(memfd_create("x", MFD_CLOEXEC)));
	assert_true(passes(memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
	assert_true(passes(socket(AF_INET, SOCK_STREAM, 0)));
	assert_true(passes(socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP)));
	assert_true(passes(socket(AF_UNIX, SOCK_STREAM, 0)));
}

static void test_what_no_method_can_use(void **state)
{
	int ends[2], mptcp = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	assert_int_equal(pipe(ends), 0);
	assert_false(passes(ends[0]));
	assert_false(passes(ends[1]));
	assert_false(passes(open("/proc/self/exe", O_RDONLY)));
	assert_false(passes(open("/dev/null", O_RDWR)));
	assert_false(passes(open("/", O_RDONLY | O_DIRECTORY)));
	assert_false(passes(eventfd(0, 0)));
	assert_false(passes(socket(AF_INET, SOCK_DGRAM, 0)));
	assert_false(passes(socket(AF_UNIX, SOCK_DGRAM, 0)));
	assert_false(passes(socket(AF_UNIX, SOCK_SEQPACKET, 0)));
	assert_false(passes(socket(AF_NETLINK, SOCK_RAW, 0)));
	if (mptcp >= 0) /* a kernel may be without */
		assert_false(passes(mptcp));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_method_can_use),
		cmocka_unit_test(test_what_no_method_can_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
