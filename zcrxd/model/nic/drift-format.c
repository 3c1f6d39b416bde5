/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Drift in words, with those who suffer from it.
 */
#include "drift-internal.h"

int drift_format_queues(const uint32_t *queues, size_t n, char **ret)
{
	size_t size, listed = n > DRIFT_LISTED_MAX ? DRIFT_LISTED_MAX : n;
	FILE *f = open_memstream(ret, &size);

	if (!f)
		return -ENOMEM;
	fputs(n == 1 ? "queue " : "queues ", f);
	for (size_t i = 0; i < listed; i++)
		fprintf(f, "%s%u", i == 0 ? "" : i + 1 == n ? " and " : ", ", queues[i]);
	if (listed < n)
		fprintf(f, " and %zu more", n - listed);
	return fclose(f) == 0 ? 0 : -ENOMEM;
}

bool drift_affects(const struct drift *d, size_t queue)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].affected[queue])
			return true;
	return false;
}

static void format_affected(const struct drift *d, const struct drift_expected *e, FILE *f)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n_queues; i++) {
		const struct drift_queue *q = &e->queues[i];

		if (!drift_affects(d, i))
			continue;
		if (n++ < DRIFT_LISTED_MAX)
			fprintf(f, "%s lease %08x of uid %u (queue %u)",
				n == 1 ? "; affected:" : ",", q->lease, (unsigned)q->uid, q->queue);
	}
	if (n > DRIFT_LISTED_MAX)
		fprintf(f, " and %zu more", n - DRIFT_LISTED_MAX);
}

int drift_format(const struct drift *d, const struct drift_expected *e, char **ret)
{
	size_t listed = d->n > DRIFT_LISTED_MAX ? DRIFT_LISTED_MAX : d->n;
	struct memstream m;
	int r;

	*ret = NULL;
	if (d->n == 0)
		return 0;
	r = memstream_begin(&m);
	if (r < 0)
		return r;
	for (size_t i = 0; i < listed; i++)
		fprintf(m.f, "%s%s", i > 0 ? "; " : "", d->list[i].text);
	if (listed < d->n)
		fprintf(m.f, "; and %zu more", d->n - listed);
	format_affected(d, e, m.f);
	return memstream_end(&m, 0, ret);
}
