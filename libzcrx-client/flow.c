/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows of a lease: steered to one of its queues by a socket that proves them, or by value.
 */
#include <errno.h>
#include <sys/socket.h>

#include "backend.h"
#include "queue.h"

/* Takes `flow` over; a socket of -1 for a flow by value. */
static int add_flow(struct zcrx_lease *l, int queue, int socket, json_object *flow)
{
	_cleanup_json_ json_object *owned = flow;
	int r;

	if (!owned && socket < 0)
		return client_cannot(l->client, -EINVAL, "add a flow");
	r = lease_check_held(l);
	if (r < 0)
		return r;
	not_steered_forget(l);
	return l->backend->add_flow(l, queue, socket, owned);
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
	json_object *flow;

	if (family != AF_INET && family != AF_INET6)
		return client_cannot(l->client, -EINVAL, "add a flow");
	flow = message_new();
	message_put_string(&flow, "protocol", family == AF_INET ? "tcp4" : "tcp6");
	message_put_string(&flow, "source", source);
	if (source_port != 0)
		message_put_unsigned(&flow, "sourcePort", source_port);
	message_put_string(&flow, "destination", destination);
	if (destination_port != 0)
		message_put_unsigned(&flow, "destinationPort", destination_port);
	return flow ? add_flow(l, queue, -1, flow) : -ENOMEM;
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

/* What zcrxd removed by itself, because its socket was closed, is no flow of the lease either. */
static int had_gone(struct zcrx_client *c, int error)
{
	const char *id = zcrx_client_error_id(c);

	return error == -ENOENT && id && streq(id, "io.zcrx.Manager.NoSuchFlow");
}

int zcrx_lease_remove_flow(struct zcrx_lease *lease, const char *flow_id)
{
	json_object *parameters;
	int fd, r;

	if (!lease || !flow_id)
		return -EINVAL;
	fd = lease_push_handle(lease);
	if (fd < 0)
		return fd;
	parameters = lease_parameters(lease, fd);
	message_put_string(&parameters, "flowId", flow_id);
	r = client_call(lease->client, "remove a flow", ZCRX_METHOD("RemoveFlow"), parameters, NULL);
	if (r >= 0 || had_gone(lease->client, r))
		forget(lease, flow_id);
	return r;
}
