/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See answers.h.
 */
#include <errno.h>

#include "answers.h"
#include "clock.h"
#include "methods.h"

#define SLICE_USEC 5000

struct answer {
	STAILQ_ENTRY(answer) entry;
	void (*build)(void *userdata);
	void *userdata;
};

static bool answer_next(struct api *api)
{
	struct answer *a = STAILQ_FIRST(&api->answers);

	if (!a)
		return false;
	STAILQ_REMOVE_HEAD(&api->answers, entry);
	a->build(a->userdata);
	free(a);
	return true;
}

static int on_turn(sd_event_source *s, void *userdata)
{
	uint64_t until = now_usec(CLOCK_MONOTONIC) + SLICE_USEC;
	struct api *api = userdata;

	api->devices->loop->doing = "answers to calls that only read";
	while (answer_next(api) && now_usec(CLOCK_MONOTONIC) < until)
		;
	return sd_event_source_set_enabled(s, STAILQ_EMPTY(&api->answers) ? SD_EVENT_OFF
									: SD_EVENT_ONESHOT);
}

static int arm(struct api *api)
{
	int r;

	if (api->answer_source)
		return sd_event_source_set_enabled(api->answer_source, SD_EVENT_ONESHOT);
	r = sd_event_add_defer(api->devices->loop->event, &api->answer_source, on_turn, api);
	if (r >= 0)
		(void)sd_event_source_set_description(api->answer_source, "answers");
	return r;
}

void answer_later(struct api *api, void (*build)(void *userdata), void *userdata)
{
	struct answer *a = malloc(sizeof(*a));
	int r = a ? arm(api) : -ENOMEM;

	if (r < 0) { /* late is what it must not be */
		free(a);
		build(userdata);
		return;
	}
	*a = (struct answer){ .build = build, .userdata = userdata };
	STAILQ_INSERT_TAIL(&api->answers, a, entry);
}

void answers_free(struct api *api)
{
	while (answer_next(api))
		;
	api->answer_source = sd_event_source_disable_unref(api->answer_source);
}
