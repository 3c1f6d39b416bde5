/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's side of it, as far as this machine has any. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "pool.h"

static void test_prefer(void **state)
{
	void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long mask[1024 / 8 / sizeof(long)] = {};
	int policy = -1, r;

	(void)state;
	assert_ptr_not_equal(data, MAP_FAILED);
	r = numa_prefer(data, 4096, 0);
	if (r == -ENOSYS || r == -EPERM)
		skip(); /* a kernel or a container without it */
	assert_int_equal(r, 0);
	assert_int_equal(syscall(SYS_get_mempolicy, &policy, mask, 1024UL, data, MPOL_F_ADDR), 0);
	assert_int_equal(policy, MPOL_PREFERRED);
	assert_int_equal(mask[0], 1);
	assert_true(numa_prefer(data, 4096, 1023) < 0); /* there is none */
	munmap(data, 4096);
}

static void test_node_of(void **state)
{
	(void)state;
	assert_int_equal(numa_node_of("lo"), -1); /* no device */
	assert_int_equal(numa_node_of("../../.."), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefer),
		cmocka_unit_test(test_node_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
