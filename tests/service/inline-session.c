/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See inline-session.h.
 */
#include <assert.h>
#include <errno.h>

#include "closer.h"
#include "inline-session.h"
#include "macro.h"
#include "session.h"
#include "session-process.h"

#define SESSIONS 64 /* at a time */

static struct session *sessions[SESSIONS];

static void on_over(void *userdata)
{
	struct session **slot = userdata;

	session_free(TAKE_PTR(*slot));
}

int session_spawn(sd_event *event, int control, pid_t *ret)
{
	size_t i = 0;

	while (i < SESSIONS && sessions[i])
		i++;
	assert(i < SESSIONS);
	*ret = 0;
	return session_new(event, control, on_over, &sessions[i], &sessions[i]);
}

void inline_sessions_end(void)
{
	for (size_t i = 0; i < SESSIONS; i++)
		if (sessions[i])
			session_free(TAKE_PTR(sessions[i]));
}

int closer_new(struct closer **ret)
{
	*ret = NULL;
	return 0;
}

void closer_close(struct closer *c, int fd)
{
	close(fd);
}

size_t closer_backlog(struct closer *c)
{
	return 0;
}

void closer_free(struct closer *c)
{
}
