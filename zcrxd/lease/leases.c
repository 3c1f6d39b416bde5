/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lease as an object, and the one way by which its state changes. See leases.h.
 */
#include <assert.h>
#include <errno.h>

#include "deletion.h"
#include "drain.h"
#include "ending.h"
#include "export.h"
#include "fdstore.h"
#include "flows.h"
#include "handle.h"
#include "leases.h"
#include "lingering.h"
#include "log.h"
#include "policy.h"
#include "proof.h"
#include "registrar.h"
#include "share.h"
#include "sharing.h"
#include "snapshot.h"
#include "orphans.h"
#include "unbind.h"
#include "watch.h"

/* What is stored that is no lease's: the rings and the mark. */
#define STORE_OTHERS 2

void leases_init(struct leases *leases)
{
	TAILQ_INIT(&leases->list);
	TAILQ_INIT(&leases->orphans);
	TAILQ_INIT(&leases->lingering);
	LIST_INIT(&leases->registrars);
	LIST_INIT(&leases->state.changed);
	leases->state.file.fd = -EBADF;
}

void leases_done(struct leases *leases)
{
	sd_event_source_disable_unref(leases->proof_timer);
	sd_event_source_disable_unref(leases->ring_timer);
	sd_event_source_disable_unref(leases->save_timer);
	free(leases->state.path);
	free(leases->state.gone);
	growing_file_done(&leases->state.file);
	free(leases->state_set_aside);
}

struct lease *lease_ref(struct lease *l)
{
	l->n_ref++;
	return l;
}

static void lease_free(struct lease *l)
{
	assert(l->n_busy == 0 && LIST_EMPTY(&l->handles) && l->n_flows == 0);
	sd_event_source_disable_unref(l->expiry);
	sd_event_source_disable_unref(l->drain_timer);
	sd_event_source_disable_unref(l->unbind.timer);
	for (unsigned i = 0; i < LEASE_QUEUES_MAX; i++) {
		if (l->per_queue[i].client_pidfd >= 0)
			close(l->per_queue[i].client_pidfd);
		/* The daemon ends; the store has a copy. */
		if (l->per_queue[i].export_fd >= 0)
			close(l->per_queue[i].export_fd);
	}
	lease_close_sharers(l);
	question_abandon(&l->question);
	free(l->flows);
	free(l->name);
	free(l->reason);
	free(l->taken);
	free(l->record);
	free(l);
}

struct lease *lease_unref(struct lease *l)
{
	if (l && --l->n_ref == 0)
		lease_free(l);
	return NULL;
}

static struct lease_some *bucket_of(struct leases *leases, uint32_t id)
{
	return &leases->by_id[id % LEASE_BUCKETS];
}

/* Of many leases most have no ring, and nobody needs to look at them. */
static void update_active(struct lease *l)
{
	const bool active = l->listed && (l->state != LEASE_RESERVED || l->n_busy > 0);

	if (active && !l->active)
		LIST_INSERT_HEAD(&l->leases->active, l, active_entry);
	else if (!active && l->active)
		LIST_REMOVE(l, active_entry);
	l->active = active;
}

void lease_touch(struct lease *l)
{
	l->leases->hooks->touched(l->device);
}

void lease_list(struct lease *l)
{
	lease_touch(l);
	TAILQ_INSERT_TAIL(&l->leases->list, l, entry);
	LIST_INSERT_HEAD(bucket_of(l->leases, l->id), l, same_bucket);
	l->device->n_leases++;
	l->listed = true;
	update_active(l);
}

void lease_unlist(struct lease *l)
{
	lease_touch(l);
	TAILQ_REMOVE(&l->leases->list, l, entry);
	LIST_REMOVE(l, same_bucket);
	if (lease_state_is_ending(l->state))
		LIST_REMOVE(l, ending_entry);
	l->device->n_leases--;
	l->listed = false;
	update_active(l);
	if (TAILQ_EMPTY(&l->leases->list))
		registrars_unused(l->leases);
}

struct lease *leases_find(struct leases *leases, uint32_t id)
{
	struct lease *l;

	LIST_FOREACH(l, bucket_of(leases, id), same_bucket)
		if (l->id == id)
			return l;
	return NULL;
}

uint64_t lease_area(const struct lease *l)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->n_queues; i++)
		sum += l->per_queue[i].area;
	return sum;
}

void leases_usage(struct leases *leases, uid_t uid, struct policy_usage *ret)
{
	struct lease *l;

	*ret = (struct policy_usage){};
	TAILQ_FOREACH(l, &leases->list, entry) {
		if (l->owner_uid != uid)
			continue;
		ret->queues += l->n_queues;
		ret->flows += l->n_flows;
		ret->area += lease_area(l);
	}
	ret->area += lingering_area(leases, uid);
}

static uint64_t stored_descriptors(const struct lease *l)
{
	uint64_t n = l->n_handles + l->n_proofs + lease_count_sharers(l);

	for (unsigned i = 0; i < l->n_queues; i++) {
		const struct lease_queue *q = &l->per_queue[i];

		n += q->client_pidfd >= 0;
		/* While it registers there is going to be one. */
		n += q->export_fd >= 0 || (q->registering && l->grant.kind == GRANT_NETKIT);
	}
	return n;
}

int lease_check_store(const struct lease *l, unsigned n, struct fault *reterr)
{
	uint64_t size = fdstore_size(), used = STORE_OTHERS, held = n;
	const struct lease *other;

	if (size == UINT64_MAX)
		return 0;
	TAILQ_FOREACH(other, &l->leases->list, entry) {
		used += stored_descriptors(other);
		held += other->owner_uid == l->owner_uid ? stored_descriptors(other) : 0;
	}
	if (share_allows(size, used, l->owner_uid == 0 ? 0 : held, n))
		return 0;
	return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "descriptors",
			 "The service manager keeps %ju descriptors for zcrxd, %ju are in use, and the last "
			 "eighth is for users who have few; this one would have %ju. Close handles, sockets "
			 "or leases, or raise FileDescriptorStoreMax= of zcrxd.service.",
			 (uintmax_t)size, (uintmax_t)used, (uintmax_t)held);
}

struct lease *leases_find_overlap(struct device *d, const struct flow *flow,
				  const struct lease *except)
{
	struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry) {
		if (l->device != d || l == except)
			continue;
		for (size_t i = 0; i < l->n_flows; i++)
			if (flow_overlaps(&l->flows[i]->flow, flow))
				return l;
	}
	return NULL;
}

void leases_claim_queues(struct device *d)
{
	struct lease *l;
	int r;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (unsigned i = 0; l->device == d && i < l->n_queues; i++) {
			r = inventory_take_queue(&d->inventory, l->id, l->queues[i]);
			if (r < 0)
				log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id },
					    "Queue %u of lease %08x is no longer a zero-copy queue of %s.",
					    l->queues[i], l->id, device_name(d));
		}
}

/* -------------------------------------------------------------------- events */

/* The IDL's EventKind for a state that was entered; NULL: nothing to tell. */
static const char *const announcements[_LEASE_STATE_MAX] = {
	[LEASE_FREE] = "freed",
	[LEASE_RESERVED] = "acquired",
	[LEASE_BOUND] = "bound",
	[LEASE_STEERED] = "steered",
	[LEASE_DRAINING] = "draining",
	[LEASE_QUARANTINED] = "quarantined",
};

static void lease_tell_waiters(struct lease *l)
{
	struct lease_waiter *w;

	while ((w = STAILQ_FIRST(&l->waiters))) {
		STAILQ_REMOVE_HEAD(&l->waiters, entry);
		w->ended(l, w->userdata);
		free(w);
	}
}

/* The queues are free: nothing of the lease is left but the references of its operations. */
static void lease_destroy(struct lease *l)
{
	struct device *d = l->device;
	struct leases *leases = l->leases;

	while (l->n_flows > 0)
		lease_flow_drop(l, l->flows[l->n_flows - 1]);
	while (!LIST_EMPTY(&l->proofs))
		proof_free(LIST_FIRST(&l->proofs));
	lease_handles_shut(l);
	lingering_note(l);
	for (unsigned i = 0; i < l->n_queues; i++)
		lease_forget_client(l, i);
	lease_forget_sharers(l);
	lease_forget_exports(l);
	inventory_release(&d->inventory, l->id);
	lease_unlist(l);
	lease_strike_record(l);
	l->expiry = sd_event_source_disable_unref(l->expiry);
	l->drain_timer = sd_event_source_disable_unref(l->drain_timer);
	lease_unref(l);
	(void)leases_save(leases);
	leases->hooks->freed(d);
}

void lease_announce(const struct lease *l, const char *event, const char *reason, uint64_t deadline_usec)
{
	watch_announce(l->device->devices->server, &(struct announcement){
					   .event = event, .interface = device_name(l->device), .lease = l->id,
					   .queue = l->n_queues == 1 ? &l->queues[0] : NULL,
					   .reason = reason, .deadline_usec = deadline_usec });
}

static void announce_state(struct lease *l, enum lease_state before)
{
	const bool unbound = before == LEASE_BOUND && l->state == LEASE_RESERVED;
	const char *event = unbound ? "unbound" : announcements[l->state];
	const char *reason = unbound ? "its rings were closed" : l->reason;
	const struct log_fields fields = { .lease = l->id, .interface = device_name(l->device),
					   .event = event };

	log_message(l->state == LEASE_QUARANTINED ? LOG_WARNING : LOG_INFO, &fields,
		    "Lease %08x of uid %u on %s: %s -> %s%s%s", l->id, (unsigned)l->owner_uid,
		    device_name(l->device), lease_state_to_string(before),
		    lease_state_to_string(l->state), reason ? ": " : "", reason ?: "");
	lease_announce(l, event, reason, 0);
}

int lease_may(const struct lease *l, enum lease_event event, struct fault *reterr)
{
	char id[LEASE_ID_DIGITS + 1];

	assert(lease_step(l->state, event).verdict != LEASE_ILLEGAL);
	lease_id_format(l->id, id);
	return lease_refusal(l->state, event, id, reterr);
}

void lease_set_state(struct lease *l, enum lease_state state)
{
	lease_touch(l);
	lease_note_ending(l, state);
	if (lease_state_is_ending(l->state))
		LIST_REMOVE(l, ending_entry);
	l->state = state;
	if (lease_state_is_ending(state))
		LIST_INSERT_HEAD(&l->leases->ending, l, ending_entry);
	update_active(l);
}

int lease_event(struct lease *l, enum lease_event event, const char *reason,
		struct fault *reterr)
{
	struct lease_transition t = lease_step(l->state, event);
	_cleanup_(lease_unrefp) struct lease *hold = lease_ref(l);
	enum lease_state before = l->state;

	assert(t.verdict != LEASE_ILLEGAL);
	if (t.verdict == LEASE_REFUSE)
		return lease_may(l, event, reterr);
	if (t.verdict == LEASE_IGNORE)
		return 0;
	if (t.next == LEASE_DRAINING && before != LEASE_DRAINING) {
		l->end = event;
		l->leases->n_ends[event]++;
	}
	lease_set_state(l, t.next);
	if (reason) {
		free(l->reason);
		l->reason = strdup(reason);
	}
	if (t.effects & LEASE_EFFECT_STORE)
		(void)lease_save(l);
	if (t.effects & LEASE_EFFECT_NOTIFY)
		announce_state(l, before);
	l->leases->hooks->changed(l);
	if (t.effects & LEASE_EFFECT_DRAIN) {
		lease_unbind_go_on(l);
		lease_drain(l);
	}
	if (l->state == LEASE_FREE || l->state == LEASE_QUARANTINED)
		lease_tell_waiters(l);
	if (t.effects & LEASE_EFFECT_FORGET)
		lease_destroy(l);
	return 0;
}

void lease_op_begin(struct lease *l)
{
	lease_touch(l);
	lease_ref(l);
	l->n_busy++;
	update_active(l);
}

void lease_op_end(struct lease *l)
{
	assert(l->n_busy > 0);
	lease_touch(l);
	l->n_busy--;
	update_active(l);
	/* What ends may be a try of draining itself, which waits before the next. */
	if (l->n_busy == 0 && l->drain_due && (l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED))
		lease_drain(l);
	lease_unbind_go_on(l);
	l->leases->hooks->idle(l->leases);
	lease_unref(l);
}

int lease_wait(struct lease *l, lease_ended ended, void *userdata)
{
	struct lease_waiter *w;

	if (l->state == LEASE_FREE || l->state == LEASE_QUARANTINED) {
		ended(l, userdata);
		return 0;
	}
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct lease_waiter){ .ended = ended, .userdata = userdata };
	STAILQ_INSERT_TAIL(&l->waiters, w, entry);
	return 0;
}

void leases_interface_gone(struct device *d)
{
	struct lease *l, *next;

	for (l = TAILQ_FIRST(&d->devices->leases->list); l; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (l->device != d)
			continue;
		orphan_record(l);
		(void)lease_event(l, LEASE_INTERFACE_GONE, "the interface is gone", NULL);
	}
}

static bool has_device(const struct lease *l, unsigned ifindex)
{
	return l->granted && l->grant.kind == GRANT_NETKIT && l->grant.ifindex == ifindex;
}

void leases_link_gone(struct leases *leases, unsigned ifindex, uint32_t id, bool moved)
{
	struct lease *l = id ? leases_find(leases, id) : NULL, *next;

	/* Draining deletes it, too: that is no news then. */
	if (l && has_device(l, ifindex) && (l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED))
		return;

	for (l = TAILQ_FIRST(&leases->list); l; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (has_device(l, ifindex) && l->state != LEASE_DRAINING && l->state != LEASE_QUARANTINED)
			lease_netkit_deleted(l, moved);
	}
}

int leases_check_links(struct leases *leases)
{
	struct lease *l, *next;
	struct nic_link *links;
	size_t n;
	int r;

	r = leases->backend->ops->links(leases->backend, &links, &n);
	if (r != 0)
		return r < 0 ? r : -EIO;
	for (l = TAILQ_FIRST(&leases->list); l; l = next) {
		bool found = !l->granted || l->grant.kind != GRANT_NETKIT;

		next = TAILQ_NEXT(l, entry);
		for (size_t i = 0; i < n && !found; i++)
			found = links[i].ifindex == l->grant.ifindex;
		if (!found)
			leases_link_gone(leases, l->grant.ifindex, l->id, false);
	}
	nic_links_free(links, n);
	return 0;
}

void leases_detach(struct leases *leases)
{
	struct lease *l;

	leases_forget_change(leases);
	while ((l = TAILQ_FIRST(&leases->list))) {
		lease_unlist(l);
		l->over = true;
		lease_unbind_end(l);
		proofs_detach(l);
		while (l->n_flows > 0)
			lease_flow_free(l, l->flows[l->n_flows - 1]);
		while (!LIST_EMPTY(&l->proofs))
			proof_free(LIST_FIRST(&l->proofs));
		lease_handles_detach(l);
		l->n_busy = 0;
		lease_unref(l);
	}
}
