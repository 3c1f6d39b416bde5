/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "baseline.h"
#include "crash-point.h"
#include "state-file.h"

/* Shared with the processes that register, and with who arms us. */
static struct crash {
	atomic_uint passed;
	atomic_uint target; /* 0: none */
	pid_t daemon;
	char path[256]; /* "": armed by crash_arm */
	void (*last_act)(void);
} *crash;

void crash_arm(unsigned n)
{
	crash->target = 0;
	if (n == 0)
		return; /* how many were passed is still asked for */
	crash->passed = 0;
	crash->target = n;
}

unsigned crash_passed(void)
{
	return crash->passed;
}

/* A new file arms us anew, from 1. It is complete when it appears: it is renamed into place. */
static void read_file(void)
{
	FILE *f = fopen(crash->path, "re");
	unsigned target = 0;

	if (f) {
		if (fscanf(f, "%u", &target) != 1)
			target = 0;
		fclose(f);
	}
	if (crash->target != target)
		crash_arm(target);
}

static bool is_here(void)
{
	unsigned target;

	if (!crash)
		return false;
	if (crash->path[0])
		read_file();
	target = crash->target;
	return target != 0 && atomic_fetch_add(&crash->passed, 1) + 1 == target;
}

static _Noreturn void die(void)
{
	if (crash->path[0])
		unlink(crash->path);
	if (crash->last_act)
		crash->last_act();
	kill(crash->daemon, SIGKILL);
	for (;;)
		pause();
}

void crash_point(void)
{
	if (is_here())
		die();
}

int __real_state_write(const char *path, const char *record, struct growing_file *ret);
int __wrap_state_write(const char *path, const char *record, struct growing_file *ret);
int __real_state_append(struct growing_file *f, const char *change);
int __wrap_state_append(struct growing_file *f, const char *change);

int __wrap_state_write(const char *path, const char *record, struct growing_file *ret)
{
	int r;

	crash_point();
	r = __real_state_write(path, record, ret);
	crash_point();
	return r;
}

int __wrap_state_append(struct growing_file *f, const char *change)
{
	int r;

	crash_point();
	r = __real_state_append(f, change);
	if (is_here()) { /* in the midst of it */
		if (r == 0 && ftruncate(f->fd, (off_t)(f->size - strlen(change) / 2 - 1)) < 0)
			abort();
		die();
	}
	crash_point();
	return r;
}

int __real_baseline_write(const char *path, unsigned ifindex, const char *driver,
			  const struct baseline *o);
int __wrap_baseline_write(const char *path, unsigned ifindex, const char *driver,
			  const struct baseline *o);

int __wrap_baseline_write(const char *path, unsigned ifindex, const char *driver,
			  const struct baseline *o)
{
	int r;

	crash_point();
	r = __real_baseline_write(path, ifindex, driver, o);
	crash_point();
	return r;
}

int crash_setup(const char *path, void (*last_act)(void))
{
	void *shared = mmap(NULL, sizeof(*crash), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	crash = shared;
	crash->last_act = last_act;
	snprintf(crash->path, sizeof(crash->path), "%s", path ?: "");
	return 0;
}

void crash_set_victim(pid_t daemon)
{
	crash->daemon = daemon;
}
