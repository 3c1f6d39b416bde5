/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config + observed NIC -> ordered steps. The plan is data: printed, tested, applied and rolled back
 * by others (nic/apply.c). The plan of a NIC that is as configured is empty.
 */
#pragma once

#include "config.h"
#include "fault.h"
#include "nic-state.h"

/* In the order of a plan that grows the carve-out (see plan.c for why it is this order). */
enum step_op {
	STEP_GRO_HW,
	STEP_TCP_DATA_SPLIT,
	STEP_HDS_THRESHOLD,
	STEP_RINGS,
	STEP_NTUPLE,
	STEP_RSS,
	STEP_CHANNELS,
	_STEP_OP_MAX,
};

/* Which member counts follows from the op. */
struct step_value {
	unsigned number; /* GRO_HW, NTUPLE: 0 off, 1 on; TCP_DATA_SPLIT: enum data_split;
			  * HDS_THRESHOLD: bytes; RINGS: descriptors; RSS: of how many queues, for
			  * people only, 0 for unsaid */
	bool by_driver; /* TCP_DATA_SPLIT: reported so, but as far as is known not set by anybody */
	struct nic_channels channels; /* CHANNELS; the maxima are not looked at */
	uint32_t *rss;		      /* RSS: the whole table; NULL: back to the driver's default */
	size_t n_rss;
};

struct step {
	enum step_op op;
	struct step_value from, to;
	bool follows_leases; /* RSS: only idle queues that serve come or go; that is nobody's doing but ours */
};

/* Which queues are whose once the plan is done. */
struct carve_out {
	unsigned ordinary;	  /* queues 0 .. ordinary-1 serve RSS */
	unsigned zero_copy_first; /* = ordinary */
	unsigned zero_copy_count;
	unsigned lease_first; /* those below are to become ordinary: no new lease gets them */
	unsigned lease_op_end; /* nor those from here on, which are to go; 0: none are */
	enum idle_queues idle_queues; /* whether RSS leads to those that nobody holds, too, */
	unsigned keep_free;	      /* but for so many */
};

/* Carved-out queues that are in use. They are never disturbed, and RSS never leads to them. */
struct busy_queues {
	const uint32_t *queues;
	size_t n;
};

/* What cannot be done before these queues are given back. */
struct pending_step {
	struct step step;
	uint32_t *queues;
	size_t n_queues;
};

struct plan {
	struct carve_out carve_out; /* after `steps`, while `waiting` wait */
	struct step *steps;	    /* to be done now, in this order */
	size_t n_steps;
	struct pending_step *waiting;
	size_t n_waiting;
};

struct plan *plan_free(struct plan *p); /* NULL is fine; returns NULL */
DEFINE_CLEANUP(struct plan *, plan_free)

/* How many steps from `first` on are one call of the kernel, as those that are next to each other and concern the ring
 * are: a driver that closes the device to set anything of it does so once. 1 or more; `first` begins such a group. */
size_t plan_at_once(const struct plan *plan, size_t first);

/* The steps of `next` behind those of `plan`; the rest of `next` replaces that of `plan`. */
int plan_append(struct plan *plan, struct plan *next);

/*
 * To the configuration. NOT_SUPPORTED where the device cannot be what it asks for (one queue only,
 * more channels than it has, no RSS), with what is missing as subject; FLOW_CONFLICT where somebody
 * else's rule or RSS context stands in the way. A feature whose absence only the kernel can explain
 * becomes a step nevertheless: its refusal carries the kernel's own words.
 */
int plan_build(const struct config_interface *config, const struct nic_state *state,
	       const struct busy_queues *held, struct plan **ret, struct fault *reterr);

/*
 * Back to what was found. Only what the steps above change is looked at. There is no carve-out
 * afterwards; with queues held, whatever would touch them waits.
 *
 * `unseen`: also what nobody can see to be different. Whether an RSS table was set cannot be seen where it
 * looks like the default: it is made the default then. Likewise a split that is enabled is given back to the
 * driver, if that had chosen it.
 */
int plan_restore(const struct nic_state *found, const struct nic_state *state,
		 const struct busy_queues *held, bool unseen, struct plan **ret, struct fault *reterr);

/* What a step does to a NIC, as the kernel would do it (an RSS table that was never set follows the
 * channels; a set one stays), or -EINVAL and no change where the kernel would refuse. The simulated
 * backend and the property tests live on it. */
int nic_state_apply(struct nic_state *state, const struct step *step);

/* The step that undoes it; borrows the tables of `step`. */
struct step step_inverse(const struct step *step);

/*
 * The table that there is to be, of `n` entries, while these queues are held: equal over the ordinary ones, and over
 * those that serve. One that is equal over these in any order will do. *ret_is: `now` is such a one. -ENOMEM.
 */
int rss_wanted(const struct carve_out *c, const struct busy_queues *held, const struct rss_table *now, size_t n,
	       uint32_t **ret, bool *ret_is);
/* The step to it, whose `to.rss` the caller frees; NULL there: it is that already. -ENOMEM. */
int rss_step(const struct carve_out *c, const struct busy_queues *held, const struct nic_state *s, struct step *ret);
/* A table that is wanted while some queues are held, whichever: it has only to follow the leases. */
bool rss_is_serving(const struct carve_out *c, const struct rss_table *t);

/* The same table for a NIC whose own has another size: ret[n]. */
void rss_table_fit(const uint32_t *table, size_t n_table, uint32_t *ret, size_t n);

const char *step_op_to_string(enum step_op op); /* gro-hw, tcp-data-split, hds-threshold,
						 * ntuple-feature, rings, rss, channels */
/* "on", "enabled", "combined 8", "equal over 6 of 8 queues", "default"... -ENOMEM only. */
int step_value_format(enum step_op op, const struct step_value *v, char **ret);
/* What it does to traffic, and which driver does that, for people. -ENOMEM only. */
int step_effect_format(enum step_op op, const char *driver, char **ret);
/* The same of a step of a plan, told of the first only of those that are one call. */
int plan_effect_format(const struct plan *plan, size_t i, const char *driver, char **ret);
/* "rss: default -> equal over 4 of 8 queues", where `between` is ": ". -ENOMEM only. */
int step_print(FILE *f, const struct step *step, const char *between);
/* All steps that are to be done now, on one line: to tell one plan from another. -ENOMEM only. */
int plan_format(const struct plan *plan, char **ret);
/* Some of them may interrupt the link or traffic. */
bool plan_disturbs(const struct plan *plan, const char *driver);
/* More than "none": the link or the traffic of other queues may be interrupted. */
bool step_disturbs(enum step_op op, const char *driver);
