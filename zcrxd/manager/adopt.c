/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See adopt.h.
 */
#include <errno.h>
#include <sys/socket.h>

#include "acquire.h"
#include "adopt.h"
#include "adopt-orphans.h"
#include "adopt-proofs.h"
#include "clock.h"
#include "devices.h"
#include "export.h"
#include "flow-guard.h"
#include "flows.h"
#include "handle.h"
#include "leases.h"
#include "lingering.h"
#include "links.h"
#include "log.h"
#include "proof.h"
#include "sharing.h"
#include "recovery.h"
#include "snapshot.h"
#include "orphans.h"

struct adoption {
	struct leases *leases;
	struct stored_fds *fds;
	struct nic_link *links;
	size_t n_links;
	/* Of the interface that the last lease was on. */
	unsigned ifindex;
	struct nic_state *nic;
	unsigned n_adopted, n_taken_back;
	struct proof_checks *checks;
};

static const struct nic_link *find_link(const struct adoption *a, unsigned ifindex, const char *name)
{
	for (size_t i = 0; i < a->n_links; i++)
		if (name ? streq(a->links[i].name, name) : a->links[i].ifindex == ifindex)
			return &a->links[i];
	return NULL;
}

/* ------------------------------------------------------------------------- the interface */

static int note_detached(struct adoption *a)
{
	a->nic = calloc(1, sizeof(*a->nic));
	if (!a->nic)
		return -ENOMEM;
	a->nic->detached = true;
	return 0;
}

static int observe(struct adoption *a, unsigned ifindex)
{
	_cleanup_fault_ struct fault fault = {};
	struct nic_backend *b = a->leases->backend;
	struct nic *nic;
	int r;

	if (a->nic && a->ifindex == ifindex)
		return 0;
	a->nic = nic_state_free(a->nic);
	a->ifindex = ifindex;
	if (!find_link(a, ifindex, NULL))
		return 0;
	r = b->ops->open(b, ifindex, &nic, &fault);
	if (r != 0)
		return r;
	r = nic->ops->observe(nic, &a->nic, &fault);
	nic->ops->close(nic);
	if (nic_is_detached(r, &fault)) {
		log_warning("Leases on interface %u go on as they are on record: %s", ifindex, fault.message);
		return note_detached(a);
	}
	if (r > 0 && r != ZCRX_NO_SUCH_INTERFACE)
		log_error("Cannot read the state of interface %u: %s", ifindex, fault.message);
	return r == ZCRX_NO_SUCH_INTERFACE ? 0 : r;
}

/* ------------------------------------------------------------------------------ the lease */

static int adopt_handles(struct adoption *a, struct lease *l)
{
	unsigned id;
	unsigned long long cookie;
	int r, end;

	for (size_t i = 0; i < a->fds->n; i++) {
		struct stored_fd *s = &a->fds->list[i];

		if (s->fd < 0 || sscanf(s->name, "handle-%8x-%llx%n", &id, &cookie, &end) != 2 ||
		    s->name[end] != '\0' || id != l->id)
			continue;
		r = lease_handle_adopt(l, s->fd, cookie);
		if (r < 0)
			return r;
		TAKE_FD(s->fd);
	}
	return 0;
}

static bool has_handle(const struct adoption *a, uint32_t lease)
{
	unsigned id;

	for (size_t i = 0; i < a->fds->n; i++)
		if (a->fds->list[i].fd >= 0 &&
		    sscanf(a->fds->list[i].name, "handle-%8x-", &id) == 1 && id == lease)
			return true;
	return false;
}

/* Its clients hear of it as if a zcrxd had been there. */
static void hang_up(struct adoption *a, uint32_t lease, const char *reason)
{
	unsigned id;

	for (size_t i = 0; i < a->fds->n; i++) {
		struct stored_fd *s = &a->fds->list[i];

		if (s->fd < 0 || sscanf(s->name, "handle-%8x-", &id) != 1 || id != lease)
			continue;
		lease_handle_send_end(s->fd, LEASE_INTERFACE_GONE, reason);
		(void)shutdown(s->fd, SHUT_RDWR);
	}
}

static void adopt_clients(struct adoption *a, struct lease *l, const struct record_lease *saved)
{
	char name[64];

	for (unsigned i = 0; i < l->n_queues; i++) {
		if (!l->per_queue[i].bound)
			continue;
		fdstore_client_name(l->id, i, name);
		(void)lease_set_client(l, i, stored_fds_take(a->fds, name), saved->client_uids[i],
				       false);
		fdstore_export_name(l->id, i, name);
		(void)lease_set_export(l, i, stored_fds_take(a->fds, name), false);
	}
	lease_adopt_sharers(l, a->fds);
}

static struct proof *find_proof(struct lease *l, const struct record_flow *f)
{
	struct proof *p;

	LIST_FOREACH(p, &l->proofs, entry)
		if (p->facts.cookie == f->proof && p->queue == f->queue)
			return p;
	return NULL;
}

static int adopt_flow(struct adoption *a, struct lease *l, const struct record_lease *saved,
		      const struct record_flow *f)
{
	struct proof *proof = f->proof != 0 ? find_proof(l, f) : NULL;
	bool proved = f->proof == 0 || (proof && !proof->gone);
	enum flow_state state = FLOW_PENDING;
	uint32_t location = f->location;

	switch (recovery_decide_flow(saved, f, proved, a->nic, &location)) {
	case RECOVERY_FLOW_DROP:
		return 0;
	case RECOVERY_FLOW_KEEP:
		state = FLOW_INSTALLED;
		break;
	case RECOVERY_FLOW_REMOVE:
		state = FLOW_REMOVING;
		break;
	case RECOVERY_FLOW_REINSERT:
		state = FLOW_INSTALLING;
		break;
	case RECOVERY_FLOW_PENDING:
		break;
	}
	return lease_flow_adopt(l, f, state, location, proof);
}

static void drop_untold_proofs(struct lease *l, const struct record_lease *saved)
{
	struct proof *p, *next;

	for (p = LIST_FIRST(&l->proofs); p; p = next) {
		next = LIST_NEXT(p, entry);
		if (recovery_is_untold(saved, p->facts.cookie, p->queue))
			proof_unfollow_addresses(p);
		else
			proof_maybe_free(p); /* its flows were going, and are gone */
	}
}

static int adopt_objects(struct adoption *a, struct lease *l, const struct record_lease *saved)
{
	int r;

	adopt_clients(a, l, saved);
	r = adopt_handles(a, l);
	if (r == 0)
		r = adopt_proofs(a->checks, l, saved, a->fds);
	for (size_t i = 0; r == 0 && i < saved->n_flows; i++)
		r = adopt_flow(a, l, saved, &saved->flows[i]);
	drop_untold_proofs(l, saved);
	if (r == 0 && saved->expiry_usec != 0) {
		uint64_t now = now_usec(CLOCK_BOOTTIME);

		r = lease_set_time_to_live(l, saved->expiry_usec > now ? saved->expiry_usec - now : 0);
	}
	lease_forget_record(l);
	return r;
}

static void set_grant(struct adoption *a, struct lease *l, const struct record_lease *saved,
		      unsigned device_ifindex)
{
	l->granted = device_ifindex > 0 ||
		     (saved->granted &&
		      (saved->grant != GRANT_NETKIT || recovery_is_elsewhere(saved, a->nic)));
	l->grant.kind = saved->grant;
	l->grant.n_queues = saved->n_queues;
	for (size_t i = 0; i < saved->n_queues; i++)
		/* A netkit device counts the queues that were leased to it from 1, in their order. */
		l->grant.queues[i] = saved->grant == GRANT_NETKIT ? (uint32_t)i + 1
								  : saved->queues[i];
	memcpy(l->grant.hardware, saved->queues, saved->n_queues * sizeof(*saved->queues));
	l->grant.ifindex = saved->grant == GRANT_NETKIT ? device_ifindex : saved->ifindex;
}

/* By its name; or, if somebody renamed it, by its label, and by the lease's queues being leased to it. */
static const struct nic_link *find_netkit(const struct adoption *a, const struct record_lease *saved)
{
	char device_name[IFNAMSIZ];
	const struct nic_link *netkit;
	uint32_t first = saved->queues[0];

	lease_device_name(saved->id, device_name);
	netkit = find_link(a, 0, device_name);
	if (netkit || !a->nic || saved->n_queues == 0 || first >= a->nic->n_queues ||
	    a->nic->queues[first].lease_elsewhere || a->nic->queues[first].lease_ifindex == 0)
		return netkit;
	netkit = find_link(a, a->nic->queues[first].lease_ifindex, NULL);
	return netkit && netkit->labelled && streq(netkit->kind, "netkit") ? netkit : NULL;
}

/* Its queue is nobody's, and its ring may be there all the same. */
static void keep_area(struct adoption *a, const struct record_lease *saved, size_t queue)
{
	if (saved->grant != GRANT_SOFTWARE)
		lingering_add(a->leases, saved->owner_uid, saved->areas[queue],
			      nic_ring_key(saved->id, (unsigned)queue));
}

/* A backend without a descriptor for it knows them by itself. */
static bool rings_are_known(const struct leases *leases)
{
	return leases->ring_epoll_stored || leases->ring_epoll_fd < 0;
}

static int adopt_lease(struct adoption *a, const struct record_lease *saved)
{
	const struct nic_link *link = find_link(a, saved->ifindex, NULL), *netkit;
	struct recovery_facts facts = { .has_handle = has_handle(a, saved->id),
					.store_lost = a->leases->n_store_lost > 0,
					.now_usec = now_usec(CLOCK_BOOTTIME) };
	struct recovery verdict;
	struct device *d = NULL;
	struct lease *l;
	int r;

	r = observe(a, saved->ifindex);
	if (r != 0)
		return r < 0 ? r : -EIO;
	netkit = find_netkit(a, saved);
	facts.nic = a->nic;
	facts.device_ifindex = netkit ? netkit->ifindex : 0;
	verdict = recovery_decide(saved, &facts);
	if (verdict.verdict == RECOVERY_DISCARD) {
		log_info("Lease %08x has ended: %s.", saved->id, verdict.reason);
		hang_up(a, saved->id, verdict.reason);
		orphan_adopt(a->leases, saved);
		for (size_t i = 0; i < saved->n_queues; i++)
			keep_area(a, saved, i);
		return 0;
	}
	r = devices_claim(a->leases->devices, link, &d);
	if (r < 0)
		return r;
	/* One that was only renamed is left to its leases, as it would have been under our eyes, or was. */
	if (!device_has_entry(d) && !saved->left && (!saved->interface[0] || streq(saved->interface, link->name)))
		verdict =
			(struct recovery) { .verdict = RECOVERY_RECLAIM,
					    .reason = "its interface is not in the configuration" };
	r = lease_adopt(a->leases, d, saved,
			verdict.verdict == RECOVERY_ADOPT ? verdict.state : LEASE_DRAINING,
			verdict.reason, &l);
	if (r < 0)
		return r;
	l->force = saved->force;
	set_grant(a, l, saved, facts.device_ifindex);
	l->rss = recovery_decide_spread(saved, a->nic, &l->context);
	for (size_t i = 0; i < saved->n_queues; i++) {
		l->per_queue[i].bound = recovery_is_bound(saved, i, a->nic);
		l->per_queue[i].watched = l->per_queue[i].bound && saved->watched[i] && rings_are_known(a->leases);
		if (l->per_queue[i].bound)
			continue;
		l->per_queue[i].area = 0;
		keep_area(a, saved, i);
	}
	a->n_adopted += verdict.verdict == RECOVERY_ADOPT;
	a->n_taken_back += verdict.verdict == RECOVERY_RECLAIM;
	log_message(LOG_INFO, &(struct log_fields){ .lease = l->id, .interface = link->name },
		    verdict.verdict == RECOVERY_ADOPT ? "Lease %08x of uid %u on %s adopted%s"
						      : "Lease %08x of uid %u on %s reclaimed: %s",
		    l->id, (unsigned)l->owner_uid, link->name, verdict.reason ?: ".");
	return adopt_objects(a, l, saved);
}

/* ----------------------------------------------------------------------------- the rest */

static int adopt_all(struct adoption *a, const struct record *record)
{
	struct leases *leases = a->leases;
	int r;

	r = devices_links(leases->devices, &a->links, &a->n_links);
	if (r >= 0)
		r = proof_checks_new(leases, a->links, a->n_links, record, &a->checks);
	if (r < 0)
		return r;
	for (size_t i = 0; i < record->n_orphans; i++)
		orphan_adopt(leases, &record->orphans[i]);
	for (size_t i = 0; i < record->n_lingering; i++)
		lingering_add(leases, record->lingering[i].uid, record->lingering[i].area,
			      record->lingering[i].ring_key);
	for (size_t i = 0; i < record->n_leases; i++) {
		r = adopt_lease(a, &record->leases[i]);
		if (r < 0)
			log_errno(r, "Cannot adopt lease %08x", record->leases[i].id);
	}
	netkits_sweep(leases, a->fds, a->links, a->n_links);
	flow_guard_sweep(leases->devices);
	if (record->n_leases > 0)
		log_info("Of %zu leases in the record, %u adopted and %u reclaimed.",
			 record->n_leases, a->n_adopted, a->n_taken_back);
	return 0;
}

int leases_adopt(struct leases *leases, const struct record *record, struct stored_fds *fds)
{
	struct adoption a = { .leases = leases, .fds = fds };
	int r;

	leases->last_flow_id = record->last_flow_id;
	r = adopt_all(&a, record);
	proof_checks_free(a.checks);
	nic_state_free(a.nic);
	nic_links_free(a.links, a.n_links);
	if (r == 0)
		(void)leases_save(leases); /* or as soon as that works; nothing is granted before */
	return r;
}
