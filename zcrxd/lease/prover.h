/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks the kernel whether sockets prove flows. Going through all sockets takes the longer the more
 * there are, of whomever, so it happens on a thread of its own, and once for all who ask meanwhile: a
 * question waits for the look that is under way and for its own. What an answer means is its asker's
 * to decide (lease/proof-show.c, lease/proof-check.c).
 */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "flow.h"
#include "nic.h"

struct prover;

/* One socket, and what AddFlow asks of one: the same whenever it is asked. */
struct socket_check {
	STAILQ_ENTRY(socket_check) entry;
	struct socket_facts facts; /* known: all of them; else what the descriptor tells, until it ran */
	bool known;
	bool look_for;		   /* known, but that it is still there is shown by no flow */
	unsigned ifindex;	   /* of the device whose sockets receive (device/receiver.h), */
	char name[IFNAMSIZ];	   /* and its name, unless known */
	uid_t uid;		   /* who shows it */
	struct local_address *addresses; /* of the host, unless known */
	size_t n_addresses;
	struct flow *flows;	   /* known: those to be checked; else those it proves */
	size_t n_flows;
	bool wildcard;		   /* unless known: as flows_from_socket() tells */
	int r;			   /* 0, FLOW_NOT_PROVED with `fault`, negative errno */
	struct fault fault;
	void (*done)(struct socket_check *c); /* on the loop, once; frees it */
	void *userdata;
};

struct socket_check *socket_check_free(struct socket_check *c);
DEFINE_CLEANUP(struct socket_check *, socket_check_free)

int prover_new(sd_event *event, struct nic_backend *backend, struct prover **ret);
/* Whoever still waits is answered with -ECANCELED. */
struct prover *prover_free(struct prover *p);
/* Takes `c` over. Without memory it is answered before this returns. */
void prover_ask(struct prover *p, struct socket_check *c);
/* On any thread: `s` is its own, and nothing is done(). The facts of all of them are known. */
void prover_look(struct sockets *s, struct socket_check *checks, size_t n);
/* All of these at once and now, while nobody has asked yet: at start. None is done(). */
void prover_ask_now(struct prover *p, struct socket_check *checks, size_t n);
