/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of the daemon to and from the JSON of the protocol. No I/O, no decisions.
 */
#pragma once

#include <systemd/sd-json.h>

#include "device.h"
#include "flow-target.h"
#include "leases.h"
#include "pending.h"

int json_kernel(const struct kernel_features *k, sd_json_variant **ret);
int json_loop(const struct turn_times *t, sd_json_variant **ret);
int json_caller(const struct peer *p, bool administers, sd_json_variant **ret);
int json_interface(struct device *d, sd_json_variant **ret);
int json_lease(struct lease *l, sd_json_variant **ret);
/* Of its queues, as they were looked at last; 0: it is not bound, or not known. */
int json_napi_ids(const struct lease *l, sd_json_variant **ret);
int json_numbers(const uint32_t *numbers, size_t n, sd_json_variant **ret);
int json_flow(const struct flow *f, sd_json_variant **ret);
/* A LeaseFlow. */
int json_lease_flow(const struct lease *l, const struct lease_flow *f, sd_json_variant **ret);
int json_target(const struct device *d, const struct flow_target *l, sd_json_variant **ret);
/* The FlowTarget that takes (some of) this flow; *ret is NULL if nothing does. */
int json_taken(const struct lease *l, const struct lease_flow *f, sd_json_variant **ret);
/* `result` NULL: not tried. */
int json_change(const struct device *d, const struct plan *plan, size_t i, const struct step_result *result,
		sd_json_variant **ret);
int json_waiting_change(const struct device *d, const struct pending_step *w, bool tried,
			sd_json_variant **ret);

/* A Flow of the IDL. INVALID_FLOW with the field otherwise. */
int json_parse_flow(sd_json_variant *v, struct flow *ret, struct fault *reterr);
