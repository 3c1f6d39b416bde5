/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See problems.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <systemd/sd-daemon.h>

#include "device.h"
#include "fdstore.h"
#include "leases.h"
#include "problems.h"

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

static void add_store(int *r, struct manager *m, sd_json_variant **list)
{
	if (m->n_store_lost > 0)
		add(r, list, "When zcrxd started, systemd had not kept what was stored there, and %zu lease%s "
		    "ended. It drops that if FileDescriptorStoreMax= or FileDescriptorStorePreserve= of "
		    "zcrxd.service is lowered, with systemctl clean, and with a unit that nothing refers to "
		    "(zcrxd(8)).", m->n_store_lost, m->n_store_lost == 1 ? "" : "s");
	if (fdstore_is_there() && fdstore_size() == UINT64_MAX)
		add(r, list, "The service manager keeps no descriptors for zcrxd (FileDescriptorStoreMax=): "
		    "every lease that has a handle ends when zcrxd is stopped or restarted.");
}

int problems_list(struct manager *m, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *list = NULL;
	int r = sd_json_variant_new_array(&list, NULL, 0);

	if (m->refused_config)
		add(&r, &list, "%s was refused when zcrxd read it last, and what it had read before holds. %s",
		    m->config_path, m->refused_config);
	if (m->state_error < 0)
		add(&r, &list, "zcrxd cannot write down in %s who owns what: %s. Until it can, which is tried "
		    "every 5 s, no queue is leased and no flow is added. Is there room in /run?",
		    m->state_path, strerror(-m->state_error));
	if (m->n_dropped > 0)
		add(&r, &list, "When zcrxd started, %zu lease%s on record could not be read, and %s over; see "
		    "journalctl -u zcrxd.", m->n_dropped, m->n_dropped == 1 ? "" : "s",
		    m->n_dropped == 1 ? "is" : "are");
	add_store(&r, m, &list);
	if (m->n_sync_failures > 0)
		add(&r, &list, "zcrxd cannot look for interfaces, or cannot open one that is there; it is tried "
		    "again. See journalctl -u zcrxd.");
	if (m->backend->ops->features(m->backend)->ptrace_denied)
		add(&r, &list, PROBLEM_PTRACE);
	if (r >= 0)
		*ret = TAKE_PTR(list);
	return r;
}

/* ------------------------------------------------------------------------------- STATUS= */

static int format_status(struct manager *m, char **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *problems = NULL;
	unsigned interfaces = 0, configured = 0, leases = 0;
	const char *problem = NULL;
	struct device *d;
	struct lease *l;

	TAILQ_FOREACH(d, &m->devices, entry) {
		interfaces++;
		configured += d->state == DEVICE_CONFIGURED;
	}
	TAILQ_FOREACH(l, &m->leases, entry)
		leases++;
	if (problems_list(m, &problems) >= 0 && sd_json_variant_elements(problems) > 0)
		problem = sd_json_variant_string(sd_json_variant_by_index(problems, 0));
	if (asprintf(ret, "STATUS=%u of %u interfaces configured, %u lease%s%s%s", configured, interfaces,
		     leases, leases == 1 ? "" : "s", problem ? ". " : "", problem ?: "") < 0)
		return -ENOMEM;
	return 0;
}

void manager_update_status(struct manager *m)
{
	_cleanup_free_ char *status = NULL;

	if (!m->ready || format_status(m, &status) < 0)
		return;
	/* Most changes of a lease do not change it, and systemd passes all that it hears on. */
	if (m->status && streq(m->status, status))
		return;
	(void)sd_notify(0, status);
	free(m->status);
	m->status = TAKE_PTR(status);
}
