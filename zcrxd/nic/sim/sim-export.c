/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exports of the simulated ifqs. An export is a socket that is bound to a name of the ifq's own, so that
 * it lasts exactly as long as the last copy of the descriptor, in whatever process: whether it is there
 * shows by connecting to it.
 */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sim-internal.h"

/* In the abstract namespace; a machine is known by its memory, and by who made it. */
static socklen_t name_of(const struct sim *s, uint32_t zcrx_id, struct sockaddr_un *ret)
{
	int n;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "zcrxd-sim-%d-%p-%u",
		     (int)s->maker, (const void *)s->shared, zcrx_id);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static bool is_exported(const struct sim *s, uint32_t zcrx_id)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a;
	socklen_t size = name_of(s, zcrx_id, &a);

	return fd >= 0 && connect(fd, (struct sockaddr *)&a, size) == 0;
}

bool sim_is_bound(struct sim *s, const struct sim_owner *o)
{
	return o->io_uring || (o->exported && is_exported(s, o->zcrx_id));
}

void sim_unbind(struct sim_owner *o)
{
	o->io_uring = false;
	o->exported = false;
}

static struct sim_owner *find_ifq(struct sim_shared *shared, uint32_t zcrx_id)
{
	for (size_t n = 0; n < SIM_NICS_MAX; n++)
		for (unsigned q = 0; q < SIM_QUEUES_MAX; q++) {
			struct sim_owner *o = &shared->nics[n].queues[q];

			if (o->io_uring && o->zcrx_id == zcrx_id)
				return o;
		}
	return NULL;
}

struct sim_owner *sim_find_export(struct sim *s, int fd)
{
	struct sockaddr_un a, name;
	socklen_t size = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &size) < 0)
		return NULL;
	for (size_t n = 0; n < SIM_NICS_MAX; n++)
		for (unsigned q = 0; q < SIM_QUEUES_MAX; q++) {
			struct sim_owner *o = &s->shared->nics[n].queues[q];

			if (o->exported && name_of(s, o->zcrx_id, &name) == size &&
			    memcmp(&a, &name, size) == 0)
				return o;
		}
	return NULL;
}

int sim_export_ifq(struct nic_backend *b, int ring, uint32_t zcrx_id, int *ret)
{
	struct sim *s = sim_of(b);
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un a;
	struct sim_owner *o;
	socklen_t size;
	int r;

	r = sim_operation(s, "export the interface queue", NULL);
	if (r != 0)
		return r < 0 ? r : -s->shared->fail_error;
	o = find_ifq(s->shared, zcrx_id);
	if (!o)
		return -ENXIO;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size = name_of(s, zcrx_id, &a);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) < 0)
		return -errno;
	o->exported = true;
	if (!o->io_uring) /* taken back meanwhile */
		o->exported = false;
	*ret = TAKE_FD(fd);
	return 0;
}

int sim_wait_for_areas(struct nic_backend *b, const int *exports, size_t n,
		       void (*begin)(void *userdata), void *userdata)
{
	struct sim *s = sim_of(b);
	int r = sim_operation(s, "wait for areas", NULL);

	if (r != 0)
		return r < 0 ? r : -s->shared->fail_error;
	begin(userdata);
	while (s->shared->areas_held)
		usleep(1000);
	return 0;
}

void sim_hold_rings(struct nic_backend *b, bool held)
{
	sim_of(b)->shared->rings_held = held;
}

void sim_hold_areas(struct nic_backend *b, bool held)
{
	sim_of(b)->shared->areas_held = held;
}
