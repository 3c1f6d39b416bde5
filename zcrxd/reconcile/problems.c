/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See problems.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <systemd/sd-daemon.h>

#include "clock.h"
#include "device.h"
#include "fdstore.h"
#include "leases.h"
#include "problems.h"

#define STATUS_USEC (1000 * 1000ULL)

/* r is what was before: the first failure stays. */
_printf_(3, 4) static void add(int *r, sd_json_variant **list, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0) {
		text = NULL;
		*r = -ENOMEM;
	}
	va_end(ap);
	if (*r >= 0)
		*r = sd_json_variant_append_arrayb(list, SD_JSON_BUILD_STRING(text));
}

static void add_store(int *r, const struct leases *leases, sd_json_variant **list)
{
	if (leases->n_store_lost > 0)
		add(r, list, "When zcrxd started, systemd had not kept what was stored there, and %zu lease%s "
		    "ended. It drops that if FileDescriptorStoreMax= or FileDescriptorStorePreserve= of "
		    "zcrxd.service is lowered, with systemctl clean, and with a unit that nothing refers to "
		    "(zcrxd(8)).", leases->n_store_lost, leases->n_store_lost == 1 ? "" : "s");
	if (fdstore_is_there() && fdstore_size() == UINT64_MAX)
		add(r, list, "The service manager keeps no descriptors for zcrxd (FileDescriptorStoreMax=): "
		    "every lease that has a handle ends when zcrxd is stopped or restarted.");
}

int problems_list(struct devices *devices, sd_json_variant **ret)
{
	const struct leases *leases = devices->leases;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *list = NULL;
	int r = sd_json_variant_new_array(&list, NULL, 0);

	if (devices->refused_config)
		add(&r, &list, "%s was refused when zcrxd read it last, and the configuration before stays in "
		    "force. %s", devices->config_path, devices->refused_config);
	if (leases->state_error < 0)
		add(&r, &list, "zcrxd cannot save the record of leases in %s: %s. It tries again every 5 s; until "
		    "then no queue is leased and no flow is added. Is there room in /run?",
		    leases->state.path, strerror(-leases->state_error));
	if (leases->n_dropped > 0)
		add(&r, &list, "When zcrxd started, %zu lease%s in the record could not be read, and ended; "
		    "see journalctl -u zcrxd.", leases->n_dropped, leases->n_dropped == 1 ? "" : "s");
	add_store(&r, leases, &list);
	if (devices->n_sync_failures > 0)
		add(&r, &list, "zcrxd cannot list interfaces, or cannot open one of them; it tries "
		    "again. See journalctl -u zcrxd.");
	if (devices->backend->ops->features(devices->backend)->ptrace_denied)
		add(&r, &list, PROBLEM_PTRACE);
	if (r >= 0)
		*ret = TAKE_PTR(list);
	return r;
}

/* ------------------------------------------------------------------------------- STATUS= */

static int format_status(struct devices *devices, char **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *problems = NULL;
	unsigned interfaces = 0, configured = 0, leases = 0;
	const char *problem = NULL;
	struct device *d;
	struct lease *l;

	TAILQ_FOREACH(d, &devices->list, entry) {
		interfaces++;
		configured += d->phase == DEVICE_CONFIGURED;
	}
	TAILQ_FOREACH(l, &devices->leases->list, entry)
		leases++;
	if (problems_list(devices, &problems) >= 0 && sd_json_variant_elements(problems) > 0)
		problem = sd_json_variant_string(sd_json_variant_by_index(problems, 0));
	if (asprintf(ret, "STATUS=%u of %u interfaces configured, %u lease%s%s%s", configured, interfaces,
		     leases, leases == 1 ? "" : "s", problem ? ". " : "", problem ?: "") < 0)
		return -ENOMEM;
	return 0;
}

void status_update(struct devices *devices)
{
	_cleanup_free_ char *status = NULL;

	if (!devices->ready || format_status(devices, &status) < 0)
		return;
	devices->status_until = now_usec(CLOCK_MONOTONIC) + STATUS_USEC;
	if (devices->status && streq(devices->status, status))
		return;
	(void)sd_notify(0, status);
	free(devices->status);
	devices->status = TAKE_PTR(status);
}

static int on_status(sd_event_source *s, uint64_t usec, void *userdata)
{
	status_update(userdata);
	return 0;
}

void status_update_soon(struct devices *devices)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	if (now >= devices->status_until ||
	    loop_arm(devices->loop, &devices->status_timer, devices->status_until - now, on_status, devices) < 0)
		status_update(devices);
}
