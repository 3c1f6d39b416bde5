/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that are half made, and that the kernel keeps nothing of: it has sent a SYN cookie,
 * and whoever returns it within two minutes is connected. No table shows them; but the kernel
 * counts its cookies.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The count as it was read last. */
struct cookie_count {
	pthread_mutex_t lock;
	bool known;
	uint64_t n;
	uint64_t since; /* CLOCK_MONOTONIC: it has not changed since then */
};

/* Those sent and returned, in the text of /proc/net/netstat. False if they are not there. */
bool cookies_count(const char *netstat, uint64_t *ret);
/* `n` is the count, read after whatever is asked about: has any been sent that may still be
 * returned? Without the lock. */
bool cookies_are_out(struct cookie_count *last, uint64_t n, uint64_t now);
/* The same for the machine. Where it cannot be read: yes. */
bool cookies_may_be_out(struct cookie_count *last);
