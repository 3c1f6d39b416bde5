/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See loop.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "clock.h"
#include "log.h"
#include "loop.h"

/* ------------------------------------------------------------------------ measuring */

#define SAY_USEC (30 * 1000000ULL)

struct turn_start {
	uint64_t usec;
	struct rusage usage;
};

static void turn_begin(struct turn_start *ret)
{
	(void)getrusage(RUSAGE_THREAD, &ret->usage);
	ret->usec = now_usec(CLOCK_MONOTONIC);
}

static uint64_t cpu_usec(const struct rusage *u)
{
	return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

/* What the machine gives to others meanwhile is no work of ours and no wait of ours; a turn that slept is
 * measured by the clock. */
static uint64_t turn_took(const struct turn_start *t, uint64_t now)
{
	struct rusage u = {};

	if (getrusage(RUSAGE_THREAD, &u) < 0 || u.ru_nvcsw != t->usage.ru_nvcsw)
		return now - t->usec;
	return cpu_usec(&u) - cpu_usec(&t->usage);
}

/* Once in a while; what is longer still is told then. */
static void say_longest(struct loop *l, uint64_t now)
{
	const struct turn_times *t = &l->times;

	if (t->longest_usec <= TURN_BUDGET_USEC || t->longest_usec <= l->said_usec ||
	    (l->said_at > 0 && now - l->said_at < SAY_USEC))
		return;
	l->said_usec = t->longest_usec;
	l->said_at = now;
	log_warning("The event loop was busy with one thing for %" PRIu64 " ms (%s), the longest since "
		    "zcrxd started; everything else waited for it. More than %d ms is a mistake in zcrxd, "
		    "unless the machine itself stood still.", t->longest_usec / 1000,
		    l->longest_doing ?: "it is not known what", TURN_BUDGET_USEC / 1000);
}

static void turn_end(struct loop *l, const struct turn_start *t)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC), took = turn_took(t, now);

	if (took > l->times.longest_usec)
		l->longest_doing = l->doing;
	turn_times_add(&l->times, took, now_usec(CLOCK_REALTIME));
	say_longest(l, now);
}

/* ---------------------------------------------------------------------------- running */

static int loop_turn(struct loop *l)
{
	struct turn_start start;
	int r;

	r = sd_event_prepare(l->event);
	if (r == 0)
		r = sd_event_wait(l->event, UINT64_MAX);
	if (r <= 0)
		return r;
	l->doing = NULL;
	turn_begin(&start);
	r = sd_event_dispatch(l->event);
	turn_end(l, &start);
	return r;
}

int loop_run(struct loop *l)
{
	int r = 0, code;

	while (r >= 0 && sd_event_get_state(l->event) != SD_EVENT_FINISHED)
		r = loop_turn(l);
	if (r < 0)
		return r;
	r = sd_event_get_exit_code(l->event, &code);
	return r < 0 ? r : code;
}

void loop_set_protection(sd_event_source *s)
{
	int r = sd_event_source_set_priority(s, LOOP_PRIORITY_PROTECTION);

	if (r < 0 && r != -ESTALE) /* the daemon ends */
		log_errno(r, "Cannot serve an event source first");
}

int loop_arm(struct loop *l, sd_event_source **timer, uint64_t usec, sd_event_time_handler_t handler,
	     void *userdata)
{
	int r;

	if (!*timer)
		r = sd_event_add_time_relative(l->event, timer, CLOCK_MONOTONIC, usec, 0, handler, userdata);
	else
		r = sd_event_source_set_time_relative(*timer, usec);
	if (r >= 0)
		r = sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
	return r == -ESTALE ? 0 : r;
}

int loop_arm_protection(struct loop *l, sd_event_source **timer, uint64_t usec,
			sd_event_time_handler_t handler, void *userdata)
{
	bool is_new = !*timer;
	int r = loop_arm(l, timer, usec, handler, userdata);

	if (is_new && *timer)
		loop_set_protection(*timer);
	return r;
}
