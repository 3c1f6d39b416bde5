/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes and times as people write them: in the configuration and on the command lines, all alike. Also as
 * systemd and Kubernetes write them, as long as that can mean one thing only.
 */
#pragma once

#include <stdint.h>

/* "256M" -> bytes; K, M, G, T are powers of 1024, and so are KiB, Ki... -EINVAL, -ERANGE. */
int parse_size(const char *s, uint64_t *ret);
/* "64M", "1.5G": a new string, as parse_size() takes it where it is whole; NULL: out of memory. */
char *format_size(uint64_t bytes);
/*
 * "90", "30s", "5min", "1h 30min", "1day" -> microseconds, in the units of systemd.time(7); bare numbers
 * are seconds. -EINVAL, or -ERANGE for what is more than INT64_MAX, as JSON's integers have it.
 */
int parse_span(const char *s, uint64_t *ret);
