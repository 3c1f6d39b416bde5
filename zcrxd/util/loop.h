/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop. How long each turn takes is measured, always. One turn is one event source: a call of
 * a client, a timer, what a worker has done.
 */
#pragma once

#include <systemd/sd-event.h>

#include "turn-times.h"

/* Whatever removes rules, takes queues back or asks proofs comes before everything that clients ask for,
 * however many they are (NORMAL; who takes much comes after that, server/user.c). */
#define LOOP_PRIORITY_PROTECTION SD_EVENT_PRIORITY_IMPORTANT

struct loop {
	sd_event *event;
	struct turn_times times; /* longest_at_usec: realtime */
	const char *doing;	 /* what this turn is for, as far as somebody says it; a literal */
	const char *longest_doing;
	uint64_t said_usec, said_at; /* the longest that the journal knows, and when it was told */
};

/* Until sd_event_exit(), whose code it returns. */
int loop_run(struct loop *l);
/* Those that come before clients. */
void loop_set_protection(sd_event_source *s);
/* A timer that fires once, after so long; *timer is made when it is NULL. Nothing is wrong if the loop ends. */
int loop_arm(struct loop *l, sd_event_source **timer, uint64_t usec, sd_event_time_handler_t handler,
	     void *userdata);
/* The same for one that comes before clients. */
int loop_arm_protection(struct loop *l, sd_event_source **timer, uint64_t usec,
			sd_event_time_handler_t handler, void *userdata);
