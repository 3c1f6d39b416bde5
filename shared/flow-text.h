/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A flow, TCP packets by what they carry, and its addresses from text and to it: for the daemon and for
 * the commands alike. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

enum flow_protocol {
	FLOW_TCP4,
	FLOW_TCP6,
	_FLOW_PROTOCOL_MAX,
};

/* Network order; IPv4 uses the first four bytes, the rest is zero. prefix 0 means any address.
 * Canonical: bits behind the prefix are zero. */
struct flow_address {
	uint8_t bytes[16];
	uint8_t prefix;
};

/* As the receiver sees it: source is remote, destination local. Port 0 means any. Host order. */
struct flow {
	enum flow_protocol protocol;
	struct flow_address source, destination;
	uint16_t source_port, destination_port;
};

const char *flow_protocol_to_string(enum flow_protocol p);
/* -EINVAL if it is none. */
int flow_protocol_from_string(const char *s, enum flow_protocol *ret);
unsigned flow_address_bits(enum flow_protocol p); /* 32 or 128 */

/* "10.0.0.1", "10.0.0.0/24", "fd09::1/64". Bits behind the prefix must be zero; /0 is refused.
 * INVALID_FLOW with subject `field` otherwise. */
int flow_address_parse(enum flow_protocol p, const char *text, const char *field,
		       struct flow_address *ret, struct fault *reterr);
/* Without the prefix where it is the full length. -ENOMEM only. */
int flow_address_format(enum flow_protocol p, const struct flow_address *a, char **ret);
/* "tcp4,dst=10.0.0.1,dst-port=9999": the form that zcrxctl takes. -ENOMEM only. */
int flow_format(const struct flow *f, char **ret);
