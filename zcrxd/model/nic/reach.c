/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See reach.h.
 */
#include "reach.h"

#define WIDE_BLOCKS (REACH_BLOCKS / 128)

void reach_add_route(struct reach *r, enum flow_protocol p, const uint8_t *destination, unsigned prefix)
{
	unsigned first = (unsigned)destination[0] << 8 | destination[1];
	unsigned n = prefix < 16 ? REACH_BLOCKS >> prefix : 1;

	if (prefix == 0)
		r->default_route[p] = true;
	first -= first % n; /* bits behind the prefix */
	for (unsigned i = first; i < first + n; i++)
		r->covered[p][i / 8] |= (uint8_t)(1U << i % 8);
}

void reach_add_login(struct reach *r, enum flow_protocol p, const uint8_t *address)
{
	struct reach_login login = { .protocol = p };

	memcpy(login.bytes, address, flow_address_bits(p) / 8);
	for (size_t i = 0; i < r->n_logins; i++)
		if (r->logins[i].protocol == p &&
		    memcmp(r->logins[i].bytes, login.bytes, sizeof(login.bytes)) == 0)
			return;
	if (r->n_logins < REACH_LOGINS_MAX)
		r->logins[r->n_logins++] = login;
	else
		r->more_logins = true;
}

unsigned reach_blocks(const struct reach *r, enum flow_protocol p)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(r->covered[p]); i++)
		n += (unsigned)__builtin_popcount(r->covered[p][i]);
	return n;
}

bool reach_is_wide(const struct reach *r, enum flow_protocol p)
{
	return reach_blocks(r, p) >= WIDE_BLOCKS;
}
