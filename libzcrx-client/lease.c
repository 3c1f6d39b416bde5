/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases: what is asked for, and what was got. The handle is the lease: who closes the last copy ends it.
 * Those that exist already are in lease-existing.c.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

#include "backend.h"

int zcrx_lease_new(struct zcrx_client *client, struct zcrx_lease **ret)
{
	struct zcrx_lease *l;

	if (!client || !ret)
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->refs = 1;
	l->client = zcrx_client_ref(client);
	l->handle = l->opened = l->other_end = -EBADF;
	l->backend = &backend_zcrxd;
	*ret = l;
	return 0;
}

struct zcrx_lease *zcrx_lease_ref(struct zcrx_lease *lease)
{
	if (lease)
		count_up(&lease->refs);
	return lease;
}

void lease_forget(struct zcrx_lease *l)
{
	free(l->id);
	free(l->interface);
	free(l->hardware_queues);
	free(l->napi_ids);
	l->id = l->interface = NULL;
	l->hardware_queues = l->napi_ids = NULL;
	l->n_queues = 0;
}

struct zcrx_lease *zcrx_lease_unref(struct zcrx_lease *lease)
{
	if (!lease || !count_down(&lease->refs))
		return NULL;
	closep(&lease->handle);
	closep(&lease->opened);
	closep(&lease->other_end);
	for (unsigned int i = 0; i < lease->n_flow_ids; i++)
		free(lease->flow_ids[i]);
	free(lease->flow_ids);
	not_steered_forget(lease);
	lease_forget(lease);
	free(lease->wanted_interface);
	free(lease->wanted_name);
	free(lease->end_reason);
	zcrx_client_unref(lease->client);
	free(lease);
	return NULL;
}

#define ASK "set what is asked for" /* by the setters */

static int set_string(struct zcrx_lease *l, char **field, const char *value)
{
	char *copy = NULL;

	if (l->id)
		return client_cannot(l->client, -EBUSY, ASK);
	if (value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

int zcrx_lease_set_interface(struct zcrx_lease *lease, const char *interface)
{
	return lease ? set_string(lease, &lease->wanted_interface, interface) : -EINVAL;
}

int zcrx_lease_set_name(struct zcrx_lease *lease, const char *name)
{
	return lease ? set_string(lease, &lease->wanted_name, name) : -EINVAL;
}

int zcrx_lease_set_queues(struct zcrx_lease *lease, unsigned int queues)
{
	if (!lease)
		return -EINVAL;
	if (queues == 0 || lease->id)
		return client_cannot(lease->client, queues == 0 ? -EINVAL : -EBUSY, ASK);
	lease->wanted_queues = queues;
	return 0;
}

int zcrx_lease_set_hardware_queue(struct zcrx_lease *lease, unsigned int queue)
{
	if (!lease)
		return -EINVAL;
	if (queue > INT_MAX || lease->id)
		return client_cannot(lease->client, queue > INT_MAX ? -EINVAL : -EBUSY, ASK);
	lease->wanted_hardware_queue = queue;
	lease->has_wanted_hardware_queue = true;
	return 0;
}

int zcrx_lease_set_time_to_live(struct zcrx_lease *lease, uint64_t usec)
{
	if (!lease)
		return -EINVAL;
	if (usec > INT64_MAX || lease->id)
		return client_cannot(lease->client, usec > INT64_MAX ? -EINVAL : -EBUSY, ASK);
	lease->time_to_live = usec;
	return 0;
}

int zcrx_lease_set_owner(struct zcrx_lease *lease, uid_t uid)
{
	if (!lease)
		return -EINVAL;
	if (uid == (uid_t)-1 || lease->id)
		return client_cannot(lease->client, lease->id ? -EBUSY : -EINVAL, ASK);
	lease->owner = uid;
	lease->has_owner = true;
	return 0;
}

int lease_describe(struct zcrx_lease *l, json_object *v)
{
	const char *id = message_get_string(v, "leaseId");
	const char *interface = message_get_string(v, "interface");
	const char *grant = message_get_string(v, "grant");
	json_object *queues = message_get_array(v, "hardwareQueues");
	_cleanup_free_ char *id_copy = NULL, *interface_copy = NULL;
	_cleanup_free_ unsigned int *numbers = NULL, *napi_ids = NULL;
	uint64_t area = 0, permitted = 0;
	size_t n;
	int r;

	if (!id || !interface || !queues)
		return -EBADMSG;
	r = message_get_unsigned(v, "recommendedAreaBytes", SIZE_MAX / 2, &area);
	if (r >= 0 || r == -ENOENT)
		r = message_get_unsigned(v, "permittedAreaBytes", SIZE_MAX, &permitted);
	if (r < 0 && r != -ENOENT)
		return -EBADMSG;
	n = json_object_array_length(queues);
	if (n == 0 || n > UINT16_MAX)
		return -EBADMSG;
	id_copy = strdup(id);
	interface_copy = strdup(interface);
	numbers = calloc(n, sizeof(*numbers));
	napi_ids = calloc(n, sizeof(*napi_ids));
	if (!id_copy || !interface_copy || !numbers || !napi_ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint64_t q;

		if (message_to_unsigned(json_object_array_get_idx(queues, i), INT_MAX, &q) < 0)
			return -EBADMSG;
		numbers[i] = (unsigned int)q;
	}
	l->id = TAKE_PTR(id_copy);
	l->interface = TAKE_PTR(interface_copy);
	l->hardware_queues = TAKE_PTR(numbers);
	l->napi_ids = TAKE_PTR(napi_ids);
	l->n_queues = (unsigned int)n;
	l->software = grant && streq(grant, "software");
	l->recommended_area = (size_t)area;
	l->permitted_area = (size_t)permitted;
	return 0;
}

int zcrx_lease_acquire(struct zcrx_lease *lease)
{
	if (!lease)
		return -EINVAL;
	if (lease->id)
		return client_cannot(lease->client, -EBUSY, "lease a queue");
	return backend_acquire(lease);
}

const char *zcrx_lease_get_id(struct zcrx_lease *lease)
{
	return lease ? lease->id : NULL;
}

const char *zcrx_lease_get_interface(struct zcrx_lease *lease)
{
	return lease ? lease->interface : NULL;
}

unsigned int zcrx_lease_get_queues(struct zcrx_lease *lease)
{
	return lease ? lease->n_queues : 0;
}

size_t zcrx_lease_get_recommended_area_size(struct zcrx_lease *lease)
{
	if (!lease || !lease->id)
		return 0;
	return lease->recommended_area > 0 ? lease->recommended_area : DEFAULT_AREA_SIZE;
}

size_t zcrx_lease_get_area_size(struct zcrx_lease *lease)
{
	size_t size = zcrx_lease_get_recommended_area_size(lease);

	return size > 0 && lease->permitted_area > 0 && lease->permitted_area < size ? lease->permitted_area : size;
}

int zcrx_lease_get_hardware_queue(struct zcrx_lease *lease, unsigned int index)
{
	if (!lease)
		return -EINVAL;
	return index < lease->n_queues ? (int)lease->hardware_queues[index]
				       : client_cannot(lease->client, -ERANGE, "name the hardware queue");
}

int zcrx_lease_find_queue(struct zcrx_lease *lease, int socket)
{
	unsigned int id = 0;
	socklen_t length = sizeof(id);

	if (!lease || socket < 0)
		return -EINVAL;
	if (getsockopt(socket, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &length) < 0)
		return errno == ENOPROTOOPT ? -ENOENT : -errno;
	for (unsigned int i = 0; id > 0 && i < lease->n_queues; i++)
		if (__atomic_load_n(&lease->napi_ids[i], __ATOMIC_RELAXED) == id)
			return (int)i;
	return -ENOENT;
}

int zcrx_lease_get_fd(struct zcrx_lease *lease)
{
	return lease ? lease->handle : -EINVAL;
}

int zcrx_lease_has_ended(struct zcrx_lease *lease)
{
	struct pollfd p;

	if (!lease)
		return -EINVAL;
	if (lease->is_others)
		return lease_check_held(lease);
	if (lease->handle < 0)
		return 1;
	p = (struct pollfd) { .fd = lease->handle, .events = POLLRDHUP };
	if (poll(&p, 1, 0) < 0)
		return -errno;
	return (p.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

int lease_check_index(struct zcrx_lease *l, unsigned int index)
{
	if (!l->id)
		return client_fail(l->client, -EBADFD, "The lease has not been acquired yet.");
	if (index >= l->n_queues)
		return client_fail(l->client, -ERANGE, "Lease %s has %u queue%s; there is no queue %u.",
				   l->id, l->n_queues, l->n_queues == 1 ? "" : "s", index);
	return 0;
}

int lease_check_held(struct zcrx_lease *l)
{
	if (!l->id)
		return client_fail(l->client, -EBADFD, "The lease has not been acquired yet.");
	if (l->is_others)
		return client_fail(l->client, -EBADFD, "Lease %s was acquired for user %u, who has to open it; all that can "
						       "be done here is to release it.", l->id, (unsigned int)l->owner);
	if (l->handle < 0)
		return client_fail(l->client, -EBADFD, "The lease was released.");
	return 0;
}

int lease_push_handle(struct zcrx_lease *l)
{
	int r;

	r = lease_check_held(l);
	if (r >= 0 && l->backend != &backend_zcrxd)
		return client_fail(l->client, -EOPNOTSUPP,
				   "The lease is not from zcrxd, which alone can do this: its backend is %s.",
				   l->backend->name);
	if (r >= 0)
		r = client_begin(l->client, l);
	return r < 0 ? r : client_push_fd(l->client, l->handle);
}

json_object *lease_parameters(const struct zcrx_lease *l, int handle)
{
	json_object *parameters = message_new();

	message_put_string(&parameters, "leaseId", l->id);
	if (handle != NO_HANDLE)
		message_put_unsigned(&parameters, "handleFileDescriptor", (unsigned int)handle);
	return parameters;
}

int zcrx_lease_renew(struct zcrx_lease *lease, uint64_t usec)
{
	json_object *parameters;
	int fd;

	if (!lease)
		return -EINVAL;
	if (usec == 0 || usec > INT64_MAX)
		return client_cannot(lease->client, -EINVAL, "renew the lease");
	if (lease->backend != &backend_zcrxd) /* which alone ends leases */
		return lease_check_held(lease);
	fd = lease_push_handle(lease);
	if (fd < 0)
		return fd;
	parameters = lease_parameters(lease, fd);
	message_put_unsigned(&parameters, "timeToLiveUSec", usec);
	return client_call(lease->client, "renew the lease", ZCRX_METHOD("Renew"), parameters, NULL);
}

int zcrx_lease_release(struct zcrx_lease *lease)
{
	int r;

	if (!lease)
		return -EINVAL;
	r = lease->is_others ? 0 : lease_check_held(lease);
	if (r >= 0)
		r = lease->backend->release(lease);
	if (r < 0)
		return r;
	if (lease->is_others) {
		lease->is_others = false;
		return 0;
	}
	end_keep(lease);
	close(TAKE_FD(lease->handle));
	return 0;
}
