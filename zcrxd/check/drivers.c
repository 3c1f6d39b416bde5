/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The drivers of Linux 7.2; see drivers.h.
 */
#include <stddef.h>
#include <string.h>

#include "drivers.h"
#include "macro.h"

static const struct driver_facts known[] = {
	{ .driver = "mlx5_core",
	  .queues = ABILITY_DEPENDS,
	  .contexts = ABILITY_YES,
	  .split_needs_gro_hw = true,
	  .condition = "it takes firmware with hardware GRO (ConnectX-7 and later), and excludes XDP, HTB, "
		       "TX port timestamps, receive timestamps by PTP and CQE compression" },
	{ .driver = "bnxt_en",
	  .queues = ABILITY_DEPENDS,
	  .contexts = ABILITY_YES,
	  .condition = "it takes a P5 chip (BCM575xx) or later with firmware that restarts single "
		       "rings, and the physical function" },
	{ .driver = "gve",
	  .queues = ABILITY_DEPENDS,
	  .contexts = ABILITY_NO,
	  .condition = "it takes the DQO-RDA queue format (gVNIC of third generation machines and "
		       "later) and flow steering switched on for the machine" },
	{ .driver = "fbnic", .queues = ABILITY_YES, .contexts = ABILITY_YES },
	{ .driver = "ice", .queues = ABILITY_NO, .contexts = ABILITY_NO },
	{ .driver = "idpf", .queues = ABILITY_NO, .contexts = ABILITY_NO },
	{ .driver = "igb", .queues = ABILITY_NO, .contexts = ABILITY_NO },
	{ .driver = "igc", .queues = ABILITY_NO, .contexts = ABILITY_NO },
	{ .driver = "e1000e", .queues = ABILITY_NO, .contexts = ABILITY_NO },
	{ .driver = "ixgbe", .queues = ABILITY_NO, .contexts = ABILITY_NO },
	{ .driver = "r8169", .queues = ABILITY_NO, .contexts = ABILITY_NO },
	{ .driver = "virtio_net", .queues = ABILITY_NO, .contexts = ABILITY_NO },
};

const struct driver_facts *driver_facts_of(const char *driver)
{
	static const struct driver_facts nothing = { .driver = "" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i].driver, driver))
			return &known[i];
	return &nothing;
}
