/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See answers.h.
 */
#include <errno.h>

#include "answers.h"
#include "clock.h"

#define SLICE_USEC 5000

struct answer {
	STAILQ_ENTRY(answer) entry;
	void (*build)(void *userdata);
	void *userdata;
};

static bool answer_next(struct manager *m)
{
	struct answer *a = STAILQ_FIRST(&m->answers);

	if (!a)
		return false;
	STAILQ_REMOVE_HEAD(&m->answers, entry);
	a->build(a->userdata);
	free(a);
	return true;
}

static int on_turn(sd_event_source *s, void *userdata)
{
	uint64_t until = now_usec(CLOCK_MONOTONIC) + SLICE_USEC;
	struct manager *m = userdata;

	m->loop.doing = "answers to calls that only read";
	while (answer_next(m) && now_usec(CLOCK_MONOTONIC) < until)
		;
	return sd_event_source_set_enabled(s, STAILQ_EMPTY(&m->answers) ? SD_EVENT_OFF
									: SD_EVENT_ONESHOT);
}

static int arm(struct manager *m)
{
	int r;

	if (m->answer_source)
		return sd_event_source_set_enabled(m->answer_source, SD_EVENT_ONESHOT);
	r = sd_event_add_defer(m->event, &m->answer_source, on_turn, m);
	if (r >= 0)
		(void)sd_event_source_set_description(m->answer_source, "answers");
	return r;
}

void answer_later(struct manager *m, void (*build)(void *userdata), void *userdata)
{
	struct answer *a = malloc(sizeof(*a));
	int r = a ? arm(m) : -ENOMEM;

	if (r < 0) { /* late is what it must not be */
		free(a);
		build(userdata);
		return;
	}
	*a = (struct answer){ .build = build, .userdata = userdata };
	STAILQ_INSERT_TAIL(&m->answers, a, entry);
}

void answers_free(struct manager *m)
{
	while (answer_next(m))
		;
	m->answer_source = sd_event_source_disable_unref(m->answer_source);
}
