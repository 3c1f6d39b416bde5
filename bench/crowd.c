/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many clients at once: each a thread with a connection of its own, that makes its two calls over
 * and over until the time is up.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "macro.h"

#define PAIRS_MAX 65536 /* of one client */

struct crowd {
	const struct crowd_member *member;
	const struct target *target;
	pthread_barrier_t start;
	atomic_bool over;
};

struct one {
	struct crowd *crowd;
	pthread_t thread;
	struct series series;
	int r;
};

static void *live(void *userdata)
{
	struct one *one = userdata;
	struct crowd *crowd = one->crowd;
	sd_varlink *link = NULL;
	uint64_t begin;

	one->r = crowd->member->connect(crowd->target, &link);
	pthread_barrier_wait(&crowd->start);
	while (one->r == 0 && !crowd->over && one->series.n < PAIRS_MAX) {
		begin = now_nsec();
		one->r = crowd->member->pair(link, crowd->target);
		one->series.values[one->series.n++] = now_nsec() - begin;
	}
	sd_varlink_close_unref(link);
	return NULL;
}

/* All of the clients' pairs as one series. */
static int gather(const struct one *ones, unsigned n, struct series *ret)
{
	size_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		if (ones[i].r < 0)
			return ones[i].r;
		sum += ones[i].series.n;
	}
	*ret = (struct series) { .values = calloc(sum, sizeof(*ret->values)) };
	if (!ret->values)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		memcpy(ret->values + ret->n, ones[i].series.values,
		       ones[i].series.n * sizeof(*ret->values));
		ret->n += ones[i].series.n;
	}
	return 0;
}

static int run(struct crowd *crowd, struct one *ones, unsigned n, unsigned seconds,
	       uint64_t *ret_took)
{
	uint64_t begin;
	int r;

	r = pthread_barrier_init(&crowd->start, NULL, n + 1);
	for (unsigned i = 0; i < n && r == 0; i++) {
		ones[i].crowd = crowd;
		ones[i].series.values = calloc(PAIRS_MAX, sizeof(*ones[i].series.values));
		r = !ones[i].series.values ? ENOMEM
					   : pthread_create(&ones[i].thread, NULL, live, &ones[i]);
	}
	if (r != 0)
		return failed(-r, "start clients");
	pthread_barrier_wait(&crowd->start);
	begin = now_nsec();
	sleep(seconds);
	crowd->over = true;
	for (unsigned i = 0; i < n; i++)
		pthread_join(ones[i].thread, NULL);
	*ret_took = now_nsec() - begin;
	pthread_barrier_destroy(&crowd->start);
	return 0;
}

static int measure(const struct crowd_member *member, const struct target *t, unsigned n,
		   unsigned seconds, sd_json_variant **ret)
{
	struct crowd crowd = { .member = member, .target = t };
	_cleanup_free_ struct one *ones = calloc(n, sizeof(*ones));
	struct series all = {};
	uint64_t took = 1;
	int r;

	r = ones ? run(&crowd, ones, n, seconds, &took) : -ENOMEM;
	if (r == 0)
		r = gather(ones, n, &all);
	if (r == 0)
		r = series_to_json(&all, "pair", ret);
	if (r >= 0)
		r = sd_json_variant_set_field_unsigned(ret, "perSecond", all.n * 1000000000 / took);
	for (unsigned i = 0; ones && i < n; i++)
		free(ones[i].series.values);
	free(all.values);
	return r;
}

int crowd_measure(const struct target *t, unsigned n, unsigned seconds, sd_json_variant **ret)
{
	const struct crowd_member *members[] = { &crowd_daemon, &crowd_empty };
	int r;

	r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("clients", n));
	if (r >= 0)
		r = contender_empty.open(t);
	for (size_t i = 0; i < ARRAY_SIZE(members) && r >= 0; i++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *one = NULL;

		r = measure(members[i], t, n, seconds, &one);
		if (r >= 0)
			r = sd_json_variant_set_field(ret, members[i]->name, one);
	}
	contender_empty.close();
	return r;
}
