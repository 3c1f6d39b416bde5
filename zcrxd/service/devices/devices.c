/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See devices.h.
 */
#include <errno.h>

#include "devices.h"

struct device *devices_find(struct manager *m, const char *name)
{
	struct device *d;

	TAILQ_FOREACH(d, &m->devices, entry)
		if (streq(device_name(d), name))
			return d;
	TAILQ_FOREACH(d, &m->devices, entry)
		if (d->ifindex > 0 && nic_link_is_called(&d->link, name))
			return d;
	return NULL;
}

struct device *devices_find_by_index(struct manager *m, unsigned ifindex)
{
	struct device *d;

	TAILQ_FOREACH(d, &m->devices, entry)
		if (d->ifindex == ifindex)
			return d;
	return NULL;
}

int devices_links(struct manager *m, struct nic_link **ret, size_t *ret_n)
{
	struct nic_link *links, *more;
	size_t n;
	int r;

	r = m->backend->ops->links(m->backend, &links, &n);
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
