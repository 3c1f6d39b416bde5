/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where RSS is to lead: a function of the carve-out and of which queues are held, for whoever plans, applies, or looks
 * for drift. Queues that are kept free are the lowest ones, which the next lease gets.
 */
#include <errno.h>

#include "plan.h"

static bool is_held(const struct busy_queues *held, unsigned queue)
{
	for (size_t i = 0; held && i < held->n; i++)
		if (held->queues[i] == queue)
			return true;
	return false;
}

/* The queues of RSS, rising; `ret` has room for all. No table can lead to more than it has entries. */
static unsigned list_queues(const struct carve_out *c, const struct busy_queues *held, size_t n_entries, uint32_t *ret)
{
	unsigned n = 0, kept = 0;

	for (unsigned q = 0; q < c->ordinary; q++)
		ret[n++] = q;
	for (unsigned i = 0; c->idle_queues == IDLE_SERVE && i < c->zero_copy_count && n < n_entries; i++) {
		const unsigned q = c->zero_copy_first + i;

		if (is_held(held, q))
			continue;
		if (kept < c->keep_free)
			kept++;
		else
			ret[n++] = q;
	}
	return n;
}

/* How often the table leads to each of the queues up to `n`; false if to another one, too. */
static bool count(const struct rss_table *t, size_t *counts, unsigned n)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->entries[i] >= n)
			return false;
		counts[t->entries[i]]++;
	}
	return true;
}

static bool is_share(size_t count, size_t n, size_t queues)
{
	return count == n / queues || count == (n + queues - 1) / queues;
}

/* It leads to these, to each as often as to any other, in whatever order, and to no other. */
static bool is_equal_over(const struct rss_table *t, const uint32_t *queues, unsigned n, size_t *counts, unsigned span)
{
	size_t sum = 0;

	if (!count(t, counts, span))
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!is_share(counts[queues[i]], t->n, n))
			return false;
		sum += counts[queues[i]];
	}
	return sum == t->n;
}

#define NOT_HERE SIZE_MAX

/* As when all queues serve, so that most flows stay where they are when a lease comes or goes; entries of a queue that
 * does not serve go to those that have the fewest. The same for the same leases, whatever was before. `counts`: 0 of each
 * of the queues, NOT_HERE of all others. */
static void spread(const uint32_t *queues, unsigned n_queues, unsigned all, uint32_t *table, size_t n, size_t *counts)
{
	for (size_t i = 0; i < n; i++) {
		const uint32_t q = (uint32_t)(i % all);

		table[i] = counts[q] != NOT_HERE ? q : UINT32_MAX;
		if (counts[q] != NOT_HERE)
			counts[q]++;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t fewest = queues[0];

		if (table[i] != UINT32_MAX)
			continue;
		for (unsigned k = 1; k < n_queues; k++)
			if (counts[queues[k]] < counts[fewest])
				fewest = queues[k];
		table[i] = fewest;
		counts[fewest]++;
	}
}

int rss_wanted(const struct carve_out *c, const struct busy_queues *held, const struct rss_table *now, size_t n,
	       uint32_t **ret, bool *ret_is)
{
	const unsigned all = c->ordinary + c->zero_copy_count, span = c->zero_copy_first + all + 1;
	_cleanup_free_ uint32_t *queues = calloc(span, sizeof(*queues)), *table = calloc(n + 1, sizeof(*table));
	_cleanup_free_ size_t *counts = calloc(span, sizeof(*counts));
	unsigned n_queues;

	if (!queues || !table || !counts)
		return -ENOMEM;
	n_queues = list_queues(c, held, n, queues);
	*ret_is = is_equal_over(now, queues, n_queues, counts, span);
	for (unsigned q = 0; q < span; q++)
		counts[q] = NOT_HERE;
	for (unsigned i = 0; i < n_queues; i++)
		counts[queues[i]] = 0;
	spread(queues, n_queues, c->idle_queues == IDLE_SERVE ? all : c->ordinary, table, n, counts);
	*ret = TAKE_PTR(table);
	return 0;
}

int rss_step(const struct carve_out *c, const struct busy_queues *held, const struct nic_state *s, struct step *ret)
{
	bool is;
	int r;

	*ret = (struct step){ .op = STEP_RSS, .follows_leases = rss_is_serving(c, &s->rss),
			      .from = { .rss = s->rss.entries, .n_rss = s->rss.n, .number = nic_state_rx_queues(s) },
			      .to = { .n_rss = s->rss.n, .number = nic_state_rx_queues(s) } };
	r = rss_wanted(c, held, &s->rss, s->rss.n, &ret->to.rss, &is);
	if (r == 0 && is) {
		free(ret->to.rss);
		ret->to.rss = NULL;
	}
	return r;
}

bool rss_is_serving(const struct carve_out *c, const struct rss_table *t)
{
	const unsigned end = c->zero_copy_first + c->zero_copy_count;
	_cleanup_free_ size_t *counts = NULL;
	size_t least = SIZE_MAX, most = 0;

	if (c->idle_queues != IDLE_SERVE || t->n == 0)
		return false;
	counts = calloc(end + 1, sizeof(*counts));
	if (!counts || !count(t, counts, end))
		return false;
	for (unsigned q = 0; q < end; q++) {
		if (q >= c->ordinary && counts[q] == 0)
			continue;
		least = counts[q] < least ? counts[q] : least;
		most = counts[q] > most ? counts[q] : most;
	}
	return least > 0 && most - least <= 1;
}
