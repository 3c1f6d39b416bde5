/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a registration needs neither a NIC nor privilege: the layout of the refill region, the
 * meaning of every errno, and clients that name something that is no ring.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "rings.h"
#include "testlib.h"
#include "zcrx.h"

static void test_region(void **state)
{
	const struct {
		uint32_t asked, entries;
	} cases[] = {
		{ 1, 1 },	  { 2, 2 },
		{ 3, 4 },	  { 1000, 1024 },
		{ 4096, 4096 },	  { 4097, 8192 },
		{ 32767, 32768 }, { 32768, 32768 },
		{ 40000, 32768 }, { UINT32_MAX, 32768 },
	};
	struct zcrx_region region;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		zcrx_region_layout(cases[i].asked, &region);
		assert_int_equal(region.entries, cases[i].entries);
		assert_int_equal(region.size % (uint64_t)sysconf(_SC_PAGESIZE), 0);
		assert_int_equal(region.stats_offset % 8, 0);
		/* Statistics lie behind a header and the entries, and within. */
		assert_true(region.stats_offset >= 128 + region.entries * 16ULL);
		assert_true(region.stats_offset + 16 <= region.size);
	}
}

static void test_refusals(void **state)
{
	const struct ifq_request netkit = { .kind = GRANT_NETKIT, .queue = 7 };
	const struct ifq_request direct = { .kind = GRANT_DIRECT, .queue = 7 };
	const struct ifq_request large = { .kind = GRANT_DIRECT,
					   .queue = 7,
					   .buffer_length = 65536 };
	const struct ifq_request software = { .kind = GRANT_SOFTWARE };
	const struct ifq_request dmabuf = { .queue = 7, .dmabuf = true, .area_size = 12288 };
	const struct ifq_request large_dmabuf = { .queue = 7, .dmabuf = true,
						  .buffer_length = 65536 };
	const struct {
		int error;
		const struct ifq_request *request;
		enum zcrx_error kind;
		const char *text;
	} cases[] = {
		{ EOPNOTSUPP, &netkit, ZCRX_NOT_SUPPORTED, "zcrxctl check" },
		{ EOPNOTSUPP, &direct, ZCRX_NOT_SUPPORTED, "leased to another" },
		{ EOPNOTSUPP, &large, ZCRX_NOT_SUPPORTED, "65536" },
		{ EOPNOTSUPP, &software, ZCRX_NOT_SUPPORTED, "7.1" },
		{ EINVAL, &direct, ZCRX_KERNEL_REJECTED, "header/data split" },
		{ EINVAL, &large, ZCRX_KERNEL_REJECTED, "power of two" },
		{ EINVAL, &software, ZCRX_KERNEL_REJECTED, "7.1" },
		{ EINVAL, &dmabuf, ZCRX_KERNEL_REJECTED, "not all of its 12288 bytes" },
		{ EOPNOTSUPP, &dmabuf, ZCRX_KERNEL_REJECTED, "exporter" },
		{ ERANGE, &dmabuf, ZCRX_KERNEL_REJECTED, "no receive queue 7" },
		{ ERANGE, &large_dmabuf, ZCRX_INVALID_AREA, "in pieces of 65536 bytes" },
		{ EFAULT, &direct, ZCRX_INVALID_AREA, "pinned" },
		{ ERANGE, &direct, ZCRX_KERNEL_REJECTED, "no receive queue 7" },
		{ ERANGE, &large, ZCRX_INVALID_AREA, "if it has them, take a shorter" },
		{ ENOMEM, &direct, ZCRX_KERNEL_REJECTED, "LimitMEMLOCK" },
		{ EEXIST, &direct, ZCRX_KERNEL_REJECTED, "queue 7 already" },
		{ EBUSY, &direct, ZCRX_KERNEL_REJECTED, "AF_XDP" },
		{ ENODEV, &netkit, ZCRX_NO_SUCH_INTERFACE, "gone" },
		{ ENETDOWN, &direct, ZCRX_INTERFACE_DOWN, "down" },
		{ EAGAIN, &direct, ZCRX_INTERFACE_DOWN, "down" },
		{ ENODATA, &direct, ZCRX_NOT_SUPPORTED, "rx-gro-hw" },
		{ EPERM, &direct, ZCRX_KERNEL_REJECTED, "CAP_NET_ADMIN" },
		{ EIO, &direct, ZCRX_KERNEL_REJECTED, "kernel log" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_fault_ struct fault fault = {};

		assert_int_equal(zcrx_explain_errno(cases[i].error, cases[i].request, &fault),
				 cases[i].kind);
		CHECK_CONTAINS(fault.message, cases[i].text);
		if (cases[i].kind == ZCRX_KERNEL_REJECTED)
			assert_int_equal(fault.error, cases[i].error);
		/* And where nobody wants to know. */
		assert_int_equal(zcrx_explain_errno(cases[i].error, cases[i].request, NULL),
				 cases[i].kind);
	}
}

static void refused(const struct ifq_request *request, enum zcrx_error kind, const char *text)
{
	_cleanup_fault_ struct fault fault = {};
	struct ifq ifq;

	assert_int_equal(zcrx_register(request, &ifq, NULL, &fault), kind);
	CHECK_CONTAINS(fault.message, text);
}

static void test_no_ring(void **state)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int fds[] = { open("/dev/null", O_RDWR | O_CLOEXEC), epoll_create1(EPOLL_CLOEXEC), pidfd };
	struct ifq_request request = { .pidfd = pidfd, .refill_entries = 64, .area_fd = -1 };

	assert_true(pidfd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		request.ring = fds[i];
		refused(&request, ZCRX_INVALID_RING, "no io_uring");
	}
	request.ring = 4711;
	refused(&request, ZCRX_INVALID_RING, "no descriptor 4711");
	request.ring = -1;
	refused(&request, ZCRX_INVALID_RING, "no descriptor -1");
	request.refill_entries = 0;
	refused(&request, ZCRX_INVALID_PARAMETER, "refillEntries");
	request.refill_entries = REFILL_ENTRIES_MAX + 1;
	refused(&request, ZCRX_INVALID_PARAMETER, "refillEntries");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/* Of descriptors that are no rings, for which it is the same. */
static void test_watched_rings(void **state)
{
	const uint64_t keys[] = { nic_ring_key(0xffffffff, 63), 3, nic_ring_key(1, 0) };
	int rings = epoll_create1(EPOLL_CLOEXEC), ring = eventfd(0, EFD_CLOEXEC), fork;
	unsigned found[ARRAY_SIZE(keys)];

	assert_true(rings >= 0 && ring >= 0);
	assert_int_equal(rings_count(rings, keys, ARRAY_SIZE(keys), found), 0);
	assert_false(found[0] || found[1] || found[2]);
	/* Two queues on one ring: the second is known by another number. */
	assert_int_equal(rings_watch(rings, &ring, keys[0]), 0);
	fork = dup(ring);
	assert_int_equal(rings_watch(rings, &ring, keys[1]), 0);
	assert_int_equal(rings_count(rings, keys, ARRAY_SIZE(keys), found), 0);
	assert_true(found[0] && found[1] && !found[2]);
	rings_forget(rings, ring);
	close(ring);
	assert_int_equal(rings_count(rings, keys, ARRAY_SIZE(keys), found), 0);
	assert_true(found[0] && !found[1]);
	/* Whoever has the last copy. */
	close(fork);
	assert_int_equal(rings_count(rings, keys, ARRAY_SIZE(keys), found), 0);
	assert_false(found[0]);
	close(rings);
}

/* A client, with these ids, as they are if it has started a set-uid program. */
static pid_t start_client(uid_t real, uid_t effective, uid_t saved)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if ((real == getuid() && saved == real) || setresuid(real, effective, saved) == 0)
			(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void check_kill(pid_t pid, uid_t uid, int expected)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	siginfo_t ended = {};

	assert_true(pidfd >= 0);
	assert_int_equal(zcrx_kill_client(pidfd, uid), expected);
	if (expected != 0) {
		assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
		assert_int_equal(ended.si_pid, 0);
		assert_int_equal(kill(pid, SIGKILL), 0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED), 0);
	assert_int_equal(ended.si_status, SIGKILL);
	close(pidfd);
}

/* Whom its user could not kill is not killed for him. */
static void test_kill(void **state)
{
	const uid_t us = getuid(), alice = us + 1000;

	check_kill(start_client(us, us, us), us, 0);
	check_kill(start_client(us, us, us), alice, -EPERM);
	if (us != 0)
		return; /* nobody else can be made */
	check_kill(start_client(alice, alice, alice), alice, 0);
	check_kill(start_client(alice, 0, 0), alice, 0);   /* a set-uid program: kill(2) reaches it */
	check_kill(start_client(0, 0, 0), alice, -EPERM);  /* which has called setuid(0): su, sudo */
	check_kill(start_client(0, alice, 0), alice, -EPERM);
	check_kill(start_client(alice + 1, 0, 0), alice, -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_region),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_ring),
		cmocka_unit_test(test_watched_rings),
		cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
