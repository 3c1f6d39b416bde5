/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has been received from a stream of messages and not yet been passed on: bytes up to the NUL
 * that ends each message, and the descriptors that came with them. The kernel ends a read where
 * bytes with descriptors end, so they belong to the message that has the last byte of that read,
 * however the sender cut its message.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inbox {
	char *data;
	size_t n;
	struct inbox_fd *fds;
	size_t n_fds;
	uint64_t offset; /* of data[0] in the stream */
	size_t seen;	 /* bytes in which no NUL is */
};

struct inbox_fd {
	uint64_t at; /* the offset of the byte with which it came */
	int fd;
};

struct message {
	char *text; /* with its NUL */
	size_t n;   /* without it */
	int *fds;
	size_t n_fds;
};

/* Takes over the descriptors on success. */
int inbox_add(struct inbox *b, const char *data, size_t n, const int *fds, size_t n_fds);
/* 1: the next complete message; the caller has message_done() called. 0: there is none. */
int inbox_next(struct inbox *b, struct message *ret);
/* Whether inbox_next() would return one. */
bool inbox_has_message(struct inbox *b);
/* How many descriptors have come for the first message. */
size_t inbox_first_fds(struct inbox *b);
/* Frees all but the descriptors, which are the caller's to close. */
void inbox_done(struct inbox *b);
/* Likewise. */
void message_done(struct message *m);
