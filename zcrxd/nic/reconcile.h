/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Brings a NIC to its configuration, or back to what was found: looks, plans, applies, and looks again, because
 * drivers change more than they are asked for (igb writes the RSS table anew when channels change). When it
 * fails, the NIC is put back as it was before; by what it shows, not by what it was told.
 */
#pragma once

#include "apply.h"

/* What the kernel does not tell, and whoever brings a NIC to its configuration has to remember for
 * as long as the interface exists. */
struct nic_quirks {
	bool split_was_set;
	bool split_needs_gro_hw;
};

/* To what was observed just now. */
void nic_quirks_apply(const struct nic_quirks *memory, struct nic_state *state);

struct reconcile {
	const struct nic_state *to; /* what was found; NULL: to `config` */
	struct config_interface config;
	struct busy_queues held;
	struct nic_quirks memory;

	struct nic_state *state;      /* as it was seen last */
	struct nic_state *found;      /* before the first step; NULL if none was tried */
	struct plan *plan;	      /* NULL if it did not come so far */
	struct step_result *results;  /* of the plan's steps, NULL if none was tried */
};

/* Nothing is changed yet: looks, then plans. */
int reconcile_look(struct nic *nic, struct reconcile *b, struct fault *reterr);
int reconcile_plan(struct reconcile *b, struct fault *reterr);
/* After that: carries it out. On failure the message also says what could not be put back. On the way back to
 * what was found a setting that the driver does not take is no failure: it stays different. */
int reconcile_apply(struct nic *nic, struct reconcile *b, struct fault *reterr);
void reconcile_done(struct reconcile *b); /* not `held`, which is the caller's */
