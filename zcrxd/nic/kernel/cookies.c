/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See cookies.h.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cookies.h"
#include "macro.h"
#include "regular-file.h"

/* The kernel takes them for two minutes, counted in whole ones. */
#define VALID_USEC  (4 * 60 * 1000000ULL)
#define NETSTAT_MAX (64 * 1024)

/* Two lines begin with "TcpExt:": names, and their values in the same order. */
static bool find_value(const char *names, const char *values, const char *name, uint64_t *ret)
{
	const size_t length = strlen(name);
	char *end;

	for (;;) {
		size_t word;

		names += strspn(names, " ");
		values += strspn(values, " ");
		word = strcspn(names, " \n");
		if (word == 0)
			return false;
		if (word == length && memcmp(names, name, length) == 0)
			break;
		names += word;
		values += strcspn(values, " \n");
	}
	*ret = strtoull(values, &end, 10);
	return end != values;
}

bool cookies_count(const char *netstat, uint64_t *ret)
{
	static const char head[] = "TcpExt:";
	const char *names = strstr(netstat, head);
	const char *values = names ? strstr(names + strlen(head), head) : NULL;
	uint64_t sent, returned;

	if (!values || !find_value(names, values, "SyncookiesSent", &sent) ||
	    !find_value(names, values, "SyncookiesRecv", &returned))
		return false;
	*ret = sent + returned; /* BPF programs send some that are counted only when they return */
	return true;
}

bool cookies_are_out(struct cookie_count *last, uint64_t n, uint64_t now)
{
	if (n == 0)
		return false;
	if (!last->known || last->n != n) {
		last->known = true;
		last->n = n;
		last->since = now;
	}
	return now - last->since < VALID_USEC;
}

bool cookies_may_be_out(struct cookie_count *last)
{
	_cleanup_free_ char *text = NULL;
	struct timespec now;
	size_t size;
	uint64_t n;
	bool out;

	/* With the lock held, so that an older count does not come after a newer one. */
	pthread_mutex_lock(&last->lock);
	clock_gettime(CLOCK_MONOTONIC, &now);
	out = regular_file_read("/proc/net/netstat", 0, NETSTAT_MAX, &text, &size) < 0 ||
	      !cookies_count(text, &n) || cookies_are_out(last, n, (uint64_t)now.tv_sec * 1000000);
	pthread_mutex_unlock(&last->lock);
	return out;
}
