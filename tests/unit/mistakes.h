/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrong configurations and the whole message that a person gets for each. */
#pragma once

#include "testlib.h"

#include "config.h"

#define IFACE "interfaces:\n- name: eth0\n  zero-copy-queues: 1\n"
#define RULE  "policy:\n- user: alice\n"

struct mistake {
	const char *text, *message;
};

/* Says all that differs, not only the first. */
static inline bool is_told(const char *text, size_t n, const char *message)
{
	_cleanup_fault_ struct fault f = {};
	_cleanup_free_ char *expected = NULL;
	struct config *c = NULL;
	int r;

	assert_true(asprintf(&expected, "/etc/x.yaml:%s", message) > 0);
	r = config_parse(text, n, "/etc/x.yaml", &c, &f);
	if (r == ZCRX_INVALID_PARAMETER && !c && f.subject && streq(f.message, expected))
		return true;
	print_error("%d\n    %s\nand not\n    %s\n", r, f.message ?: "no complaint", expected);
	config_free(c);
	return false;
}

static inline void check_mistake(const char *text, size_t n, const char *message)
{
	assert_true(is_told(text, n, message));
}

static inline void check_mistakes(const struct mistake *mistakes, size_t n)
{
	bool good = true;

	for (size_t i = 0; i < n; i++)
		good &= is_told(mistakes[i].text, strlen(mistakes[i].text), mistakes[i].message);
	assert_true(good);
}
