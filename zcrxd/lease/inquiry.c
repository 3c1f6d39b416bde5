/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What takes so long, the client or the driver? The kernel holds the interface's lock while the
 * driver restarts the queue, and not while a client keeps its ring's: an interface that answers is
 * not at it. After the answer the registration has one more second to end.
 */
#include "inquiry.h"

/* It may outlive the registration that it is for. */
struct question_of_driver {
	struct inquiry *inquiry; /* NULL if that has ended meanwhile */
	uint32_t queue;
};

static void ask(struct nic *nic, void *data)
{
	struct question_of_driver *q = data;
	_cleanup_fault_ struct fault fault = {};
	struct nic_queue found;

	(void)nic->ops->queues(nic, &q->queue, 1, &found, &fault);
}

static void answered(void *data)
{
	struct question_of_driver *q = data;

	if (q->inquiry)
		q->inquiry->question = NULL;
	free(q);
}

bool inquiry_is_open(struct inquiry *i, struct device *d, uint32_t queue)
{
	struct question_of_driver *q;

	if (i->question)
		return true;
	if (i->asked)
		return i->answered++ == 0;
	i->asked = true;
	q = malloc(sizeof(*q));
	if (!q)
		return false;
	*q = (struct question_of_driver) { .inquiry = i, .queue = queue };
	if (device_submit_reclaim(d, ask, answered, q) < 0) {
		free(q);
		return false;
	}
	i->question = q;
	return true;
}

void inquiry_end(struct inquiry *i)
{
	if (i->question)
		i->question->inquiry = NULL;
}
