/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of CPUs. What is taken has a CPU, and is made of nothing but numbers, ranges and commas:
 * root writes it as it came.
 */
#include <assert.h>

#include "cpus.h"
#include "fuzz.h"
#include "macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cpus none;
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct cpus cpus;

	assert(text);
	if (cpus_parse(text, &cpus) != 0)
		return 0;
	assert(!cpus_contain(&none, &cpus) && cpus_contain(&cpus, &cpus));
	assert(strspn(text, "0123456789,-") == strlen(text));
	return 0;
}
