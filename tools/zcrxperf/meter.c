/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See meter.h. */
#include "meter.h"

#include <stdio.h>
#include <time.h>

#include "figures.h"
#include "macro.h"

#define PROGRESS    0.25 /* seconds between two of its looks */
#define SAMPLES_MAX 100000

double meter_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double step_of(const struct meter *m)
{
	return m->interval > 0 ? m->interval : PROGRESS;
}

void meter_start(struct meter *m, const struct options *o, const char *label, uint64_t expected)
{
	*m = (struct meter) { .label = label,
			      .interval = o->interval,
			      .expected = expected,
			      .quiet = o->json,
			      .start = meter_now() };
	m->terminal = m->interval == 0 && isatty(STDERR_FILENO);
	m->last = m->start;
	m->next = m->start + step_of(m);
}

int meter_timeout(const struct meter *m)
{
	double left = m->next - meter_now();

	if (m->interval == 0 && !m->terminal)
		return -1;
	return left > 0 ? (int)(left * 1000) + 1 : 0;
}

static void keep(struct meter *m, const struct meter_sample *sample)
{
	struct meter_sample *samples;

	if (m->n_samples == SAMPLES_MAX)
		return;
	samples = reallocarray(m->samples, m->n_samples + 1, sizeof(*samples));
	if (!samples)
		return;
	samples[m->n_samples++] = *sample;
	m->samples = samples;
}

static void print_interval(struct meter *m, const struct meter_sample *sample)
{
	double seconds = sample->to - sample->from;

	keep(m, sample);
	if (m->quiet)
		return;
	printf("%-10s %.1f-%.1f s: %s, %s\n", m->label ?: "interval", sample->from, sample->to,
	       text_bytes(sample->bytes).text, text_rate((double)sample->bytes / seconds).text);
	fflush(stdout);
}

static void print_progress(struct meter *m, double now, uint64_t bytes)
{
	double seconds = now - m->start, part = 0;

	if (m->expected > 0)
		part = (double)bytes / (double)m->expected;
	else if (m->length > 0)
		part = seconds / m->length;
	fprintf(stderr, "\r\033[K%s%s%.0f s, %s, %s", m->label ?: "", m->label ? ": " : "", seconds,
		text_bytes(bytes).text, text_rate((double)(bytes - m->bytes) / (now - m->last)).text);
	if (part > 0)
		fprintf(stderr, ", %.0f %%", part < 1 ? part * 100 : 100);
	fflush(stderr);
	m->shown = true;
}

void meter_tell(struct meter *m, uint64_t bytes)
{
	double now;

	if (m->interval == 0 && !m->terminal)
		return;
	now = meter_now();
	if (now < m->next)
		return;
	if (m->terminal)
		print_progress(m, now, bytes);
	else
		print_interval(m, &(struct meter_sample) { m->last - m->start, now - m->start, bytes - m->bytes });
	m->bytes = bytes;
	m->last = now;
	/* What was missed is in the one that was told. */
	while (m->next <= now)
		m->next += step_of(m);
}

void meter_stop(struct meter *m)
{
	if (m->shown)
		fputs("\r\033[K", stderr);
	m->shown = false;
	m->terminal = false;
	m->interval = 0;
}

void meter_free(struct meter *m)
{
	free(m->samples);
	m->samples = NULL;
	m->n_samples = 0;
}
