/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See request.h. */
#include "request.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define MAGIC UINT32_C(0x7a637278) /* "zcrx" */

struct wire {
	uint32_t magic;
	uint32_t kind;
	uint64_t value;
};

_Static_assert(sizeof(struct wire) == REQUEST_SIZE, "as it goes over the network");

void request_pack(enum request_kind kind, uint64_t value, uint8_t ret[static REQUEST_SIZE])
{
	const struct wire wire = { htobe32(MAGIC), htobe32(kind), htobe64(value) };

	memcpy(ret, &wire, sizeof(wire));
}

int request_unpack(const uint8_t bytes[static REQUEST_SIZE], enum request_kind *ret_kind, uint64_t *ret_value)
{
	struct wire wire;
	uint64_t value;

	memcpy(&wire, bytes, sizeof(wire));
	value = be64toh(wire.value);
	if (be32toh(wire.magic) != MAGIC || value == 0)
		return -EPROTO;
	switch (be32toh(wire.kind)) {
	case REQUEST_CONNECTIONS:
		if (value > CONNECTIONS_MAX)
			return -EPROTO;
		*ret_kind = REQUEST_CONNECTIONS;
		break;
	case REQUEST_BYTES:
		if (value > BYTES_MAX)
			return -EPROTO;
		*ret_kind = REQUEST_BYTES;
		break;
	default:
		return -EPROTO;
	}
	*ret_value = value;
	return 0;
}
