/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See iperf3-serve.h. One test at a time (iperf3-run.c), and one loop, which never waits for a client: each connection
 * first has to send its cookie, by which one knows whether it begins a test, is a stream of the test that begins, or
 * comes while the server is busy. Nobody but clients that have done so has anything of the server but a place among
 * those whose cookie is awaited, and that not for long.
 */
#include "iperf3-serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "iperf3-run.h"
#include "listener.h"
#include "macro.h"

/* More than the streams of a test, which all connect at once. */
#define AWAITED_MAX	 (IPERF3_STREAMS_MAX + 32)
#define TIME_OF_A_COOKIE 5 /* seconds */

/* A connection whose cookie is not there yet. */
struct awaited {
	int socket;
	char cookie[IPERF3_COOKIE];
	size_t got;
	double deadline;
};

struct server {
	const struct options *options;
	struct session session;
	struct iperf3_run run;
	struct awaited awaited[AWAITED_MAX]; /* in the order of their coming */
	unsigned int n_awaited;
	bool failed; /* the last test */
	bool done;
};

static void take_out(struct server *v, unsigned int i)
{
	v->n_awaited--;
	memmove(&v->awaited[i], &v->awaited[i + 1], (v->n_awaited - i) * sizeof(v->awaited[0]));
}

static int accept_all(struct server *v)
{
	int fd, r;

	while ((fd = accept4(v->session.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (v->n_awaited == AWAITED_MAX) { /* whoever has waited longest */
			close(v->awaited[0].socket);
			take_out(v, 0);
		}
		v->awaited[v->n_awaited++] = (struct awaited) { .socket = fd,
								.deadline = meter_now() + TIME_OF_A_COOKIE };
		r = session_watch(&v->session, fd);
		if (r != STATUS_DONE)
			return r;
	}
	if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
		return STATUS_DONE;
	return fail("Cannot accept a connection: %s.", strerror(errno));
}

/* Its cookie is read, so that closing it resets nothing that the client has yet to read. */
static void deny(int socket)
{
	const signed char denied = IPERF3_ACCESS_DENIED;

	(void)!send(socket, &denied, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(socket, SHUT_WR);
	close(socket);
}

/* A stream of the test before, whose client is gone: cookies are random. */
static bool is_late(const struct iperf3_run *r, const char *cookie)
{
	return r->number > 0 && memcmp(r->cookie, cookie, IPERF3_COOKIE) == 0;
}

static void hear_cookie(struct server *v, unsigned int i)
{
	struct awaited *a = &v->awaited[i], whole;
	ssize_t n = recv(a->socket, a->cookie + a->got, sizeof(a->cookie) - a->got, MSG_DONTWAIT);
	int one = 1;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(a->socket);
		take_out(v, i);
		return;
	}
	a->got += (size_t)n;
	if (a->got < sizeof(a->cookie))
		return;
	whole = *a;
	take_out(v, i);
	if (v->run.phase == IPERF3_IDLE && !is_late(&v->run, whole.cookie)) {
		setsockopt(whole.socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		iperf3_run_begin(&v->run, whole.socket, whole.cookie);
	} else if (iperf3_run_wants(&v->run, whole.cookie)) {
		epoll_ctl(v->session.epoll, EPOLL_CTL_DEL, whole.socket, NULL); /* from here on it is the mode's */
		iperf3_run_add(&v->run, whole.socket);
	} else {
		deny(whole.socket);
	}
}

static void drop_late(struct server *v)
{
	const double now = meter_now();

	while (v->n_awaited > 0 && now > v->awaited[0].deadline) {
		close(v->awaited[0].socket);
		take_out(v, 0);
	}
}

/* Of receiving. Also if the interface of the lease is gone the server stays: the next test asks for another. */
static void judge(struct server *v, int status)
{
	struct session *s = &v->session;

	if (status == STATUS_DONE)
		return;
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	s->more = false;
	s->lease_lost = true;
	iperf3_run_abort(&v->run, false);
}

static void end_test(struct server *v)
{
	v->failed = !v->run.succeeded;
	iperf3_run_end(&v->run);
	if (v->options->one_off)
		v->done = true;
}

static void hear_run(struct server *v)
{
	iperf3_run_hear(&v->run);
	if (v->run.phase == IPERF3_OVER)
		end_test(v);
}

static int handle(struct server *v, int fd)
{
	struct session *s = &v->session;

	if (fd == s->signals) {
		v->done = true;
		iperf3_run_abort(&v->run, true);
		return STATUS_DONE;
	}
	if (fd == s->listener)
		return accept_all(v);
	if (fd == v->run.control)
		return STATUS_DONE; /* heard already */
	if (fd == s->fd) {
		judge(v, s->mode->process(s));
		return STATUS_DONE;
	}
	for (unsigned int i = 0; i < v->n_awaited; i++)
		if (v->awaited[i].socket == fd) {
			hear_cookie(v, i);
			break;
		}
	return STATUS_DONE;
}

static int milliseconds_until(struct server *v)
{
	int of_run = iperf3_run_tick(&v->run), of_meter = -1;

	if (v->run.phase == IPERF3_OVER)
		return 0;
	if (v->run.phase == IPERF3_RUNNING)
		of_meter = meter_timeout(&v->session.meter);
	if (of_run < 0 && v->n_awaited > 0)
		of_run = 1000;
	return of_meter >= 0 && of_meter < of_run ? of_meter : of_run;
}

static int loop(struct server *v)
{
	struct epoll_event events[64];
	int n, r = STATUS_DONE;

	while (r == STATUS_DONE && !v->done) {
		n = session_wait(&v->session, events, ARRAY_SIZE(events), milliseconds_until(v));
		if (n < 0 && errno != EINTR)
			return fail("Cannot poll: %s.", strerror(errno));
		/* The test first: whoever comes after its end is not to be told that it is still there. */
		for (int i = 0; i < n && v->run.phase != IPERF3_IDLE; i++)
			if (events[i].data.fd == v->run.control)
				hear_run(v);
		for (int i = 0; i < n && r == STATUS_DONE; i++)
			r = handle(v, events[i].data.fd);
		judge(v, session_go_on(&v->session));
		drop_late(v);
		if (v->run.phase == IPERF3_OVER)
			end_test(v);
	}
	return r;
}

static int serve(struct server *v)
{
	struct session *s = &v->session;
	int r;

	r = session_catch_signals(s);
	if (r == STATUS_DONE)
		r = listener_bind(s->options, &s->listener);
	if (r == STATUS_DONE)
		r = s->mode->open(s);
	if (r == STATUS_DONE)
		r = listener_start(s->options, s->listener);
	if (r == STATUS_DONE)
		r = session_watch(s, s->listener);
	if (r == STATUS_DONE)
		r = session_watch(s, s->fd);
	if (r != STATUS_DONE)
		return r;
	fprintf(s->options->json ? stderr : stdout, "listening on port %u\n", s->options->port);
	fflush(stdout);
	r = loop(v);
	if (v->run.phase != IPERF3_IDLE)
		end_test(v);
	return r == STATUS_DONE && s->options->one_off && v->failed ? STATUS_FAILED : r;
}

int iperf3_serve(const struct options *o)
{
	struct server *v = calloc(1, sizeof(*v));
	struct session *s;
	int r;

	if (!v)
		return fail("Out of memory.");
	v->options = o;
	s = &v->session;
	*s = (struct session) {
		.options = o,
		.mode = mode_ops_of(o->mode),
		.fd = -EBADF,
		.epoll = -EBADF,
		.listener = -EBADF,
		.signals = -EBADF,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	v->run.session = s;
	v->run.control = -EBADF;
	r = serve(v);
	s->mode->close(s);
	for (unsigned int i = 0; i < v->n_awaited; i++)
		close(v->awaited[i].socket);
	closep(&s->listener);
	closep(&s->signals);
	closep(&s->epoll);
	free(v);
	return r;
}
