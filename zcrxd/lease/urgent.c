/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See urgent.h.
 */
#include <errno.h>
#include <sys/socket.h>

#include "fault.h"
#include "leases.h"
#include "urgent.h"

/* With SO_OOBINLINE the kernel never says that there is any. Whoever switches that on just for our
 * recv(), and off just for the questions around it, has to hit every one of these. */
#define ROUNDS 32

/* ---------------------------------------------------------------------- the process */

static int check_not_inline(int fd)
{
	int on = 1;
	socklen_t n = sizeof(on);

	if (getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, &n) < 0)
		return -errno;
	return on ? -EPERM : 0;
}

static int ask_once(int fd)
{
	char byte;
	ssize_t n;
	int r = check_not_inline(fd);

	if (r < 0)
		return r;
	n = recv(fd, &byte, sizeof(byte), MSG_OOB | MSG_PEEK | MSG_DONTWAIT);
	/* 0: its receiving side is shut down, and the kernel does not say more. One that is here already
	 * was read when it came, and EINVAL is none. */
	if (n == 0 || (n < 0 && errno != EINVAL))
		return n == 0 || errno == EAGAIN ? -EBUSY : -errno;
	return check_not_inline(fd);
}

static int ask(struct nic_backend *backend, const int *fds, size_t n, void (*wait)(void *userdata),
	       void *userdata)
{
	int r = 0;

	wait(userdata);
	for (unsigned i = 0; i < ROUNDS && r == 0; i++)
		r = ask_once(fds[0]);
	return r;
}

/* ---------------------------------------------------------------------------- the daemon */

static struct urgent_slot *find_slot(struct leases *leases, uid_t uid)
{
	struct urgent_slot *found = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < URGENT_MAX; i++) {
		struct urgent_slot *s = &leases->urgent[i];

		if (!s->question)
			found = s;
		else
			n += s->uid == uid;
	}
	return n < URGENT_OF_A_USER ? found : NULL;
}

int urgent_begin(struct leases *leases, uid_t uid, int fd, struct urgent *ret, struct fault *reterr)
{
	struct urgent_slot *s = find_slot(leases, uid);
	struct urgent u = { .slot = s };
	int r;

	if (!s)
		return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "sockets",
				 "Too many connections are being asked about just now, at most %u of a "
				 "user; those whose process receives into memory that never comes stay "
				 "among them. End such a process, or try again.", URGENT_OF_A_USER);
	r = question_new(leases->loop->event, ask, leases->backend, &fd, 1, &s->question);
	if (r < 0)
		return r;
	s->uid = uid;
	u.serial = ++s->serial;
	r = question_asking(s->question, &u.asking);
	if (r < 0) {
		question_abandon(&s->question);
		return r;
	}
	*ret = u;
	return 0;
}

int urgent_check(struct urgent *u, struct fault *reterr)
{
	int r;

	u->asked = true;
	r = asking_answer(&u->asking);
	if (r == QUESTION_FREE)
		return 0;
	if (r == QUESTION_HELD)
		return fault_set(reterr, ZCRX_WRONG_STATE, "connected",
				 "The kernel does not say whether urgent data is in flight to this "
				 "connection, because a process keeps the socket busy; with such data a "
				 "steered connection panics the kernel. Try again.");
	if (r == -EBUSY)
		return fault_set(reterr, ZCRX_WRONG_STATE, "connected",
				 "The peer has announced urgent data that has not come yet, or the "
				 "socket is shut down: steered, this connection would panic the kernel. "
				 "Receive that data first, or steer another connection.");
	if (r == -EPERM)
		return fault_set(reterr, ZCRX_WRONG_STATE, "connected",
				 "With SO_OOBINLINE the kernel does not say whether urgent data is in "
				 "flight to this connection, with which a steered one panics it. Switch that "
				 "off until the flow is added.");
	return fault_kernel(reterr, -r, NULL, "ask whether urgent data is in flight", "Try again.");
}

void urgent_end(struct urgent *u)
{
	if (!u->slot)
		return;
	asking_done(&u->asking);
	/* One that waits for our word would keep the client's socket. */
	if (!u->asked && u->slot->serial == u->serial)
		question_abandon(&u->slot->question);
	*u = (struct urgent) {};
}

void urgent_free_all(struct leases *leases)
{
	for (size_t i = 0; i < URGENT_MAX; i++)
		question_abandon(&leases->urgent[i].question);
}
