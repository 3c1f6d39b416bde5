/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages that wait until the other side reads. A message's descriptors go with its first byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "inbox.h"

struct outgoing;
STAILQ_HEAD(outgoing_queue, outgoing);

struct outbox {
	struct outgoing_queue queue;
	size_t n; /* bytes that are not sent yet */
};

void outbox_init(struct outbox *b);
/* Takes the message over, and with `own_fds` its descriptors, which are closed when they are sent;
 * without it they stay open for as long as the message is here. */
int outbox_add(struct outbox *b, struct message *m, bool own_fds);
static inline bool outbox_is_empty(const struct outbox *b)
{
	return STAILQ_EMPTY(&b->queue);
}
/* 1: some of it was sent; 0: the other side does not read. */
int outbox_send(struct outbox *b, int fd);
void outbox_done(struct outbox *b);
