/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registers an ifq in a disposable process. The client can hold its ring's lock for as long as it
 * likes, and the call then sleeps without being killable: so it runs where it can hang without harm,
 * with a deadline. The process owns nothing but the client's descriptors for the time of the call, and is used
 * once. One is made beforehand as long as there are leases, and waits; who finds none waits for a fork.
 */
#pragma once

#include <systemd/sd-event.h>

#include "leases.h"
#include "nic.h"

/* How long a client may keep its own ring's lock from us. A large cold area takes hundreds of
 * milliseconds to pin; seconds are somebody's intent. */
#define REGISTRAR_DEADLINE_USEC (5 * 1000000ULL)

/* So many registration processes of a user may be late, or left behind. */
#define REGISTRARS_HUNG_MAX 4

/* Asked past the deadline, and every second from then on: is it the driver that takes so long? */
typedef bool (*registrar_excused)(void *userdata);

/* r as from nic_backend_ops.register_ifq; `ifq` is valid if it is 0, `fault` if it is positive. The
 * export becomes the callee's; it may be -EBADF although it was asked for: the client can keep its ring
 * from us once the ifq is there. */
typedef void (*registrar_done)(int r, const struct ifq *ifq, int export_fd, struct fault *fault,
			       void *userdata);

/*
 * Borrows the request's descriptors until it returns. `done` is called exactly once unless an error
 * is returned. Past the deadline, unless excused, the child is killed, because one that returns late
 * would register an ifq that nobody knows of; then the client, if the child cannot come back
 * otherwise. The request is refused (INVALID_RING) when the child is gone, or when not even that has
 * helped; the process is left behind then. Who has REGISTRARS_HUNG_MAX late ones is refused another
 * (QUOTA_EXCEEDED).
 */
int registrar_start(struct leases *leases, const struct ifq_request *request,
		    registrar_excused excused, registrar_done done, void *userdata,
		    struct fault *reterr);
/* Somebody will register soon. */
void registrar_expect(struct leases *leases);
/* The last lease is over: after a while none waits any more. */
void registrars_unused(struct leases *leases);
/* The loop ends; so does the process that waits, and the others do by themselves. */
void registrars_free(struct leases *leases);
