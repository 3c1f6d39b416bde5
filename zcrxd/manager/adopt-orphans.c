/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See adopt-orphans.h.
 */
#include "adopt-orphans.h"
#include "deletion.h"
#include "leases.h"
#include "log.h"

/* If not, the exports that tell stay where they are stored: the next daemon asks them again. */
static bool may_delete(struct leases *leases, struct stored_fds *fds, uint32_t lease)
{
	struct stored_fd *found[LEASE_QUEUES_MAX];
	int exports[LEASE_QUEUES_MAX];
	unsigned id, queue;
	size_t n = 0;

	for (size_t i = 0; i < fds->n && n < LEASE_QUEUES_MAX; i++) {
		struct stored_fd *s = &fds->list[i];

		if (s->fd < 0 || sscanf(s->name, FDSTORE_EXPORT "%8x-%u", &id, &queue) != 2 || id != lease)
			continue;
		found[n] = s;
		exports[n++] = s->fd;
	}
	if (deletion_is_safe(leases, exports, n))
		return true;
	for (size_t i = 0; i < n; i++)
		close(TAKE_FD(found[i]->fd));
	return false;
}

/* A netkit device that bears our name, or our label under another one, and that no lease has. */
static bool is_orphan(const struct leases *leases, const struct nic_link *link, uint32_t *ret_id)
{
	const struct lease *l;

	if (!streq(link->kind, "netkit"))
		return false;
	*ret_id = 0;
	if (lease_id_from_device(link->name, ret_id) < 0 && !link->labelled)
		return false;
	TAILQ_FOREACH(l, &leases->list, entry)
		if (l->id == *ret_id || (l->granted && l->grant.kind == GRANT_NETKIT &&
					 l->grant.ifindex == link->ifindex))
			return false;
	return true;
}

void netkits_sweep(struct leases *leases, struct stored_fds *fds, const struct nic_link *links, size_t n)
{
	struct nic_backend *b = leases->backend;

	for (size_t i = 0; i < n; i++) {
		_cleanup_fault_ struct fault fault = {};
		struct grant grant = { .kind = GRANT_NETKIT, .ifindex = links[i].ifindex };
		struct nic *nic;
		uint32_t id;
		int r;

		if (!is_orphan(leases, &links[i], &id))
			continue;
		if (!may_delete(leases, fds, id)) {
			log_error("%s, which no lease owns, cannot be deleted: a process is adding memory "
				  "to a queue of it that is not there yet.", links[i].name);
			continue;
		}
		r = b->ops->open(b, grant.ifindex, &nic, &fault);
		if (r == 0) {
			r = nic->ops->ungrant(nic, &grant, &fault);
			nic->ops->close(nic);
		}
		if (r == 0)
			log_info("Deleted %s: no lease owns it.", links[i].name);
		else
			log_error("Cannot delete %s, which no lease owns: %s", links[i].name,
				  fault_text(r, &fault));
	}
}
