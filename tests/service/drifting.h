/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of drift share: a daemon on sim0 with eight channels, four of them for zero copy; a
 * client that watches it; somebody else's changes.
 */
#pragma once

#include "harness.h"

#define QUEUE 4 /* the first that is leased */
#define PATIENCE_MS 10000

/* Setups and teardowns, with either mode of on-drift. */
int set_up(void **state);
int set_up_report(void **state);
int tear_down(void **state);
#define REPAIR(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define REPORT(name) cmocka_unit_test_setup_teardown(name, set_up_report, tear_down)

/* What Watch tells of the interface, one word an event, and the reason that came last. */
struct watching {
	sd_varlink *link;
	char events[1024];
	char reason[1024];
};

void watch(struct daemon *d, struct watching *w);
/* What has come so far. */
void hear(struct watching *w);
/* Exactly these, since the last call. */
void wait_for_events(struct watching *w, const char *events);
void watch_end(struct watching *w);

/* Somebody else's ethtool. */
void change(struct daemon *d, const struct step *step);
extern const struct step wide_table;
bool leads_beyond(struct daemon *d, uint32_t first);
void wait_until_narrow(struct daemon *d);

/* The state of the interface; its reason goes to `ret`, if wanted. */
void wait_for_state(struct daemon *d, const char *state, char ret[1024]);
void assert_contains(const char *text, const char *part);
/* The lease, its owner and its queue. */
void assert_names(const char *text, const struct client *c);
