/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One read from a stream socket, with all descriptors that can come with it: the kernel lets go of
 * those for which there is no room, at once and in the caller's task.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RECEIVE_FDS_MAX 253 /* the kernel's SCM_MAX_FD */

struct received {
	const char *data; /* until the next call */
	size_t n;	  /* 0: there is nothing more to come */
	int fds[RECEIVE_FDS_MAX];
	size_t n_fds;
	bool truncated; /* the table of descriptors was full */
};

/* 1: something came; 0: nothing is there yet. */
int receive(int fd, struct received *ret);
/* A link's first byte, and the descriptor that it carries. */
int receive_first(int fd);
