/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon asks libc and systemd for, answered the same way every time: the clock, random
 * numbers, signals to clients, and the store of descriptors. The functions here are linked before
 * those of the shared libraries; sd-event, too, takes its time from here.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "fdstore.h"
#include "stage.h"

/* Long after now: a timer in the kernel that is set to this clock never fires. */
#define EPOCH_USEC (1000ULL * 365 * 86400 * 1000000)

static uint64_t passed;
static uint32_t random_number;
static bool killed;

/* -------------------------------------------------------------------------------- clock */

/* The realtime clock goes on: it is told to people and libFuzzer lives by it. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
	uint64_t usec = EPOCH_USEC + passed;

	if (id != CLOCK_MONOTONIC && id != CLOCK_BOOTTIME)
		return (int)syscall(SYS_clock_gettime, id, ret);
	*ret = (struct timespec){ .tv_sec = (time_t)(usec / 1000000),
				  .tv_nsec = (long)(usec % 1000000) * 1000 };
	return 0;
}

void stage_clock_pass(uint64_t usec)
{
	passed += usec;
}

/* ------------------------------------------------------------------- numbers and signals */

ssize_t getrandom(void *buffer, size_t size, unsigned flags)
{
	memset(buffer, 0, size);
	if (size == sizeof(random_number)) {
		random_number++;
		memcpy(buffer, &random_number, size);
	}
	return (ssize_t)size;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* The client is this process: it is not killed, but its rings are gone. */
long __wrap_syscall(long number, ...)
{
	long a[4];
	va_list ap;

	if (number == SYS_pidfd_send_signal) {
		killed = true;
		return 0;
	}
	va_start(ap, number);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return __real_syscall(number, a[0], a[1], a[2], a[3]);
}

bool stage_client_killed(void)
{
	bool was = killed;

	killed = false;
	return was;
}

/* ---------------------------------------------------------------------- systemd's store */

#define STORED_MAX 512 /* FileDescriptorStoreMax= of the unit is larger */

static struct stored_fd stored[STORED_MAX];
static size_t n_stored;

static void store_drop(size_t i)
{
	close(stored[i].fd);
	free(stored[i].name);
	stored[i] = stored[--n_stored];
}

int sd_pid_notify_with_fds(pid_t pid, int unset_environment, const char *state, const int *fds,
			   unsigned n_fds)
{
	const char *name = strstr(state, "FDNAME=");
	int fd;

	if (!name || n_fds != 1)
		return 0;
	if (n_stored == STORED_MAX)
		return -E2BIG;
	fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
	assert(fd >= 0);
	stored[n_stored++] = (struct stored_fd){ .name = strdup(name + 7), .fd = fd };
	return 1;
}

int sd_notifyf(int unset_environment, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	const char *name;
	va_list ap;
	int r;

	va_start(ap, format);
	r = vasprintf(&text, format, ap);
	va_end(ap);
	assert(r >= 0);
	if (strncmp(text, "FDSTOREREMOVE=1\n", 16))
		return 0;
	name = strstr(text, "FDNAME=") + 7;
	for (size_t i = n_stored; i-- > 0;)
		if (streq(stored[i].name, name))
			store_drop(i);
	return 1;
}

/* In place of the original, which takes numbers from 3 up that are the fuzzer's here. What hung up
 * meanwhile is not there any more. */
int __wrap_stored_fds_collect(struct stored_fds *ret);
int __wrap_stored_fds_collect(struct stored_fds *ret)
{
	*ret = (struct stored_fds){ .list = calloc(n_stored + 1, sizeof(*ret->list)) };
	assert(ret->list);
	for (size_t i = n_stored; i-- > 0;) {
		struct pollfd p = { .fd = stored[i].fd };

		if (poll(&p, 1, 0) > 0)
			store_drop(i);
	}
	for (size_t i = 0; i < n_stored; i++)
		ret->list[ret->n++] =
			(struct stored_fd){ .name = strdup(stored[i].name),
					    .fd = fcntl(stored[i].fd, F_DUPFD_CLOEXEC, 3) };
	return 0;
}

void stage_system_reset(void)
{
	while (n_stored > 0)
		store_drop(0);
	passed = 0;
	random_number = 0;
	killed = false;
}
