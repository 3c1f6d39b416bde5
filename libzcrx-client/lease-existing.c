/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leases that exist already: persistent ones, and those that the environment names: zcrxctl run's, with a handle, and
 * persistent ones, which whoever started us has acquired for us. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>

#include "backend.h"

/* A lease that exists already, from its id. */
static int look_up(struct zcrx_lease *l, const char *id, bool *ret_unused)
{
	json_object *parameters, *reply, *lease = NULL;
	const char *state;
	int r;

	r = client_begin(l->client, l);
	if (r < 0)
		return r;
	parameters = message_new();
	message_put_string(&parameters, "leaseId", id);
	r = client_call(l->client, "look up a lease", ZCRX_METHOD("ListLeases"), parameters, &reply);
	if (r < 0)
		return r;
	json_object_object_get_ex(reply, "lease", &lease);
	r = lease_describe(l, lease);
	state = message_get_string(lease, "state");
	if (ret_unused)
		*ret_unused = state && streq(state, "reserved");
	return r == -EBADMSG ? client_bad_reply(l->client, "look up a lease") : r;
}

int lease_take_napi_ids(struct zcrx_lease *l, json_object *ids)
{
	for (unsigned int i = 0; ids && i < l->n_queues && i < json_object_array_length(ids); i++) {
		uint64_t id = 0;

		if (message_to_unsigned(json_object_array_get_idx(ids, i), UINT32_MAX, &id) < 0)
			return -EBADMSG;
		/* Not of queues that others registered. */
		if (id > 0 && __atomic_load_n(&l->napi_ids[i], __ATOMIC_RELAXED) > 0)
			__atomic_store_n(&l->napi_ids[i], (unsigned int)id, __ATOMIC_RELAXED);
	}
	return 0;
}

int zcrx_lease_refresh_napi_ids(struct zcrx_lease *lease)
{
	json_object *parameters, *reply, *v = NULL;
	int r;

	if (!lease)
		return -EINVAL;
	r = lease_check_held(lease);
	if (r < 0 || lease->backend != &backend_zcrxd)
		return r;
	r = client_begin(lease->client, lease);
	if (r < 0)
		return r;
	parameters = message_new();
	message_put_string(&parameters, "leaseId", lease->id);
	r = client_call(lease->client, "look up the lease", ZCRX_METHOD("ListLeases"), parameters, &reply);
	if (r < 0)
		return r;
	json_object_object_get_ex(reply, "lease", &v);
	return lease_take_napi_ids(lease, message_get_array(v, "napiIds")) < 0 ?
		       client_bad_reply(lease->client, "look up the lease") : 0;
}

static int open_handle(struct zcrx_lease *l, const char *id)
{
	json_object *parameters, *reply;
	int r;

	closep(&l->opened);
	l->opened = -EBADF;
	r = client_begin(l->client, l);
	if (r < 0)
		return r;
	parameters = message_new();
	message_put_string(&parameters, "leaseId", id);
	r = client_call(l->client, "open a lease", ZCRX_METHOD("Open"), parameters, &reply);
	if (r < 0)
		return r;
	l->opened = client_take_handle(l->client, "open a lease", reply);
	return l->opened < 0 ? l->opened : 0;
}

int zcrx_lease_open(struct zcrx_lease *lease, const char *id)
{
	int r;

	if (!lease || !id)
		return -EINVAL;
	if (lease->id)
		return client_cannot(lease->client, -EBUSY, "lease a queue");
	if (!client_is_under_way(lease->client, lease->step)) {
		r = open_handle(lease, id);
		if (r < 0)
			return r;
	}
	r = look_up(lease, id, NULL);
	if (r == -EINPROGRESS)
		lease->step = client_under_way(lease->client);
	if (r < 0 && client_is_under_way(lease->client, lease->step))
		return r;
	if (r == 0)
		lease->handle = TAKE_FD(lease->opened);
	closep(&lease->opened);
	lease->opened = -EBADF;
	return r;
}

int zcrx_lease_attach(struct zcrx_lease *lease, const char *id, int handle)
{
	socklen_t length = sizeof(int);
	_cleanup_close_ int copy = -EBADF;
	int domain, r;

	if (!lease || !id)
		return -EINVAL;
	if (lease->id)
		return client_cannot(lease->client, -EBUSY, "lease a queue");
	if (getsockopt(handle, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain != AF_UNIX)
		return client_fail(lease->client, -EBADF, "Descriptor %d is not a lease handle.", handle);
	copy = fcntl(handle, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return client_fail(lease->client, -errno, "Cannot duplicate the lease handle: %s.", strerror(errno));
	r = look_up(lease, id, NULL);
	if (r >= 0)
		lease->handle = TAKE_FD(copy);
	return r < 0 ? r : 0;
}

/* The environment is whoever started us; what it names must be a socket before it is sent on. */
static int handle_from_environment(struct zcrx_client *c, const char *text, int *ret)
{
	socklen_t length = sizeof(int);
	int domain, fd;
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || end == text || n < 3 || n > INT_MAX)
		return client_fail(
			c, -EINVAL,
			"ZCRX_LEASE_HANDLE_FD is \"%s\", not the number of a descriptor. "
			"Start the program with zcrxctl run.",
			text);
	if (getsockopt((int)n, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain != AF_UNIX)
		return client_fail(
			c, -EBADF,
			"Descriptor %ld (ZCRX_LEASE_HANDLE_FD) is not a lease handle: was "
			"it closed between zcrxctl run and here?",
			n);
	fd = fcntl((int)n, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return client_fail(c, -errno, "Cannot duplicate the lease handle: %s.",
				   strerror(errno));
	*ret = fd;
	return 0;
}

/* Whether the lease is what was asked for, and nobody has begun to use it. */
static bool is_as_wanted(const struct zcrx_lease *l, bool unused)
{
	return unused && l->time_to_live == 0 &&
	       (!l->wanted_interface || streq(l->wanted_interface, l->interface)) &&
	       (l->wanted_queues == 0 || l->wanted_queues == l->n_queues);
}

/* Of somebody else, or over. */
static bool is_not_ours(int r)
{
	return r == -ENOENT || r == -EPERM || r == -EBADFD;
}

/* A lease that nobody holds: zcrxd gives a handle of it to its owner. It stays in l->opened until all is known, so that
 * whoever does not wait goes on from there. */
static int open_from_environment(struct zcrx_lease *l, const char *id)
{
	return l->opened >= 0 ? 0 : open_handle(l, id);
}

int lease_try_inherit(struct zcrx_lease *l)
{
	const char *id = secure_getenv("ZCRX_LEASE"), *fd = secure_getenv("ZCRX_LEASE_HANDLE_FD");
	_cleanup_close_ int handle = -EBADF;
	bool unused = false;
	int r;

	if (!id)
		return 0;
	if (fd && handle_from_environment(l->client, fd, &handle) < 0)
		return 0;
	r = fd ? 0 : open_from_environment(l, id);
	if (r == 0)
		r = look_up(l, id, &unused);
	if (r == -EINPROGRESS)
		return r;
	if (!fd)
		handle = TAKE_FD(l->opened);
	if (is_not_ours(r))
		return 0;
	if (r < 0)
		return r;
	if (!is_as_wanted(l, unused)) {
		lease_forget(l);
		return 0;
	}
	l->handle = TAKE_FD(handle);
	return 1;
}

int zcrx_lease_inherit(struct zcrx_lease *lease)
{
	const char *id = secure_getenv("ZCRX_LEASE");
	const char *fd = secure_getenv("ZCRX_LEASE_HANDLE_FD");
	_cleanup_close_ int handle = -EBADF;
	int r;

	if (!lease)
		return -EINVAL;
	if (lease->id)
		return client_cannot(lease->client, -EBUSY, "lease a queue");
	if (!id)
		return client_fail(
			lease->client, -ENXIO,
			"No lease in the environment (ZCRX_LEASE, ZCRX_LEASE_HANDLE_FD). "
			"Start the program with zcrxctl run.");
	if (!fd)
		return zcrx_lease_open(lease, id);
	r = handle_from_environment(lease->client, fd, &handle);
	if (r < 0)
		return r;
	r = look_up(lease, id, NULL);
	if (r < 0)
		return r;
	lease->handle = TAKE_FD(handle);
	return 0;
}
