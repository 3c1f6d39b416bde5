/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Accelerated RFS: the kernel has the driver steer a flow to the queue whose interrupt is near the program that
 * reads it, unasked, by filters that no list of rules has. Linux 7.3, set_rps_cpu(): it takes
 * net.core.rps_sock_flow_entries, the feature ntuple-filters, a driver with ndo_rx_flow_steer (which does not
 * show), and the `rps_flow_cnt` of the queue that it steers to.
 */
#pragma once

#include "kernel-nic.h"

/* Fills state->rfs_queues. Negative errno. */
int observe_rfs(struct kernel_nic *nic, struct nic_state *state);
