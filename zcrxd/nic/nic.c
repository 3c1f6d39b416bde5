/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What both implementations of nic.h share: the links that they hand out, one refusal, and one
 * operation that is made of others.
 */
#include <errno.h>

#include "nic.h"

bool nic_is_detached(int r, const struct fault *f)
{
	return r == ZCRX_KERNEL_REJECTED && f && f->error == ENODEV;
}

bool nic_context_is_lost(int r, const struct fault *f)
{
	return r == ZCRX_KERNEL_REJECTED && f && f->error == EINVAL;
}

int nic_detached(const char *name, const char *operation, struct fault *reterr)
{
	return fault_kernel(reterr, ENODEV, NULL, operation,
			    "The driver has detached %s for the moment, to recover from an error or for a "
			    "suspend. Nothing is taken for gone meanwhile; zcrxd tries again. If it stays "
			    "so, the kernel log says why (journalctl -k).", name);
}

int nic_remove_rule(struct nic *nic, const struct flow *flow, const struct rule_target *target,
		    struct fault *reterr)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	int r = nic->ops->observe_steering(nic, &s, reterr);

	for (size_t i = 0; r == 0 && i < s->n_rules; i++)
		if (nic_rule_is(&s->rules[i], flow, target))
			r = nic->ops->rule_delete(nic, s->rules[i].location, flow, target, reterr);
	return r;
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
