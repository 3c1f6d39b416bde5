/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registering an interface queue on the ring of another process. Runs in a disposable process that
 * owns nothing else: the ring's owner can make every call on it last as long as it likes.
 */
#pragma once

#include "nic.h"

/* As the calls of nic_backend_ops; *ret_ring is only set if request->export. */
int zcrx_register(const struct ifq_request *request, struct ifq *ret, int *ret_ring,
		  struct fault *reterr);
int zcrx_export(int ring, uint32_t zcrx_id, int *ret);
/* zcrx_id and the offsets. Negative errno. */
int zcrx_import(int ring, int export, struct ifq *ret);
int zcrx_wait_for_areas(const int *exports, size_t n, void (*begin)(void *userdata), void *userdata);
int zcrx_kill_client(int pidfd, uid_t uid);

/* The refill region for so many entries, rounded up to a power of two: ring header, entries, and
 * the statistics in the last bytes. */
struct zcrx_region {
	uint32_t entries;
	uint64_t size, stats_offset;
};
void zcrx_region_layout(uint32_t entries, struct zcrx_region *ret);

/* What the kernel says when the request itself cannot be read: whether this ring could take an
 * interface queue at all, without any effect. 0 or negative errno. */
int zcrx_probe_ring(int ring);

/* What errno `error` of a registration means for this request. */
int zcrx_explain_errno(int error, const struct ifq_request *request, struct fault *reterr);
