/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the commands that receive have in common, and the modes call. See session.h. */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "macro.h"
#include "session.h"

const struct mode_ops *mode_ops_of(enum mode m)
{
	static const struct mode_ops *const modes[_MODE_MAX] = {
		[MODE_ZERO_COPY] = &mode_zero_copy,
		[MODE_COPY] = &mode_copy,
		[MODE_READ] = &mode_read,
		[MODE_RECV] = &mode_recv,
	};

	return modes[m];
}

void session_data(struct connection *c, const void *data, size_t length)
{
	struct session *s = c->session;
	bool enough;

	if (s->options->verify)
		pattern_check(&c->check, data, length);
	c->bytes += length;
	pthread_mutex_lock(&s->lock);
	clock_gettime(CLOCK_MONOTONIC, &s->last);
	if (s->bytes == 0)
		s->first = s->last;
	s->bytes += length;
	enough = s->options->bytes > 0 && s->bytes >= s->options->bytes;
	pthread_mutex_unlock(&s->lock);
	if (enough && s->mode->progress)
		s->mode->progress(s);
}

void session_end(struct connection *c, const char *reason)
{
	struct session *s = c->session;

	c->ended = true;
	s->mode->remove(s, c);
	close(TAKE_FD(c->socket));
	pthread_mutex_lock(&s->lock);
	s->n_ended++;
	if (reason)
		s->status = fail("Connection %td ended early: %s", c - s->connections, reason);
	pthread_mutex_unlock(&s->lock);
	if (s->mode->progress)
		s->mode->progress(s);
}

int session_watch(struct session *s, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return fail("Cannot poll: %s.", strerror(errno));
	return STATUS_DONE;
}

int session_catch_signals(struct session *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->signals < 0 || s->epoll < 0)
		return fail("Cannot set up polling: %s.", strerror(errno));
	return session_watch(s, s->signals);
}

int session_stop(struct session *s, enum stage stage)
{
	struct epoll_event e;

	if (s->options->stop_after != stage)
		return 0;
	printf("stopped after %s\n", stage_to_string(stage));
	fflush(stdout);
	while (epoll_wait(s->epoll, &e, 1, -1) < 0 && errno == EINTR)
		;
	return 1;
}

int session_wait(struct session *s, struct epoll_event *events, int n, int milliseconds)
{
	return epoll_wait(s->epoll, events, n, s->more ? 0 : milliseconds);
}

int session_go_on(struct session *s)
{
	return s->more ? s->mode->process(s) : STATUS_DONE;
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void session_total(struct session *s, struct totals *ret)
{
	struct rusage usage = {};

	s->mode->count(s);
	getrusage(RUSAGE_SELF, &usage);
	*ret = (struct totals) { .when = meter_now(),
				 .bytes = s->bytes,
				 .copied_bytes = s->copied_bytes,
				 .copied_pieces = s->copied_pieces,
				 .copies_known = s->copies_known,
				 .user = seconds_of(usage.ru_utime),
				 .system = seconds_of(usage.ru_stime) };
}

struct totals totals_between(const struct totals *from, const struct totals *to)
{
	return (struct totals) { .when = to->when - from->when,
				 .bytes = to->bytes - from->bytes,
				 .copied_bytes = to->copied_bytes - from->copied_bytes,
				 .copied_pieces = to->copied_pieces - from->copied_pieces,
				 .copies_known = to->copies_known,
				 .user = to->user - from->user,
				 .system = to->system - from->system };
}

/* The kernel counts what it has copied before it is delivered. */
uint64_t totals_zero_copied(const struct totals *t)
{
	return t->copies_known && t->copied_bytes < t->bytes ? t->bytes - t->copied_bytes : 0;
}
