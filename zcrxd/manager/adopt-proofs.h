/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The proofs on record of an earlier daemon: do their sockets still prove what they proved? All are
 * asked about at once, before anybody is answered, however many there are.
 */
#pragma once

#include "fdstore.h"
#include "leases.h"

struct proof_checks;

/* The links are borrowed. */
int proof_checks_new(struct leases *leases, const struct nic_link *links, size_t n_links,
		     const struct record *record, struct proof_checks **ret);
struct proof_checks *proof_checks_free(struct proof_checks *c);
/* Of one lease: as they were found. */
int adopt_proofs(const struct proof_checks *c, struct lease *l, const struct record_lease *saved,
		 struct stored_fds *fds);
