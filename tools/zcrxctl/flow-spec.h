/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows as people write them: tcp4,dst-port=9999,dst=10.0.0.1/32,src=10.0.0.0/24,src-port=1000.
 * Text to value and back; what may be steered is the daemon's decision. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

#include "macro.h"

enum flow_protocol {
	FLOW_TCP4,
	FLOW_TCP6,
	_FLOW_PROTOCOL_MAX,
};

struct flow_address {
	bool set; /* any address if not */
	unsigned prefix;
	union {
		struct in_addr ipv4;
		struct in6_addr ipv6;
	};
};

struct flow_spec {
	enum flow_protocol protocol;
	struct flow_address source, destination;
	uint16_t source_port, destination_port; /* 0: any */
};

/* Which part of the text is wrong, and a sentence that says why and what is expected. */
struct flow_spec_error {
	size_t position, length;
	char *message;
};

/* 0; -EINVAL with *reterr filled (the caller frees its message); -ENOMEM. */
int flow_spec_parse(const char *text, struct flow_spec *ret, struct flow_spec_error *reterr);

/* The shortest text that parses to the same flow. NULL: out of memory. */
char *flow_spec_format(const struct flow_spec *spec);

const char *flow_protocol_name(enum flow_protocol protocol);

/* "10.0.0.0/24"; a whole address goes without its prefix. NULL: out of memory. */
char *flow_spec_address(const struct flow_address *address, enum flow_protocol protocol);
