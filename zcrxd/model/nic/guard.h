/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way by which the administrator came in is not cut: a plan that may interrupt the interface by
 * which most of the world is reached, or by which who is logged in gets his answers, is refused as a
 * whole, unless it is forced. As a whole, because a NIC with half of a plan is neither what it was nor
 * what was asked for.
 */
#pragma once

#include "plan.h"
#include "reach.h"

/* WRONG_STATE "default-route" or "ssh", with the steps that are in the way; `remedy` is what to type in
 * front of the interface's name. `set_before`: an earlier zcrxd has set the split, which may look like
 * the driver's choice. */
int guard_check(const struct plan *plan, const struct nic_state *state, const struct reach *reach,
		bool set_before, const char *remedy, struct fault *reterr);
