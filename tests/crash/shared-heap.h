/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lets the simulated machine outlive the daemon that runs on it, in a process of its own, killed by
 * SIGKILL: what is allocated while this thread holds the machine's lock comes from memory that all
 * processes share. The functions of the allocator and of the lock are wrapped by the linker, so that
 * the simulation knows nothing of it.
 */
#pragma once

#include <pthread.h>

/* Once, before anything else. */
void shared_heap_init(void);
/* Between these, what this thread allocates is shared: for the machine's beginning. */
void shared_heap_enter(void);
void shared_heap_leave(void);
/* Makes the machine's lock one of all processes, and one that may be left behind by a dead one. */
void shared_heap_set_lock(pthread_mutex_t *lock);
/* Right after a fork: what is free is still the parent's. */
void shared_heap_forked(void);
