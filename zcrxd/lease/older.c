/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See older.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>

#include "flow-guard.h"
#include "flows.h"
#include "leases.h"
#include "older.h"
#include "proof.h"

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

static int find_others(const struct older *o, struct sockets *s, enum connections *ret,
		       struct fault *reterr)
{
	struct socket_facts c;
	int r = s->ops->connection(s, o->flows, o->n, o->cookie, &c, ret);

	if (r < 0)
		return fault_kernel(reterr, -r, NULL, "look for connections of the flow", "Try again.");
	return *ret == CONNECTIONS_MADE ? refuse(&c, reterr) : 0;
}

/*
 * A segment that passed the guard's place before the guard was there may not have been through TCP yet. It
 * can change a connection only by acknowledging how the kernel began it, which is told to the peer when it
 * is in the tables already: so where they show nothing after the guard was set, and no SYN cookie is out,
 * there is none to wait for. What is half made, and the connection that proves itself, may have such a
 * segment coming.
 */
static int check_others(const struct older *o, struct fault *reterr)
{
	enum connections found;
	struct sockets *s;
	int r = o->backend->ops->sockets(o->backend, &s);

	if (r < 0)
		return r;
	r = find_others(o, s, &found, reterr);
	if (r == 0 && (found == CONNECTIONS_HALF_MADE || o->cookie > 0)) {
		s->ops->let_pass(s);
		r = find_others(o, s, &found, reterr);
	}
	s->ops->close(s);
	return r;
}

int older_check(struct older *o, struct fault *reterr)
{
	int r;

	if (o->n == 0)
		return 0;
	r = check_others(o, reterr);
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
