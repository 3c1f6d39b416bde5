/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxperf receive --threads: each thread has a ring, and the connections that are given to it. It starts and ends
 * their streams, because the kernel takes requests for a ring from no other thread.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "macro.h"
#include "zero-copy.h"

struct worker {
	pthread_t thread;
	bool started;
	struct threads *threads;
	struct session *session;
	struct zcrx_queue *ring;
	int connections[2]; /* a pipe with pointers to them; NULL: it is over */
};

struct threads {
	int event_fd;
	bool failed; /* atomic */
	unsigned int n;
	struct worker workers[QUEUES_MAX];
};

static void report_failure(struct worker *w, const char *what, int error)
{
	fail("%s: %s.", what, strerror(-error));
	__atomic_store_n(&w->threads->failed, true, __ATOMIC_RELAXED);
	threads_tell(w->threads);
}

static void take_connection(struct worker *w, struct connection *c)
{
	struct zcrx_stream *stream;
	int r = zcrx_queue_receive(w->ring, c->socket, c, &stream);

	if (r < 0)
		report_failure(w, "Cannot start to receive", r);
	else
		c->of_mode = stream;
}

/* Those of this thread that have not ended by themselves. */
static void drop_connections(struct worker *w)
{
	struct session *s = w->session;

	for (unsigned int i = 0; i < s->n_accepted; i++) {
		struct connection *c = &s->connections[i];

		if (c->ended || &w->threads->workers[c->ring] != w)
			continue;
		zcrx_stream_free(c->of_mode);
		c->of_mode = NULL;
	}
}

static void *work(void *userdata)
{
	struct worker *w = userdata;
	const struct zcrx_event *event;
	struct connection *c;
	struct pollfd fds[] = { { .fd = zcrx_queue_get_fd(w->ring), .events = POLLIN },
				{ .fd = w->connections[0], .events = POLLIN } };
	int r;

	for (;;) {
		while ((r = zcrx_queue_wait(w->ring, 0, &event)) > 0)
			zero_copy_handle(w->session, w->ring, event);
		if (r < 0 && r != -EINTR)
			report_failure(w, "Cannot receive", r);
		poll(fds, ARRAY_SIZE(fds), -1);
		if (!fds[1].revents)
			continue;
		if (read(w->connections[0], &c, sizeof(c)) != sizeof(c) || !c)
			break;
		take_connection(w, c);
	}
	drop_connections(w);
	return NULL;
}

void threads_tell(struct threads *t)
{
	const uint64_t one = 1;

	(void)!write(t->event_fd, &one, sizeof(one));
}

int threads_heard(struct threads *t)
{
	uint64_t n;

	(void)!read(t->event_fd, &n, sizeof(n));
	return __atomic_load_n(&t->failed, __ATOMIC_RELAXED) ? STATUS_FAILED : STATUS_DONE;
}

static int start_worker(struct worker *w)
{
	int r;

	if (pipe(w->connections) < 0)
		return -errno;
	r = pthread_create(&w->thread, NULL, work, w);
	w->started = r == 0;
	return -r;
}

int threads_start(struct session *s, struct zero_copy *z, int *ret_fd)
{
	struct threads *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return fail("Out of memory.");
	z->threads = t;
	t->n = z->n_rings;
	t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->event_fd < 0)
		r = -errno;
	for (unsigned int i = 0; i < t->n; i++)
		t->workers[i] = (struct worker) { .threads = t, .session = s, .ring = z->rings[i],
						  .connections = { -EBADF, -EBADF } };
	for (unsigned int i = 0; i < t->n && r >= 0; i++)
		r = start_worker(&t->workers[i]);
	*ret_fd = t->event_fd;
	return r < 0 ? fail("Cannot start a thread: %s.", strerror(-r)) : STATUS_DONE;
}

void threads_add(struct threads *t, unsigned int ring, struct connection *c)
{
	c->ring = ring;
	(void)!write(t->workers[ring].connections[1], &c, sizeof(c));
}

void threads_stop(struct threads *t)
{
	const struct connection *none = NULL;

	for (unsigned int i = 0; i < t->n; i++) {
		struct worker *w = &t->workers[i];

		if (w->started) {
			(void)!write(w->connections[1], &none, sizeof(none));
			pthread_join(w->thread, NULL);
		}
		closep(&w->connections[0]);
		closep(&w->connections[1]);
	}
	closep(&t->event_fd);
	free(t);
}
