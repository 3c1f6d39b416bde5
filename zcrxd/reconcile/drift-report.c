/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is said of a drift: in the journal, to watchers, and as the state of the device. Once each.
 */
#include <errno.h>

#include "drift-scan.h"
#include "log.h"
#include "phase.h"

void drift_replace(char **s, const char *with)
{
	char *copy = with ? strdup(with) : NULL;

	free(*s);
	*s = copy;
}

/* A device that is degraded for another reason stays so for that reason. */
void drift_set_reason(struct device *d)
{
	const struct device_drift *w = &d->drift;
	bool reports = d->devices->config->on_drift == ON_DRIFT_REPORT;
	_cleanup_free_ char *reason = NULL;

	if (!w->text)
		return;
	if (asprintf(&reason, "drifted: %s%s%s%s%s", w->text,
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

void drift_report_failure(struct device *d, int r, const struct fault *fault)
{
	struct device_drift *w = &d->drift;
	const char *why = fault_text(r, fault);

	d->counts.repair_failures++;
	if (w->failure && streq(w->failure, why))
		return;
	drift_replace(&w->failure, why);
	drift_log(d, LOG_WARNING, "failed", why);
}

/* There is nothing to repair: it is as it was, or is looked at when it is back. */
void drift_report_detached(struct device *d, const struct fault *fault)
{
	struct device_drift *w = &d->drift;

	if (!w->watch.found) {
		(void)drift_note(&w->watch, DRIFT_UNKNOWN, true);
		drift_replace(&w->text, "its driver has detached it");
	}
	w->watch.missed = true;
	device_event(d, DEVICE_DRIFT_FOUND, fault->message);
}

/* Its words are made of what was found only if it is something else than before. */
static void explain(struct device *d, const struct drift_scan *k)
{
	_cleanup_free_ char *text = NULL;

	if (drift_format(&k->drift, &k->steering.expected, &text) < 0)
		log_errno(-ENOMEM, "Cannot format the drift of %s", d->name);
	drift_replace(&d->drift.text, text);
}

static void resolve(struct device *d)
{
	drift_replace(&d->drift.text, NULL);
	drift_replace(&d->drift.failure, NULL);
	d->drift.waits = false;
	device_event(d, DEVICE_DRIFT_OVER, NULL);
}

void drift_report(struct device *d, unsigned actions, const struct drift_scan *k)
{
	d->counts.drifts += (actions & DRIFT_TELL) != 0;
	d->counts.repairs += (actions & DRIFT_REPAIR) != 0;
	if (actions & DRIFT_EXPLAIN)
		explain(d, k);
	if (actions & DRIFT_TELL)
		drift_log(d, LOG_WARNING, "drifted", d->drift.text);
	if (actions & DRIFT_RESOLVE)
		resolve(d);
	else
		drift_set_reason(d);
	if (actions & DRIFT_TELL_REPAIRED)
		drift_log(d, LOG_INFO, "repaired", NULL);
	if (actions & DRIFT_TELL_RATELIMIT)
		log_message(LOG_WARNING, &(struct log_fields){ .interface = d->name },
			    "%s keeps being changed externally; repairs are rate-limited to one every "
			    "%llu s, until there was no change for %llu s. A leak into a queue in use "
			    "is still closed at once.", d->name,
			    DRIFT_REPAIR_INTERVAL_USEC / 1000000, DRIFT_QUIET_USEC / 1000000);
}
