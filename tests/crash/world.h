/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A daemon in a process of its own on a simulated machine that outlives it, to be killed at any
 * point. With a lease by the side that is steered throughout and lives through all the crashes.
 */
#pragma once

#include <time.h>

#include "harness.h"

/* Not so long after `start` that it cannot come any more. */
bool world_is_patient(time_t start);

struct world {
	struct daemon d;
	char *notify_path;
	int socket; /* listens; the daemon's by activation */
	pid_t pid;
	sd_varlink *link; /* to the daemon that runs now */
	struct client bystander;
};

void world_new(struct world *w, const char *config);
void world_free(struct world *w);

/* The daemon starts, with the n-th point from here as its last (0: none). False if it came to that
 * before it was ready. */
bool world_start(struct world *w, unsigned n);
/* Anew. `may_die`: a call that takes long is given up. */
void world_connect(struct world *w, bool may_die);
/* The daemon goes on until the n-th point from now. */
void world_arm(struct world *w, unsigned n);
/* Is the daemon gone? Then it is reaped. */
bool world_is_dead(struct world *w);
void world_kill(struct world *w);

/* Once this returns, what the daemon had given to its worker is done. It passes points itself. */
void world_barrier(struct world *w);

/*
 * All there is, as text: the NIC's settings, rules, owners and devices, the leases with their flows
 * but without their numbers, what is stored. NULL if the daemon went away meanwhile.
 */
char *world_describe(struct world *w);
/* Nothing is on its way, by the state file. */
bool world_is_quiet(struct world *w);
/* The leases and flows that the state file promises, each with its number, as text. */
char *world_record(struct world *w);
/* The same as the daemon lists them. */
char *world_list(struct world *w);
void world_release_persistent(struct world *w);
/* Somebody else does. */
void world_delete_netkit(struct world *w, const char *lease);

/* A TCP socket that listens on all addresses and that the machine knows; made once for all. */
int world_listener(struct world *w);
