/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record as it became by its changes: each has the leases that changed, whole, and the ids of those that are
 * gone. What is not of leases alone is written with the whole record only.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-json.h>

struct record_changes {
	sd_json_variant *record;
	sd_json_variant **leases;
	uint64_t *ids; /* of these; 0: it has none that can be read */
	size_t n, size;
};

int record_changes_begin(struct record_changes *c, sd_json_variant *record);
/* -EBADMSG if it is none. */
int record_changes_add(struct record_changes *c, sd_json_variant *change);
int record_changes_end(struct record_changes *c, sd_json_variant **ret);
void record_changes_done(struct record_changes *c);
