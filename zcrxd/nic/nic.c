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

const char *nic_link_hardware_address(const struct nic_link *link)
{
	return link->permanent_mac[0] ? link->permanent_mac : link->mac;
}
