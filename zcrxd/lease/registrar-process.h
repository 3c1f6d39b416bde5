/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process of one registration, and what is said to it and by it. It waits for a request, carries it
 * out, answers and ends. Until then it has the standard streams and its end of the socket, and knows nothing of
 * the client: what it needs comes with the request.
 */
#pragma once

#include <sys/types.h>

#include "nic.h"

#define REGISTRAR_NAME "zcrxd-registrar"

/* Our end of the socket, and the process. It ends by itself when that is closed, or when we end. */
int registrar_process_new(const char *name, struct nic_backend *backend, pid_t *ret_pid, int *ret_fd);
/*
 * One that was asked for nothing else makes another, which is our child, too. That spares us a fork: after each, who
 * forked copies every page that it writes to. What it says then: 0, -EAGAIN: nothing yet, -EIO: it has ended.
 */
int registrar_process_divide(int fd);
int registrar_process_read_other(int fd, pid_t *ret_pid, int *ret_fd);
/* Once. Borrows the request's descriptors. -EPIPE and the like: the process is gone, and has done nothing. */
int registrar_process_ask(int fd, const struct ifq_request *request);
/* As from nic_backend_ops.register_ifq. */
struct registrar_answer {
	int r;
	struct ifq ifq;	    /* if that is 0 */
	struct fault fault; /* if it is positive */
};
/* 0: it has answered. -EAGAIN: not yet. -EIO: it has died without a word. */
int registrar_process_read(int fd, struct registrar_answer *ret);
/* Likewise, behind an answer that is good, where an export was asked for; -EBADF if it could not be had. */
int registrar_process_read_export(int fd, int *ret);
