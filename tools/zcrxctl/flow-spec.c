/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The flow notation. See flow-spec.h.
 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>

#include "flow-spec.h"
#include "text.h"

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
	struct flow flow;
	bool seen[_FIELD_MAX];
	struct flow_spec_error *error;
};

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

static int parse_address(struct parser *p, struct part value, struct flow_address *ret)
{
	_cleanup_free_ char *text = strndup(value.start, value.length);
	_cleanup_fault_ struct fault fault = {};
	int r;

	if (!text)
		return -ENOMEM;
	r = flow_address_parse(p->flow.protocol, text, NULL, ret, &fault);
	return r > 0 && fault.message ? wrong(p, value, "%s", fault.message) : r > 0 ? -ENOMEM : r;
}

static int parse_port(struct parser *p, struct part value, uint16_t *ret)
{
	_cleanup_free_ char *text = strndup(value.start, value.length);
	uint64_t number;

	if (!text)
		return -ENOMEM;
	if (parse_number(text, 1, UINT16_MAX, &number) < 0)
		return wrong(p, value, "'%s' is not a port; expected 1 to 65535.", text);
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
			     "'%.*s' is not a field; expected dst, dst-port, src or src-port.",
			     (int)name.length, name.start);
	if (name.length == part.length || value.length == 0)
		return wrong(p, part, "'%s' has no value; expected %s=%s.", field_names[field],
			     field_names[field],
			     field == FIELD_DST || field == FIELD_SRC ? "ADDRESS[/PREFIX]"
								      : "PORT");
	if (p->seen[field])
		return wrong(p, part, "'%s' is given twice.", field_names[field]);
	p->seen[field] = true;

	switch (field) {
	case FIELD_DST:
		return parse_address(p, value, &p->flow.destination);
	case FIELD_DST_PORT:
		return parse_port(p, value, &p->flow.destination_port);
	case FIELD_SRC:
		return parse_address(p, value, &p->flow.source);
	case FIELD_SRC_PORT:
		return parse_port(p, value, &p->flow.source_port);
	case _FIELD_MAX:
		break;
	}
	assert(!"unreachable");
	return -EINVAL;
}

int flow_spec_parse(const char *text, struct flow *ret, struct flow_spec_error *reterr)
{
	struct parser p = { .text = text, .error = reterr };
	struct part part = part_until(text, ",");
	_cleanup_free_ char *protocol = strndup(part.start, part.length);

	*reterr = (struct flow_spec_error) {};
	if (!protocol)
		return -ENOMEM;
	if (flow_protocol_from_string(protocol, &p.flow.protocol) < 0)
		return wrong(&p, part, "'%s' is not a protocol; expected tcp4 or tcp6.", protocol);

	while (part.start[part.length] == ',') {
		int r;

		part = part_until(part.start + part.length + 1, ",");
		r = parse_field(&p, part);
		if (r < 0)
			return r;
	}
	*ret = p.flow;
	return 0;
}
