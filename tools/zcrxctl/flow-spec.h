/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows as people write them: tcp4,dst-port=9999,dst=10.0.0.1/32,src=10.0.0.0/24,src-port=1000.
 * What may be steered is the daemon's decision. Pure.
 */
#pragma once

#include "flow-text.h"

/* Which part of the text is wrong, and sentences that say why and what is expected. */
struct flow_spec_error {
	size_t position, length;
	char *message;
};

/* 0; -EINVAL with *reterr filled (the caller frees its message); -ENOMEM. */
int flow_spec_parse(const char *text, struct flow *ret, struct flow_spec_error *reterr);
