/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal. Each decision is logged once, where it is taken: above util/ and in main.c, nowhere else.
 */
#pragma once

#include <stdint.h>
#include <syslog.h>

#include "macro.h"

/* Structured fields; zero values are left out. */
struct log_fields {
	uint32_t lease;	       /* ZCRXD_LEASE */
	const char *interface; /* ZCRXD_INTERFACE */
	const char *event;     /* ZCRXD_EVENT: the IDL's EventKind */
};

/* To stderr, with the journal's level prefix where stderr is the journal's. */
void log_setup(int max_level);
void log_message(int level, const struct log_fields *fields, const char *format, ...)
	_printf_(3, 4);

#define log_error(...) log_message(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, NULL, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, NULL, __VA_ARGS__)

/* "Cannot do it: ENOMEM text"; returns r, for `return log_errno(r, ...)`. */
#define log_errno(r, format, ...)                                                                  \
	({                                                                                         \
		int _r = (r);                                                                      \
		log_error(format ": %s" __VA_OPT__(, ) __VA_ARGS__, strerror(-_r));                \
		_r;                                                                                \
	})
