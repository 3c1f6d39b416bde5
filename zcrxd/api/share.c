/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Share: one more ring of the caller's for a queue that is registered. Whoever may steer flows to a lease may
 * read what they bring; the memory is the lease's already, so no limit of the policy is asked.
 */
#include "json.h"
#include "methods.h"
#include "sharing.h"

struct share_parameters {
	struct lease_reference lease;
	uint64_t queue, ring;
};

static void on_shared(struct lease *l, int r, struct fault *fault, const struct ifq *ifq, void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;

	if (r != 0) {
		(void)reply_fault(link, r, fault);
		return;
	}
	(void)sd_varlink_replybo(
		link, SD_JSON_BUILD_PAIR_UNSIGNED("zcrxId", ifq->zcrx_id),
		SD_JSON_BUILD_PAIR_UNSIGNED("refillMapOffset", ifq->refill_map_offset),
		SD_JSON_BUILD_PAIR_UNSIGNED("headOffset", ifq->head_offset),
		SD_JSON_BUILD_PAIR_UNSIGNED("tailOffset", ifq->tail_offset),
		SD_JSON_BUILD_PAIR_UNSIGNED("entriesOffset", ifq->entries_offset));
}

static int share_queue(struct call *c, void *parameters)
{
	const struct share_parameters *p = parameters;
	_cleanup_close_ int pidfd = -EBADF;
	struct ifq_request request;
	int r = check_range(p->ring, 0, INT32_MAX, "ring", &c->fault);

	if (r == 0)
		r = check_range(p->queue, 0, LEASE_QUEUES_MAX - 1, "queue", &c->fault);
	if (r != 0)
		return r;
	pidfd = peer_pidfd(c->link);
	if (pidfd < 0)
		return pidfd;
	request = (struct ifq_request){ .pidfd = pidfd, .uid = c->peer.uid, .gid = c->peer.gid,
					.ring = (int)p->ring, .area_fd = -EBADF };
	sd_varlink_ref(c->link);
	r = lease_share(c->lease, (unsigned)p->queue, &request, on_shared, c->link, &c->fault);
	if (r != 0)
		sd_varlink_unref(c->link);
	return r;
}

#define NUMBER(name, member)                                                                       \
	{ name, _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,                            \
	  offsetof(struct share_parameters, member), SD_JSON_MANDATORY }
static const sd_json_dispatch_field share_fields[] = {
	LEASE_FIELDS,
	NUMBER("queue", queue),
	NUMBER("ring", ring),
	{}
};
#undef NUMBER

const struct method method_share = {
	.kind = METHOD_LEASE,
	.fields = share_fields,
	.size = sizeof(struct share_parameters),
	.defaults = &(const struct share_parameters){ .lease.handle = NO_INDEX },
	.act = share_queue,
};
