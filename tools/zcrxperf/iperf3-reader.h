/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A message of iperf3's as it comes in: four bytes of length, and the text. Never waits. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct iperf3_reader {
	uint8_t header[4];
	char *message; /* the text, when it is whole */
	size_t got, length;
};

/* 1: it is whole; 0: more will come; -EMSGSIZE: it is empty, or longer than `max`; -EBADMSG: it is no text;
 * -ECONNRESET: the socket was closed before; another errno of recv(2). */
int iperf3_read(struct iperf3_reader *r, int socket, size_t max);
/* Ready for the next one. */
void iperf3_reader_done(struct iperf3_reader *r);
