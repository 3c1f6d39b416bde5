/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See fdstore-later.h.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "close-late.h"
#include "fdstore-later.h"
#include "fdstore.h"
#include "loop.h"

#define LATER_MAX 64

static struct {
	sd_event_source *turn;
	struct {
		char name[64];
		int fd; /* ours of it, closed once nobody else has it; -EBADF: none */
	} list[LATER_MAX];
	size_t n;
} later;

void fdstore_flush(void)
{
	for (size_t i = 0; i < later.n; i++) {
		fdstore_remove(later.list[i].name);
		if (later.list[i].fd >= 0)
			close_late(later.list[i].fd);
	}
	later.n = 0;
}

static int on_turn(sd_event_source *s, void *userdata)
{
	fdstore_flush();
	return 0;
}

void fdstore_remove_later(const char *name, int fd)
{
	if (later.n == LATER_MAX)
		fdstore_flush();
	snprintf(later.list[later.n].name, sizeof(later.list[0].name), "%s", name);
	later.list[later.n++].fd = fd;
	if (!later.turn || sd_event_source_set_enabled(later.turn, SD_EVENT_ONESHOT) < 0)
		fdstore_flush();
}

int fdstore_later_begin(sd_event *event)
{
	int r = sd_event_add_defer(event, &later.turn, on_turn, NULL);

	if (r < 0)
		return r;
	loop_set_protection(later.turn);
	return sd_event_source_set_enabled(later.turn, SD_EVENT_OFF);
}

void fdstore_later_end(void)
{
	fdstore_flush();
	later.turn = sd_event_source_disable_unref(later.turn);
}
