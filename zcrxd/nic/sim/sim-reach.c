/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the simulated machine has addresses for, and what it reaches by way of which link.
 */
#include "sim-internal.h"

static void append_addresses(struct local_address *to, size_t *n, unsigned wanted, unsigned ifindex,
			     const struct local_address *list, size_t n_list)
{
	if ((wanted != 0 && wanted != ifindex) || n_list == 0)
		return;
	if (to)
		memcpy(to + *n, list, n_list * sizeof(*to));
	*n += n_list;
}

/* `to` NULL: only how many. As a dump does it: an index that is gone has no addresses. */
static size_t collect_addresses(const struct sim *s, unsigned ifindex, struct local_address *to)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_nics; i++)
		if (s->nics[i].state)
			append_addresses(to, &n, ifindex, s->nics[i].state->ifindex, s->nics[i].addresses,
					 s->nics[i].n_addresses);
	for (size_t i = 0; i < s->n_others; i++)
		append_addresses(to, &n, ifindex, s->others[i].link.ifindex, s->others[i].addresses,
				 s->others[i].n_addresses);
	return n;
}

int sim_addresses(struct nic_backend *b, unsigned ifindex, struct local_address **ret, size_t *ret_n)
{
	struct sim *s = sim_of(b);
	struct local_address *list;
	int r;

	r = sim_operation(s, "list addresses", NULL);
	if (r != 0)
		return r < 0 ? r : -s->shared->fail_error;
	SIM_LOCK(s);
	list = calloc(collect_addresses(s, ifindex, NULL) + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	*ret_n = collect_addresses(s, ifindex, list);
	*ret = list;
	return 0;
}

/* --------------------------------------------------------------- what is reached by them */

int sim_set_default_route(struct nic_backend *b, unsigned ifindex, bool carries)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].routes[0] = (struct sim_route) { .protocol = FLOW_TCP4 };
	s->nics[slot].n_routes = carries;
	return 0;
}

static int append(struct sim_route *list, size_t *n, enum flow_protocol p, const struct flow_address *a)
{
	if (*n == SIM_ROUTES_MAX)
		return -ENOSPC;
	list[(*n)++] = (struct sim_route) { .protocol = p, .destination = *a };
	return 0;
}

int sim_add_route(struct nic_backend *b, unsigned ifindex, enum flow_protocol p,
		  const struct flow_address *destination)
{
	SIM_AT(b, ifindex, s, slot);

	return append(s->nics[slot].routes, &s->nics[slot].n_routes, p, destination);
}

int sim_add_login(struct nic_backend *b, unsigned ifindex, enum flow_protocol p,
		  const struct flow_address *address)
{
	SIM_AT(b, ifindex, s, slot);

	return append(s->nics[slot].logins, &s->nics[slot].n_logins, p, address);
}

int sim_reach(struct nic *nic, struct reach *ret, struct fault *reterr)
{
	const struct sim_nic *n;

	SIM_NIC(nic, "look at routes", h, s, reterr);

	n = &h->sim->nics[h->slot];
	*ret = (struct reach) {};
	for (size_t i = 0; i < n->n_routes; i++)
		reach_add_route(ret, n->routes[i].protocol, n->routes[i].destination.bytes,
				n->routes[i].destination.prefix);
	for (size_t i = 0; i < n->n_logins; i++)
		reach_add_login(ret, n->logins[i].protocol, n->logins[i].destination.bytes);
	return 0;
}
