/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leases as text, for the state file. One lease that cannot be understood does not condemn the others.
 */
#pragma once

#include <systemd/sd-json.h>

#include "recovery.h"

/* Bump when a field changes its meaning; which other versions are read is state-file.c's. */
#define RECORD_VERSION 3

/* What it is made of: leases and orphans as record_format_lease() has them, or as they were read.
 */
struct record_parts {
	uint64_t last_flow_id;
	bool kept; /* the service manager was given descriptors to keep: fdstore.h */
	const char *const *leases;
	size_t n_leases;
	const char *const *orphans;
	size_t n_orphans;
	const struct record_lingering *lingering;
	size_t n_lingering;
};

int record_format(const struct record_parts *p, char **ret);
/* What has changed (record-changes.h): the leases that did, those that are gone, what lingers unless NULL. */
int record_format_change(const struct record_parts *p, const uint32_t *gone, size_t n_gone, char **ret);
int record_format_lease(const struct record_lease *l, char **ret);
int record_parse_lease(const char *text, struct record_lease *ret);
/*
 * -EBADMSG if it is no record. A lease of which only a part can be understood is `damaged`, and for
 * nothing but to be reclaimed; one whose id, interface or queues cannot be used, or are another's, is
 * dropped with a line in the journal.
 */
int record_parse(sd_json_variant *v, struct record *ret);
/*
 * Of a record that is not to be obeyed: the leases that can still be made out in it, as orphans.
 * Nobody has them any more; what is exactly theirs in the kernel can be told from what is foreign,
 * and goes.
 */
int record_salvage(const char *text, struct record *ret);
