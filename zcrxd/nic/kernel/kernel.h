/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel itself behind nic.h. main.c makes one; everything else goes through the boundary.
 */
#pragma once

#include "nic.h"

/* NOT_SUPPORTED if the kernel lacks something that nothing works without. */
int kernel_backend_new(struct nic_backend **ret, struct fault *reterr);
