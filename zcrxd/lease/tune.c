/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tune: how the NAPIs of a lease's queues are polled and where their interrupts go, for as long as the
 * lease lives. What was found is on record before the first change, so that it is put back however the
 * lease and the daemon end: by draining (lease/drain.c), and never before it.
 *
 * Two jobs on the worker with the record between them: read, then write. Draining waits for both.
 */
#include <errno.h>

#include "leases.h"
#include "tune.h"

struct tune {
	struct lease *lease;
	unsigned first, n; /* of the lease's queues */
	struct tuning tuning;
	uint32_t queues[LEASE_QUEUES_MAX]; /* hardware queues */
	struct tuning found[LEASE_QUEUES_MAX];
	struct irq_affinity set[LEASE_QUEUES_MAX]; /* as it was read back */
	int r;
	struct fault fault;
	tune_done done;
	void *userdata;
};

static void tune_report(struct tune *t, int r)
{
	t->done(t->lease, r, &t->fault, t->userdata);
	fault_done(&t->fault);
	lease_op_end(t->lease);
	free(t);
}

static void read_run(struct nic *nic, void *data)
{
	struct tune *t = data;

	for (unsigned i = 0; t->r == 0 && i < t->n; i++) {
		if (t->tuning.which)
			t->r = nic->ops->napi_get(nic, t->queues[i], &t->found[i].napi, &t->fault);
		if (t->r == 0 && *t->tuning.irq.cpus)
			t->r = nic->ops->irq_get(nic, t->queues[i], &t->found[i].irq, &t->fault);
	}
}

static int set(struct nic *nic, uint32_t queue, const struct tuning *to, struct fault *reterr)
{
	int r = 0;

	if (to->which)
		r = nic->ops->napi_set(nic, queue, &to->napi, to->which, reterr);
	if (r == 0 && *to->irq.cpus)
		r = nic->ops->irq_set(nic, queue, &to->irq, reterr);
	return r;
}

static void write_run(struct nic *nic, void *data)
{
	struct tune *t = data;

	for (unsigned i = 0; t->r == 0 && i < t->n; i++) {
		t->tuning.irq.irq = t->found[i].irq.irq;
		t->r = set(nic, t->queues[i], &t->tuning, &t->fault);
		if (t->r == 0 && *t->tuning.irq.cpus)
			t->r = nic->ops->irq_get(nic, t->queues[i], &t->set[i], &t->fault);
	}
}

static void write_done(void *data)
{
	struct tune *t = data;

	for (unsigned i = 0; i < t->n; i++)
		if (t->set[i].irq)
			memcpy(t->lease->per_queue[t->first + i].saved_tuning.irq_set, t->set[i].cpus,
			       sizeof(t->set[i].cpus));
	if (*t->tuning.irq.cpus)
		(void)lease_save(t->lease);
	tune_report(t, t->r);
}

/* A setting that was changed for this lease before is not what was found. If the queue has another
 * interrupt by now, nothing of that was; unless it goes where the lease had sent the one before it (bnxt). */
static void note_found(struct tune *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		struct tuning *found = &t->lease->per_queue[t->first + i].saved_tuning;

		napi_settings_apply(&found->napi, &t->found[i].napi, t->tuning.which & ~found->which);
		found->which |= t->tuning.which;
		if (!t->found[i].irq.irq || t->found[i].irq.irq == found->irq.irq)
			continue;
		if (*found->irq_set && streq(found->irq_set, t->found[i].irq.cpus))
			found->irq.irq = t->found[i].irq.irq;
		else
			found->irq = t->found[i].irq;
	}
}

static void read_done(void *data)
{
	struct tune *t = data;
	int r = t->r;

	if (r == 0)
		r = lease_may(t->lease, LEASE_REGISTER, &t->fault);
	if (r == 0) {
		note_found(t);
		(void)lease_save(t->lease);
		r = lease_check_saved(t->lease, "set how the queue is polled", &t->fault);
	}
	if (r == 0)
		r = device_submit(t->lease->device, write_run, write_done, t);
	if (r != 0)
		tune_report(t, r);
}

int lease_tune(struct lease *l, unsigned queue, const struct tuning *tuning, tune_done done,
	       void *userdata, struct fault *reterr)
{
	struct tune *t;
	int r;

	r = lease_may(l, LEASE_REGISTER, reterr);
	if (r != 0)
		return r;
	if (queue != TUNE_EVERY_QUEUE && queue >= l->n_queues)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "queue",
				 "The lease has %u queue%s, counted from 0.", l->n_queues,
				 l->n_queues == 1 ? "" : "s");
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct tune){ .lease = l, .n = l->n_queues, .tuning = *tuning, .done = done,
			    .userdata = userdata };
	if (queue != TUNE_EVERY_QUEUE) {
		t->first = queue;
		t->n = 1;
	}
	memcpy(t->queues, l->queues + t->first, t->n * sizeof(*t->queues));
	r = device_submit(l->device, read_run, read_done, t);
	if (r < 0)
		free(t);
	else
		lease_op_begin(l);
	return r;
}

/* When a driver makes its queues anew they get other interrupts. bnxt of Linux 7.3 sends them where the ones
 * before were sent, so that what a lease has set would stay for ever; other drivers start afresh. */
static void follow_irq(struct nic *nic, uint32_t queue, struct tuning *to)
{
	_cleanup_fault_ struct fault fault = {};
	struct irq_affinity now = {};

	if (!to->irq.irq || !*to->irq_set || nic->ops->irq_get(nic, queue, &now, &fault) != 0)
		return;
	if (streq(now.cpus, to->irq_set))
		to->irq.irq = now.irq;
}

/* A NAPI or interrupt that is gone took its settings along. CPUs that are offline by now (EINVAL) get
 * no interrupt; the kernel has found others. */
int tune_restore(struct nic *nic, uint32_t queue, const struct tuning *found, struct fault *reterr)
{
	struct tuning parts[] = { { .which = found->which, .napi = found->napi },
				  { .irq = found->irq } };
	int r = 0;

	memcpy(parts[1].irq_set, found->irq_set, sizeof(found->irq_set));
	follow_irq(nic, queue, &parts[1]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
		r = set(nic, queue, &parts[i], reterr);
		if (r == ZCRX_NOT_SUPPORTED || (r == ZCRX_KERNEL_REJECTED && reterr->error == EINVAL)) {
			fault_done(reterr);
			r = 0;
		}
	}
	return r;
}
