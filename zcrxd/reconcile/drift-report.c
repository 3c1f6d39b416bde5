/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is said of a drift: in the journal, to watchers, and as the state of the device. Once each.
 */
#include <errno.h>

#include "clock.h"
#include "drift-scan.h"
#include "log.h"
#include "phase.h"

bool drift_same(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

void drift_replace(char **s, const char *with)
{
	char *copy = with ? strdup(with) : NULL;

	free(*s);
	*s = copy;
}

/* A device that is degraded for another reason stays so for that reason. */
void drift_set_reason(struct device *d)
{
	const struct drift_watch *w = &d->drift;
	bool reports = d->devices->config->on_drift == ON_DRIFT_REPORT;
	_cleanup_free_ char *reason = NULL;

	if (!w->found)
		return;
	if (asprintf(&reason, "drifted: %s%s%s%s%s", w->found,
		     w->failure ? "; not repaired: " : "", w->failure ?: "",
		     reports ? "; on-drift is report; this repairs what zcrxd configures: "
			       "zcrxctl apply " : "", reports ? d->name : "") < 0)
		reason = NULL;
	device_event(d, DEVICE_DRIFT_FOUND, reason);
}

static void drift_log(struct device *d, int level, const char *event, const char *reason)
{
	log_message(level, &(struct log_fields){ .interface = d->name, .event = event },
		    "%s %s%s%s", d->name, event, reason ? ": " : "", reason ?: "");
	device_announce(d, event, reason);
}

void drift_report(struct device *d, const char *text, bool quiet)
{
	struct drift_watch *w = &d->drift;
	bool news = !drift_same(w->found, text) || (w->quiet && !quiet);

	if (news) {
		drift_replace(&w->found, text);
		w->repairs = 0;
		w->quiet = quiet;
		if (!quiet)
			drift_log(d, LOG_WARNING, "drifted", text);
	}
	drift_set_reason(d);
}

void drift_report_failure(struct device *d, int r, const struct fault *fault)
{
	struct drift_watch *w = &d->drift;
	const char *why = r > 0 && fault->message ? fault->message : strerror(r < 0 ? -r : EIO);

	if (drift_same(w->failure, why))
		return;
	drift_replace(&w->failure, why);
	drift_log(d, LOG_WARNING, "failed", why);
}

void drift_resolved(struct device *d)
{
	struct drift_watch *w = &d->drift;

	if (!w->found)
		return;
	drift_replace(&w->found, NULL);
	drift_replace(&w->failure, NULL);
	w->asked = false;
	w->repairs = 0;
	w->due = 0;
	w->waits = false;
	device_event(d, DEVICE_DRIFT_OVER, NULL);
	if (w->quiet)
		return;
	drift_log(d, LOG_INFO, "repaired", NULL);
	if (!w->taken_only && drift_ratelimit_repaired(&w->pace, now_usec(CLOCK_MONOTONIC)))
		log_message(LOG_WARNING, &(struct log_fields){ .interface = d->name },
			    "%s keeps being changed externally; repairs are rate-limited to one every "
			    "%llu s, until there was no change for %llu s. A leak into a queue in use "
			    "is still closed at once.", d->name,
			    DRIFT_REPAIR_INTERVAL_USEC / 1000000, DRIFT_QUIET_USEC / 1000000);
}
