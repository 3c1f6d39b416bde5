/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of metrics, as io.systemd.Metrics tells them.
 */
#pragma once

#include "harness.h"

#define ABSENT (-1.0)

/* All replies to a method with `more`; they live as long as the link. */
sd_json_variant *collect(sd_varlink *link, const char *method);
/* How many pairs an object has, which may be NULL. */
size_t count_of(sd_json_variant *object);
/* One value of now. The labels are pairs of strings, and NULL; ABSENT if there is no such value. */
double metric(struct daemon *d, const char *name, const char *object, ...);

#define assert_metric(d, value, ...) assert_int_equal((int)metric(d, __VA_ARGS__, NULL), value)

/* Within 10 s. */
#define wait_for_metric(d, value, ...)                                                             \
	do {                                                                                       \
		for (int _i = 0; _i < 1000 && (int)metric(d, __VA_ARGS__, NULL) != (value); _i++)   \
			usleep(10000);                                                             \
		assert_metric(d, value, __VA_ARGS__);                                              \
	} while (0)
