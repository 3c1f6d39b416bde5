/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See iperf3-reader.h. */
#include "iperf3-reader.h"

#include <endian.h>
#include <errno.h>
#include <sys/socket.h>

#include "macro.h"

/* Of the message, there was a header. */
static size_t got_of_message(const struct iperf3_reader *r)
{
	return r->got - sizeof(r->header);
}

static ssize_t read_some(struct iperf3_reader *r, int socket)
{
	if (r->got < sizeof(r->header))
		return recv(socket, r->header + r->got, sizeof(r->header) - r->got, MSG_DONTWAIT);
	return recv(socket, r->message + got_of_message(r), r->length - got_of_message(r), MSG_DONTWAIT);
}

static int begin_message(struct iperf3_reader *r, size_t max)
{
	uint32_t length;

	memcpy(&length, r->header, sizeof(length));
	r->length = be32toh(length);
	if (r->length == 0 || r->length > max)
		return -EMSGSIZE;
	r->message = calloc(1, r->length + 1);
	return r->message ? 0 : -ENOMEM;
}

int iperf3_read(struct iperf3_reader *r, int socket, size_t max)
{
	ssize_t n = read_some(r, socket);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	r->got += (size_t)n;
	if (r->got < sizeof(r->header))
		return 0;
	if (!r->message)
		return begin_message(r, max);
	if (got_of_message(r) < r->length)
		return 0;
	return strlen(r->message) == r->length ? 1 : -EBADMSG;
}

void iperf3_reader_done(struct iperf3_reader *r)
{
	free(r->message);
	*r = (struct iperf3_reader) {};
}
