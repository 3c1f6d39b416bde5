/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is reached by way of an interface: the destinations of the routes that lead through it or through
 * what is stacked on it, and who is logged in from there. A value, filled by a backend (nic/) from what
 * the kernel says; whether an interruption would cut off an administrator is decided from it (guard.h).
 */
#pragma once

#include "flow.h"

/* Addresses are counted in blocks with the same first 16 bits: 8 KiB a protocol, however many routes
 * there are. */
#define REACH_BLOCKS 65536
#define REACH_LOGINS_MAX 4

struct reach_login {
	enum flow_protocol protocol;
	uint8_t bytes[16]; /* as in struct flow_address */
};

struct reach {
	bool default_route[_FLOW_PROTOCOL_MAX];
	uint8_t covered[_FLOW_PROTOCOL_MAX][REACH_BLOCKS / 8];
	struct reach_login logins[REACH_LOGINS_MAX];
	size_t n_logins;
	bool more_logins;
};

/* A unicast route, of whatever table. */
void reach_add_route(struct reach *r, enum flow_protocol p, const uint8_t *destination, unsigned prefix);
/* The way back to who is logged in from this address leads there. */
void reach_add_login(struct reach *r, enum flow_protocol p, const uint8_t *address);

/* Of so many blocks some address is reached. */
unsigned reach_blocks(const struct reach *r, enum flow_protocol p);
/* Without a default route, and as good as one: in halves (0.0.0.0/1 and 128.0.0.0/1), as 2000::/3, or as
 * the many routes of a router that has none. More than 1/128 of all addresses, so that all private
 * networks together (10.0.0.0/8 is the largest) are none. */
bool reach_is_wide(const struct reach *r, enum flow_protocol p);
