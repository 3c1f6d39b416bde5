/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See closer.h.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/queue.h>

#include "closer.h"
#include "macro.h"

struct closing {
	STAILQ_ENTRY(closing) entry;
	int fd;
};
STAILQ_HEAD(closing_queue, closing);

struct closer {
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t more;
	struct closing_queue queue;
	size_t n;
};

static void *closer_main(void *userdata)
{
	struct closer *c = userdata;
	struct closing *g;

	pthread_mutex_lock(&c->mutex);
	for (;;) {
		while (!(g = STAILQ_FIRST(&c->queue)))
			pthread_cond_wait(&c->more, &c->mutex);
		STAILQ_REMOVE_HEAD(&c->queue, entry);
		pthread_mutex_unlock(&c->mutex);
		(void)close(g->fd);
		free(g);
		pthread_mutex_lock(&c->mutex);
		c->n--;
	}
	return NULL;
}

int closer_new(struct closer **ret)
{
	struct closer *c = calloc(1, sizeof(*c));
	pthread_t thread;
	int r;

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->more, NULL);
	STAILQ_INIT(&c->queue);
	r = pthread_create(&thread, NULL, closer_main, c);
	if (r != 0) {
		free(c);
		return -r;
	}
	pthread_detach(thread);
	*ret = c;
	return 0;
}

/* Without memory it stays open, and counts: a session with many of these is of no use any more. */
void closer_close(struct closer *c, int fd)
{
	struct closing *g = malloc(sizeof(*g));

	pthread_mutex_lock(&c->mutex);
	c->n++;
	if (g) {
		g->fd = fd;
		STAILQ_INSERT_TAIL(&c->queue, g, entry);
		pthread_cond_signal(&c->more);
	}
	pthread_mutex_unlock(&c->mutex);
}

size_t closer_backlog(struct closer *c)
{
	size_t n;

	pthread_mutex_lock(&c->mutex);
	n = c->n;
	pthread_mutex_unlock(&c->mutex);
	return n;
}

void closer_free(struct closer *c)
{
	(void)c; /* the thread has it until the process ends */
}
