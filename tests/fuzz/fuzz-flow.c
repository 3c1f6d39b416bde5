/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows from text and from raw bytes. What is parsed is canonical and comes back from its own text;
 * the relations between two flows agree with each other; no socket proves a flow without a
 * destination address.
 */
#include <assert.h>

#include "flow.h"
#include "fuzz.h"

/* As much of `size` bytes as there is, the rest zero. */
static void take(void *to, size_t n, const uint8_t **data, size_t *size)
{
	size_t have = *size < n ? *size : n;

	memset(to, 0, n);
	if (have)
		memcpy(to, *data, have);
	*data += have;
	*size -= have;
}

static void try_address(enum flow_protocol p, const char *text)
{
	_cleanup_fault_ struct fault f = {};
	_cleanup_free_ char *back = NULL;
	struct flow_address a, again;
	struct flow flow = { .protocol = p };
	int r;

	r = flow_address_parse(p, text, "source", &a, &f);
	if (r != 0) {
		assert(r == ZCRX_INVALID_FLOW && f.message && streq(f.subject, "source"));
		return;
	}
	flow.source = a;
	assert(flow_validate(&flow, NULL) == 0);
	assert(flow_address_format(p, &a, &back) == 0);
	assert(flow_address_parse(p, back, "source", &again, NULL) == 0);
	assert(!memcmp(&a, &again, sizeof(a)));
}

static struct flow take_flow(const uint8_t **data, size_t *size)
{
	struct flow f = {};
	uint8_t protocol;

	take(&protocol, 1, data, size);
	f.protocol = protocol & 1 ? FLOW_TCP6 : FLOW_TCP4;
	take(&f.source, sizeof(f.source), data, size);
	take(&f.destination, sizeof(f.destination), data, size);
	take(&f.source_port, sizeof(f.source_port), data, size);
	take(&f.destination_port, sizeof(f.destination_port), data, size);
	return f;
}

static void try_relations(const struct flow *a, const struct flow *b)
{
	_cleanup_free_ char *text = NULL;

	if (flow_validate(a, NULL) != 0 || flow_validate(b, NULL) != 0)
		return;
	assert(flow_format(a, &text) == 0);
	assert(flow_equal(a, a) && flow_covers(a, a) && flow_overlaps(a, a));
	assert(flow_overlaps(a, b) == flow_overlaps(b, a));
	assert(flow_equal(a, b) == (flow_covers(a, b) && flow_covers(b, a)));
	assert(!flow_covers(a, b) || flow_overlaps(a, b));
}

static void try_proof(const uint8_t **data, size_t *size)
{
	struct {
		uint8_t domain, protocol, tcp_state, flags, bound, n;
	} head;
	struct local_address addresses[4] = {};
	struct socket_facts facts = { .type = 1 };
	struct flow *flows;
	bool wildcard;
	size_t n;

	take(&head, sizeof(head), data, size);
	facts.domain = head.domain & 1 ? 10 : 2; /* AF_INET6, AF_INET */
	facts.protocol = head.protocol & 8 ? 262 : 6;
	facts.tcp_state = head.tcp_state & 16 ? head.tcp_state : head.tcp_state & 1 ? 1 : 10;
	facts.same_netns = !(head.flags & 1);
	facts.v6_only = head.flags & 2;
	facts.bound_index = head.bound & 3;
	take(facts.local, 16, data, size);
	take(facts.remote, 16, data, size);
	take(&facts.local_port, 2, data, size);
	take(&facts.remote_port, 2, data, size);
	for (size_t i = 0; i < 4; i++) {
		addresses[i].protocol = head.n & (16 << i) ? FLOW_TCP6 : FLOW_TCP4;
		addresses[i].place = head.bound & (4U << i) ? ADDRESS_VLAN : ADDRESS_HERE;
		take(addresses[i].bytes, 16, data, size);
	}
	if (flows_from_socket(&facts, 1, "zc0", addresses, head.n & 3, &flows, &n, &wildcard,
			      NULL) != 0)
		return;
	assert(n > 0 && facts.same_netns && facts.bound_index <= 1);
	for (size_t i = 0; i < n; i++) {
		assert(flows[i].destination.prefix == flow_address_bits(flows[i].protocol));
		assert(flows[i].destination_port == facts.local_port && facts.local_port);
		assert(flow_validate(&flows[i], NULL) == 0);
	}
	free(flows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct flow a, b;

	assert(text);
	try_address(FLOW_TCP4, text);
	try_address(FLOW_TCP6, text);
	a = take_flow(&data, &size);
	b = take_flow(&data, &size);
	try_relations(&a, &b);
	try_proof(&data, &size);
	return 0;
}
