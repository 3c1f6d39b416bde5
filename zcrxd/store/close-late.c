/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See close-late.h.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "close-late.h"

#define STORE_PATIENCE_USEC (5 * 1000000ULL)

static void *close_main(void *userdata)
{
	(void)sd_notify_barrier(0, STORE_PATIENCE_USEC);
	close((int)(intptr_t)userdata);
	return NULL;
}

void close_late(int fd)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	/* Signals are the loop's (signalfd): a thread that takes one would lose it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, close_main, (void *)(intptr_t)fd);
	(void)pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		close(fd);
}
