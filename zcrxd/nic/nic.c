/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What both implementations of nic.h share: the links that they hand out, and one refusal.
 */
#include "nic.h"

bool nic_is_detached(int r, const struct fault *f)
{
	return r == ZCRX_KERNEL_REJECTED && f && f->error == ENODEV;
}

int nic_detached(const char *name, const char *operation, struct fault *reterr)
{
	return fault_kernel(reterr, ENODEV, NULL, operation,
			    "The driver has detached %s for the moment, to recover from an error or for a "
			    "suspend. Nothing is taken for gone meanwhile; zcrxd tries again. If it stays "
			    "so, the kernel log says why (journalctl -k).", name);
}

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
