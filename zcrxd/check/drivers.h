/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of drivers and cannot be asked of the kernel: whether it can give single queues
 * their own memory (queue management), and what that depends on.
 */
#pragma once

#include <stdbool.h>

enum ability { ABILITY_UNKNOWN, ABILITY_YES, ABILITY_DEPENDS, ABILITY_NO };

struct driver_facts {
	const char *driver;
	enum ability queues;   /* zcrx on hardware queues; DEPENDS: see condition */
	enum ability contexts; /* extra RSS contexts */
	bool split_needs_gro_hw;
	const char *condition; /* hardware, firmware or settings that it takes; NULL: nothing special */
};

/* All unknown for a driver that is not listed. */
const struct driver_facts *driver_facts_of(const char *driver);
