/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many clients at once: each a thread with a connection of its own, that makes its two calls over
 * and over until the second is up. zcrxd and the empty calls take turns, a second each, so that
 * whatever else the machine does hits both alike.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "macro.h"

#define PAIRS_MAX 65536 /* of one client */

struct one;

struct crowd {
	const struct crowd_member *member;
	const struct target *target;
	struct one *ones;
	unsigned n;
	uint64_t took; /* nanoseconds of all its turns */
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

static int crowd_init(struct crowd *crowd, unsigned n)
{
	crowd->ones = calloc(n, sizeof(*crowd->ones));
	for (crowd->n = 0; crowd->ones && crowd->n < n; crowd->n++) {
		struct one *one = &crowd->ones[crowd->n];

		one->crowd = crowd;
		one->series.values = calloc(PAIRS_MAX, sizeof(*one->series.values));
		if (!one->series.values)
			return -ENOMEM;
	}
	return crowd->ones ? 0 : -ENOMEM;
}

static void crowd_done(struct crowd *crowd)
{
	for (unsigned i = 0; i < crowd->n; i++)
		free(crowd->ones[i].series.values);
	free(crowd->ones);
}

static int take_turn(struct crowd *crowd)
{
	uint64_t begin;
	int r;

	crowd->over = false;
	r = pthread_barrier_init(&crowd->start, NULL, crowd->n + 1);
	for (unsigned i = 0; i < crowd->n && r == 0; i++)
		r = pthread_create(&crowd->ones[i].thread, NULL, live, &crowd->ones[i]);
	if (r != 0)
		return failed(-r, "start clients");
	pthread_barrier_wait(&crowd->start);
	begin = now_nsec();
	sleep(1);
	crowd->over = true;
	for (unsigned i = 0; i < crowd->n; i++) {
		pthread_join(crowd->ones[i].thread, NULL);
		if (r == 0)
			r = crowd->ones[i].r;
	}
	crowd->took += now_nsec() - begin;
	pthread_barrier_destroy(&crowd->start);
	return r;
}

/* All of the clients' pairs as one series. */
static int report(const struct crowd *crowd, sd_json_variant **ret)
{
	struct series all = {};
	size_t sum = 0;
	int r;

	for (unsigned i = 0; i < crowd->n; i++)
		sum += crowd->ones[i].series.n;
	all.values = calloc(sum + 1, sizeof(*all.values));
	if (!all.values)
		return -ENOMEM;
	for (unsigned i = 0; i < crowd->n; i++) {
		const struct series *s = &crowd->ones[i].series;

		memcpy(all.values + all.n, s->values, s->n * sizeof(*s->values));
		all.n += s->n;
	}
	r = sum > 0 ? series_to_json(&all, "pair", ret) : failed(-ENODATA, "make a pair of calls");
	if (r >= 0)
		r = sd_json_variant_set_field_unsigned(ret, "perSecond",
						       all.n * 1000000000 / crowd->took);
	free(all.values);
	return r;
}

int crowd_measure(const struct target *t, unsigned n, unsigned seconds, sd_json_variant **ret)
{
	struct crowd crowds[] = { { .member = &crowd_daemon, .target = t },
				  { .member = &crowd_empty, .target = t } };
	int r;

	r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("clients", n));
	if (r >= 0)
		r = contender_empty.open(t);
	for (size_t i = 0; i < ARRAY_SIZE(crowds) && r >= 0; i++)
		r = crowd_init(&crowds[i], n);
	for (unsigned second = 0; second < seconds && r >= 0; second++)
		for (size_t i = 0; i < ARRAY_SIZE(crowds) && r >= 0; i++)
			r = take_turn(&crowds[i]);
	for (size_t i = 0; i < ARRAY_SIZE(crowds); i++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *one = NULL;

		if (r >= 0)
			r = report(&crowds[i], &one);
		if (r >= 0)
			r = sd_json_variant_set_field(ret, crowds[i].member->name, one);
		crowd_done(&crowds[i]);
	}
	contender_empty.close();
	return r;
}
