/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an earlier daemon has left: the record, the stored descriptors and the kernel are compared once,
 * at start, before anybody is answered. model/lease/recovery.c decides; docs/RECOVERY.md says it in words.
 */
#pragma once

#include "fdstore.h"
#include "leases.h"
#include "recovery.h"

/* Before anything is touched. Positive, a refusal to start: it is not known who owns what, or this daemon
 * would end what another way of starting it keeps. */
int leases_read_record(struct leases *leases, const struct stored_fds *fds, struct record *ret,
			struct fault *reterr);
/* Device objects exist, none is attached. Leases come back as they were, or DRAINING; grants that
 * nobody owns are deleted. */
int leases_adopt(struct leases *leases, const struct record *record, struct stored_fds *fds);
