/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What both implementations of nic.h share: the links that they hand out.
 */
#include "nic.h"

void nic_links_free(struct nic_link *links, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(links[i].altnames);
		free(links[i].path);
	}
	free(links);
}

bool nic_link_is_called(const struct nic_link *link, const char *name)
{
	size_t n = strlen(name);

	if (streq(link->name, name))
		return true;
	for (const char *s = link->altnames; n > 0 && s && *s; s += strspn(s, " ")) {
		size_t length = strcspn(s, " ");

		if (length == n && memcmp(s, name, n) == 0)
			return true;
		s += length;
	}
	return false;
}

const char *nic_link_hardware_address(const struct nic_link *link)
{
	return link->permanent_mac[0] ? link->permanent_mac : link->mac;
}
