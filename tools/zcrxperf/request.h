/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `zcrxperf compare` asks of `zcrxperf answer`, which sends nothing that it was not asked for: so nothing is under
 * way on a connection when another mode takes it over. Sixteen bytes each, in network order; what is sent back is the
 * stream of pattern.h, which goes on from answer to answer. Pure.
 */
#pragma once

#include <stdint.h>

#define REQUEST_SIZE	16
#define CONNECTIONS_MAX 1024
#define BYTES_MAX	(UINT64_C(1) << 40) /* of one request */

enum request_kind {
	REQUEST_CONNECTIONS = 1, /* on the first connection: how many there shall be in all */
	REQUEST_BYTES = 2,	 /* so many bytes on this one */
};

void request_pack(enum request_kind kind, uint64_t value, uint8_t ret[static REQUEST_SIZE]);
/* -EPROTO: it is none. */
int request_unpack(const uint8_t bytes[static REQUEST_SIZE], enum request_kind *ret_kind, uint64_t *ret_value);
