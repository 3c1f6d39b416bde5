/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases: what is asked for, and what was got. The handle is the lease: who closes the last copy ends it.
 * Those that exist already are in lease-existing.c.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

#include <systemd/sd-json.h>

#include "internal.h"
#include "zcrx-idl.h"

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
	l->handle = -EBADF;
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

int zcrx_lease_set_time_to_live(struct zcrx_lease *lease, uint64_t usec)
{
	if (!lease)
		return -EINVAL;
	if (usec > INT64_MAX || lease->id)
		return client_cannot(lease->client, usec > INT64_MAX ? -EINVAL : -EBUSY, ASK);
	lease->time_to_live = usec;
	return 0;
}

int lease_describe(struct zcrx_lease *l, sd_json_variant *v)
{
	sd_json_variant *id = sd_json_variant_by_key(v, "leaseId");
	sd_json_variant *interface = sd_json_variant_by_key(v, "interface");
	sd_json_variant *queues = sd_json_variant_by_key(v, "hardwareQueues");
	sd_json_variant *grant = sd_json_variant_by_key(v, "grant");
	_cleanup_free_ char *id_copy = NULL, *interface_copy = NULL;
	_cleanup_free_ unsigned int *numbers = NULL, *napi_ids = NULL;
	size_t n;

	if (!sd_json_variant_is_string(id) || !sd_json_variant_is_string(interface) ||
	    !sd_json_variant_is_array(queues))
		return -EBADMSG;
	n = sd_json_variant_elements(queues);
	if (n == 0 || n > UINT16_MAX)
		return -EBADMSG;
	id_copy = strdup(sd_json_variant_string(id));
	interface_copy = strdup(sd_json_variant_string(interface));
	numbers = calloc(n, sizeof(*numbers));
	napi_ids = calloc(n, sizeof(*napi_ids));
	if (!id_copy || !interface_copy || !numbers || !napi_ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		sd_json_variant *q = sd_json_variant_by_index(queues, i);

		if (!sd_json_variant_is_unsigned(q) || sd_json_variant_unsigned(q) > INT_MAX)
			return -EBADMSG;
		numbers[i] = (unsigned int)sd_json_variant_unsigned(q);
	}
	l->id = TAKE_PTR(id_copy);
	l->interface = TAKE_PTR(interface_copy);
	l->hardware_queues = TAKE_PTR(numbers);
	l->napi_ids = TAKE_PTR(napi_ids);
	l->n_queues = (unsigned int)n;
	l->software = sd_json_variant_is_string(grant) &&
		      streq(sd_json_variant_string(grant), "software");
	return 0;
}

/* Takes the handle that came with `reply`, and describes the lease with `v`. */
static int adopt(struct zcrx_lease *l, const char *what, sd_json_variant *reply, sd_json_variant *v)
{
	sd_json_variant *index = sd_json_variant_by_key(reply, "handleFileDescriptor");
	_cleanup_close_ int handle = -EBADF;
	int r;

	if (!sd_json_variant_is_unsigned(index))
		return client_bad_reply(l->client, what);
	handle = client_take_fd(l->client, (int)sd_json_variant_unsigned(index));
	if (handle < 0)
		return client_bad_reply(l->client, what);
	r = lease_describe(l, v);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return client_bad_reply(l->client, what);
	l->handle = TAKE_FD(handle);
	return 0;
}

static int acquire(struct zcrx_lease *lease)
{
	sd_json_variant *parameters = NULL, *reply = NULL;
	int r;

	r = client_begin(lease->client);
	if (r < 0)
		return r;
	r = sd_json_buildo(
		&parameters,
		SD_JSON_BUILD_PAIR_CONDITION(!!lease->wanted_interface, "interface",
					     SD_JSON_BUILD_STRING(lease->wanted_interface)),
		SD_JSON_BUILD_PAIR_UNSIGNED("queues", lease->wanted_queues ?: 1),
		SD_JSON_BUILD_PAIR_CONDITION(!!lease->wanted_name, "name",
					     SD_JSON_BUILD_STRING(lease->wanted_name)),
		SD_JSON_BUILD_PAIR_CONDITION(lease->time_to_live > 0, "timeToLiveUSec",
					     SD_JSON_BUILD_UNSIGNED(lease->time_to_live)));
	r = client_call(lease->client, "lease a queue", ZCRX_METHOD("Acquire"), r, parameters,
			&reply);
	if (r < 0)
		return r;
	return adopt(lease, "lease a queue", reply, sd_json_variant_by_key(reply, "lease"));
}

int zcrx_lease_acquire(struct zcrx_lease *lease)
{
	int r;

	if (!lease)
		return -EINVAL;
	if (lease->id)
		return client_cannot(lease->client, -EBUSY, "lease a queue");
	r = lease_try_inherit(lease);
	if (r != 0)
		return r < 0 ? r : 0;
	return acquire(lease);
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
		return client_fail(l->client, -ERANGE, "Lease %s has %u queues; there is no queue %u.",
				   l->id, l->n_queues, index);
	return 0;
}

int lease_push_handle(struct zcrx_lease *l)
{
	int r;

	if (!l->id)
		return client_fail(l->client, -EBADFD, "The lease has not been acquired yet.");
	if (l->handle < 0)
		return client_fail(l->client, -EBADFD, "The lease was released.");
	r = client_begin(l->client);
	return r < 0 ? r : client_push_fd(l->client, l->handle);
}

int zcrx_lease_renew(struct zcrx_lease *lease, uint64_t usec)
{
	sd_json_variant *parameters = NULL;
	int fd, r;

	if (!lease)
		return -EINVAL;
	if (usec == 0 || usec > INT64_MAX)
		return client_cannot(lease->client, -EINVAL, "renew the lease");
	fd = lease_push_handle(lease);
	if (fd < 0)
		return fd;
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", lease->id),
			   SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", fd),
			   SD_JSON_BUILD_PAIR_UNSIGNED("timeToLiveUSec", usec));
	return client_call(lease->client, "renew the lease", ZCRX_METHOD("Renew"), r, parameters,
			   NULL);
}

int zcrx_lease_release(struct zcrx_lease *lease)
{
	sd_json_variant *parameters = NULL;
	int fd, r;

	if (!lease)
		return -EINVAL;
	fd = lease_push_handle(lease);
	if (fd < 0)
		return fd;
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("leaseId", lease->id),
			   SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", fd));
	r = client_call(lease->client, "release the lease", ZCRX_METHOD("Release"), r, parameters,
			NULL);
	if (r < 0)
		return r;
	end_keep(lease);
	close(TAKE_FD(lease->handle));
	return 0;
}
