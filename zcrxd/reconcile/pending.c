/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See pending.h. Leases are asked for by queue when something is said of them: they come and go
 * while a plan is made.
 */
#include <errno.h>
#include <inttypes.h>

#include "busy.h"
#include "leases.h"
#include "memstream.h"
#include "pending.h"

static const struct lease *lease_on(const struct device *d, uint32_t queue)
{
	struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		for (unsigned i = 0; l->device == d && i < l->n_queues; i++)
			if (l->queues[i] == queue)
				return l;
	return NULL;
}

int device_plan(const struct device *d, struct plan **ret, struct fault *reterr)
{
	_cleanup_(nic_state_freep) struct nic_state *state = NULL;
	_cleanup_free_ uint32_t *queues = NULL;
	struct busy_queues held = {};
	int r;

	if (!d->observed)
		return -ENODEV;
	r = nic_state_copy(d->observed, &state);
	if (r == 0)
		r = device_busy_queues(d, &queues, &held.n);
	if (r != 0)
		return r;
	held.queues = queues;
	nic_quirks_apply(&d->memory, state);
	return plan_build(&d->config, state, &held, ret, reterr);
}

int pending_leases(const struct device *d, const struct pending_step *w, uint32_t **ret,
		   size_t *ret_n)
{
	uint32_t *ids = calloc(w->n_queues + 1, sizeof(*ids));
	size_t n = 0;

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < w->n_queues; i++) {
		const struct lease *l = lease_on(d, w->queues[i]);
		bool known = !l;

		for (size_t k = 0; k < n && !known; k++)
			known = ids[k] == l->id;
		if (!known)
			ids[n++] = l->id;
	}
	*ret = ids;
	*ret_n = n;
	return 0;
}

static void put_queues_of(FILE *f, const struct lease *l, const struct device *d,
			  const struct pending_step *w)
{
	const char *separator = "";

	for (size_t i = 0; i < w->n_queues; i++)
		if (lease_on(d, w->queues[i]) == l) {
			fprintf(f, "%s%" PRIu32, separator, w->queues[i]);
			separator = ", ";
		}
}

static int put_waiting(FILE *f, const struct device *d, const struct pending_step *w)
{
	_cleanup_free_ uint32_t *ids = NULL;
	const char *separator = " for ";
	size_t n;
	int r;

	r = pending_leases(d, w, &ids, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "%slease %08" PRIx32 " (queue ", separator, ids[i]);
		put_queues_of(f, leases_find(d->devices->leases, ids[i]), d, w);
		fputc(')', f);
		separator = ", ";
	}
	for (size_t i = 0; i < w->n_queues; i++)
		if (!lease_on(d, w->queues[i])) {
			fprintf(f, "%squeue %" PRIu32 ", which is quarantined", separator,
				w->queues[i]);
			separator = ", ";
		}
	return 0;
}

int pending_format(const struct device *d, const struct pending_step *w, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);

	if (r == 0) {
		fputs("Waits", m.f);
		r = put_waiting(m.f, d, w);
	}
	return memstream_end(&m, r, ret);
}

int pending_describe(const struct device *d, const struct plan *plan, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);

	for (size_t i = 0; r == 0 && i < plan->n_waiting; i++) {
		const struct pending_step *w = &plan->waiting[i];

		fputs(i > 0 ? "; " : "", m.f);
		r = step_print(m.f, &w->step, " ");
		fputs(" waits", m.f);
		if (r == 0)
			r = put_waiting(m.f, d, w);
	}
	return memstream_end(&m, r, ret);
}
