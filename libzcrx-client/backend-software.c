/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backend of queues without a NIC, for who may register them (CAP_NET_ADMIN, Linux 7.1): a program takes
 * the path of zero copy to the last completion, and the kernel copies.
 */
#include "backend.h"
#include "ifq.h"

static int probe(struct zcrx_lease *l)
{
	return ifq_probe(l->client, ZC_REG_NODEV);
}

static int acquire(struct zcrx_lease *l)
{
	return local_acquire(l, "software", 0, l->wanted_queues ?: 1);
}

static int register_pool(struct zcrx_pool *p, int ring_fd)
{
	return ifq_register(p, ring_fd, "a queue without a NIC", 0, 0, ZC_REG_NODEV);
}

const struct backend backend_software = {
	.name = "software",
	.probe = probe,
	.acquire = acquire,
	.register_pool = register_pool,
	.add_flow = local_accept_flow, /* all connections can be received on all queues */
	.release = local_release,
};
