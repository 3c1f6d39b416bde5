/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Register: the handoff. The ring comes by number and is looked up in the process that connected,
 * the area comes as a descriptor; nothing that the client says about either is believed.
 */
#include <errno.h>

#include "json.h"
#include "lingering.h"
#include "methods.h"
#include "policy.h"
#include "register.h"

struct register_parameters {
	struct lease_reference lease;
	uint64_t queue, ring, area, area_offset, area_size, refill, buffer_length;
	const char *area_type;
	uint64_t event_user_data;
	bool events;
};

static int dispatch_event_user_data(const char *name, sd_json_variant *v,
				    sd_json_dispatch_flags_t flags, void *userdata)
{
	struct register_parameters *p = userdata;

	if (sd_json_variant_is_null(v))
		return 0;
	p->events = true;
	return sd_json_dispatch_uint64(name, v, flags, &p->event_user_data);
}

static void on_registered(struct lease *l, int r, struct fault *fault,
			  const struct register_reply *reply, void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *napi_ids = NULL;
	const struct ifq *q = reply->ifq;

	if (r == 0)
		r = json_napi_ids(l, &napi_ids);
	if (r != 0) {
		(void)reply_fault(link, r, fault);
		return;
	}
	(void)sd_varlink_replybo(
		link, SD_JSON_BUILD_PAIR_UNSIGNED("zcrxId", q->zcrx_id),
		SD_JSON_BUILD_PAIR_UNSIGNED("refillEntries", q->refill_entries),
		SD_JSON_BUILD_PAIR_UNSIGNED("refillSize", q->refill_size),
		SD_JSON_BUILD_PAIR_UNSIGNED("refillMapOffset", q->refill_map_offset),
		SD_JSON_BUILD_PAIR_UNSIGNED("headOffset", q->head_offset),
		SD_JSON_BUILD_PAIR_UNSIGNED("tailOffset", q->tail_offset),
		SD_JSON_BUILD_PAIR_UNSIGNED("entriesOffset", q->entries_offset),
		SD_JSON_BUILD_PAIR_CONDITION(q->has_stats, "statsOffset",
					     SD_JSON_BUILD_UNSIGNED(q->stats_offset)),
		SD_JSON_BUILD_PAIR_UNSIGNED("areaToken", q->area_token),
		SD_JSON_BUILD_PAIR_UNSIGNED("receiveBufferLength", q->buffer_length),
		SD_JSON_BUILD_PAIR_UNSIGNED("interfaceIndex", device_kernel_index(l->device)),
		SD_JSON_BUILD_PAIR_UNSIGNED("hardwareQueue", reply->hardware_queue),
		SD_JSON_BUILD_PAIR_CONDITION(reply->napi_id != 0, "napiId",
					     SD_JSON_BUILD_UNSIGNED(reply->napi_id)),
		SD_JSON_BUILD_PAIR_VARIANT("napiIds", napi_ids));
}

static int register_check(const struct register_parameters *p, struct fault *reterr)
{
	int r;

	r = check_range(p->ring, 0, INT32_MAX, "ring", reterr);
	if (r == 0)
		r = check_range(p->queue, 0, LEASE_QUEUES_MAX - 1, "queue", reterr);
	if (r == 0)
		r = check_range(p->refill, 1, REFILL_ENTRIES_MAX, "refillEntries", reterr);
	if (r == 0)
		r = check_range(p->area_size, 1, INT64_MAX, "areaSize", reterr);
	if (r == 0)
		r = check_range(p->area_offset, 0, INT64_MAX - p->area_size, "areaOffset", reterr);
	if (r == 0)
		r = check_range(p->buffer_length, 0, UINT32_MAX, "receiveBufferLength", reterr);
	return r;
}

/* The area is charged to who acquired the lease, and the rules that hold are that uid's: a handle
 * that was passed on gives no more room than its giver had. */
static int register_authorise(struct api *api, const struct register_parameters *p,
			      const struct peer *peer, struct lease **ret, bool *ret_limited,
			      sd_varlink *link, struct fault *reterr)
{
	struct policy_usage usage;
	int r;

	r = request_lease(link, api, peer, p->lease.id, p->lease.handle, ret, reterr);
	if (r == 0)
		r = lingering_check(api->leases, (*ret)->owner_uid, reterr);
	if (r != 0)
		return r;
	leases_usage(api->leases, (*ret)->owner_uid, &usage);
	usage.area -= lease_replaced_area(*ret, p->queue);
	return policy_check_area(api->devices->config, peer, p->area_size, &usage, ret_limited, reterr);
}

static int register_act(sd_varlink *link, struct api *api, const struct register_parameters *p,
			const struct peer *peer, struct lease *l, bool limited,
			struct fault *reterr)
{
	_cleanup_close_ int area = -EBADF, pidfd = -EBADF;
	struct nic_backend *b = api->devices->backend;
	struct ifq_request request;
	bool dmabuf = p->area_type && streq(p->area_type, "dmabuf");
	int r;

	if (dmabuf && l->grant.kind == GRANT_SOFTWARE)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "On the queues of " SOFTWARE_NAME " everything is copied, and the kernel "
				 "cannot copy into a dma-buf. Send a memfd.");
	r = device_check_area(l->device, p->area_size, p->buffer_length, reterr);
	if (r != 0)
		return r;
	r = request_take_fd(link, p->area, "areaFileDescriptor", &area, reterr);
	if (r == 0)
		r = b->ops->check_area(b, area, p->area_offset, p->area_size, dmabuf, reterr);
	if (r != 0)
		return r;
	pidfd = peer_pidfd(link);
	if (pidfd < 0)
		return pidfd;
	request = (struct ifq_request){
		.pidfd = pidfd, .uid = peer->uid, .gid = peer->gid,
		.ring = (int)p->ring, .area_fd = area,
		.area_offset = p->area_offset, .area_size = p->area_size, .dmabuf = dmabuf,
		.watched = limited,
		.refill_entries = (uint32_t)p->refill, .buffer_length = (uint32_t)p->buffer_length,
		/* A kernel that cannot do it is no reason to refuse: the client sees that there are
		 * no statistics. */
		.statistics = b->ops->features(b)->events,
		.events = p->events && b->ops->features(b)->events,
		.event_user_data = p->event_user_data,
	};
	sd_varlink_ref(link);
	r = lease_register(l, (unsigned)p->queue, &request, on_registered, link, reterr);
	if (r != 0)
		sd_varlink_unref(link);
	return r;
}

#define NUMBER(name, member)                                                                       \
	{ name, _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,                            \
	  offsetof(struct register_parameters, member), SD_JSON_MANDATORY }
#define OPTIONAL(name, member, dispatch)                                                           \
	{ name, _SD_JSON_VARIANT_TYPE_INVALID, dispatch, offsetof(struct register_parameters, member), 0 }
static const sd_json_dispatch_field register_fields[] = {
	LEASE_FIELDS,
	NUMBER("queue", queue),
	NUMBER("ring", ring),
	NUMBER("areaFileDescriptor", area),
	OPTIONAL("areaOffset", area_offset, dispatch_optional_uint64),
	NUMBER("areaSize", area_size),
	OPTIONAL("areaType", area_type, dispatch_optional_string),
	NUMBER("refillEntries", refill),
	OPTIONAL("receiveBufferLength", buffer_length, dispatch_optional_uint64),
	{ "eventUserData", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_event_user_data, 0, 0 },
	{}
};
#undef NUMBER
#undef OPTIONAL

/* Nonsense is refused before anything is looked for. */
static int register_queue(struct call *c, void *parameters)
{
	const struct register_parameters *p = parameters;
	struct lease *l;
	bool limited;
	int r = register_check(p, &c->fault);

	if (r == 0)
		r = register_authorise(c->api, p, &c->peer, &l, &limited, c->link, &c->fault);
	if (r == 0)
		r = register_act(c->link, c->api, p, &c->peer, l, limited, &c->fault);
	return r;
}

const struct method method_register = {
	.kind = METHOD_PEER,
	.fields = register_fields,
	.size = sizeof(struct register_parameters),
	.defaults = &(const struct register_parameters){ .lease.handle = NO_INDEX },
	.act = register_queue,
};
