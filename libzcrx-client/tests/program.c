/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program outside of the project: the names and types that are promised to it, in C99 and C++. */
#include <zcrx-client.h>

struct promise {
	int (*make)(struct zcrx_lease *lease, unsigned int index, struct zcrx_pool **ret);
	struct zcrx_pool *(*ref)(struct zcrx_pool *pool);
	struct zcrx_pool *(*unref)(struct zcrx_pool *pool);
	unsigned int (*get_ring_flags)(void);
	int (*enroll)(struct zcrx_pool *pool, int ring_fd);
	uint32_t (*get_id)(struct zcrx_pool *pool);
	int (*take)(struct zcrx_pool *pool, const void *cqe, struct zcrx_span *ret);
	int (*give)(struct zcrx_pool *pool, const void *data);
	int (*give_many)(struct zcrx_pool *pool, const void *const *data, size_t n);
	int (*hold)(struct zcrx_pool *pool, const void *data);
	enum zcrx_next (*next)(struct zcrx_pool *pool, int result);
	int (*flush)(struct zcrx_pool *pool);
};

static const struct promise pool = {
	zcrx_pool_new,	zcrx_pool_ref,	zcrx_pool_unref,       zcrx_pool_get_ring_flags,
	zcrx_pool_register, zcrx_pool_get_id, zcrx_pool_take,      zcrx_pool_return,
	zcrx_pool_return_many, zcrx_pool_hold, zcrx_pool_next, zcrx_pool_flush,
};

int main(void)
{
	struct zcrx_span span = { NULL, 0, 0 };
	struct zcrx_client *client = NULL;
	struct zcrx_lease *lease = NULL;
	struct zcrx_pool *none = NULL;
	int failed = 0;

	/* R_DISABLED, CQE32, SINGLE_ISSUER, DEFER_TASKRUN */
	failed |= pool.get_ring_flags() != (1u << 6 | 1u << 11 | 1u << 12 | 1u << 13);
	failed |= zcrx_client_new(&client) != 0 || zcrx_lease_new(client, &lease) != 0;
	failed |= pool.make(lease, 0, &none) >= 0 || none != NULL; /* not acquired */
	failed |= pool.enroll(none, 0) >= 0 || pool.get_id(none) != 0;
	failed |= pool.take(none, NULL, &span) >= 0 || span.data != NULL || span.length + span.offset != 0;
	failed |= pool.give(none, NULL) >= 0 || pool.give_many(none, NULL, 0) >= 0 || pool.hold(none, NULL) >= 0;
	failed |= pool.next(none, 0) != ZCRX_NEXT_END || pool.next(none, -28) != ZCRX_NEXT_ARM;
	failed |= pool.flush(none) >= 0 || pool.ref(none) != NULL || pool.unref(none) != NULL;
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return failed;
}
