/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See compare-measure.h. While the rate is measured so much is asked for in advance that the other side never waits;
 * round trips follow when all of that has come.
 */
#include "compare-measure.h"

#include <errno.h>
#include <sys/socket.h>

#include "figures.h"
#include "macro.h"

#define AHEAD	      0.25 /* seconds that are asked for in advance, at the rate so far */
#define AHEAD_MIN     (UINT64_C(256) << 10)
#define AHEAD_MAX     (UINT64_C(64) << 20)
#define TRIP_BYTES    256
#define TRIPS_SECONDS 1.0 /* a second of them is enough, or the time of the mode if that is less */

int compare_ask(struct compare *c, unsigned int i, enum request_kind kind, uint64_t value)
{
	uint8_t request[REQUEST_SIZE];

	request_pack(kind, value, request);
	if (send(c->connections[i].socket, request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(request))
		return fail("Cannot ask the other side to send: %s.", strerror(errno));
	if (kind == REQUEST_BYTES)
		c->requested[i] += value;
	return STATUS_DONE;
}

int compare_wait(struct session *s, int milliseconds, bool *ret)
{
	struct epoll_event e;
	int n = session_wait(s, &e, 1, milliseconds);

	*ret = n > 0 || s->more;
	if (n < 0 && errno != EINTR)
		return fail("Cannot poll: %s.", strerror(errno));
	if (n <= 0)
		return session_go_on(s);
	if (e.data.fd == s->signals) {
		s->interrupted = true;
		return STATUS_FAILED;
	}
	return e.data.fd == s->listener ? STATUS_DONE : s->mode->process(s);
}

int compare_fail_for_noise(void)
{
	return fail("The other side sends what it was not asked for. It has to be zcrxperf answer.");
}

static int check(const struct compare *c, const struct session *s)
{
	if (s->n_ended > 0)
		return fail("The other side has closed a connection before everything was measured.");
	for (unsigned int i = 0; i < c->n; i++)
		if (c->connections[i].bytes > c->requested[i])
			return compare_fail_for_noise();
	return STATUS_DONE;
}

/* So that each connection has enough to send for a while. */
static int ask_ahead(struct compare *c, uint64_t received, double seconds)
{
	double rate = (double)received / (seconds > AHEAD ? seconds : AHEAD);
	double wanted = rate * AHEAD / c->n;
	uint64_t ahead = wanted < (double)AHEAD_MIN ? AHEAD_MIN :
			 wanted > (double)AHEAD_MAX ? AHEAD_MAX :
						      (uint64_t)wanted;
	int r = STATUS_DONE;

	for (unsigned int i = 0; i < c->n && r == STATUS_DONE; i++) {
		uint64_t left = c->requested[i] - c->connections[i].bytes;

		if (left <= ahead / 2)
			r = compare_ask(c, i, REQUEST_BYTES, ahead - left);
	}
	return r;
}

static int milliseconds_until(double when, const struct meter *m)
{
	double left = when - meter_now();
	int until = left > 0 ? (int)(left * 1000) + 1 : 0, meter = meter_timeout(m);

	return meter >= 0 && meter < until ? meter : until;
}

static int measure_rate(struct compare *c, struct session *s, struct comparison *m)
{
	struct totals begin, end;
	bool happened;
	int r = STATUS_DONE;

	session_total(s, &begin);
	meter_start(&m->meter, c->options, mode_to_string(m->mode), 0);
	m->meter.length = c->options->time;
	while (r == STATUS_DONE && meter_now() < begin.when + c->options->time) {
		r = ask_ahead(c, s->bytes - begin.bytes, meter_now() - begin.when);
		if (r == STATUS_DONE)
			r = compare_wait(s, milliseconds_until(begin.when + c->options->time, &m->meter), &happened);
		meter_tell(&m->meter, s->bytes - begin.bytes);
		if (r == STATUS_DONE)
			r = check(c, s);
	}
	session_total(s, &end);
	meter_stop(&m->meter);
	m->totals = totals_between(&begin, &end);
	return r;
}

/* Takes in what was asked for, up to the last byte. */
static int settle(struct compare *c, struct session *s)
{
	double last = meter_now();
	uint64_t before = s->bytes;
	bool happened;
	int r;

	for (unsigned int i = 0; i < c->n;) {
		if (c->connections[i].bytes == c->requested[i]) {
			i++;
			continue;
		}
		r = compare_wait(s, 1000, &happened);
		if (r == STATUS_DONE)
			r = check(c, s);
		if (r != STATUS_DONE)
			return r;
		if (s->bytes > before)
			last = meter_now();
		else if (meter_now() - last > COMPARE_PATIENCE)
			return fail("Nothing came for %.0f s, though it was asked for (mode %s).", COMPARE_PATIENCE,
				    mode_to_string(c->result.modes[c->result.n].mode));
		before = s->bytes;
	}
	return STATUS_DONE;
}

/* On one connection, with nothing else under way. */
static int measure_trips(struct compare *c, struct session *s, struct comparison *m)
{
	const double seconds = c->options->time < TRIPS_SECONDS ? c->options->time : TRIPS_SECONDS;
	const double end = meter_now() + seconds;
	int r = STATUS_DONE;

	for (m->n_trips = 0; m->n_trips < TRIPS_MAX && meter_now() < end;) {
		double begin = meter_now();

		r = compare_ask(c, 0, REQUEST_BYTES, TRIP_BYTES);
		if (r == STATUS_DONE)
			r = settle(c, s);
		if (r != STATUS_DONE)
			return r;
		c->trips[m->n_trips++] = (uint64_t)((meter_now() - begin) * 1e9);
	}
	m->p50 = percentile(c->trips, m->n_trips, 0.5);
	m->p99 = percentile(c->trips, m->n_trips, 0.99);
	return r;
}

int compare_measure(struct compare *c, struct session *s, enum mode mode)
{
	struct comparison *m = &c->result.modes[c->result.n];
	int r;

	m->mode = mode;
	r = measure_rate(c, s, m);
	if (r == STATUS_DONE)
		r = settle(c, s);
	if (r == STATUS_DONE)
		r = measure_trips(c, s, m);
	if (r == STATUS_DONE)
		c->result.n++;
	return r;
}
