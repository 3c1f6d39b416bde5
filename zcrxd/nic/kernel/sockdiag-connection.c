/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See sockdiag-connection.h. The first that is made ends the dump: a busy server has a million of them.
 */
#include <linux/membarrier.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sockdiag-connection.h"
#include "sockdiag.h"

#define UNDER_WAY_USEC 50000

struct looking {
	const struct flow *flows;
	size_t n;
	uint64_t but;
	bool half_made;
	struct socket_facts made;
};

/*
 * All that the kernel keeps of it is what the first segment said, and it waits for the next. Not so where a
 * process has it already, by TCP Fast Open, or where we began it: what comes for that may wait for a lock
 * that the process keeps for as long as it likes.
 */
static bool is_half_made(const struct sockdiag_socket *s)
{
	return s->state == TCP_SYN_RECV && !s->held;
}

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
			if (is_half_made(s)) {
				l->half_made = true;
				return 0;
			}
			l->made = f;
			return -EEXIST;
		}
	return 0;
}

int connection_find(struct netlink *diag, const struct flow *flows, size_t n, uint64_t but,
		    struct socket_facts *ret, enum connections *ret_found)
{
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
	if (n > 0)
		r = sockdiag_dump(diag, SOCKDIAG_BEGUN, ports, anywhere ? 0 : n_ports, take_connection, &l);
	if (r < 0 && r != -EEXIST)
		return r;
	*ret_found = r == -EEXIST ? CONNECTIONS_MADE
		     : l.half_made ? CONNECTIONS_HALF_MADE : CONNECTIONS_NONE;
	*ret = l.made;
	return 0;
}

void connection_let_pass(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		usleep(UNDER_WAY_USEC);
}
