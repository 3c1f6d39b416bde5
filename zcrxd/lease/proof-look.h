/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The proofs of one device, as its worker's own look sees to them: what proof-check.c asks once a second, without the
 * loop and the prover. Whatever it sees, the loop asks again.
 */
#pragma once

#include "leases.h"

struct proof_look;

/* -EBUSY: some proof, or a flow of one, is on its way, or is to be tried again. */
int proof_look_new(const struct device *d, struct proof_look **ret);
struct proof_look *proof_look_free(struct proof_look *k); /* NULL is fine; returns NULL */
DEFINE_CLEANUP(struct proof_look *, proof_look_free)
/* On any thread: some socket does not prove what it did, or the kernel does not say. */
bool proof_look_is_news(struct proof_look *k);
