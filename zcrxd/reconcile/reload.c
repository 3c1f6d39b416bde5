/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See reload.h. What changed is worked out device by device; a device that has leases and is not in
 * the new file stays until they end.
 */
#include <errno.h>

#include "accounts.h"
#include "attach.h"
#include "leases.h"
#include "links.h"
#include "log.h"
#include "phase.h"
#include "problems.h"
#include "regular-file.h"
#include "reload.h"
#include "restore.h"
#include "retry.h"
#include "standing.h"

#define CONFIG_SIZE_MAX (1024 * 1024)

/* --------------------------------------------------------------------------- the file */

int config_load(const char *path, struct config **ret, struct fault *reterr)
{
	_cleanup_(config_freep) struct config *c = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r;

	r = regular_file_read(path, 0, CONFIG_SIZE_MAX, &text, &size);
	if (r == -ENOENT)
		log_warning("%s does not exist: no interface is configured.", path);
	else if (r < 0)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, path, "Cannot read %s: %s.%s", path,
				 regular_file_problem(r),
				 r == -EACCES ? " The user zcrxd must be able to read it." : "");
	r = config_parse(text ?: "", size, path, &c, reterr);
	if (r != 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

/* ------------------------------------------------------------------------------- reload */

struct reload {
	struct devices *devices;
	unsigned n_waiting;
	struct reload_report report;
	reload_done done;
	void *userdata;
};

static void words_add(struct reload_words *w, const char *name, const char *text)
{
	char **grown, *s;

	grown = reallocarray(w->list, w->n + 1, sizeof(*grown));
	if (!grown)
		return;
	w->list = grown;
	if (asprintf(&s, "%s: %s", name, text) >= 0)
		w->list[w->n++] = s;
}

static void words_done(struct reload_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	free(w->list);
}

static void reload_finish(struct reload *q)
{
	if (--q->n_waiting > 0)
		return;
	q->done(0, NULL, &q->report, q->userdata);
	words_done(&q->report.warnings);
	words_done(&q->report.waiting);
	free(q);
}

static void on_configured(struct device *d, const struct device_report *report, void *userdata)
{
	struct reload *q = userdata;

	if (report->r != 0)
		words_add(&q->report.warnings, device_name(d), fault_text(report->r, report->fault));
	else if (report->plan->n_waiting > 0 && d->reason)
		words_add(&q->report.waiting, device_name(d), d->reason);
	reload_finish(q);
}

/* 0, or EBUSY with the names: an interface with leases is not dropped. */
static int check_dropped(struct devices *devices, const struct config *c, struct fault *reterr)
{
	struct device *d;
	int r;

	TAILQ_FOREACH(d, &devices->list, entry) {
		if (!device_has_entry(d) || d->phase == DEVICE_GONE || d->phase == DEVICE_MISSING ||
		    config_find_interface(c, &d->link, d))
			continue;
		r = device_check_idle(d, reterr);
		if (r != 0)
			return r;
		if (d->n_leases > 0)
			return fault_set(reterr, ZCRX_WRONG_STATE, device_name(d),
					 "%s has leases and is not in the new configuration. Release or "
					 "revoke them first (zcrxctl leases), or keep it. Nothing was "
					 "changed.", device_name(d));
	}
	return 0;
}

static int reload_devices(struct reload *q)
{
	_cleanup_fault_ struct fault fault = {};
	struct devices *devices = q->devices;
	const struct config_interface *entry;
	struct device *d, *next;
	int r;

	for (d = TAILQ_FIRST(&devices->list); d; d = next) {
		next = TAILQ_NEXT(d, entry);
		standing_end(d);
		if (!device_has_entry(d))
			continue;
		if (d->phase == DEVICE_MISSING) { /* the others are made below */
			device_event(d, DEVICE_ENTRY_LOST, NULL);
			continue;
		}
		entry = config_find_interface(devices->config, &d->link, d);
		if (!entry) {
			device_set_orphaned(d, "it is not in the configuration any more");
			continue;
		}
		device_set_config(d, entry);
		if (!device_is_open(d))
			continue;
		if (device_check_idle(d, &fault) != 0) {
			words_add(&q->report.warnings, device_name(d), fault.message);
			d->trial.reloaded = d->trial.until > 0; /* when it is confirmed, this is done */
			continue;
		}
		r = device_configure(d, CONFIGURE_APPLY, on_configured, q);
		if (r < 0) {
			words_add(&q->report.warnings, device_name(d), strerror(-r));
			device_retry(d);
		} else
			q->n_waiting++;
	}
	return devices_sync(devices);
}

/* Until a good one is read. */
static void note_refusal(struct devices *devices, int r, const struct fault *fault)
{
	free(devices->refused_config);
	devices->refused_config = r == 0 ? NULL : strdup(fault_text(r, fault));
	status_update(devices);
}

int config_reload(struct devices *devices, reload_done done, void *userdata)
{
	_cleanup_(config_freep) struct config *c = NULL;
	_cleanup_fault_ struct fault fault = {};
	struct config *old;
	struct reload *q;
	int r;

	r = config_load(devices->config_path, &c, &fault);
	if (r == 0)
		r = check_dropped(devices, c, &fault);
	note_refusal(devices, r, &fault);
	if (r != 0) {
		log_error("The configuration is unchanged: %s", fault_text(r, &fault));
		done(r, &fault, &(const struct reload_report){}, userdata);
		return 0;
	}
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct reload){ .devices = devices, .n_waiting = 1, .done = done, .userdata = userdata };
	old = devices->config;
	devices->config = TAKE_PTR(c);
	accounts_take_policy(devices->server, devices->config, old);
	r = reload_devices(q);
	if (r < 0)
		words_add(&q->report.warnings, devices->config_path, strerror(-r));
	config_free(old);
	log_info("The configuration was read again.");
	reload_finish(q);
	return 0;
}
