/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any text: the parser takes it and can write it back, or points inside it and says why not.
 */
#include <errno.h>
#include <stdint.h>

#include "flow-spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size), *first = NULL,
			    *second = NULL;
	struct flow spec, again;
	struct flow_spec_error error;

	if (flow_spec_parse(text, &spec, &error) < 0) {
		if (!error.message || error.position + error.length > strlen(text))
			abort();
		free(error.message);
		return 0;
	}
	if (flow_format(&spec, &first) < 0 || flow_spec_parse(first, &again, &error) < 0 ||
	    flow_format(&again, &second) < 0 || !streq(first, second))
		abort();
	return 0;
}
