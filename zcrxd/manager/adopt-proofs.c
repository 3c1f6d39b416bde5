/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See adopt-proofs.h. First the end of each socket is an event, then it is looked for: none goes unseen.
 */
#include <errno.h>
#include <systemd/sd-daemon.h>

#include "adopt-proofs.h"
#include "log.h"
#include "proof-check.h"
#include "proof.h"
#include "prover.h"
#include "stack.h"

struct proof_checks {
	struct leases *leases;
	const struct nic_link *links;
	size_t n_links;
	const struct record *record;
	struct socket_check *checks; /* of the leases in their order, and of their proofs in theirs */
	bool *awaited;
	size_t n;
};

/* Where something refuses now, that is said when the proofs are asked about again. */
static unsigned find_receiver(const struct proof_checks *p, unsigned ifindex)
{
	const struct nic_link *link = links_find(p->links, p->n_links, ifindex);
	struct stack_receiver receiver;

	return link && stack_receiver(p->links, p->n_links, link, &receiver, NULL) == 0 ? receiver.ifindex
											 : ifindex;
}

static int prepare(struct proof_checks *p, const struct record_lease *l, const struct record_proof *proof)
{
	struct nic_backend *b = p->leases->backend;
	struct socket_check *c = &p->checks[p->n];

	*c = (struct socket_check){ .facts = proof->facts, .known = true,
				    .ifindex = find_receiver(p, l->ifindex), .uid = proof->uid };
	c->flows = calloc(l->n_flows + 1, sizeof(*c->flows));
	if (!c->flows)
		return -ENOMEM;
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i].proof == proof->facts.cookie && l->flows[i].queue == proof->queue)
			c->flows[c->n_flows++] = l->flows[i].flow;
	c->look_for = c->n_flows == 0;
	c->r = b->ops->await_socket(b, proof->facts.cookie);
	p->awaited[p->n++] = c->r == 0;
	return 0;
}

int proof_checks_new(struct leases *leases, const struct nic_link *links, size_t n_links,
		     const struct record *record, struct proof_checks **ret)
{
	struct proof_checks *p = calloc(1, sizeof(*p));
	size_t n = 0;
	int r;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < record->n_leases; i++)
		n += record->leases[i].n_proofs;
	*p = (struct proof_checks){ .leases = leases, .links = links, .n_links = n_links, .record = record,
				    .checks = calloc(n + 1, sizeof(*p->checks)),
				    .awaited = calloc(n + 1, sizeof(*p->awaited)) };
	r = p->checks && p->awaited ? 0 : -ENOMEM;
	for (size_t i = 0; i < record->n_leases; i++)
		for (size_t k = 0; r == 0 && k < record->leases[i].n_proofs; k++)
			r = prepare(p, &record->leases[i], &record->leases[i].proofs[k]);
	if (r < 0) {
		proof_checks_free(p);
		return r;
	}
	/* It takes the longer the more sockets there are on the machine, of whomever. */
	(void)sd_notify(0, "EXTEND_TIMEOUT_USEC=120000000");
	prover_ask_now(leases->prover, p->checks, p->n);
	*ret = p;
	return 0;
}

/* Each proof that was adopted waits for the end of its socket by itself. */
struct proof_checks *proof_checks_free(struct proof_checks *p)
{
	struct nic_backend *b;

	if (!p)
		return NULL;
	b = p->leases->backend;
	for (size_t i = 0; i < p->n; i++) {
		if (p->awaited[i])
			b->ops->forget_socket(b, p->checks[i].facts.cookie);
		fault_done(&p->checks[i].fault);
		free(p->checks[i].flows);
	}
	free(p->checks);
	free(p->awaited);
	free(p);
	return NULL;
}

static int take_fd(struct stored_fds *fds, uint32_t lease, const struct record_proof *p)
{
	char name[64];
	int fd;

	fdstore_proof_name(lease, p->facts.cookie, p->queue, name);
	fd = stored_fds_take(fds, name);
	if (fd >= 0)
		return fd;
	fdstore_old_proof_name(lease, p->facts.cookie, name);
	fd = stored_fds_take(fds, name);
	/* Under the name that the next daemon looks for first. */
	fdstore_proof_name(lease, p->facts.cookie, p->queue, name);
	if (fd >= 0 && fdstore_push(name, fd) == 0) {
		fdstore_old_proof_name(lease, p->facts.cookie, name);
		fdstore_remove(name);
	}
	return fd;
}

/* An older zcrxd kept the proof of each AddFlow that it refused, one more at each call. */
static bool is_surplus(const struct lease *l, const struct record_lease *saved, size_t i,
		       const struct socket_check *c)
{
	const struct record_proof *p = &saved->proofs[i];

	for (size_t k = 0; k < i; k++)
		if (saved->proofs[k].facts.cookie == p->facts.cookie &&
		    saved->proofs[k].queue == p->queue)
			return true;
	return l->n_proofs >= LEASE_PROOFS_MAX ||
	       (saved->n_proofs > LEASE_PROOFS_MAX && c->n_flows == 0);
}

static int adopt_proof(struct lease *l, const struct record_proof *saved, const struct socket_check *c,
		       struct stored_fds *fds)
{
	int fd = take_fd(fds, l->id, saved), r;
	struct proof *proof;

	r = proof_adopt(l, fd, saved, &proof);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = proof_await(proof);
	if (r == 0)
		r = c->r;
	if (r < 0) /* it is asked again in a second */
		log_errno(r, "Cannot find the socket of lease %08x", l->id);
	else if (r > 0)
		proof_invalidate(proof, c->fault.message);
	else if (fd < 0)
		log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id },
			    "Lease %08x: the watch on the socket at port %u was not kept by the service "
			    "manager; the socket is only checked once a second.",
			    l->id, saved->facts.local_port);
	return 0;
}

int adopt_proofs(const struct proof_checks *p, struct lease *l, const struct record_lease *saved,
		 struct stored_fds *fds)
{
	const struct socket_check *c = p->checks;
	int r = saved->n_proofs > 0 ? proofs_watch(l->leases) : 0;

	for (const struct record_lease *before = p->record->leases; before != saved; before++)
		c += before->n_proofs;
	for (size_t i = 0; i < saved->n_proofs && r >= 0; i++)
		if (!is_surplus(l, saved, i, &c[i]))
			r = adopt_proof(l, &saved->proofs[i], &c[i], fds);
	return r;
}
