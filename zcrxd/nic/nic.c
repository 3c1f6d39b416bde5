/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What both implementations of nic.h share: the memory of lists that they hand out.
 */
#include "nic.h"

void nic_links_free(struct nic_link *links, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(links[i].path);
	free(links);
}
