/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See closed.h. The kernel says nothing of the queues of an interface that is down; it was up when the
 * registration began.
 */
#include "closed.h"
#include "log.h"

struct look {
	struct lease *lease;
	uint32_t queue;
	bool closed;
	struct fault *fault;
	void (*done)(void *userdata);
	void *userdata;
};

static void look_run(struct nic *nic, void *data)
{
	struct look *k = data;
	_cleanup_fault_ struct fault fault = {};
	struct nic_queue found;

	k->closed = nic->ops->queues(nic, &k->queue, 1, &found, &fault) == ZCRX_INTERFACE_DOWN;
}

static void report(const struct lease *l, struct fault *fault)
{
	const char *name = device_name(l->device);

	log_message(LOG_ERR, &(struct log_fields){ .lease = l->id },
		    "%s is down since lease %08x could not be registered: its driver has closed it. Bring it up: "
		    "ip link set %s up", name, l->id, name);
	fault_append(fault, "%s was up before and is down now: its driver has closed it. Bring it up (ip link set "
			    "%s up).", name, name);
}

static void look_done(void *data)
{
	struct look *k = data;

	if (k->closed)
		report(k->lease, k->fault);
	k->done(k->userdata);
	free(k);
}

int lease_look_closed(struct lease *l, uint32_t queue, struct fault *fault, void (*done)(void *userdata),
		      void *userdata)
{
	struct look *k = malloc(sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	*k = (struct look) { .lease = l, .queue = queue, .fault = fault, .done = done, .userdata = userdata };
	r = device_submit(l->device, look_run, look_done, k);
	if (r != 0)
		free(k);
	return r;
}
