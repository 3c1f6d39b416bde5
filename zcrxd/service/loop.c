/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See loop.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "loop.h"
#include "macro.h"

/* Nothing that is done in a turn of the loop waits; what takes longer is woken, again and again. */
#define FIRST_NSEC (100 * 1000000L)
#define AGAIN_NSEC (10 * 1000000L)

static void on_alarm(int number)
{
	(void)number; /* it has interrupted what it should */
}

static int alarm_new(timer_t *ret)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

	event._sigev_un._tid = gettid();
	if (sigaction(SIGALRM, &action, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, ret) < 0)
		return -errno;
	return 0;
}

static void alarm_set(timer_t alarm, bool on)
{
	const struct itimerspec running = { .it_value.tv_nsec = FIRST_NSEC,
					    .it_interval.tv_nsec = AGAIN_NSEC },
				stopped = {};

	(void)timer_settime(alarm, 0, on ? &running : &stopped, NULL);
}

static int loop_turn(sd_event *event, timer_t alarm)
{
	int r;

	r = sd_event_prepare(event);
	if (r == 0) {
		alarm_set(alarm, false);
		r = sd_event_wait(event, UINT64_MAX);
		alarm_set(alarm, true);
	}
	return r > 0 ? sd_event_dispatch(event) : r;
}

int loop_run(sd_event *event)
{
	timer_t alarm;
	int r, code;

	r = alarm_new(&alarm);
	if (r < 0)
		return r;
	while (r >= 0 && sd_event_get_state(event) != SD_EVENT_FINISHED)
		r = loop_turn(event, alarm);
	if (r >= 0) {
		r = sd_event_get_exit_code(event, &code);
		r = r < 0 ? r : code;
	}
	(void)timer_delete(alarm);
	return r;
}
