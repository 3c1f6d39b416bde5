/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See devices.h.
 */
#include <errno.h>

#include "device.h"
#include "devices.h"

void devices_init(struct devices *devices)
{
	TAILQ_INIT(&devices->list);
}

void devices_done(struct devices *devices)
{
	sd_event_source_disable_unref(devices->sync_timer);
	config_free(devices->config);
	free(devices->config_path);
	free(devices->refused_config);
	free(devices->baseline_directory);
	free(devices->status);
	sd_event_source_disable_unref(devices->status_timer);
}

struct device *devices_find(struct devices *devices, const char *name)
{
	struct device *d;

	TAILQ_FOREACH(d, &devices->list, entry)
		if (streq(device_name(d), name))
			return d;
	TAILQ_FOREACH(d, &devices->list, entry)
		if (d->ifindex > 0 && nic_link_has_name(&d->link, name))
			return d;
	return NULL;
}

struct device *devices_find_by_index(struct devices *devices, unsigned ifindex)
{
	struct device *d;

	TAILQ_FOREACH(d, &devices->list, entry)
		if (d->ifindex == ifindex)
			return d;
	return NULL;
}

int devices_links(struct devices *devices, struct nic_link **ret, size_t *ret_n)
{
	struct nic_link *links, *more;
	size_t n;
	int r;

	r = devices->backend->ops->links(devices->backend, &links, &n);
	if (r != 0)
		return r < 0 ? r : -EIO;
	more = reallocarray(links, n + 1, sizeof(*links));
	if (!more) {
		nic_links_free(links, n);
		return -ENOMEM;
	}
	more[n] = (struct nic_link){ .ifindex = SOFTWARE_IFINDEX, .name = SOFTWARE_NAME,
				     .kind = SOFTWARE_NAME, .up = true };
	*ret = more;
	*ret_n = n + 1;
	return 0;
}
