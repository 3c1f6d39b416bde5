/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proof-look.h.
 */
#include <errno.h>

#include "proof-look.h"
#include "proof.h"
#include "prover.h"

struct proof_look {
	struct sockets *sockets;
	struct socket_check *checks;
	size_t n;
};

struct proof_look *proof_look_free(struct proof_look *k)
{
	if (!k)
		return NULL;
	for (size_t i = 0; i < k->n; i++) {
		free(k->checks[i].flows);
		fault_done(&k->checks[i].fault);
	}
	free(k->checks);
	if (k->sockets)
		k->sockets->ops->close(k->sockets);
	free(k);
	return NULL;
}

static int add_proof(struct proof_look *k, const struct proof *p)
{
	struct lease *l = p->lease;
	struct socket_check *c = &k->checks[k->n];

	if (!p->proved || p->gone || p->left_out.n > 0)
		return -EBUSY;
	*c = (struct socket_check) { .facts = p->facts, .known = true, .ifindex = l->device->receiver.at.ifindex,
				     .uid = p->uid };
	c->flows = calloc(l->n_flows + 1, sizeof(*c->flows));
	if (!c->flows)
		return -ENOMEM;
	k->n++;
	for (size_t i = 0; i < l->n_flows; i++) {
		if (l->flows[i]->proof != p)
			continue;
		if (l->flows[i]->proof_lost)
			return -EBUSY;
		c->flows[c->n_flows++] = l->flows[i]->flow;
	}
	return 0;
}

static size_t count_proofs(const struct device *d)
{
	const struct lease *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		n += l->device == d ? l->n_proofs : 0;
	return n;
}

int proof_look_new(const struct device *d, struct proof_look **ret)
{
	_cleanup_(proof_look_freep) struct proof_look *k = calloc(1, sizeof(*k));
	struct nic_backend *b = d->devices->backend;
	const size_t n = count_proofs(d);
	const struct lease *l;
	const struct proof *p;
	int r = 0;

	if (!k)
		return -ENOMEM;
	k->checks = calloc(n + 1, sizeof(*k->checks));
	if (!k->checks)
		return -ENOMEM;
	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		LIST_FOREACH(p, &l->proofs, entry)
			if (l->device == d && r == 0)
				r = add_proof(k, p);
	if (r == 0 && n > 0)
		r = b->ops->sockets(b, &k->sockets);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(k);
	return 0;
}

bool proof_look_is_news(struct proof_look *k)
{
	bool news = false;

	if (k->n == 0)
		return false;
	prover_look(k->sockets, k->checks, k->n);
	for (size_t i = 0; i < k->n; i++) {
		news |= k->checks[i].r != 0;
		fault_done(&k->checks[i].fault);
		k->checks[i].r = 0;
	}
	return news;
}
