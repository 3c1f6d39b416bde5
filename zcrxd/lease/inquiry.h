/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Of a registration that is late: is it the driver that takes so long, or the client? See inquiry.c.
 */
#pragma once

#include "device.h"

struct question_of_driver;

/* All zero: nothing was asked yet. */
struct inquiry {
	struct question_of_driver *question; /* as long as it is not answered */
	bool asked;
	unsigned answered; /* how often that was found */
};

/* On the loop, again and again. */
bool inquiry_is_open(struct inquiry *i, struct device *d, uint32_t queue);
void inquiry_end(struct inquiry *i);
