/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much memory a receive queue wants. A driver keeps its ring filled with buffers: these are never the
 * program's, however idle the NIC, and what is left of the area is all that packets can be kept in. The page pool behind the
 * ring keeps as many and more for the NIC alone, and the kernel does not copy into those. Read off Linux 7.3; pages are
 * taken to have 4 KiB. Pure.
 */
#pragma once

#include "nic-state.h"

struct nic_demand {
	uint64_t ring;	/* bytes that the driver keeps in its ring; 0 if it is not known */
	uint64_t least; /* an area has to have, or it receives nothing, or harms others; 0: any will do */
	uint64_t recommended; /* never 0 */
	uint64_t enough; /* below that an area is worth a warning: half of it is the ring's; 0: not known of this driver */
};

/* mtu 0: not known. */
void nic_demand(const struct nic_state *state, unsigned mtu, struct nic_demand *ret);

/* 0 if an area of so many bytes is enough, else INVALID_AREA with how many are, and what else helps. */
int nic_demand_check(const struct nic_state *state, unsigned mtu, uint64_t size, struct fault *reterr);

/* 0 unless it is known that the driver takes no receive buffers of this length (the kernel says ERANGE then, as for
 * much else): INVALID_PARAMETER with those that it takes. */
int nic_demand_check_buffer(const struct nic_state *state, uint64_t length, struct fault *reterr);

/* In a bound queue that is so short of buffers that less than this of its area is neither in the ring nor with
 * the program, mlx5 finds no more to fill its ring with. While one is, whatever restarts a queue stops the whole
 * NIC for up to 20 s. 0: this driver does not wait for others' buffers. */
uint64_t nic_demand_dry(const char *driver);
