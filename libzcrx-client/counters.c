/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What keeps a pool from receiving by zero copy, counted by kind, and the kernel's own events, which are one of the
 * sources. Any thread may ask for a counter; events come to the thread that has the ring.
 *
 * The kernel sends each event once, until it is armed again. That is done when some spans have come meanwhile: so
 * a shortage that lasts is counted once, and one that comes and goes costs a call for each ARM_AFTER spans.
 */
#include <errno.h>
#include <string.h>

#include "pool.h"

#define ARM_AFTER 64U

int zcrx_pool_set_events(struct zcrx_pool *pool, uint64_t user_data)
{
	if (!pool)
		return -EINVAL;
	if (pool->registered || pool_is_registering(pool))
		return client_cannot(pool->lease->client, -EBUSY, "ask for events");
	pool->events = true;
	pool->event_user_data = user_data;
	return 0;
}

static void note(struct zcrx_pool *p, unsigned int event)
{
	__atomic_store_n(&p->since_fired, 0, __ATOMIC_RELAXED);
	__atomic_or_fetch(&p->fired, 1U << event, __ATOMIC_RELAXED);
}

int zcrx_pool_event(struct zcrx_pool *pool, const void *cqe)
{
	const struct zc_cqe *c = cqe;

	if (!pool || !cqe)
		return -EINVAL;
	if (!pool->registered)
		return -EBADFD;
	switch (c->result) {
	case ZC_EVENT_ALLOC_FAIL:
		__atomic_add_fetch(&pool->starved_nic, 1, __ATOMIC_RELAXED);
		note(pool, ZC_EVENT_ALLOC_FAIL);
		return ZCRX_COUNTER_STARVED_NIC;
	case ZC_EVENT_COPY:
		note(pool, ZC_EVENT_COPY);
		return ZCRX_COUNTER_COPIED;
	default:
		return 0;
	}
}

static int arm(const struct zcrx_pool *p, uint32_t event)
{
	struct zc_ctrl ctrl = { .zcrx_id = p->registration.zcrx_id, .op = ZC_CTRL_ARM_EVENT };

	memcpy(ctrl.arg, &event, sizeof(event));
	return ring_register(p->ring_fd, ZC_REGISTER_CTRL, &ctrl, 0);
}

/* Only the ring's own thread can: of further rings, others receive. What fails is tried again later. */
void pool_arm_events(struct zcrx_pool *p)
{
	unsigned int fired;

	if (__atomic_add_fetch(&p->since_fired, 1, __ATOMIC_RELAXED) < ARM_AFTER)
		return;
	__atomic_store_n(&p->since_fired, 0, __ATOMIC_RELAXED);
	fired = __atomic_exchange_n(&p->fired, 0, __ATOMIC_RELAXED);
	for (unsigned int event = ZC_EVENT_ALLOC_FAIL; event <= ZC_EVENT_COPY; event++)
		if (fired & 1U << event && arm(p, event) == -EEXIST)
			__atomic_or_fetch(&p->fired, 1U << event, __ATOMIC_RELAXED);
}

static int counter_of(struct zcrx_pool *p, enum zcrx_counter counter, const uint64_t **ret)
{
	switch (counter) {
	case ZCRX_COUNTER_STARVED_NIC:
		*ret = &p->starved_nic;
		return p->events && p->stats ? 0 : -EOPNOTSUPP;
	case ZCRX_COUNTER_STARVED_COPY:
		*ret = &p->starved_copy;
		return 0;
	case ZCRX_COUNTER_COMPLETIONS_FULL:
		*ret = &p->completions_full;
		return 0;
	case ZCRX_COUNTER_REFILL_FULL:
		*ret = &p->refill.full;
		return 0;
	case ZCRX_COUNTER_STAGED:
		*ret = &p->staged;
		return 0;
	case ZCRX_COUNTER_COPIED:
		if (!p->stats)
			return -EOPNOTSUPP;
		*ret = &p->stats->copy_bytes;
		return 0;
	}
	return -EINVAL;
}

int zcrx_pool_get_counter(struct zcrx_pool *pool, enum zcrx_counter counter, uint64_t *ret)
{
	const uint64_t *found;
	int r;

	if (!pool || !ret)
		return -EINVAL;
	if (!pool->registered)
		return -EBADFD;
	r = counter_of(pool, counter, &found);
	if (r == 0)
		*ret = __atomic_load_n(found, __ATOMIC_RELAXED);
	return r;
}
