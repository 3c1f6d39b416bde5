/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The algebra of flows: equal, overlapping, covering. Text is flow-text.c's, proofs are
 * flows-from-socket.c's.
 */
#include "flow.h"

/* The first `bits` bits are the same. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool address_canonical(enum flow_protocol p, const struct flow_address *a)
{
	if (a->prefix > flow_address_bits(p))
		return false;
	for (unsigned bit = a->prefix; bit < 128; bit++)
		if (a->bytes[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool address_equal(const struct flow_address *a, const struct flow_address *b)
{
	return a->prefix == b->prefix && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool address_covers(const struct flow_address *a, const struct flow_address *b)
{
	return a->prefix <= b->prefix && same_prefix(a->bytes, b->bytes, a->prefix);
}

/* Prefixes nest or are disjoint; they never overlap halfway. */
static bool address_overlaps(const struct flow_address *a, const struct flow_address *b)
{
	return address_covers(a, b) || address_covers(b, a);
}

static bool port_covers(uint16_t a, uint16_t b)
{
	return a == 0 || a == b;
}

static bool port_overlaps(uint16_t a, uint16_t b)
{
	return a == 0 || b == 0 || a == b;
}

int flow_validate(const struct flow *f, struct fault *reterr)
{
	if (f->protocol != FLOW_TCP4 && f->protocol != FLOW_TCP6)
		return fault_set(reterr, ZCRX_INVALID_FLOW, "protocol",
				 "The protocol of a flow is tcp4 or tcp6.");
	if (!address_canonical(f->protocol, &f->source))
		return fault_set(reterr, ZCRX_INVALID_FLOW, "source",
				 "The source address has bits behind its prefix; clear them.");
	if (!address_canonical(f->protocol, &f->destination))
		return fault_set(reterr, ZCRX_INVALID_FLOW, "destination",
				 "The destination address has bits behind its prefix; clear them.");
	if (!f->source.prefix && !f->destination.prefix && !f->source_port && !f->destination_port)
		return fault_set(reterr, ZCRX_INVALID_FLOW, "destinationPort",
				 "The flow would be all of %s; name at least one address or port.",
				 flow_protocol_to_string(f->protocol));
	return 0;
}

bool flow_equal(const struct flow *a, const struct flow *b)
{
	return a->protocol == b->protocol && address_equal(&a->source, &b->source) &&
	       address_equal(&a->destination, &b->destination) &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

bool flow_overlaps(const struct flow *a, const struct flow *b)
{
	return a->protocol == b->protocol && address_overlaps(&a->source, &b->source) &&
	       address_overlaps(&a->destination, &b->destination) &&
	       port_overlaps(a->source_port, b->source_port) &&
	       port_overlaps(a->destination_port, b->destination_port);
}

bool flow_covers(const struct flow *a, const struct flow *b)
{
	return a->protocol == b->protocol && address_covers(&a->source, &b->source) &&
	       address_covers(&a->destination, &b->destination) &&
	       port_covers(a->source_port, b->source_port) &&
	       port_covers(a->destination_port, b->destination_port);
}
