/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See lingering.h. That a ring has gone is no event: it is asked when it makes a difference, which is
 * when its user's areas are counted, or more of them come.
 */
#include "lingering.h"
#include "log.h"

static void drop(struct leases *leases, struct lingering *g)
{
	TAILQ_REMOVE(&leases->lingering, g, entry);
	leases->state.lingering = true;
	free(g);
}

void lingering_free(struct leases *leases)
{
	while (!TAILQ_EMPTY(&leases->lingering))
		drop(leases, TAILQ_FIRST(&leases->lingering));
}

/* Those of the user, at most one more than he may have. */
static size_t list_of(struct leases *leases, uid_t uid, struct lingering *ret[LINGERING_MAX + 1])
{
	struct lingering *g;
	size_t n = 0;

	TAILQ_FOREACH(g, &leases->lingering, entry)
		if (g->uid == uid && n <= LINGERING_MAX)
			ret[n++] = g;
	return n;
}

/* What could not be asked counts. The record is not written for it: the next daemon asks, too. */
static size_t review(struct leases *leases, uid_t uid, uint64_t *ret_area)
{
	struct lingering *list[LINGERING_MAX + 1];
	uint64_t keys[LINGERING_MAX + 1];
	unsigned found[LINGERING_MAX + 1];
	size_t n = list_of(leases, uid, list), left = 0;
	int r;

	*ret_area = 0;
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		keys[i] = list[i]->ring_key;
	r = leases->backend->ops->count_rings(leases->backend, keys, n, found);
	if (r < 0)
		log_errno(r, "Cannot find the rings of leases that have ended");
	for (size_t i = 0; i < n; i++) {
		if (r == 0 && found[i] == 0) {
			drop(leases, list[i]);
			continue;
		}
		*ret_area += list[i]->area;
		left++;
	}
	return left;
}

uint64_t lingering_area(struct leases *leases, uid_t uid)
{
	uint64_t area;

	(void)review(leases, uid, &area);
	return area;
}

int lingering_check(struct leases *leases, uid_t uid, struct fault *reterr)
{
	uint64_t area;
	size_t n = review(leases, uid, &area);

	if (n < LINGERING_MAX)
		return 0;
	return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "rings",
			 "Processes of this user keep %zu rings of leases that have ended, and with them "
			 "their areas, %ju bytes. Close these rings, or end the processes.",
			 n, (uintmax_t)area);
}

void lingering_add(struct leases *leases, uid_t uid, uint64_t area, uint64_t ring_key)
{
	struct lingering *g;

	if (area == 0)
		return;
	g = malloc(sizeof(*g));
	if (!g) {
		log_errno(-ENOMEM, "Cannot save an area of uid %u, whose lease has ended", (unsigned)uid);
		return;
	}
	*g = (struct lingering){ .uid = uid, .area = area, .ring_key = ring_key };
	TAILQ_INSERT_TAIL(&leases->lingering, g, entry);
	leases->state.lingering = true;
	(void)review(leases, uid, &area);
}

void lingering_note(const struct lease *l)
{
	for (unsigned i = 0; i < l->n_queues && l->grant.kind != GRANT_SOFTWARE; i++)
		if (l->per_queue[i].bound)
			lingering_add(l->leases, l->owner_uid, l->per_queue[i].area,
				      nic_ring_key(l->id, i));
}
