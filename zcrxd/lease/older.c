/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See older.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "flow-guard.h"
#include "flows.h"
#include "leases.h"
#include "older.h"
#include "proof.h"

#define UNDER_WAY_USEC 50000

int older_prepare(struct lease *l, const struct flow_list *list, struct older *ret)
{
	struct older o = { .backend = l->leases->backend };
	const bool decides = flow_guard_decides(l->device);

	o.flows = calloc(list->n + 1, sizeof(*o.flows));
	if (!o.flows)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const struct lease_flow *f = list->flows[i];

		if (decides && !f->lost && !flow_guard_has_been_on(l->device, &f->flow))
			o.flows[o.n++] = f->flow;
		if (!f->proof || f->proof->facts.tcp_state == TCP_LISTEN || o.cookie > 0)
			continue;
		o.cookie = f->proof->facts.cookie;
		/* Asked or not, it ends with this job: its process has the socket. */
		o.urgent = f->proof->urgent;
		f->proof->urgent = (struct urgent) {};
	}
	*ret = o;
	return 0;
}

/* What passed the guard's place before the guard was there has been through TCP when every processor has
 * let go of what it was at. */
static void let_pass(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		usleep(UNDER_WAY_USEC);
}

static int refuse(const struct socket_facts *c, struct fault *reterr)
{
	char remote[INET6_ADDRSTRLEN] = "?";

	inet_ntop(c->domain, c->remote, remote, sizeof(remote));
	return fault_set(reterr, ZCRX_WRONG_STATE, "connected",
			 "There is a connection already that would be steered along (with %s port %u, to "
			 "local port %u). If urgent data was announced to it before zcrxd kept such from "
			 "this flow, the kernel would panic. Add the flow before anybody connects, or when "
			 "these connections have ended (ss -tn sport = %u).",
			 remote, c->remote_port, c->local_port, c->local_port);
}

static int find_others(const struct older *o, struct fault *reterr)
{
	struct sockets *s;
	struct socket_facts c;
	bool found = false;
	int r = o->backend->ops->sockets(o->backend, &s);

	if (r < 0)
		return r;
	r = s->ops->connection(s, o->flows, o->n, o->cookie, &c, &found);
	s->ops->close(s);
	if (r < 0)
		return fault_kernel(reterr, -r, NULL, "look for connections of the flow", "Try again.");
	return found ? refuse(&c, reterr) : 0;
}

int older_check(struct older *o, struct fault *reterr)
{
	int r;

	if (o->n == 0)
		return 0;
	let_pass();
	r = find_others(o, reterr);
	if (r != 0 || o->cookie == 0)
		return r;
	if (!o->urgent.slot) /* it was asked for an earlier flow, which has gone since */
		return fault_set(reterr, ZCRX_WRONG_STATE, "connected",
				 "Whether urgent data is in flight to this connection is no longer known. "
				 "Try again.");
	return urgent_check(&o->urgent, reterr);
}

void older_done(struct older *o)
{
	urgent_end(&o->urgent);
	free(o->flows);
	*o = (struct older) {};
}
