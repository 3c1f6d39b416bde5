/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What keeps the machine from steered flows: segments that make TCP read payload which lies in a
 * client's memory panic the kernel (nic_ops.guard_set). Whoever inserts a rule has the guard set first,
 * in the same job; when a rule is gone its flow is guarded for a moment longer. Here: which flows, and
 * when.
 */
#pragma once

#include "device.h"
#include "flow.h"

/* What a job of the worker needs to know. */
struct guard_job {
	bool needed;	/* else there is nothing to do */
	bool refuse;	/* no rule without it */
	bool possible;
	struct flow *flows;
	size_t n;
};

/* All flows that have a rule, or are about to get one, for the first time or again. */
int guard_job_prepare(struct device *d, struct guard_job *ret);
void guard_job_done(struct guard_job *j);
/* On the worker. Positive or negative: no rule may be inserted. */
int guard_job_run(struct nic *nic, const struct guard_job *j, struct fault *reterr);

/* This flow has no rule any more, or never got one. */
void flow_guard_linger(struct device *d, const struct flow *flow, bool was_steered);
/* No flow may be steered without it. */
bool flow_guard_decides(const struct device *d);
/* When the last guard_job_prepare() was called, it stood for this flow, and had since it was steered. */
bool flow_guard_has_been_on(const struct device *d, const struct flow *flow);
/* At once for the flows that there are now, and never again for others. */
void flow_guard_set(struct device *d);
/* There are flows for which it stands. */
bool flow_guard_stands(const struct device *d);
/* Its interface is gone. */
void flow_guard_forget(struct device *d);

/* When the daemon starts: those of interfaces without leases go. The devices take over the others. */
void flow_guard_sweep(struct devices *devices);

/* "unsafe-kernel": what this kernel cannot do and what follows from it; NULL if it can. -ENOMEM. */
int flow_guard_explain(const struct devices *devices, char **ret);
