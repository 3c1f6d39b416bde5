/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ntuple rules that carry the flows of a lease: all rules of one request or none.
 */
#include <errno.h>

#include "flow-guard.h"
#include "left-out.h"
#include "log.h"
#include "older.h"
#include "proof.h"
#include "rules.h"
#include "snapshot.h"
#include "rss.h"
#include "orphans.h"
#include "steering.h"
#include "strays.h"
#include "unbind.h"

struct rule_job {
	struct lease *lease;
	struct flow_list list; /* the job's own copy of the pointers; the flows stay while it runs */
	struct rule {
		struct flow flow;
		struct rule_target target;
		uint32_t location;
		size_t held; /* as nic_ops.rule_insert takes it */
		bool again;  /* it was there before, and must not be there twice */
		bool stays;  /* it was inserted, and could not be undone */
	} *rules;
	struct guard_job guard;
	struct older older;
	size_t n_inserted;
	struct nic_state *seen; /* after the insertion; NULL: it could not be looked at */
	bool gone; /* the interface, with rules that were to be removed */
	int r;
	struct fault fault;
	flows_done done;
	void *userdata;
};

static struct rule_job *rule_job_free(struct rule_job *j)
{
	if (!j)
		return NULL;
	flow_list_done(&j->list);
	fault_done(&j->fault);
	guard_job_done(&j->guard);
	older_done(&j->older);
	nic_state_free(j->seen);
	free(j->rules);
	free(j);
	return NULL;
}
DEFINE_CLEANUP(struct rule_job *, rule_job_free)

/* Of its owner, those to be inserted included. */
static size_t flows_on_device(const struct lease *l)
{
	const struct lease *other;
	size_t n = 0;

	TAILQ_FOREACH(other, &l->leases->list, entry)
		if (other->device == l->device && other->owner_uid == l->owner_uid)
			n += other->n_flows;
	return n;
}

static int rule_job_new(struct lease *l, const struct flow_list *list, flows_done done,
			void *userdata, struct rule_job **ret)
{
	_cleanup_(rule_job_freep) struct rule_job *j = NULL;
	size_t held = flows_on_device(l);

	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	*j = (struct rule_job){ .lease = l, .done = done, .userdata = userdata };
	j->list.flows = calloc(list->n + 1, sizeof(*list->flows));
	j->rules = calloc(list->n + 1, sizeof(*j->rules));
	if (!j->list.flows || !j->rules)
		return -ENOMEM;
	j->list.n = list->n;
	for (size_t i = 0; i < list->n; i++) {
		struct lease_flow *f = list->flows[i];

		j->list.flows[i] = f;
		/* One that was lost had its entry in the table before. */
		j->rules[i] = (struct rule){ .flow = f->flow,
					     .target = f->target, .location = f->location,
					     .again = f->lost,
					     .held = l->may_fill_table || f->lost ? 0 : held };
	}
	*ret = TAKE_PTR(j);
	return 0;
}

static void rule_job_report(struct rule_job *j, const struct flow_list *added)
{
	struct lease *l = j->lease;

	if (j->done)
		j->done(l, j->r, &j->fault, added, j->userdata);
	rule_job_free(j);
	lease_op_end(l);
}

/* --------------------------------------------------------------------- inserting */

static int insert_one(struct nic *nic, struct rule *rule, struct fault *reterr)
{
	uint32_t location = UINT32_MAX;
	int r = rule->again ? nic_remove_rule(nic, &rule->flow, &rule->target, reterr) : 0;

	if (r == 0)
		r = nic->ops->rule_insert(nic, &rule->flow, &rule->target, rule->held, &location, reterr);
	if (location != UINT32_MAX) {
		rule->location = location;
		rule->stays = r != 0;
	}
	return r;
}

/* That a rule is there does not say that it gets anything. */
static void look_after(struct nic *nic, struct rule_job *j)
{
	_cleanup_fault_ struct fault ignored = {};

	if (nic->ops->observe_steering(nic, &j->seen, &ignored) != 0)
		j->seen = NULL; /* the next look for drift tells */
}

static void insert_run(struct nic *nic, void *data)
{
	struct rule_job *j = data;

	/* No packet may come by a rule before it. */
	j->r = guard_job_run(nic, &j->guard, &j->fault);
	if (j->r == 0)
		j->r = older_check(&j->older, &j->fault);
	for (size_t i = 0; i < j->list.n && j->r == 0; i++) {
		nic_progress(nic);
		j->r = insert_one(nic, &j->rules[i], &j->fault);
		j->n_inserted += j->r == 0;
	}
	if (j->r == 0) {
		look_after(nic, j);
		return;
	}
	while (j->n_inserted > 0) {
		struct rule *u = &j->rules[--j->n_inserted];
		struct fault ignored = {};
		int r;

		nic_progress(nic);
		r = nic->ops->rule_delete(nic, u->location, &u->flow, &u->target, &ignored);
		u->stays = r != 0 && r != ZCRX_NO_SUCH_INTERFACE;
		fault_done(&ignored);
	}
}

static bool is_unproved(const struct lease_flow *f)
{
	return f->proof_lost || (f->proof && f->proof->gone);
}

/* Sockets and addresses that went away while their rules were on the way. */
static void drop_unproved(struct lease *l, const struct flow_list *list)
{
	struct flow_list gone = { .flows = calloc(list->n + 1, sizeof(*gone.flows)) };

	for (size_t i = 0; gone.flows && i < list->n; i++)
		if (is_unproved(list->flows[i]))
			gone.flows[gone.n++] = list->flows[i];
	if (gone.n > 0 && l->state != LEASE_DRAINING)
		(void)lease_flows_remove(l, &gone, NULL, NULL);
	flow_list_done(&gone);
}

/*
 * Whether the flow is still there. One whose rule was lost stays without it, and is tried again: its client
 * counts on it. And one whose rule could not be undone stays, with its guard, until the rule is removed.
 */
static bool inserted(struct rule_job *j, size_t i)
{
	struct lease_flow *f = j->list.flows[i];
	bool counted_on = f->lost && !is_unproved(f);

	if (j->r != 0 && !counted_on && !j->rules[i].stays) {
		flow_guard_linger(j->lease->device, &f->flow, false);
		lease_flow_free(j->lease, f);
		return false;
	}
	if (f->proof)
		proof_answered(f->proof);
	f->state = FLOW_INSTALLED;
	f->lost = false;
	f->lifted = false;
	f->asked = false; /* it is answered now; from here on its client counts on it */
	f->proof_lost |= j->r != 0 && !counted_on;
	if (j->r == 0 || j->rules[i].stays)
		f->location = j->rules[i].location;
	return true;
}

static bool is_taken(const struct flow_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (taken_is_sure(&list->flows[i]->taken))
			return true;
	return false;
}

static void insert_done(void *data)
{
	struct rule_job *j = data;
	struct lease *l = j->lease;
	struct device *d = l->device;
	bool returned = j->list.n > 0 && j->list.flows[0]->lost;
	struct flow_list left = { .flows = j->list.flows };

	if (j->r == ZCRX_NO_SUCH_INTERFACE)
		orphan_record(l); /* what was inserted before could not be undone */
	lease_check_context(l, &j->list, j->r, &j->fault);
	for (size_t i = 0; i < j->list.n; i++)
		if (inserted(j, i))
			left.flows[left.n++] = j->list.flows[i];
	j->list.n = left.n;
	if (j->r == 0 && l->state != LEASE_DRAINING && !(returned && l->state == LEASE_STEERED))
		(void)lease_event(l, LEASE_FLOW_ADDED, NULL, NULL);
	else
		(void)lease_save(l);
	if (l->state != LEASE_DRAINING)
		drop_unproved(l, &j->list);
	if (j->seen)
		leases_judge(d, j->seen);
	if (returned)
		lease_update_steered(l);
	if (j->r == 0 && is_taken(&j->list))
		l->leases->hooks->look(d);
	rule_job_report(j, j->r == 0 ? &j->list : NULL);
}

int lease_flows_install(struct lease *l, const struct flow_list *list, flows_done done,
			void *userdata)
{
	_cleanup_(rule_job_freep) struct rule_job *j = NULL;
	int r;

	if (lease_is_unbinding(l))
		return -EAGAIN;
	for (size_t i = 0; i < list->n; i++)
		if (list->flows[i]->queue == ALL_QUEUES && !lease_has_rss(l))
			return -EAGAIN;
	for (size_t i = 0; i < list->n; i++) {
		lease_flow_set_target(l, list->flows[i]);
		list->flows[i]->state = FLOW_INSTALLING;
	}
	r = rule_job_new(l, list, done, userdata, &j);
	if (r == 0)
		r = guard_job_prepare(l->device, &j->guard);
	if (r == 0)
		r = older_prepare(l, list, &j->older);
	if (r == 0)
		r = lease_save(l);
	if (r >= 0)
		r = device_submit(l->device, insert_run, insert_done, j);
	if (r < 0) {
		for (size_t i = 0; i < list->n; i++)
			list->flows[i]->state = FLOW_PENDING;
		lease_forget_record(l);
		return r;
	}
	lease_op_begin(l);
	TAKE_PTR(j);
	return 0;
}

static void on_pending_installed(struct lease *l, int r, struct fault *fault,
				 const struct flow_list *added, void *userdata)
{
	if (r == 0)
		return;
	log_message(LOG_WARNING, &(struct log_fields){ .lease = l->id },
		    "The flows that lease %08x was acquired with could not be steered: %s", l->id,
		    fault_text(r, fault));
}

int lease_flows_install_pending(struct lease *l, unsigned queue)
{
	struct flow_list list = { .flows = calloc(l->n_flows + 1, sizeof(*list.flows)) };
	int r = 0;

	if (!list.flows)
		return -ENOMEM;
	for (size_t i = l->n_flows; i-- > 0;) {
		struct lease_flow *f = l->flows[i];

		if (f->state != FLOW_PENDING || f->queue != queue)
			continue;
		if (is_unproved(f)) {
			lease_flow_drop(l, f); /* its socket ended while it waited */
			continue;
		}
		f->lost |= f->lifted; /* it was there before, and its client counts on it */
		list.flows[list.n++] = f;
	}
	if (list.n > 0)
		r = lease_flows_install(l, &list, on_pending_installed, NULL);
	flow_list_done(&list);
	return r;
}

/* ---------------------------------------------------------------------- removing */

static void remove_run(struct nic *nic, void *data)
{
	struct rule_job *j = data;

	for (size_t i = 0; i < j->list.n; i++) {
		struct fault fault = {};
		int r;

		nic_progress(nic);
		r = nic->ops->rule_delete(nic, j->rules[i].location, &j->rules[i].flow,
					  &j->rules[i].target, &fault);
		j->gone |= r == ZCRX_NO_SUCH_INTERFACE;
		if (r != 0 && r != ZCRX_NO_SUCH_INTERFACE && j->r == 0) {
			j->r = r;
			j->fault = fault;
		} else
			fault_done(&fault);
	}
}

static void remove_done(void *data)
{
	struct rule_job *j = data;
	struct lease *l = j->lease;
	struct device *d = l->device;

	if (j->gone)
		orphan_record(l);
	for (size_t i = 0; i < j->list.n; i++) {
		struct lease_flow *f = j->list.flows[i];

		if (j->r != 0) { /* it may still be there: kept, so that draining tries again */
			f->state = FLOW_INSTALLED;
			f->lifted = false;
		} else if (f->lifted && !is_unproved(f))
			f->state = FLOW_PENDING;
		else {
			/* It was gone when it was looked for last, and may come back. */
			if (!f->taken.has_own)
				stray_note(d, &f->flow, &f->target);
			flow_guard_linger(d, &f->flow, true);
			lease_flow_free(l, f);
		}
	}
	(void)lease_save(l);
	lease_update_steered(l);
	left_out_retry_now(l);
	rule_job_report(j, NULL);
}

int lease_flows_remove(struct lease *l, const struct flow_list *list, flows_done done,
		       void *userdata)
{
	_cleanup_(rule_job_freep) struct rule_job *j = NULL;
	int r;

	r = rule_job_new(l, list, done, userdata, &j);
	if (r == 0)
		r = device_submit_reclaim(l->device, remove_run, remove_done, j);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list->n; i++)
		list->flows[i]->state = FLOW_REMOVING;
	(void)lease_save(l);
	lease_op_begin(l);
	TAKE_PTR(j);
	return 0;
}
