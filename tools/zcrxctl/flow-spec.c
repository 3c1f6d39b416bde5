/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The flow notation. See flow-spec.h.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdarg.h>

#include "flow-spec.h"
#include "text.h"

static const char *const protocol_names[_FLOW_PROTOCOL_MAX] = {
	[FLOW_TCP4] = "tcp4",
	[FLOW_TCP6] = "tcp6",
};

enum field {
	FIELD_DST,
	FIELD_DST_PORT,
	FIELD_SRC,
	FIELD_SRC_PORT,
	_FIELD_MAX,
};

static const char *const field_names[_FIELD_MAX] = {
	[FIELD_DST] = "dst",
	[FIELD_DST_PORT] = "dst-port",
	[FIELD_SRC] = "src",
	[FIELD_SRC_PORT] = "src-port",
};

/* A part of the text being read. */
struct part {
	const char *start;
	size_t length;
};

struct parser {
	const char *text;
	struct flow_spec spec;
	bool seen[_FIELD_MAX];
	struct flow_spec_error *error;
};

const char *flow_protocol_name(enum flow_protocol protocol)
{
	return protocol_names[protocol];
}

_printf_(3, 4) static int wrong(struct parser *p, struct part part, const char *format, ...)
{
	va_list ap;
	int n;

	p->error->position = (size_t)(part.start - p->text);
	p->error->length = part.length;
	va_start(ap, format);
	n = vasprintf(&p->error->message, format, ap);
	va_end(ap);
	if (n < 0) {
		p->error->message = NULL;
		return -ENOMEM;
	}
	return -EINVAL;
}

static bool part_is(struct part part, const char *s)
{
	return strlen(s) == part.length && memcmp(part.start, s, part.length) == 0;
}

static struct part part_until(const char *s, const char *stop)
{
	return (struct part) { .start = s, .length = strcspn(s, stop) };
}

static unsigned address_bits(enum flow_protocol protocol)
{
	return protocol == FLOW_TCP4 ? 32 : 128;
}

/* Clears what the prefix does not cover; true if something was there. */
static bool mask_address(struct flow_address *address, enum flow_protocol protocol)
{
	uint8_t *bytes = protocol == FLOW_TCP4 ? (uint8_t *)&address->ipv4 : address->ipv6.s6_addr;
	bool changed = false;

	for (unsigned bit = address->prefix; bit < address_bits(protocol); bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		changed |= bytes[bit / 8] & mask;
		bytes[bit / 8] &= (uint8_t)~mask;
	}
	return changed;
}

/* What other tools print around an address. */
static const char *explain_pasted(enum flow_protocol protocol, const char *host)
{
	if (strchr(host, '%'))
		return ": leave the zone out, a flow is on the interface of its lease";
	if (strpbrk(host, "[]"))
		return ": leave the brackets out; a port is given as dst-port or src-port";
	if (strchr(host, ':') && strchr(host, ':') == strrchr(host, ':'))
		return ": a port is given as dst-port or src-port";
	if (protocol == FLOW_TCP4 && strchr(host, ':'))
		return ": an IPv6 address goes with tcp6";
	if (streq(host, "*") || streq(host, "any"))
		return ": leave dst or src out to mean any";
	return "";
}

static int parse_address(struct parser *p, struct part value, struct flow_address *ret)
{
	enum flow_protocol protocol = p->spec.protocol;
	int family = protocol == FLOW_TCP4 ? AF_INET : AF_INET6;
	_cleanup_free_ char *host = NULL, *prefix_text = NULL, *masked = NULL;
	struct flow_address address = { .set = true, .prefix = address_bits(protocol) };
	const char *slash = memchr(value.start, '/', value.length);
	struct part prefix = { 0 };
	uint64_t number;

	host = strndup(value.start, slash ? (size_t)(slash - value.start) : value.length);
	if (!host)
		return -ENOMEM;
	if (inet_pton(family, host, &address.ipv4) != 1)
		return wrong(p, value, "'%.*s' is not an %s address%s", (int)value.length,
			     value.start, protocol == FLOW_TCP4 ? "IPv4" : "IPv6",
			     explain_pasted(protocol, host));
	if (slash) {
		prefix.start = slash + 1;
		prefix.length = value.length - strlen(host) - 1;
		prefix_text = strndup(prefix.start, prefix.length);
		if (!prefix_text)
			return -ENOMEM;
		if (parse_number(prefix_text, 0, address_bits(protocol), &number) < 0)
			return wrong(p, prefix, "'%s' is not a prefix length; expected 0 to %u",
				     prefix_text, address_bits(protocol));
		address.prefix = (unsigned)number;
	}
	if (mask_address(&address, protocol)) {
		masked = flow_spec_address(&address, protocol);
		if (!masked)
			return -ENOMEM;
		return wrong(p, value, "'%.*s' has bits set beyond its prefix; did you mean %s",
			     (int)value.length, value.start, masked);
	}
	*ret = address;
	return 0;
}

static int parse_port(struct parser *p, struct part value, uint16_t *ret)
{
	_cleanup_free_ char *text = strndup(value.start, value.length);
	uint64_t number;

	if (!text)
		return -ENOMEM;
	if (parse_number(text, 1, UINT16_MAX, &number) < 0)
		return wrong(p, value, "'%s' is not a port; expected 1 to 65535", text);
	*ret = (uint16_t)number;
	return 0;
}

static int parse_field(struct parser *p, struct part part)
{
	struct part name = part_until(part.start, "=,");
	struct part value = { .start = name.start + name.length + 1,
			      .length = part.length - name.length - 1 };
	enum field field = 0;

	while (field < _FIELD_MAX && !part_is(name, field_names[field]))
		field++;
	if (field == _FIELD_MAX)
		return wrong(p, name,
			     "'%.*s' is not a field; expected dst, dst-port, src or src-port",
			     (int)name.length, name.start);
	if (name.length == part.length || value.length == 0)
		return wrong(p, part, "'%s' has no value; expected %s=%s", field_names[field],
			     field_names[field],
			     field == FIELD_DST || field == FIELD_SRC ? "ADDRESS[/PREFIX]"
								      : "PORT");
	if (p->seen[field])
		return wrong(p, part, "'%s' is given twice", field_names[field]);
	p->seen[field] = true;

	switch (field) {
	case FIELD_DST:
		return parse_address(p, value, &p->spec.destination);
	case FIELD_DST_PORT:
		return parse_port(p, value, &p->spec.destination_port);
	case FIELD_SRC:
		return parse_address(p, value, &p->spec.source);
	case FIELD_SRC_PORT:
		return parse_port(p, value, &p->spec.source_port);
	case _FIELD_MAX:
		break;
	}
	assert(!"unreachable");
	return -EINVAL;
}

int flow_spec_parse(const char *text, struct flow_spec *ret, struct flow_spec_error *reterr)
{
	struct parser p = { .text = text, .error = reterr };
	struct part part = part_until(text, ",");
	enum flow_protocol protocol = 0;

	*reterr = (struct flow_spec_error) {};
	while (protocol < _FLOW_PROTOCOL_MAX && !part_is(part, protocol_names[protocol]))
		protocol++;
	if (protocol == _FLOW_PROTOCOL_MAX)
		return wrong(&p, part, "'%.*s' is not a protocol; expected tcp4 or tcp6",
			     (int)part.length, part.start);
	p.spec.protocol = protocol;

	while (part.start[part.length] == ',') {
		int r;

		part = part_until(part.start + part.length + 1, ",");
		r = parse_field(&p, part);
		if (r < 0)
			return r;
	}
	*ret = p.spec;
	return 0;
}

char *flow_spec_address(const struct flow_address *address, enum flow_protocol protocol)
{
	char host[INET6_ADDRSTRLEN], *out;
	int family = protocol == FLOW_TCP4 ? AF_INET : AF_INET6;

	if (!inet_ntop(family, &address->ipv4, host, sizeof host))
		return NULL;
	if (address->prefix == address_bits(protocol))
		return strdup(host);
	return asprintf(&out, "%s/%u", host, address->prefix) < 0 ? NULL : out;
}

char *flow_spec_format(const struct flow_spec *spec)
{
	_cleanup_free_ char *out = NULL, *source = NULL, *destination = NULL;
	size_t size;
	FILE *f;

	source = spec->source.set ? flow_spec_address(&spec->source, spec->protocol) : NULL;
	destination = spec->destination.set
			      ? flow_spec_address(&spec->destination, spec->protocol)
			      : NULL;
	if ((spec->source.set && !source) || (spec->destination.set && !destination))
		return NULL;

	f = open_memstream(&out, &size);
	if (!f)
		return NULL;
	fputs(protocol_names[spec->protocol], f);
	if (destination)
		fprintf(f, ",dst=%s", destination);
	if (spec->destination_port)
		fprintf(f, ",dst-port=%u", spec->destination_port);
	if (source)
		fprintf(f, ",src=%s", source);
	if (spec->source_port)
		fprintf(f, ",src-port=%u", spec->source_port);
	return fclose(f) == 0 ? TAKE_PTR(out) : NULL;
}
