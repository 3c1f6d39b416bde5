/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See flow-text.h.
 */
#include <arpa/inet.h>
#include <ctype.h>

#include "flow-text.h"

static const char *const protocols[_FLOW_PROTOCOL_MAX] = {
	[FLOW_TCP4] = "tcp4",
	[FLOW_TCP6] = "tcp6",
};

const char *flow_protocol_to_string(enum flow_protocol p)
{
	return p >= 0 && p < _FLOW_PROTOCOL_MAX ? protocols[p] : "unknown";
}

int flow_protocol_from_string(const char *s, enum flow_protocol *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (streq(protocols[i], s)) {
			*ret = (enum flow_protocol)i;
			return 0;
		}
	return -EINVAL;
}

unsigned flow_address_bits(enum flow_protocol p)
{
	return p == FLOW_TCP4 ? 32 : 128;
}

static int family(enum flow_protocol p)
{
	return p == FLOW_TCP4 ? AF_INET : AF_INET6;
}

/* "24" -> 24; -EINVAL unless it is a number from 1 to max. */
static int parse_prefix(const char *s, unsigned max, uint8_t *ret)
{
	unsigned v = 0;

	if (*s == '0' || strlen(s) > 3)
		return -EINVAL;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return -EINVAL;
		v = v * 10 + (unsigned)(*s - '0');
	}
	if (v < 1 || v > max)
		return -EINVAL;
	*ret = (uint8_t)v;
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool bits_behind(const struct flow_address *a, unsigned bits)
{
	for (unsigned bit = a->prefix; bit < bits; bit++)
		if (a->bytes[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

/* What other tools print around an address; NULL: nothing of it. */
static const char *explain_pasted(enum flow_protocol p, const char *text)
{
	if (strchr(text, '%'))
		return "Leave the zone (from the % on) out: a flow is on the interface of its lease.";
	if (strpbrk(text, "[]"))
		return "Leave the brackets out; a port is said apart from the address.";
	if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':'))
		return "Leave the port out: it is said apart from the address.";
	if (p == FLOW_TCP4 && strchr(text, ':'))
		return "An IPv6 address goes with tcp6.";
	if (streq(text, "*") || streq(text, "any"))
		return "Leaving the address out means any.";
	return NULL;
}

int flow_address_parse(enum flow_protocol p, const char *text, const char *field,
		       struct flow_address *ret, struct fault *reterr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	unsigned bits = flow_address_bits(p);
	struct flow_address a = { .prefix = (uint8_t)bits };
	const char *slash = strchr(text, '/');
	_cleanup_free_ char *address = slash ? strndup(text, (size_t)(slash - text)) : strdup(text);

	if (!address)
		return -ENOMEM;
	if (inet_pton(family(p), address, a.bytes) != 1 && explain_pasted(p, text))
		return fault_set(reterr, ZCRX_INVALID_FLOW, field, "\"%.64s\" is no %s address. %s", text,
				 p == FLOW_TCP4 ? "IPv4" : "IPv6", explain_pasted(p, text));
	if (inet_pton(family(p), address, a.bytes) != 1)
		return fault_set(reterr, ZCRX_INVALID_FLOW, field,
				 "\"%.64s\" is no %s address; write it like %s.", text,
				 p == FLOW_TCP4 ? "IPv4" : "IPv6",
				 p == FLOW_TCP4 ? "10.0.0.1 or 10.0.0.0/24"
						: "fd09::1 or fd09::/64");
	if (slash && parse_prefix(slash + 1, bits, &a.prefix) < 0)
		return fault_set(reterr, ZCRX_INVALID_FLOW, field,
				 "\"%.64s\" has no usable prefix length; it is a number from 1 to "
				 "%u, and leaving the address out means any.",
				 text, bits);
	if (bits_behind(&a, bits))
		return fault_set(reterr, ZCRX_INVALID_FLOW, field,
				 "\"%.64s\" has bits behind its prefix; clear them, or leave the "
				 "prefix out to mean this one address.",
				 text);
	/* Neither is ever on the wire: a rule for it would be dead without a word. */
	if (is_zero(a.bytes, bits / 8))
		return fault_set(reterr, ZCRX_INVALID_FLOW, field,
				 "\"%.64s\" is not a valid host address; leaving it out means any.", text);
	if (p == FLOW_TCP6 && a.prefix >= 96 && !memcmp(a.bytes, mapped, sizeof(mapped)))
		return fault_set(reterr, ZCRX_INVALID_FLOW, field,
				 "\"%.64s\" is an IPv4 address in IPv6 clothes; use tcp4.", text);
	*ret = a;
	return 0;
}

int flow_address_format(enum flow_protocol p, const struct flow_address *a, char **ret)
{
	char text[INET6_ADDRSTRLEN];
	char *s;
	int r;

	inet_ntop(family(p), a->bytes, text, sizeof(text));
	if (a->prefix == flow_address_bits(p))
		r = asprintf(&s, "%s", text);
	else
		r = asprintf(&s, "%s/%u", text, a->prefix);
	if (r < 0)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static void print_side(FILE *f, enum flow_protocol p, const char *name,
		       const struct flow_address *a, uint16_t port)
{
	_cleanup_free_ char *text = NULL;

	if (a->prefix && flow_address_format(p, a, &text) >= 0)
		fprintf(f, ",%s=%s", name, text);
	if (port)
		fprintf(f, ",%s-port=%u", name, port);
}

int flow_format(const struct flow *flow, char **ret)
{
	_cleanup_free_ char *s = NULL;
	size_t n;
	FILE *f;

	f = open_memstream(&s, &n);
	if (!f)
		return -ENOMEM;
	fputs(flow_protocol_to_string(flow->protocol), f);
	print_side(f, flow->protocol, "dst", &flow->destination, flow->destination_port);
	print_side(f, flow->protocol, "src", &flow->source, flow->source_port);
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(s);
	return 0;
}
