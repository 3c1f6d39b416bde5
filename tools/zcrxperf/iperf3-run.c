/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See iperf3-run.h. Only the streams are received by zero copy: each is steered by itself, after its cookie was read
 * and before the client may send anything else, which is when it is told that the test runs. So nothing comes on a
 * leased queue that somebody reads by recv(2), least of all on the control connection.
 */
#include "iperf3-run.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "macro.h"

/* Seconds that the client has. */
#define TIME_TO_ANSWER 10
#define TIME_TO_FINISH 30  /* more than the test takes */
#define TIME_TO_SEND   120 /* without a byte: as iperf3 has it */
#define TIME_TO_DRAIN  10
#define QUIET	       0.2 /* and nothing more is to be expected */

static void set_phase(struct iperf3_run *r, enum iperf3_phase phase, double seconds)
{
	r->phase = phase;
	r->deadline = meter_now() + seconds;
}

/* Small enough for the socket's buffer; a client that does not read is not waited for. */
static void tell(struct iperf3_run *r, const void *data, size_t length)
{
	if (r->phase == IPERF3_OVER || send(r->control, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length)
		return;
	fail("Test %u, of %s: cannot answer: %s.", r->number, r->peer, strerror(errno));
	r->phase = IPERF3_OVER;
}

static void tell_state(struct iperf3_run *r, enum iperf3_state state)
{
	const signed char byte = (signed char)state;

	tell(r, &byte, 1);
}

/* The client prints its own sentence of the error, and newer ones that of the errno. */
static void refuse(struct iperf3_run *r, enum iperf3_error error, int of_kernel, const char *why)
{
	const uint32_t numbers[] = { htobe32(error), htobe32((uint32_t)of_kernel) };

	fail("Test %u, of %s: %s.", r->number, r->peer, why);
	tell_state(r, IPERF3_SERVER_ERROR);
	tell(r, numbers, sizeof(numbers));
	shutdown(r->control, SHUT_WR);
	r->phase = IPERF3_OVER;
}

/* ---------------------------------------------------------------- streams */

static void get_peer(int socket, char *ret, size_t n)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getpeername(socket, (struct sockaddr *)&address, &length) < 0 ||
	    getnameinfo((struct sockaddr *)&address, length, ret, (socklen_t)n, NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(ret, n, "an unknown client");
	if (strncmp(ret, "::ffff:", 7) == 0) /* as people write it */
		memmove(ret, ret + 7, strlen(ret + 7) + 1);
}

/* Those that were received until now: nobody waits for more. */
static void release_streams(struct iperf3_run *r)
{
	struct session *s = r->session;

	for (unsigned int i = 0; i < s->n_accepted; i++)
		if (!s->connections[i].ended)
			s->mode->remove(s, &s->connections[i]);
	if (s->n_accepted > 0 && s->mode->unsteer && !s->backend)
		s->mode->unsteer(s);
	for (unsigned int i = 0; i < s->n_accepted; i++)
		closep(&s->connections[i].socket);
	free(TAKE_PTR(s->connections));
	s->n_accepted = s->n_ended = 0;
	s->status = STATUS_DONE;
}

static void count_from_here(struct iperf3_run *r)
{
	session_total(r->session, &r->begin);
	for (unsigned int i = 0; i < r->test.streams; i++)
		r->base[i] = r->session->connections[i].bytes;
}

static void start(struct iperf3_run *r)
{
	const struct iperf3_test *t = &r->test;

	if (r->session->n_unsteered > 1)
		fail("warning: %u streams are copied, likewise.", r->session->n_unsteered);
	set_phase(r, IPERF3_RUNNING, t->seconds > 0 ? t->seconds + t->omit + TIME_TO_FINISH : 1e9);
	tell_state(r, IPERF3_TEST_START);
	count_from_here(r);
	r->alive = r->begin.when;
	r->seen = r->begin.bytes;
	r->omit_until = t->omit > 0 ? r->begin.when + t->omit : 0;
	meter_start(&r->session->meter, r->session->options, NULL, t->bytes);
	r->session->meter.length = t->seconds > 0 ? t->seconds + t->omit : 0;
	tell_state(r, IPERF3_TEST_RUNNING);
}

bool iperf3_run_wants(const struct iperf3_run *r, const char cookie[static IPERF3_COOKIE])
{
	return r->phase == IPERF3_STREAMS && memcmp(r->cookie, cookie, IPERF3_COOKIE) == 0;
}

void iperf3_run_add(struct iperf3_run *r, int socket)
{
	struct session *s = r->session;
	struct connection *c = &s->connections[s->n_accepted++];

	*c = (struct connection) { .session = s, .socket = socket };
	if (s->mode->add(s, c) != STATUS_DONE) {
		c->ended = true; /* nothing receives from it */
		refuse(r, IPERF3_BAD_STREAM, EIO, "cannot receive from a stream");
		return;
	}
	if (s->mode->steer && !s->backend)
		s->mode->steer(s, c);
	if (s->n_accepted == r->test.streams)
		start(r);
}

/* -------------------------------------------------------------- messages */

/* Of a lease that is lost the rest of a test is copied, but not the next one. */
static int have_lease(struct session *s)
{
	int r;

	if (!s->lease_lost && !s->interface_gone)
		return STATUS_DONE;
	s->mode->close(s);
	s->of_mode = NULL;
	s->fd = -EBADF;
	r = s->mode->open(s);
	if (r != STATUS_DONE)
		return r;
	s->lease_lost = s->lease_ending = s->interface_gone = false;
	return session_watch(s, s->fd);
}

static void hear_parameters(struct iperf3_run *r)
{
	struct session *s = r->session;
	char text[160];
	const char *why;
	int error = iperf3_parse_test(r->reader.message, &r->test, &why);

	if (error != 0) {
		snprintf(text, sizeof(text), "refused, because zcrxperf cannot do this: %s", why);
		refuse(r, (enum iperf3_error)error, EOPNOTSUPP, text);
		return;
	}
	if (have_lease(s) != STATUS_DONE) {
		refuse(r, IPERF3_INIT_FAILED, EBUSY, "refused, because there is no lease any more");
		return;
	}
	s->connections = calloc(r->test.streams, sizeof(*s->connections));
	if (!s->connections) {
		refuse(r, IPERF3_INIT_FAILED, ENOMEM, "out of memory");
		return;
	}
	if (!s->options->json)
		printf("test %u     of %s, %u stream%s\n", r->number, r->peer, r->test.streams,
		       r->test.streams == 1 ? "" : "s");
	fflush(stdout);
	set_phase(r, IPERF3_STREAMS, TIME_TO_ANSWER);
	tell_state(r, IPERF3_CREATE_STREAMS);
}

static void hear_sent(struct iperf3_run *r)
{
	int error = iperf3_parse_sent(r->reader.message, r->test.streams, &r->sent);

	if (error != 0)
		refuse(r, (enum iperf3_error)error, EBADMSG, "what the client says of its results is no such thing");
	else
		set_phase(r, IPERF3_DRAINING, TIME_TO_DRAIN);
}

static void hear_message(struct iperf3_run *r)
{
	const bool results = r->phase == IPERF3_RESULTS;
	int n = iperf3_read(&r->reader, r->control, results ? IPERF3_RESULTS_MAX : IPERF3_TEST_MAX);

	if (n == 0)
		return;
	if (n < 0)
		refuse(r, results ? IPERF3_BAD_RESULTS : IPERF3_BAD_PARAMETERS, -n,
		       n == -EMSGSIZE ? "its message is empty, or longer than any that iperf3 sends" : strerror(-n));
	else if (results)
		hear_sent(r);
	else
		hear_parameters(r);
	iperf3_reader_done(&r->reader);
}

static void hear_state(struct iperf3_run *r)
{
	signed char state;
	ssize_t n = recv(r->control, &state, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r->phase == IPERF3_DISPLAYED && (n <= 0 || state == IPERF3_DONE)) {
		r->succeeded = true;
		r->phase = IPERF3_OVER;
	} else if (n <= 0) {
		fail("Test %u, of %s: the client closed its control connection.", r->number, r->peer);
		r->phase = IPERF3_OVER;
	} else if (state == IPERF3_CLIENT_TERMINATE) {
		fail("Test %u, of %s: the client ended it.", r->number, r->peer);
		r->phase = IPERF3_OVER;
	} else if (r->phase == IPERF3_RUNNING && state == IPERF3_TEST_END) {
		r->ended = meter_now();
		set_phase(r, IPERF3_RESULTS, TIME_TO_ANSWER);
		tell_state(r, IPERF3_EXCHANGE_RESULTS);
	} else {
		refuse(r, IPERF3_BAD_MESSAGE, EPROTO, "the client said what is not to be said now");
	}
}

void iperf3_run_hear(struct iperf3_run *r)
{
	if (r->phase == IPERF3_PARAMETERS || r->phase == IPERF3_RESULTS)
		hear_message(r);
	else if (r->phase != IPERF3_IDLE && r->phase != IPERF3_OVER)
		hear_state(r);
}

/* ------------------------------------------------------------------- ends */

static char *format_results(const struct iperf3_run *r)
{
	_cleanup_free_ char *words = r->test.get_output ? iperf3_words(r) : NULL;
	uint64_t bytes[IPERF3_STREAMS_MAX];
	const double seconds = r->total.when;
	const struct iperf3_received received = {
		.streams = r->test.streams,
		.ids = r->sent.ids,
		.bytes = bytes,
		.seconds = seconds,
		.user = seconds > 0 ? 100 * r->total.user / seconds : 0,
		.system = seconds > 0 ? 100 * r->total.system / seconds : 0,
		.output = words,
	};

	for (unsigned int i = 0; i < r->test.streams; i++)
		bytes[i] = r->session->connections[i].bytes - r->base[i];
	return iperf3_format_received(&received);
}

static void finish(struct iperf3_run *r)
{
	struct session *s = r->session;
	const double last = (double)s->last.tv_sec + (double)s->last.tv_nsec / 1e9;
	_cleanup_free_ char *results = NULL;
	struct totals end;
	uint32_t length;

	session_total(s, &end);
	meter_stop(&s->meter);
	end.when = last > r->ended ? last : r->ended; /* what came after its end came until then */
	r->total = totals_between(&r->begin, &end);
	iperf3_report(r);
	results = format_results(r);
	release_streams(r);
	if (!results) {
		refuse(r, IPERF3_INIT_FAILED, ENOMEM, "out of memory");
		return;
	}
	length = htobe32((uint32_t)strlen(results));
	set_phase(r, IPERF3_DISPLAYED, TIME_TO_ANSWER);
	tell(r, &length, sizeof(length));
	tell(r, results, strlen(results));
	tell_state(r, IPERF3_DISPLAY_RESULTS);
}

/* All that the client has sent is here, or nothing more comes. What was omitted it does not count. */
static bool is_drained(const struct iperf3_run *r, double now)
{
	return (r->test.omit == 0 && r->session->bytes - r->begin.bytes >= r->sent.bytes) || now - r->alive > QUIET ||
	       now > r->deadline;
}

static void check_deadline(struct iperf3_run *r, double now)
{
	if (r->phase == IPERF3_OVER || r->phase == IPERF3_IDLE)
		return;
	if (r->phase == IPERF3_RUNNING && now - r->alive > TIME_TO_SEND)
		refuse(r, IPERF3_NO_DATA, ETIMEDOUT, "nothing was received for 120 s");
	else if (now > r->deadline && r->phase == IPERF3_RUNNING)
		refuse(r, IPERF3_NO_DATA, ETIMEDOUT, "it does not end, though its time is over");
	else if (now > r->deadline)
		refuse(r, r->phase == IPERF3_STREAMS ? IPERF3_BAD_STREAM : IPERF3_BAD_MESSAGE, ETIMEDOUT,
		       "the client did not answer in time");
}

int iperf3_run_tick(struct iperf3_run *r)
{
	const double now = meter_now();
	struct session *s = r->session;

	if (r->phase == IPERF3_IDLE || r->phase == IPERF3_OVER)
		return -1;
	if (s->bytes != r->seen) {
		r->alive = now;
		r->seen = s->bytes;
	}
	if (r->phase == IPERF3_RUNNING) {
		if (r->omit_until > 0 && now >= r->omit_until) {
			r->omit_until = 0;
			count_from_here(r);
		}
		meter_tell(&s->meter, s->bytes - r->begin.bytes);
	}
	if (r->phase == IPERF3_DRAINING && is_drained(r, now))
		finish(r);
	check_deadline(r, now);
	return r->phase == IPERF3_DRAINING ? 20 : 250;
}

void iperf3_run_abort(struct iperf3_run *r, bool server_ends)
{
	if (r->phase == IPERF3_IDLE)
		return;
	if (!server_ends) {
		refuse(r, IPERF3_BAD_STREAM, EIO, "cannot receive any more");
		return;
	}
	tell_state(r, IPERF3_SERVER_TERMINATE);
	r->phase = IPERF3_OVER;
}

void iperf3_run_begin(struct iperf3_run *r, int control, const char cookie[static IPERF3_COOKIE])
{
	const int size = IPERF3_RESULTS_MAX;

	*r = (struct iperf3_run) { .session = r->session, .number = r->number + 1, .control = control };
	memcpy(r->cookie, cookie, IPERF3_COOKIE);
	get_peer(control, r->peer, sizeof(r->peer));
	setsockopt(control, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	set_phase(r, IPERF3_PARAMETERS, TIME_TO_ANSWER);
	tell_state(r, IPERF3_PARAM_EXCHANGE);
}

void iperf3_run_end(struct iperf3_run *r)
{
	release_streams(r);
	meter_stop(&r->session->meter);
	meter_free(&r->session->meter);
	iperf3_reader_done(&r->reader);
	closep(&r->control);
	r->control = -EBADF;
	r->phase = IPERF3_IDLE;
}
