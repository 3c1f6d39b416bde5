/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands of zcrxd-nic that play a client.
 */
#pragma once

#include "nic.h"

int run_facts(struct nic_backend *b, char **argv, struct fault *reterr);
int run_facts_locked(struct nic_backend *b, char **argv, struct fault *reterr);
int run_dmabuf(struct nic_backend *b, char **argv, struct fault *reterr);
/* Linux before 6.17 sets RSS by ioctl alone. */
void pretend_old_kernel(struct nic *nic);
int run_register(struct nic_backend *b, char **argv, struct fault *reterr);
/* The rest of the facts, as another thread would ask for them. */
int find_socket(struct nic_backend *b, struct socket_facts *facts);
