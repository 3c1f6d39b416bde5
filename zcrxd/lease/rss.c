/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the flows of a lease of several queues reach all of them: by an RSS context over exactly these,
 * made as soon as the last of them has its ifq, so that it never leads to one that has none. Where
 * none can be had, each flow goes to one queue.
 */
#include <errno.h>

#include "leases.h"
#include "log.h"
#include "orphans.h"
#include "rss.h"

struct rss_job {
	struct lease *lease;
	uint32_t queues[LEASE_QUEUES_MAX];
	size_t n_queues;
	uint32_t former; /* that the driver has lost; 0: there was none */
	bool former_stays;
	uint32_t context;
	int r;
	struct fault fault;
	rss_done done;
	void *userdata;
};

bool lease_is_all_bound(const struct lease *l)
{
	for (unsigned i = 0; i < l->n_queues; i++)
		if (!l->per_queue[i].bound)
			return false;
	return true;
}

bool lease_needs_rss(const struct lease *l)
{
	return l->n_queues > 1 && l->rss == LEASE_RSS_NONE && l->granted &&
	       (l->self_registered || lease_is_all_bound(l));
}

bool lease_has_rss(const struct lease *l)
{
	return l->n_queues == 1 || l->rss == LEASE_RSS_CONTEXT || l->rss == LEASE_RSS_PER_FLOW;
}

/* The queue that the fewest flows lead to. */
static uint32_t deal(const struct lease *l)
{
	size_t counts[LEASE_QUEUES_MAX] = {};
	unsigned best = 0;

	for (size_t i = 0; i < l->n_flows; i++)
		for (unsigned q = 0; l->flows[i]->state != FLOW_PENDING && q < l->n_queues; q++)
			counts[q] += l->flows[i]->target.number == l->queues[q];
	for (unsigned q = 1; q < l->n_queues; q++)
		if (counts[q] < counts[best])
			best = q;
	return l->queues[best];
}

void lease_flow_set_target(const struct lease *l, struct lease_flow *f)
{
	if (f->queue != ALL_QUEUES)
		f->target = (struct rule_target){ RULE_TO_QUEUE, l->queues[f->queue] };
	else if (l->rss == LEASE_RSS_CONTEXT)
		f->target = (struct rule_target){ RULE_TO_CONTEXT, l->context };
	/* A flow that has a queue stays where its connections are. */
	else if (f->state == FLOW_PENDING || f->target.action == RULE_TO_CONTEXT)
		f->target = (struct rule_target){ RULE_TO_QUEUE, deal(l) };
}

void lease_check_context(struct lease *l, const struct flow_list *list, int r, const struct fault *fault)
{
	bool asked = false;

	for (size_t i = 0; i < list->n; i++)
		asked |= list->flows[i]->target.action == RULE_TO_CONTEXT;
	if (!asked || l->rss != LEASE_RSS_CONTEXT || l->context_lost || r != ZCRX_KERNEL_REJECTED ||
	    fault->error != ENOENT)
		return;
	l->context_lost = true;
	l->leases->hooks->look(l->device); /* which has another one made */
}

/* -------------------------------------------------------------------------- making it */

static void make_run(struct nic *nic, void *data)
{
	_cleanup_fault_ struct fault ignored = {};
	struct rss_job *j = data;

	/* If it cannot be deleted, a new one is made all the same. */
	if (j->former != 0)
		j->former_stays = nic_context_is_lost(
			nic->ops->context_delete(nic, j->former, j->queues, j->n_queues, &ignored), &ignored);
	j->r = nic->ops->context_create(nic, j->queues, j->n_queues, &j->context, &j->fault);
}

static void finish(struct rss_job *j, int r)
{
	struct lease *l = j->lease;

	l->rss = r == 0 ? LEASE_RSS_CONTEXT : LEASE_RSS_PER_FLOW;
	l->context = r == 0 ? j->context : 0;
	if (r != 0)
		log_message(LOG_NOTICE, &(struct log_fields){ .lease = l->id },
			    "Lease %08x has no RSS context, so each of its flows goes to one of its "
			    "queues: %s", l->id, fault_text(r, &j->fault));
	(void)lease_save(l);
	j->done(l, j->userdata);
	fault_done(&j->fault);
	free(j);
	lease_op_end(l);
}

static void make_done(void *data)
{
	struct rss_job *j = data;

	if (j->former_stays)
		orphan_context(j->lease, j->former);
	finish(j, j->r);
}

int lease_setup_rss(struct lease *l, rss_done done, void *userdata)
{
	struct rss_job *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	*j = (struct rss_job) {
		.lease = l, .n_queues = l->n_queues, .done = done, .userdata = userdata,
		.former = l->context_lost ? l->context : 0,
	};
	l->context = 0;
	l->context_lost = false;
	memcpy(j->queues, l->queues, sizeof(j->queues));
	lease_op_begin(l);
	l->rss = LEASE_RSS_CREATING;
	r = lease_save(l);
	if (r == 0)
		r = device_submit(l->device, make_run, make_done, j);
	if (r < 0)
		finish(j, r);
	return 0;
}
