/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct sockets_ops for the kernel. */
#pragma once

#include "nic.h"

int kernel_sockets_open(struct sockets **ret);
