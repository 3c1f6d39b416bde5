/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows of a lease: steered to one of its queues by a socket that proves them, or by value.
 */
#include <errno.h>
#include <sys/socket.h>

#include <systemd/sd-json.h>

#include "queue.h"
#include "zcrx-idl.h"

static int remember(struct zcrx_lease *l, sd_json_variant *ids)
{
	size_t n = sd_json_variant_elements(ids);
	char **grown;

	grown = reallocarray(l->flow_ids, l->n_flow_ids + n, sizeof(*grown));
	if (!grown && l->n_flow_ids + n > 0)
		return -ENOMEM;
	l->flow_ids = grown;
	for (size_t i = 0; i < n; i++) {
		sd_json_variant *id = sd_json_variant_by_index(ids, i);
		char *copy;

		if (!sd_json_variant_is_string(id))
			return -EBADMSG;
		copy = strdup(sd_json_variant_string(id));
		if (!copy)
			return -ENOMEM;
		l->flow_ids[l->n_flow_ids++] = copy;
	}
	return 0;
}

#define ALL_QUEUES (-1)

/* Takes `flow` over; a socket of -1 for a flow by value. */
static int add_flow(struct zcrx_lease *l, int queue, int socket, sd_json_variant *flow)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *owned = flow;
	sd_json_variant *parameters = NULL, *reply = NULL, *ids;
	int handle, fd = -1, r;

	if (!owned && socket < 0)
		return client_cannot(l->client, -EINVAL, "add a flow");
	handle = lease_push_handle(l);
	if (handle < 0)
		return handle;
	not_steered_forget(l);
	/* Whatever is received through its ring is the application's own already. */
	if (l->software)
		return 0;
	if (!owned) {
		fd = client_push_fd(l->client, socket);
		if (fd < 0)
			return fd;
	}
	r = sd_json_buildo(
		&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", l->id),
		SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", handle),
		SD_JSON_BUILD_PAIR_CONDITION(queue != ALL_QUEUES, "queue",
					     SD_JSON_BUILD_INTEGER(queue)),
		SD_JSON_BUILD_PAIR_CONDITION(fd >= 0, "socketFileDescriptor",
					     SD_JSON_BUILD_INTEGER(fd)),
		SD_JSON_BUILD_PAIR_CONDITION(!!owned, "flow", SD_JSON_BUILD_VARIANT(owned)));
	r = client_call(l->client, "add a flow", ZCRX_METHOD("AddFlow"), r, parameters, &reply);
	if (r < 0)
		return r;
	ids = sd_json_variant_by_key(reply, "flowIds");
	r = sd_json_variant_is_array(ids) ? remember(l, ids) : -EBADMSG;
	if (r >= 0)
		r = not_steered_read(l, reply);
	return r == -EBADMSG ? client_bad_reply(l->client, "add a flow") : r;
}

int zcrx_queue_steer_socket(struct zcrx_queue *queue, int socket)
{
	if (!queue)
		return -EINVAL;
	return add_flow(queue->lease, (int)queue->index, socket, NULL);
}

int zcrx_pool_steer_socket(struct zcrx_pool *pool, int socket)
{
	if (!pool)
		return -EINVAL;
	return add_flow(pool->lease, (int)pool->index, socket, NULL);
}

int zcrx_lease_steer_socket(struct zcrx_lease *lease, int socket)
{
	if (!lease)
		return -EINVAL;
	return add_flow(lease, ALL_QUEUES, socket, NULL);
}

static int steer(struct zcrx_lease *l, int queue, int family, const char *source,
		 uint16_t source_port, const char *destination, uint16_t destination_port)
{
	sd_json_variant *flow = NULL;
	int r;

	if (family != AF_INET && family != AF_INET6)
		return client_cannot(l->client, -EINVAL, "add a flow");
	r = sd_json_buildo(
		&flow, SD_JSON_BUILD_PAIR_STRING("protocol", family == AF_INET ? "tcp4" : "tcp6"),
		SD_JSON_BUILD_PAIR_CONDITION(!!source, "source", SD_JSON_BUILD_STRING(source)),
		SD_JSON_BUILD_PAIR_CONDITION(source_port != 0, "sourcePort",
					     SD_JSON_BUILD_UNSIGNED(source_port)),
		SD_JSON_BUILD_PAIR_CONDITION(!!destination, "destination",
					     SD_JSON_BUILD_STRING(destination)),
		SD_JSON_BUILD_PAIR_CONDITION(destination_port != 0, "destinationPort",
					     SD_JSON_BUILD_UNSIGNED(destination_port)));
	return r < 0 ? r : add_flow(l, queue, -1, flow);
}

int zcrx_queue_steer(struct zcrx_queue *queue, int family, const char *source, uint16_t source_port,
		     const char *destination, uint16_t destination_port)
{
	return queue ? steer(queue->lease, (int)queue->index, family, source, source_port,
			     destination, destination_port)
		     : -EINVAL;
}

int zcrx_pool_steer(struct zcrx_pool *pool, int family, const char *source, uint16_t source_port,
		    const char *destination, uint16_t destination_port)
{
	return pool ? steer(pool->lease, (int)pool->index, family, source, source_port, destination,
			    destination_port)
		    : -EINVAL;
}

int zcrx_lease_steer(struct zcrx_lease *lease, int family, const char *source, uint16_t source_port,
		     const char *destination, uint16_t destination_port)
{
	return lease ? steer(lease, ALL_QUEUES, family, source, source_port, destination,
			     destination_port)
		     : -EINVAL;
}

const char *zcrx_lease_get_flow_id(struct zcrx_lease *lease, unsigned int index)
{
	return lease && index < lease->n_flow_ids ? lease->flow_ids[index] : NULL;
}

static void forget(struct zcrx_lease *l, const char *flow_id)
{
	for (unsigned int i = 0; i < l->n_flow_ids; i++)
		if (streq(l->flow_ids[i], flow_id)) {
			free(l->flow_ids[i]);
			l->n_flow_ids--;
			memmove(&l->flow_ids[i], &l->flow_ids[i + 1],
				(l->n_flow_ids - i) * sizeof(*l->flow_ids));
			return;
		}
}

int zcrx_lease_remove_flow(struct zcrx_lease *lease, const char *flow_id)
{
	sd_json_variant *parameters = NULL;
	int fd, r;

	if (!lease || !flow_id)
		return -EINVAL;
	fd = lease_push_handle(lease);
	if (fd < 0)
		return fd;
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", lease->id),
			   SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", fd),
			   SD_JSON_BUILD_PAIR_STRING("flowId", flow_id));
	r = client_call(lease->client, "remove a flow", ZCRX_METHOD("RemoveFlow"), r, parameters,
			NULL);
	if (r >= 0)
		forget(lease, flow_id);
	return r;
}
