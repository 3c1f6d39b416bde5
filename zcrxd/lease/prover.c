/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See prover.h. The verdicts are the model's (model/lease/flows-from-socket.c); here is what they
 * need, for all that are asked about with one look each: sockets by their cookies, and what else is
 * at their ports.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <systemd/sd-daemon.h>

#include "log.h"
#include "prover.h"
#include "worker.h"

STAILQ_HEAD(check_list, socket_check);

struct prover {
	struct worker *worker;
	struct sockets *sockets; /* the thread's, while it runs */
	struct check_list waiting, running;
	bool busy;
	bool closing;
};

struct socket_check *socket_check_free(struct socket_check *c)
{
	if (!c)
		return NULL;
	free(c->addresses);
	free(c->flows);
	fault_done(&c->fault);
	free(c);
	return NULL;
}

static size_t count(const struct check_list *list)
{
	const struct socket_check *c;
	size_t n = 0;

	STAILQ_FOREACH(c, list, entry)
		n++;
	return n;
}

/* ------------------------------------------------------------------------- on the thread */

static bool is_looked_for(const struct socket_check *c)
{
	if (c->known)
		return c->look_for;
	/* Of others the descriptor tells enough to refuse them. */
	return c->facts.same_netns && c->facts.protocol == IPPROTO_TCP;
}

/* It may listen again, but elsewhere. */
static void check_found(struct socket_check *c, const struct socket_facts *found)
{
	if (found->tcp_state == TCP_CLOSE || found->local_port != c->facts.local_port ||
	    memcmp(found->local, c->facts.local, sizeof(found->local)) != 0)
		c->r = fault_set(&c->fault, ZCRX_FLOW_NOT_PROVED, NULL, "The socket is closed.");
}

static int find_all(struct sockets *s, const struct check_list *list)
{
	const size_t n_all = count(list);
	_cleanup_free_ struct socket_facts *found = calloc(n_all + 1, sizeof(*found));
	_cleanup_free_ struct socket_facts **facts = calloc(n_all + 1, sizeof(*facts));
	struct socket_check *c;
	size_t n = 0;
	int r;

	if (!found || !facts)
		return -ENOMEM;
	STAILQ_FOREACH(c, list, entry)
		if (is_looked_for(c)) {
			found[n] = c->facts;
			facts[n] = &found[n];
			n++;
		}
	r = n > 0 ? s->ops->find(s, facts, n) : 0;
	n = 0;
	STAILQ_FOREACH(c, list, entry) {
		if (!is_looked_for(c))
			continue;
		if (r < 0)
			c->r = r;
		else if (c->known)
			check_found(c, &found[n]);
		else
			c->facts = found[n];
		n++;
	}
	return 0;
}

static void prove_all(const struct check_list *list)
{
	struct socket_check *c;

	STAILQ_FOREACH(c, list, entry)
		if (!c->known && c->r == 0)
			c->r = flows_from_socket(&c->facts, c->ifindex, c->name, c->addresses,
						 c->n_addresses, &c->flows, &c->n_flows,
						 &c->wildcard, &c->fault);
}

/* A connection's flow is nobody else's. */
static bool needs_port(const struct socket_check *c)
{
	return c->r == 0 && c->facts.tcp_state == TCP_LISTEN;
}

static int look_at_ports(struct sockets *s, const struct check_list *list, struct port_socket **ret,
			 size_t *ret_n)
{
	_cleanup_free_ struct flow *flows = NULL;
	struct socket_check *c;
	size_t n = 0;

	STAILQ_FOREACH(c, list, entry)
		n += needs_port(c) ? c->n_flows : 0;
	if (n == 0)
		return 0;
	flows = calloc(n, sizeof(*flows));
	if (!flows)
		return -ENOMEM;
	n = 0;
	STAILQ_FOREACH(c, list, entry)
		if (needs_port(c) && c->n_flows > 0) {
			memcpy(flows + n, c->flows, c->n_flows * sizeof(*flows));
			n += c->n_flows;
		}
	return s->ops->at_flows(s, flows, n, ret, ret_n);
}

static void check_receivers(struct sockets *s, struct socket_check *c)
{
	struct socket_receiver receiver;

	for (size_t i = 0; i < c->n_flows && c->r == 0; i++) {
		c->r = s->ops->receiver(s, &c->flows[i], c->ifindex, &receiver);
		if (c->r == 0)
			c->r = flow_check_receiver(&c->facts, &c->flows[i], &receiver, &c->fault);
	}
}

static void check_all(struct sockets *s, const struct check_list *list)
{
	_cleanup_free_ struct port_socket *at_port = NULL;
	struct socket_check *c;
	size_t n = 0;
	int r;

	r = find_all(s, list);
	if (r < 0) {
		STAILQ_FOREACH(c, list, entry)
			c->r = r;
		return;
	}
	prove_all(list);
	r = look_at_ports(s, list, &at_port, &n);
	STAILQ_FOREACH(c, list, entry) {
		if (c->r == 0)
			check_receivers(s, c);
		if (needs_port(c))
			c->r = r < 0 ? r
				     : flow_check_port(c->flows, c->n_flows, c->ifindex, c->facts.uid,
						       c->uid, at_port, n, &c->fault);
	}
}

static void prover_run(struct nic *nic, void *data)
{
	struct prover *p = data;

	check_all(p->sockets, &p->running);
}

/* --------------------------------------------------------------------------- on the loop */

static void answer(struct prover *p, struct check_list *list, int r)
{
	struct socket_check *c;

	while ((c = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, entry);
		if (r < 0 || p->closing) {
			fault_done(&c->fault);
			c->r = r < 0 ? r : -ECANCELED;
		}
		c->done(c); /* may ask again */
	}
}

static void prover_done(void *data);

static void prover_start(struct prover *p)
{
	struct check_list failed;
	int r;

	if (p->busy || p->closing || STAILQ_EMPTY(&p->waiting))
		return;
	STAILQ_CONCAT(&p->running, &p->waiting);
	r = worker_submit(p->worker, JOB_IN_TURN, prover_run, prover_done, p);
	p->busy = r == 0;
	if (r == 0)
		return;
	STAILQ_INIT(&failed);
	STAILQ_CONCAT(&failed, &p->running);
	answer(p, &failed, r);
}

static void prover_done(void *data)
{
	struct check_list ran;
	struct prover *p = data;

	STAILQ_INIT(&ran);
	STAILQ_CONCAT(&ran, &p->running);
	p->busy = false;
	prover_start(p); /* the next look need not wait for what this one leads to */
	answer(p, &ran, 0);
}

void prover_ask(struct prover *p, struct socket_check *c)
{
	STAILQ_INSERT_TAIL(&p->waiting, c, entry);
	prover_start(p);
}

void prover_look(struct sockets *s, struct socket_check *checks, size_t n)
{
	struct check_list list;

	STAILQ_INIT(&list);
	for (size_t i = 0; i < n; i++)
		STAILQ_INSERT_TAIL(&list, &checks[i], entry);
	check_all(s, &list);
}

void prover_ask_now(struct prover *p, struct socket_check *checks, size_t n)
{
	assert(!p->busy);
	prover_look(p->sockets, checks, n);
}

static void on_standstill(bool stands, bool in_kernel, void *userdata)
{
	if (!stands) {
		log_info("The kernel answers about sockets again.");
		return;
	}
	log_warning("The kernel has not answered about sockets for %llu s. Until it does, no socket proves a "
		    "flow, and proofs end only as their sockets do.", WORKER_PATIENCE_USEC / 1000000);
	if (!in_kernel) /* as where an interface's worker stands still (device/standstill.c) */
		(void)sd_notify(0, "WATCHDOG=trigger");
}

int prover_new(sd_event *event, struct nic_backend *backend, struct prover **ret)
{
	struct prover *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	STAILQ_INIT(&p->waiting);
	STAILQ_INIT(&p->running);
	r = backend->ops->sockets(backend, &p->sockets);
	if (r == 0)
		r = worker_new(event, NULL, &p->worker);
	if (r < 0) {
		prover_free(p);
		return r;
	}
	worker_watch(p->worker, WORKER_PATIENCE_USEC, on_standstill, p);
	*ret = p;
	return 0;
}

struct prover *prover_free(struct prover *p)
{
	if (!p)
		return NULL;
	p->closing = true;
	worker_join(p->worker);
	answer(p, &p->waiting, -ECANCELED);
	if (p->sockets)
		p->sockets->ops->close(p->sockets);
	free(p);
	return NULL;
}
