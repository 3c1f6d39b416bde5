/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A socket is shown: what it proves is asked of the kernel, once.
 */
#pragma once

#include "leases.h"
#include "proof.h"

/* If r is 0 `flows` are proved, and `proof` lives as long as this runs, then by its flows. */
typedef void (*proof_shown)(struct lease *lease, int r, struct fault *fault, struct proof *proof,
			    const struct flow *flows, size_t n, void *userdata);
/* Does not keep the descriptor. `shown` is called once, unless this fails. */
int proof_show(struct lease *l, int fd, unsigned queue, uid_t uid, proof_shown shown, void *userdata,
	       struct fault *reterr);
