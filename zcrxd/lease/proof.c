/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets that prove flows. A rule stays only as long as the socket that proved it: the kernel says
 * when it is destroyed (sock_diag), and an epoll of its own says when it leaves its state (shut
 * down, disconnected). The socket itself is not kept open: a registration in an epoll lives as long
 * as somebody has the socket, and keeps nobody's socket alive. Whether it proves its flows is asked by
 * lease/proof-show.c, and again and again by lease/proof-check.c.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "fdstore-later.h"
#include "fdstore.h"
#include "leases.h"
#include "left-out.h"
#include "log.h"
#include "proof-check.h"
#include "proof.h"
#include "prover.h"

static struct proof *find_same_socket(const struct proof *p, uint64_t cookie)
{
	struct proof *other;

	LIST_FOREACH(other, &p->lease->proofs, entry) {
		if (other != p && other->proved && other->queue == p->queue &&
		    other->facts.cookie == cookie)
			return other;
	}
	return NULL;
}

static bool same_facts(const struct socket_facts *a, const struct socket_facts *b)
{
	return a->domain == b->domain && a->tcp_state == b->tcp_state &&
	       a->bound_index == b->bound_index && a->v6_only == b->v6_only &&
	       a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       memcmp(a->local, b->local, sizeof(a->local)) == 0 &&
	       memcmp(a->remote, b->remote, sizeof(a->remote)) == 0;
}

int proof_settle(struct proof *p, const struct socket_facts *facts, bool wildcard,
		 struct proof **ret, struct fault *reterr)
{
	struct proof *other = find_same_socket(p, facts->cookie);
	char name[64];
	int r;

	if (other && !other->gone && same_facts(&other->facts, facts)) {
		other->wildcard = wildcard;
		urgent_end(&other->urgent);
		other->urgent = p->urgent;
		p->urgent = (struct urgent) {};
		proof_free(p);
		*ret = other;
		return 0;
	}
	/* The socket listens elsewhere since: what it proved then is over. */
	if (other)
		proof_invalidate(other, "The socket receives something else now.");
	if (find_same_socket(p, facts->cookie)) {
		proof_free(p);
		return fault_set(reterr, ZCRX_WRONG_STATE, "steered",
				 "The socket has proved other flows to this queue before, whose rules "
				 "are being removed. Try again.");
	}
	p->facts = *facts;
	p->wildcard = wildcard;
	p->proved = true;
	fdstore_proof_name(p->lease->id, facts->cookie, p->queue, name);
	r = lease_check_store(p->lease, 1, reterr);
	if (r == 0)
		r = fdstore_push(name, p->epoll_fd);
	if (r != 0) {
		proof_free(p);
		return r;
	}
	p->stored = true;
	*ret = p;
	return 0;
}

void proof_answered(struct proof *p)
{
	p->asked = false;
}

bool proof_counts(const struct proof *p)
{
	const struct lease *l = p->lease;

	if (!p->asked)
		return true;
	for (size_t i = 0; i < l->n_flows; i++)
		if (l->flows[i]->proof == p)
			return true;
	return false;
}

struct proof *proof_free(struct proof *p)
{
	char name[64];

	if (!p)
		return NULL;
	if (p->stored) {
		fdstore_proof_name(p->lease->id, p->facts.cookie, p->queue, name);
		fdstore_remove_later(name, -EBADF);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p->questions); i++)
		if (p->questions[i])
			p->questions[i]->userdata = NULL; /* nobody is there to be answered */
	if (p->awaited)
		p->lease->leases->backend->ops->forget_socket(p->lease->leases->backend,
							       p->facts.cookie);
	urgent_end(&p->urgent);
	left_out_done(&p->left_out);
	LIST_REMOVE(p, entry);
	p->lease->n_proofs--;
	sd_event_source_disable_unref(p->source);
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	free(p);
	return NULL;
}

void proof_ref_flow(struct proof *p)
{
	p->n_flows++;
}

void proof_maybe_free(struct proof *p)
{
	/* A listener on the wildcard may get an address again, if it ever was steered. */
	if (p->n_flows == 0 && (p->gone || p->asked || !p->wildcard))
		proof_free(p);
}

void proof_unref_flow(struct proof *p)
{
	p->n_flows--;
	proof_maybe_free(p);
}

void proof_unfollow_addresses(struct proof *p)
{
	p->wildcard = false;
	proof_maybe_free(p);
}

static int on_socket(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct epoll_event event;

	if (epoll_wait(fd, &event, 1, 0) > 0 && event.events & (EPOLLHUP | EPOLLERR))
		proof_invalidate(userdata, "The socket hung up.");
	return 0;
}

int proof_adopt(struct lease *l, int epoll_fd, const struct record_proof *record,
		struct proof **ret)
{
	struct proof *p;
	int r;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct proof) { .lease = l,
			      .queue = record->queue,
			      .uid = record->uid,
			      .facts = record->facts,
			      .wildcard = record->wildcard,
			      .proved = true,
			      .epoll_fd = -EBADF };
	if (epoll_fd >= 0) {
		r = sd_event_add_io(l->leases->loop->event, &p->source, epoll_fd, EPOLLIN, on_socket, p);
		if (r < 0) {
			free(p);
			return r;
		}
		loop_set_protection(p->source);
		p->epoll_fd = epoll_fd;
		p->stored = true;
	}
	LIST_INSERT_HEAD(&l->proofs, p, entry);
	l->n_proofs++;
	*ret = p;
	return 0;
}

void proofs_detach(struct lease *l)
{
	struct proof *p;

	LIST_FOREACH(p, &l->proofs, entry)
		p->stored = false;
}

int proof_await(struct proof *p)
{
	struct nic_backend *b = p->lease->leases->backend;
	int r = b->ops->await_socket(b, p->facts.cookie);

	p->awaited = r == 0;
	return r;
}

static int proof_watch(struct proof *p, int socket_fd)
{
	/* Edge triggered, and only what is reported always: hang-up and error. */
	struct epoll_event event = { .events = EPOLLET };

	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0 || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, socket_fd, &event) < 0)
		return -errno;
	return sd_event_add_io(p->lease->leases->loop->event, &p->source, p->epoll_fd, EPOLLIN, on_socket,
			       p);
}

int proof_new(struct lease *l, int socket_fd, const struct socket_facts *facts, unsigned queue,
	      uid_t uid, struct proof **ret, struct fault *reterr)
{
	struct proof *p;
	int r;

	if (l->n_proofs >= LEASE_PROOFS_MAX)
		return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "sockets",
				 "A lease follows at most %u sockets, those that wait for an address "
				 "included. Close some that listen for this lease, or acquire another "
				 "lease.", LEASE_PROOFS_MAX);
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct proof) { .lease = l, .queue = queue, .uid = uid, .facts = *facts,
			      .epoll_fd = -EBADF, .asked = true };
	LIST_INSERT_HEAD(&l->proofs, p, entry);
	l->n_proofs++;
	r = proof_await(p);
	if (r == 0)
		r = proof_watch(p, socket_fd);
	if (r < 0) {
		proof_free(p);
		return r;
	}
	loop_set_protection(p->source);
	*ret = p;
	return 0;
}
