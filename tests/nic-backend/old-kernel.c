/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the backend does where the kernel lacks something, without such a kernel.
 */
#include "kernel-nic.h"
#include "uapi.h"
#include "zcrxd-nic.h"

void pretend_old_kernel(struct nic *nic)
{
	kernel_nic(nic)->ethtool.commands &= ~(1ULL << UAPI_ETHTOOL_MSG_RSS_SET);
}
