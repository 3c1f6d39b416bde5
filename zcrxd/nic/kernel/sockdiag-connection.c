/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See sockdiag-connection.h. The first that is found ends the dump: a busy server has a million of them.
 */
#include <sys/socket.h>

#include "sockdiag-connection.h"
#include "sockdiag.h"

struct looking {
	const struct flow *flows;
	size_t n;
	uint64_t but;
	struct socket_facts found;
};

static int take_connection(const struct sockdiag_socket *s, void *userdata)
{
	struct looking *l = userdata;
	struct socket_facts f = { .domain = s->family,
				  .tcp_state = s->state,
				  .local_port = s->local_port,
				  .remote_port = s->remote_port,
				  .uid = s->uid,
				  .cookie = s->cookie };

	if (s->cookie == l->but)
		return 0;
	memcpy(f.local, s->local, sizeof(f.local));
	memcpy(f.remote, s->remote, sizeof(f.remote));
	for (size_t i = 0; i < l->n; i++)
		if (flow_has_connection(&l->flows[i], &f)) {
			l->found = f;
			return -EEXIST;
		}
	return 0;
}

int connection_find(struct netlink *diag, const struct flow *flows, size_t n, uint64_t but,
		    struct socket_facts *ret, bool *ret_found)
{
	static const int families[] = { AF_INET, AF_INET6 };
	_cleanup_free_ uint16_t *ports = calloc(n + 1, sizeof(*ports));
	struct looking l = { .flows = flows, .n = n, .but = but };
	size_t n_ports = 0;
	bool anywhere = false;
	int r = 0;

	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		bool noted = false;

		for (size_t k = 0; k < n_ports && !noted; k++)
			noted = ports[k] == flows[i].destination_port;
		anywhere |= flows[i].destination_port == 0;
		if (!noted)
			ports[n_ports++] = flows[i].destination_port;
	}
	for (size_t i = 0; i < ARRAY_SIZE(families) && r >= 0 && n > 0; i++)
		r = sockdiag_dump(diag, families[i], SOCKDIAG_ESTABLISHED, ports,
				  anywhere ? 0 : n_ports, take_connection, &l);
	*ret_found = r == -EEXIST;
	if (r < 0 && r != -EEXIST)
		return r;
	*ret = l.found;
	return 0;
}
