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
	STEP_NTUPLE,
	STEP_RX_RING,
	STEP_RSS,
	STEP_CHANNELS,
	_STEP_OP_MAX,
};

/* Which member counts follows from the op. */
struct step_value {
	unsigned number; /* GRO_HW, NTUPLE: 0 off, 1 on; TCP_DATA_SPLIT: enum data_split;
			  * HDS_THRESHOLD: bytes; RX_RING: descriptors; RSS: of how many queues, for
			  * people only, 0 for unsaid */
	struct nic_channels channels; /* CHANNELS; the maxima are not looked at */
	uint32_t *rss;		      /* RSS: the whole table; NULL: back to the driver's default */
	size_t n_rss;
};

struct step {
	enum step_op op;
	struct step_value from, to;
};

/* Which queues are whose once the plan is done. */
struct carve_out {
	unsigned ordinary;	  /* queues 0 .. ordinary-1 serve RSS */
	unsigned zero_copy_first; /* = ordinary */
	unsigned zero_copy_count;
};

struct plan {
	struct carve_out carve_out;
	struct step *steps;
	size_t n_steps;
};

struct plan *plan_free(struct plan *p); /* NULL is fine; returns NULL */
DEFINE_CLEANUP(struct plan *, plan_free)

/*
 * NOT_SUPPORTED where the device cannot be what the configuration asks for (one queue only, more
 * channels than it has, no RSS), with what is missing as subject. A feature whose absence only the
 * kernel can explain becomes a step nevertheless: its refusal carries the kernel's own words.
 */
int plan_build(const struct config_interface *config, const struct nic_state *state,
	       struct plan **ret, struct fault *reterr);

/* What a step does to a NIC, as the kernel would do it (an RSS table that was never set follows the
 * channels; a set one stays), or -EINVAL and no change where the kernel would refuse. The simulated
 * backend and the property tests live on it. */
int nic_state_apply(struct nic_state *state, const struct step *step);

/* The step that undoes it; borrows the tables of `step`. */
struct step step_inverse(const struct step *step);

const char *step_op_to_string(enum step_op op); /* gro-hw, tcp-data-split, hds-threshold,
						 * ntuple-feature, rx-ring, rss, channels */
/* "on", "enabled", "combined 8", "equal over 6 of 8 queues", "default"... -ENOMEM only. */
int step_value_format(enum step_op op, const struct step_value *v, char **ret);
/* What it does to traffic, for people: "none", "the link bounces on this driver"... */
const char *step_effect(enum step_op op, const char *driver);
/* More than "none": the link or the traffic of other queues may be interrupted. */
bool step_disturbs(enum step_op op, const char *driver);
