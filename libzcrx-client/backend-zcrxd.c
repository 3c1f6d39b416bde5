/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backend of leases that zcrxd grants: each function is a call to it. What only zcrxd can do is called for
 * elsewhere (lease-existing.c, tune.c, and by lease.c and flow.c).
 */
#include <errno.h>

#include "backend.h"
#include "pool.h"

/* Takes the handle that came with `reply`, unless the lease is another user's, and describes the lease. */
static int adopt(struct zcrx_lease *l, const char *what, json_object *reply)
{
	_cleanup_close_ int handle = l->has_owner ? -EBADF : client_take_handle(l->client, what, reply);
	json_object *v = NULL;
	int r;

	if (handle < 0 && !l->has_owner)
		return handle;
	json_object_object_get_ex(reply, "lease", &v);
	r = lease_describe(l, v);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return client_bad_reply(l->client, what);
	l->handle = TAKE_FD(handle);
	l->is_others = l->has_owner;
	return 0;
}

static int acquire_new(struct zcrx_lease *l)
{
	json_object *parameters, *reply;
	int r;

	r = client_begin(l->client, l);
	if (r < 0)
		return r;
	parameters = message_new();
	message_put_string(&parameters, "interface", l->wanted_interface);
	message_put_unsigned(&parameters, "queues", l->wanted_queues ?: 1);
	message_put_string(&parameters, "name", l->wanted_name);
	if (l->time_to_live > 0)
		message_put_unsigned(&parameters, "timeToLiveUSec", l->time_to_live);
	if (l->has_owner) {
		message_put_boolean(&parameters, "persistent", true);
		message_put_unsigned(&parameters, "ownerUid", l->owner);
	}
	r = client_call(l->client, "lease a queue", ZCRX_METHOD("Acquire"), parameters, &reply);
	return r < 0 ? r : adopt(l, "lease a queue", reply);
}

/* Programs that allow others need not connect beforehand, which fails where it does not run. */
static int probe(struct zcrx_lease *l)
{
	if (!l->client->path && l->allowed.n > 0)
		return zcrx_client_connect(l->client, NULL);
	return client_begin(l->client, l);
}

static int acquire(struct zcrx_lease *l)
{
	int r;

	if (!client_is_under_way(l->client, l->step) && !l->has_owner) {
		r = lease_try_inherit(l);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	r = acquire_new(l);
	if (r == -EINPROGRESS)
		l->step = client_under_way(l->client);
	return r;
}

/* Where a reply has what. */
struct number {
	const char *name;
	uint64_t *u64;
	uint32_t *u32;
	bool optional;
};

static int parse_numbers(json_object *reply, const struct number *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;
		int r = message_get_unsigned(reply, fields[i].name, fields[i].u32 ? UINT32_MAX : UINT64_MAX, &v);

		if (r < 0 && !(r == -ENOENT && fields[i].optional))
			return -EBADMSG;
		if (fields[i].u32)
			*fields[i].u32 = (uint32_t)v;
		else
			*fields[i].u64 = v;
	}
	return 0;
}

/* What Share answers, and Register with more. */
static int parse_ring(json_object *reply, struct registration *ret)
{
	const struct number fields[] = {
		{ "zcrxId", .u32 = &ret->zcrx_id },
		{ "refillMapOffset", .u64 = &ret->refill_map_offset },
		{ "headOffset", .u32 = &ret->head_offset },
		{ "tailOffset", .u32 = &ret->tail_offset },
		{ "entriesOffset", .u32 = &ret->entries_offset },
	};

	return parse_numbers(reply, fields, ARRAY_SIZE(fields));
}

static int parse_registration(json_object *reply, struct registration *ret)
{
	struct registration g = {};
	const struct number fields[] = {
		{ "refillEntries", .u32 = &g.refill_entries },
		{ "refillSize", .u64 = &g.refill_size },
		{ "statsOffset", .u64 = &g.stats_offset, .optional = true },
		{ "areaToken", .u64 = &g.area_token },
		{ "receiveBufferLength", .u32 = &g.buffer_length },
		{ "napiId", .u32 = &g.napi_id, .optional = true },
	};
	int r = parse_ring(reply, &g);

	if (r >= 0)
		r = parse_numbers(reply, fields, ARRAY_SIZE(fields));
	if (r >= 0)
		*ret = g;
	return r;
}

static int register_zcrxd_pool(struct zcrx_pool *p, int ring_fd)
{
	json_object *parameters, *reply;
	struct zcrx_lease *l = p->lease;
	int handle, area, r;

	handle = lease_push_handle(l);
	if (handle < 0)
		return handle;
	area = client_push_fd(l->client, p->area_fd);
	if (area < 0)
		return area;
	parameters = lease_parameters(l, handle);
	message_put_unsigned(&parameters, "queue", p->index);
	message_put_unsigned(&parameters, "ring", (unsigned int)ring_fd);
	message_put_unsigned(&parameters, "areaFileDescriptor", (unsigned int)area);
	if (p->given_fd >= 0)
		message_put_unsigned(&parameters, "areaOffset", p->given_offset);
	message_put_unsigned(&parameters, "areaSize", p->area_size);
	if (p->dmabuf)
		message_put_string(&parameters, "areaType", "dmabuf");
	message_put_unsigned(&parameters, "refillEntries", pool_refill_entries(p));
	if (p->buffer_length != pool_page_size())
		message_put_unsigned(&parameters, "receiveBufferLength", p->buffer_length);
	if (p->events)
		message_put_unsigned(&parameters, "eventUserData", p->event_user_data);
	r = client_call(l->client, "register the queue", ZCRX_METHOD("Register"), parameters, &reply);
	if (r < 0)
		return r;
	r = parse_registration(reply, &p->registration);
	if (r >= 0) /* the bind may have given the others new ones */
		r = lease_take_napi_ids(l, message_get_array(reply, "napiIds"));
	if (r < 0)
		return client_bad_reply(l->client, "register the queue");
	return 0;
}

static int share(struct zcrx_pool *p, int ring_fd, struct registration *ret)
{
	json_object *parameters, *reply;
	struct zcrx_lease *l = p->lease;
	int handle = lease_push_handle(l), r;

	if (handle < 0)
		return handle;
	parameters = lease_parameters(l, handle);
	message_put_unsigned(&parameters, "queue", p->index);
	message_put_unsigned(&parameters, "ring", (unsigned int)ring_fd);
	r = client_call(l->client, "share the queue", ZCRX_METHOD("Share"), parameters, &reply);
	if (r >= 0 && parse_ring(reply, ret) < 0)
		r = client_bad_reply(l->client, "share the queue");
	return r;
}

static int remember(struct zcrx_lease *l, json_object *ids)
{
	size_t n = json_object_array_length(ids);
	char **grown;

	grown = reallocarray(l->flow_ids, l->n_flow_ids + n, sizeof(*grown));
	if (!grown && l->n_flow_ids + n > 0)
		return -ENOMEM;
	l->flow_ids = grown;
	for (size_t i = 0; i < n; i++) {
		json_object *id = json_object_array_get_idx(ids, i);
		char *copy;

		if (!json_object_is_type(id, json_type_string))
			return -EBADMSG;
		copy = strdup(json_object_get_string(id));
		if (!copy)
			return -ENOMEM;
		l->flow_ids[l->n_flow_ids++] = copy;
	}
	return 0;
}

static int add_zcrxd_flow(struct zcrx_lease *l, int queue, int socket, json_object *flow)
{
	json_object *parameters, *reply, *ids;
	int handle, fd = -1, r;

	handle = lease_push_handle(l);
	if (handle < 0)
		return handle;
	/* Whatever is received through its ring is the application's own already. */
	if (l->software)
		return 0;
	if (!flow) {
		fd = client_push_fd(l->client, socket);
		if (fd < 0)
			return fd;
	}
	parameters = lease_parameters(l, handle);
	if (queue != ALL_QUEUES)
		message_put_unsigned(&parameters, "queue", (unsigned int)queue);
	if (fd >= 0)
		message_put_unsigned(&parameters, "socketFileDescriptor", (unsigned int)fd);
	if (flow)
		message_put_object(&parameters, "flow", json_object_get(flow));
	r = client_call(l->client, "add a flow", ZCRX_METHOD("AddFlow"), parameters, &reply);
	if (r < 0)
		return r;
	ids = message_get_array(reply, "flowIds");
	r = ids ? remember(l, ids) : -EBADMSG;
	if (r >= 0)
		r = not_steered_read(l, reply);
	return r == -EBADMSG ? client_bad_reply(l->client, "add a flow") : r;
}

static int release(struct zcrx_lease *l)
{
	int fd = l->is_others ? client_begin(l->client, l) : lease_push_handle(l);

	if (fd < 0)
		return fd;
	return client_call(l->client, "release the lease", ZCRX_METHOD("Release"),
			   lease_parameters(l, l->is_others ? NO_HANDLE : fd), NULL);
}

const struct backend backend_zcrxd = {
	.name = "zcrxd",
	.probe = probe,
	.acquire = acquire,
	.register_pool = register_zcrxd_pool,
	.share = share,
	.add_flow = add_zcrxd_flow,
	.release = release,
};
