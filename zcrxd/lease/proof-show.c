/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client shows a socket: does it prove flows, and which? First it is watched, then it is asked about:
 * what changes in between is seen. The descriptor is not needed for the asking, so none of a client's
 * is kept meanwhile.
 */
#include <errno.h>
#include <netinet/tcp.h>

#include "flow-guard.h"
#include "leases.h"
#include "proof-check.h"
#include "proof-show.h"
#include "proof.h"
#include "prover.h"

struct showing {
	struct proof *proof; /* counted as if it had a flow */
	proof_shown shown;
	void *userdata;
};

static void set_receiver(struct socket_check *c, const struct device *d)
{
	c->ifindex = d->receiver.at.ifindex;
	memcpy(c->name, d->receiver.at.name, sizeof(c->name));
}

/* While it was asked about the addresses have changed: it proves other flows now. */
static int check_addresses(struct lease *l, struct socket_check *c, bool *ret_again)
{
	struct local_address *addresses;
	size_t n;
	int r;

	r = device_addresses(l->device, &addresses, &n, &c->fault);
	if (r != 0)
		return r;
	*ret_again = c->ifindex != l->device->receiver.at.ifindex || n != c->n_addresses ||
		     (n > 0 && memcmp(addresses, c->addresses, n * sizeof(*addresses)) != 0);
	free(c->addresses);
	c->addresses = addresses;
	c->n_addresses = n;
	return 0;
}

static int on_answer(struct socket_check *c, struct lease *l, struct proof *p, bool *ret_again)
{
	int r = c->r;

	if (r < 0)
		return fault_kernel(&c->fault, -r, NULL, "look for the socket", "Try again.");
	if (r == 0 && p->gone)
		r = fault_set(&c->fault, ZCRX_FLOW_NOT_PROVED, NULL,
			      "The socket was closed or shut down meanwhile.");
	if (r == 0)
		r = device_check_receiver(l->device, &c->fault);
	if (r == 0)
		r = check_addresses(l, c, ret_again);
	if (r == 0 && !*ret_again)
		r = proofs_watch(l->leases);
	return r;
}

static void ask_again(struct socket_check *c, struct lease *l)
{
	set_receiver(c, l->device);
	free(TAKE_PTR(c->flows));
	c->n_flows = 0;
	prover_ask(l->leases->prover, c);
}

static void on_shown(struct socket_check *c)
{
	struct showing *s = c->userdata;
	struct proof *p = s->proof, *proof = NULL;
	struct lease *l = p->lease;
	bool again = false;
	int r = on_answer(c, l, p, &again);

	if (again) {
		ask_again(c, l);
		return;
	}
	p->n_flows--; /* it may have to go for another one of the same socket */
	if (r == 0)
		r = proof_settle(p, &c->facts, c->wildcard, &proof, &c->fault);
	else
		proof_maybe_free(p);
	if (proof)
		proof_ref_flow(proof);
	s->shown(l, r, &c->fault, proof, c->flows, c->n_flows, s->userdata);
	if (proof)
		proof_unref_flow(proof); /* and the end of it, if no flow came of it */
	socket_check_free(c);
	free(s);
	lease_op_end(l);
}

static int prepare(struct lease *l, const struct socket_facts *facts, uid_t uid,
		   struct socket_check **ret, struct fault *reterr)
{
	_cleanup_(socket_check_freep) struct socket_check *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->facts = *facts;
	set_receiver(c, l->device);
	c->uid = uid;
	c->done = on_shown;
	/* Why no socket proves anything there comes before what is wrong with this one. */
	r = device_check_receiver(l->device, reterr);
	if (r == 0)
		r = device_addresses(l->device, &c->addresses, &c->n_addresses, reterr);
	if (r == 0)
		*ret = TAKE_PTR(c);
	return r;
}

int proof_show(struct lease *l, int fd, unsigned queue, uid_t uid, proof_shown shown, void *userdata,
	       struct fault *reterr)
{
	struct nic_backend *b = l->leases->backend;
	_cleanup_(socket_check_freep) struct socket_check *c = NULL;
	_cleanup_free_ struct showing *s = calloc(1, sizeof(*s));
	struct socket_facts facts;
	int r = s ? 0 : -ENOMEM;

	if (r == 0) /* refuses everything that is no TCP socket, before it is touched further */
		r = b->ops->socket_facts(b, fd, &facts, reterr);
	if (r == 0)
		r = prepare(l, &facts, uid, &c, reterr);
	if (r != 0)
		return r;
	r = proof_new(l, fd, &facts, queue, uid, &s->proof, reterr);
	if (r != 0)
		return r < 0 ? fault_kernel(reterr, -r, NULL, "watch the socket", "Try again.") : r;
	if (facts.tcp_state != TCP_LISTEN && flow_guard_decides(l->device))
		r = urgent_begin(l->leases, uid, fd, &s->proof->urgent, reterr);
	if (r != 0) {
		proof_free(s->proof);
		return r;
	}
	s->shown = shown;
	s->userdata = userdata;
	proof_ref_flow(s->proof);
	lease_op_begin(l);
	c->userdata = TAKE_PTR(s);
	prover_ask(l->leases->prover, TAKE_PTR(c));
	return 0;
}
