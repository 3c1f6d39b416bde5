/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a descriptor that a client sent an area that a registration may pin? It may be anything; no
 * call here waits for its owner or touches its pages.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

/* As nic_backend_ops.check_area. */
int area_check(int fd, uint64_t offset, uint64_t size, bool dmabuf, struct fault *reterr);
