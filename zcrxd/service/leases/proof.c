/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets that prove flows. A rule stays only as long as the socket that proved it: the kernel says
 * when it is destroyed (sock_diag), and an epoll of its own says when it leaves its state (shut
 * down, disconnected). The socket itself is not kept open: a registration in an epoll lives as long
 * as somebody has the socket, and keeps nobody's socket alive. Whether it still proves its flows is
 * leases/proof-check.c's.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "fdstore.h"
#include "leases.h"
#include "log.h"

/* From here on the proof counts: it has to outlive this process. */
void proof_set_facts(struct proof *p, const struct socket_facts *facts, bool wildcard)
{
	char name[64];

	p->facts = *facts;
	p->wildcard = wildcard;
	fdstore_proof_name(p->lease->id, facts->cookie, name);
	fdstore_push(name, p->epoll_fd);
	p->stored = true;
}

struct proof *proof_free(struct proof *p)
{
	char name[64];

	if (!p)
		return NULL;
	if (p->stored) {
		fdstore_proof_name(p->lease->id, p->facts.cookie, name);
		fdstore_remove(name);
	}
	LIST_REMOVE(p, entry);
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

void proof_review(struct proof *p)
{
	/* A listener on the wildcard may get an address again. */
	if (p->n_flows == 0 && (p->gone || !p->wildcard))
		proof_free(p);
}

void proof_unref_flow(struct proof *p)
{
	p->n_flows--;
	proof_review(p);
}

void proof_stop_following(struct proof *p)
{
	p->wildcard = false;
	proof_review(p);
}

static int on_socket(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct epoll_event event;

	(void)s;
	(void)revents;
	if (epoll_wait(fd, &event, 1, 0) > 0 && event.events & (EPOLLHUP | EPOLLERR))
		proof_set_gone(userdata, "The socket hung up.");
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
			      .facts = record->facts,
			      .wildcard = record->wildcard,
			      .epoll_fd = -EBADF };
	if (epoll_fd >= 0) {
		r = sd_event_add_io(l->manager->event, &p->source, epoll_fd, EPOLLIN, on_socket, p);
		if (r < 0) {
			free(p);
			return r;
		}
		p->epoll_fd = epoll_fd;
		p->stored = true;
	}
	LIST_INSERT_HEAD(&l->proofs, p, entry);
	*ret = p;
	return 0;
}

void proofs_leave(struct lease *l)
{
	struct proof *p;

	LIST_FOREACH(p, &l->proofs, entry)
	p->stored = false;
}

int proof_new(struct lease *l, int socket_fd, unsigned queue, struct proof **ret)
{
	/* Edge triggered, and only what is reported always: hang-up and error. */
	struct epoll_event event = { .events = EPOLLET };
	struct proof *p;
	int r;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct proof) { .lease = l, .queue = queue, .epoll_fd = -EBADF };
	LIST_INSERT_HEAD(&l->proofs, p, entry);
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = p->epoll_fd < 0 ? -errno : 0;
	if (r == 0 && epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, socket_fd, &event) < 0)
		r = -errno;
	if (r == 0)
		r = sd_event_add_io(l->manager->event, &p->source, p->epoll_fd, EPOLLIN, on_socket,
				    p);
	if (r < 0) {
		proof_free(p);
		return r;
	}
	*ret = p;
	return 0;
}
