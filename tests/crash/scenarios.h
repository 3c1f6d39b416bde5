/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon is killed in: each method that acts, each event that it acts upon, and its start.
 */
#pragma once

#include "subject.h"

/* What an act returns that nobody waits for an answer of. */
#define UNANSWERED "nobody was told"

struct scenario {
	const char *name;
	/* It happened outside, or is the daemon's duty: whatever the crash, it comes to the end. Else
	 * what was not answered may as well not have happened. */
	bool certain;
	/* Only where the kernel takes a queue from a living ring, or when its NIC goes. */
	bool netkit_only;
	/* The lease goes on as it was, and the comparison is with that. */
	bool unchanged;
	/* What was prepared waits for a confirmation, which a crash takes for a no. */
	bool lapses;
	void (*prepare)(struct world *w, struct subject *s);
	/* With the n-th point from the beginning of the act as the last. NULL: it was answered. */
	const char *(*act)(struct world *w, struct subject *s, unsigned n);
	/* What the act did outside; may be NULL. */
	void (*undo)(struct world *w);
};

/* With a lease by the side; without any. */
extern const struct scenario lease_scenarios[], nic_scenarios[];
extern const size_t n_lease_scenarios, n_nic_scenarios;

/* With so many queues for zero-copy receive of 8. */
void write_config(struct world *w, unsigned queues);
/* Back to a NIC that nobody has configured, with no daemon. */
void make_unconfigured(struct world *w, struct subject *s);

/* What a scenario is prepared with: before.c. */
void must(const char *error);
void nothing(struct world *w, struct subject *s);
void reserved(struct world *w, struct subject *s);
void bound(struct world *w, struct subject *s);
void steered(struct world *w, struct subject *s);
void set_addresses(struct world *w, size_t n);
void wait_until_reserved(struct world *w, const struct subject *s);
void unbound(struct world *w, struct subject *s);
void steered_once(struct world *w, struct subject *s);
void steered_by_value(struct world *w, struct subject *s);
void steered_and_closed(struct world *w, struct subject *s);
void half_bound(struct world *w, struct subject *s);
void half_bound_and_pending(struct world *w, struct subject *s);
void both_bound(struct world *w, struct subject *s);
void spread(struct world *w, struct subject *s);
void spread_and_closed(struct world *w, struct subject *s);
void spread_and_client_gone(struct world *w, struct subject *s);
void persistent(struct world *w, struct subject *s);
void pending(struct world *w, struct subject *s);
void away(struct world *w, struct subject *s);
void away_and_client_gone(struct world *w, struct subject *s);
void close_listener(struct world *w);
void away_and_socket_gone(struct world *w, struct subject *s);
void software(struct world *w, struct subject *s);
void software_bound(struct world *w, struct subject *s);
void software_bound_and_closed(struct world *w, struct subject *s);
void remove_rules(struct world *w);

/* What is done to NICs, and to leases by way of them. */
const char *act_start(struct world *w, struct subject *s, unsigned n);
const char *act_reset(struct world *w, struct subject *s, unsigned n);
const char *act_foreign_rule(struct world *w, struct subject *s, unsigned n);
void undo_foreign_rule(struct world *w);
