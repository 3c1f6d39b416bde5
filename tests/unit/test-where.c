/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "where.h"

#define ALICE 1001
#define SUBUID "# a comment\nalice:100000:65536\nbob:165536:65536\n1002:300000:1\n"

static void test_given_out(void **state)
{
	static const struct {
		const char *uid_map, *subuid;
		uid_t uid;
		bool given_out;
	} rows[] = {
		/* unshare -r */
		{ "         0       1001          1\n", SUBUID, ALICE, false },
		{ "      1001       1001          1\n", SUBUID, ALICE, false },
		/* containers of hers, with her subordinates */
		{ "         0       1001          1\n         1     100000      65536\n", SUBUID, ALICE, false },
		{ "         0       1001          1\n         1     100000      65536\n", SUBUID, 100000, true },
		{ "         0       1001          1\n         1     100000      65536\n", SUBUID, 165535, true },
		/* one subordinate alone, at both ends of a range, and of a range of one */
		{ "         0     100000          1\n", SUBUID, 100000, true },
		{ "         0     165535          1\n", SUBUID, 165535, true },
		{ "         0     231072          1\n", SUBUID, 231072, false },
		{ "         0      99999          1\n", SUBUID, 99999, false },
		{ "         0     300000          1\n", SUBUID, 300000, true },
		{ "         0     300001          1\n", SUBUID, 300001, false },
		/* root's container with a range of uids, and with all of them */
		{ "         0     524288      65536\n", "", 524288, true },
		{ "         0          0 4294967294\n", "", 0, true },
		{ "         0          0          1\n         1          1 4294967294\n", "", 0, false },
		{ "         0          0          1\n         1          1 4294967294\n", "", ALICE, true },
		/* not in there at all; nothing is mapped yet */
		{ "         0       1001          1\n", SUBUID, 1002, true },
		{ "", SUBUID, ALICE, true },
		/* no subordinates, and what is none */
		{ "         0     100000          1\n", "", 100000, false },
		{ "         0     100000          1\n", "alice\nbob:x:1\n:\n\n100000 100000 1", 100000, false },
		{ "         0     100000          1\n", "alice:100000:0\nbob:100000:1", 100000, true },
		{ "         0 4294967294          1\n", "a:4294967290:10\n", 4294967294U, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (where_is_given_out(rows[i].uid_map, rows[i].subuid, rows[i].uid) != rows[i].given_out)
			fail_msg("row %zu", i);
}

static void test_process_level(void **state)
{
	static const struct {
		const char *fdinfo;
		unsigned level;
	} rows[] = {
		{ "pos:\t0\nflags:\t02000002\nPid:\t77\nNSpid:\t77\n", 1 },
		{ "Pid:\t77\nNSpid:\t77\t1\n", 2 },
		{ "Pid:\t77\nNSpid:\t77\t8\t1\nmore:\t1\n", 3 },
		{ "Pid:\t-1\nNSpid:\t-1\n", 0 }, /* it is gone */
		{ "Pid:\t0\nNSpid:\t0\n", 0 },	 /* it is in none below that of /proc */
		{ "Pid:\t77\n", 0 },		 /* a kernel without process namespaces */
		{ "NSpid:\t77", 1 },
		{ "NSpid:\n", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (where_process_level(rows[i].fdinfo) != rows[i].level)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_given_out),
		cmocka_unit_test(test_process_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
