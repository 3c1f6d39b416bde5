/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct sockets_ops for the kernel. */
#pragma once

#include "cookies.h"
#include "nic.h"

/* Borrows what is known of SYN cookies. */
int kernel_sockets_open(struct cookie_count *cookies, struct sockets **ret);
