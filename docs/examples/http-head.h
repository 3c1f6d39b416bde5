/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heads of HTTP/1.1 requests, of http-upload.c: collected from pieces, and read. No I/O. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HEAD_MAX 8192
#define NAME_MAX_LENGTH 64

struct head {
	char name[NAME_MAX_LENGTH + 1]; /* letters, digits, "-", "_" and ".", not at first */
	uint64_t length;
	int waits;  /* for 100 Continue */
	int closes; /* the connection, afterwards */
};

/* Adds to what was collected, up to the end of the head or HEAD_MAX; how much was taken. */
size_t head_collect(char *head, size_t *size, const char *data, size_t data_size);
int head_is_complete(const char *head, size_t size);

/* NULL, or the status with which the request is to be refused. `head` is complete, and written to. */
const char *head_parse(char *head, size_t size, struct head *ret);
