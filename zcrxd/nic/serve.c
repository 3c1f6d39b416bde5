/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See serve.h. No kernel tells when a NIC has put the last packet of the old table into a ring, nor when that was
 * polled; counters that stand still do. Where there are none, the time that this takes at most has to do.
 */
#include <errno.h>
#include <time.h>

#include "memstream.h"
#include "serve.h"

#define LOOK_USEC  1000
#define STILL	   2   /* looks in a row that find nothing new */
#define LOOKS_MAX  100 /* then something else leads there */
#define BLIND_USEC 20000

static void wait_usec(unsigned usec)
{
	struct timespec t = { .tv_nsec = usec * 1000L };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* Those that the table has led to, and does not any more. */
static size_t list_left(const struct rss_table *before, const struct rss_table *now, uint32_t *ret)
{
	const unsigned span = rss_table_span(before);
	size_t n = 0;

	for (unsigned q = 0; q < span; q++)
		if (rss_table_leads_to(before, q) && !rss_table_leads_to(now, q))
			ret[n++] = q;
	return n;
}

/* False where not all of them are counted. */
static bool sum_packets(struct nic *nic, const uint32_t *queues, size_t n, struct nic_queue *room, uint64_t *ret)
{
	_cleanup_fault_ struct fault ignored = {};

	memset(room, 0, n * sizeof(*room));
	if (nic->ops->counters(nic, queues, n, room, &ignored) != 0)
		return false;
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		if (!room[i].has_counters)
			return false;
		*ret += room[i].packets;
	}
	return true;
}

static int wait_until_quiet(struct nic *nic, const struct nic_state *s, const uint32_t *queues, size_t n,
			    struct fault *reterr)
{
	_cleanup_free_ struct nic_queue *room = calloc(n + 1, sizeof(*room));
	uint64_t before = 0, now = 0;
	unsigned still = 0;

	if (!room)
		return -ENOMEM;
	if (n == 0 || !s->up)
		return 0;
	if (!sum_packets(nic, queues, n, room, &before)) {
		wait_usec(BLIND_USEC);
		return 0;
	}
	for (unsigned i = 0; i < LOOKS_MAX && still < STILL; i++) {
		wait_usec(LOOK_USEC);
		if (!sum_packets(nic, queues, n, room, &now))
			return 0; /* it went down: nothing arrives */
		still = now == before ? still + 1 : 0;
		before = now;
	}
	if (still >= STILL)
		return 0;
	return fault_set(reterr, ZCRX_FLOW_CONFLICT, s->name,
			 "Packets go on arriving at queue %u of %s%s, though its RSS table does not lead there any more. "
			 "Look for who steers them: ethtool --show-ntuple %s", queues[0], s->name,
			 n > 1 ? ", or others" : "", s->name);
}

static int format(const struct step *step, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);

	return memstream_end(&m, r == 0 ? step_print(m.f, step, ": ") : r, ret);
}

int nic_serve(struct nic *nic, const struct nic_state *state, const struct carve_out *c, const struct busy_queues *held,
	      char **ret_change, struct fault *reterr)
{
	_cleanup_free_ uint32_t *table = NULL, *left = calloc(rss_table_span(&state->rss) + 1, sizeof(*left));
	struct rss_table now = { .n = state->rss.n };
	struct step step, inverse;
	int r = left ? rss_step(c, held, state, &step) : -ENOMEM;

	*ret_change = NULL;
	if (r < 0 || !step.to.rss)
		return r;
	now.entries = table = step.to.rss;
	nic_progress(nic);
	r = nic->ops->apply(nic, &step, 1, reterr);
	if (r == 0)
		r = format(&step, ret_change);
	if (r != 0)
		return r;
	r = wait_until_quiet(nic, state, left, list_left(&state->rss, &now, left), reterr);
	if (r == 0)
		return 0;
	/* Whoever comes next would take them for quiet. */
	inverse = step_inverse(&step);
	(void)nic->ops->apply(nic, &inverse, 1, NULL);
	free(TAKE_PTR(*ret_change));
	return r;
}
