/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as netlink messages, through every reader of the kernel backend. The first two bytes
 * give the message type, so that a reader that looks at it is reached.
 */
#include <stdlib.h>
#include <string.h>

#include "../fuzz/fuzz.h"
#include "ethnl.h"
#include "link.h"
#include "monitor.h"
#include "netdev.h"
#include "sockdiag.h"

#define QUEUES 16

static void read_settings(const struct nlmsghdr *m)
{
	struct nic_queue queues[QUEUES] = {};
	struct netdev_queues all = { queues, QUEUES };
	struct ethnl_features features;
	struct nic_channels channels;
	struct ethnl_rings rings;
	struct ethnl_rss rss = { .ifindex = 3 };
	uint32_t id;

	(void)ethnl_read_channels(m, &channels);
	(void)ethnl_read_rings(m, &rings);
	(void)ethnl_read_features(m, &features);
	(void)ethnl_read_rss(m, &rss);
	ethnl_rss_reset(&rss);
	(void)netdev_read_queue(m, &all);
	(void)netdev_read_napi(m, &all);
	(void)netdev_read_counters(m, &all);
	(void)netdev_read_created(m, &id);
}

static void read_events(const struct nlmsghdr *m)
{
	struct link_addresses addresses = { .ifindex = 3 };
	struct sockdiag_socket socket;
	struct nic_event event;
	struct nic_link link = {};

	(void)link_read(m, &link);
	(void)link_read_altnames(m, &link.altnames);
	free(link.altnames);
	(void)link_read_address(m, &addresses);
	free(addresses.list);
	(void)sockdiag_read(m, &socket);
	(void)monitor_read_route(m, &event);
	(void)monitor_read_genl(m, 0x20, 0x21, &event);
	(void)monitor_read_diag(m, &event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *m;

	if (size < 2 || size > 65536)
		return 0;
	m = calloc(1, sizeof(*m) + size - 2);
	if (!m)
		return 0;
	memcpy(&m->nlmsg_type, data, 2);
	memcpy((char *)m + sizeof(*m), data + 2, size - 2);
	m->nlmsg_len = (uint32_t)(sizeof(*m) + size - 2);
	read_settings(m);
	read_events(m);
	free(m);
	return 0;
}
