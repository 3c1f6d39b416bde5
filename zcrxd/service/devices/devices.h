/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The devices that there are, and the links of the machine that they may stand for.
 */
#pragma once

#include "device.h"

/* By what it is called now, or by an alternative name; NULL. */
struct device *devices_find(struct manager *m, const char *name);
struct device *devices_find_by_index(struct manager *m, unsigned ifindex);

/* Those of the machine, and the one behind which there is no NIC. The caller frees with
 * nic_links_free. */
int devices_links(struct manager *m, struct nic_link **ret, size_t *ret_n);
