/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plan in the making, for plan.c, plan-queues.c and plan-restore.c alone: a step is done now, or
 * it waits for queues that are held.
 */
#pragma once

#include "plan.h"

struct builder {
	const struct nic_state *state;
	struct busy_queues held;
	bool all_wait; /* for them, whatever it is */
	enum idle_queues idle_queues; /* of the configuration */
	unsigned keep_free;
	struct plan *plan;
	struct fault *reterr;
};

struct builder builder_new(const struct nic_state *state, const struct busy_queues *held,
			   struct fault *reterr);

/* Both take the tables of `step`, also where they fail: -ENOMEM. builder_add() has it wait for
 * every held queue if it would disturb one, builder_wait() for those from `first` to below `end`. */
int builder_add(struct builder *b, const struct step *step);
int builder_wait(struct builder *b, const struct step *step, uint32_t first, uint32_t end);
/* RSS cannot change without disturbing a held queue; it does not wait where it leads to one, which is
 * worse. */
bool builder_rss_waits(const struct builder *b);
int builder_add_number(struct builder *b, enum step_op op, unsigned from, unsigned to);

/* plan-queues.c: RSS, channels and what they leave to lease. */
int plan_carve_out(struct builder *b, const struct config_interface *config, unsigned queues);

/* The two in the one order that the kernel takes. `to` is the table, NULL for the default one; of
 * `n` entries once there are `queues` queues. */
struct queues_goal {
	struct nic_channels channels;
	unsigned queues;     /* receive queues of those */
	const uint32_t *rss; /* NULL: the driver's default */
	size_t n_rss;
	bool set_rss; /* it is another one now */
	bool follows_leases; /* as in struct step */
};

int plan_queues(struct builder *b, const struct queues_goal *goal);
/* The entries that the RSS table will have then. */
size_t plan_rss_entries(const struct nic_state *s, unsigned queues);
