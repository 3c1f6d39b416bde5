/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See flow-elsewhere.h.
 */
#include "flow-elsewhere.h"
#include "memstream.h"

#define LEFT_OUT_LISTED 8
#define BY_VALUE "name the flow by value (%s,dst=%s,dst-port=%s), which the policy has to allow (flows: in " \
		 "zcrxd.yaml(5))"

#define NOT_PROVED(reterr, ...) fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL, __VA_ARGS__)

/* What nobody but the host itself can send to. */
static bool is_unreachable(const struct local_address *a)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	if (a->protocol == FLOW_TCP4)
		return a->bytes[0] == 127;
	return !memcmp(a->bytes, loopback6, sizeof(loopback6)) ||
	       (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80); /* each device has one of its own */
}

static bool is_left_out(const struct local_address *a)
{
	return (a->place == ADDRESS_VLAN || a->place == ADDRESS_HOST) && !is_unreachable(a);
}

static int format_address(const struct local_address *a, char **ret)
{
	struct flow_address address = { .prefix = (uint8_t)flow_address_bits(a->protocol) };

	memcpy(address.bytes, a->bytes, flow_address_bits(a->protocol) / 8);
	return flow_address_format(a->protocol, &address, ret);
}

int local_addresses_left_out(const struct local_address *addresses, size_t n, char **ret)
{
	struct memstream m;
	size_t listed = 0;
	int r = memstream_begin(&m);

	for (size_t i = 0; i < n && r >= 0; i++) {
		_cleanup_free_ char *address = NULL;

		if (!is_left_out(&addresses[i]))
			continue;
		if (listed++ == LEFT_OUT_LISTED)
			fputs(" and others", m.f);
		if (listed > LEFT_OUT_LISTED)
			continue;
		r = format_address(&addresses[i], &address);
		if (r >= 0)
			fprintf(m.f, "%s%s (%s)", listed > 1 ? ", " : "", address, addresses[i].device);
	}
	r = memstream_end(&m, r, ret);
	if (r == 0 && listed == 0)
		free(TAKE_PTR(*ret));
	return r;
}

int flow_refuse_wildcard(bool tcp4, bool tcp6, const char *name, const struct local_address *addresses,
			 size_t n, struct fault *reterr)
{
	const char *kind = tcp4 && tcp6 ? "IP" : tcp4 ? "IPv4" : "IPv6";
	_cleanup_free_ char *others = NULL;

	if (local_addresses_left_out(addresses, n, &others) < 0)
		return -ENOMEM;
	if (!others)
		return NOT_PROVED(reterr, "%s has no %s address that the listener could be reached at; give "
					  "it one.", name, kind);
	return NOT_PROVED(reterr, "%s has no %s address that the listener could be reached at. The host has "
				  "%s, which prove nothing here; give %s an address, or " BY_VALUE ".", name,
			  kind, others, name, tcp4 ? "tcp4" : "tcp6", "ADDRESS", "PORT");
}

int flow_refuse_address(const struct local_address *a, const char *name, uint16_t port,
			struct fault *reterr)
{
	_cleanup_free_ char *address = NULL;
	char digits[8];

	if (!a)
		return NOT_PROVED(reterr, "The socket's local address is none of the interface's; "
					  "bind it to one that ip address show %s lists.", name);
	if (format_address(a, &address) < 0)
		return -ENOMEM;
	snprintf(digits, sizeof(digits), "%u", port);
	switch (a->place) {
	case ADDRESS_VLAN:
		return NOT_PROVED(reterr, "%s is an address of %s, a VLAN of %s, and the rules that zcrxd sets "
					  "do not say which VLAN they are for: no socket proves a flow there. "
					  "Bind it to an address of %s, or, if the NIC's rules look behind VLAN "
					  "tags, " BY_VALUE ".", address, a->device, name, name,
				  flow_protocol_to_string(a->protocol), address, digits);
	case ADDRESS_HERE:
	case ADDRESS_HOST:
	case ADDRESS_ELSEWHERE:
		break;
	}
	return NOT_PROVED(reterr, "%s is an address of %s, not of %s: no socket proves that what is sent there "
				  "comes in by %s. Bind it to an address of %s, or " BY_VALUE ".", address,
			  a->device, name, name, name, flow_protocol_to_string(a->protocol), address, digits);
}
