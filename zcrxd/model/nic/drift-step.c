/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See drift-step.h.
 */
#include "drift-step.h"

/* Again, as long as something is not as it should be: doubled each time. */
#define AGAIN_USEC (1000 * 1000ULL)
#define AGAIN_DOUBLED_MOST 6
/* Tries to close a leak before the queues behind it are reclaimed. */
#define CLOSE_TRIES 3
#define CLOSE_AGAIN_USEC (20 * 1000ULL)

static uint64_t backoff(unsigned n)
{
	return AGAIN_USEC << (n < AGAIN_DOUBLED_MOST ? n : AGAIN_DOUBLED_MOST);
}

void drift_scan_failed(struct drift_watch *w, bool settings)
{
	w->failures++;
	w->missed |= settings;
}

unsigned drift_steering_step(struct drift_watch *w, const struct drift_steering *s)
{
	unsigned actions = 0;

	w->failures = 0;
	w->close_attempts = s->left_open ? w->close_attempts + 1 : 0;
	if (s->left_open)
		actions |= DRIFT_TELL_LEFT_OPEN;
	if (w->close_attempts >= CLOSE_TRIES)
		actions |= DRIFT_RECLAIM;
	if (s->settings || s->opened || s->digest != w->steering)
		actions |= DRIFT_SCAN_SETTINGS;
	w->steering = s->closed ? 0 : s->digest;
	return actions;
}

/* From when on it may be repaired, and told of. */
static uint64_t may_repair_from(struct drift_watch *w, uint64_t now)
{
	if (w->repaired > 0 && now - w->last_found > DRIFT_QUIET_USEC)
		w->repaired = 0;
	w->last_found = now;
	if (w->repaired < DRIFT_REPAIRS_AT_ONCE || now - w->last_repair >= DRIFT_REPAIR_INTERVAL_USEC)
		return now;
	return w->last_repair + DRIFT_REPAIR_INTERVAL_USEC;
}

unsigned drift_note(struct drift_watch *w, uint64_t digest, bool quiet)
{
	bool news = digest != w->found || (w->quiet && !quiet);

	if (!news)
		return 0;
	w->found = digest;
	w->repairs = 0;
	w->quiet = quiet;
	return quiet ? DRIFT_EXPLAIN : DRIFT_EXPLAIN | DRIFT_TELL;
}

static unsigned resolve(struct drift_watch *w, uint64_t now)
{
	if (!w->found)
		return 0;
	w->found = 0;
	w->asked = false;
	w->repairs = 0;
	w->due = 0;
	if (w->quiet)
		return DRIFT_RESOLVE;
	if (w->taken_only)
		return DRIFT_RESOLVE | DRIFT_TELL_REPAIRED;
	w->last_repair = now;
	return DRIFT_RESOLVE | DRIFT_TELL_REPAIRED |
	       (++w->repaired == DRIFT_REPAIRS_AT_ONCE ? DRIFT_TELL_RATELIMIT : 0);
}

unsigned drift_step(struct drift_watch *w, const struct drift_finding *f, uint64_t now, bool repair)
{
	unsigned actions;
	uint64_t from;
	bool may;

	if (!f->digest)
		return resolve(w, now);
	/* A client need only listen where somebody has a rule: that is to slow nothing down. */
	w->taken_only = f->taken_only;
	from = f->taken_only ? now : may_repair_from(w, now);
	actions = drift_note(w, f->digest, from > now);
	may = w->asked || (from <= now && (w->repairs == 0 || now >= w->due));
	w->due = may ? now + backoff(w->repairs++) : from > now ? from : w->due;
	if (f->closed)
		return actions | resolve(w, now);
	if (!may || !(w->asked || repair))
		return actions;
	w->asked = false;
	return actions | DRIFT_REPAIR;
}

bool drift_is_at_rest(const struct drift_watch *w)
{
	return w->found == 0 && w->steering == 0 && w->failures == 0 && w->close_attempts == 0 && !w->missed &&
	       !w->asked && w->due == 0;
}

bool drift_wants_settings(const struct drift_watch *w, uint64_t now)
{
	return w->missed || (w->due > 0 && now >= w->due);
}

uint64_t drift_wait(const struct drift_watch *w, uint64_t now, bool polled)
{
	uint64_t wait = UINT64_MAX;

	if (polled)
		wait = w->close_attempts > 0 ? CLOSE_AGAIN_USEC : DRIFT_POLL_USEC;
	if (w->found && w->due > 0 && w->due - now < wait)
		wait = w->due > now ? w->due - now : 0;
	if (w->failures > 0 && wait > backoff(w->failures - 1))
		wait = backoff(w->failures - 1);
	return wait;
}
