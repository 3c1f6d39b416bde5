/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whatever a service answers, libzcrx-client takes it or says what is wrong with it. The first byte is the
 * call. Of the second, the lowest bit says whether a descriptor comes along; the next that the client does not
 * block, and then the others how many bytes come at once, but for 1.
 */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "pool.h"

static void answer(int fd, const uint8_t *data, size_t size, bool with_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { (void *)data, size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (with_fd) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	assert(n == (ssize_t)size || (n < 0 && errno == EPIPE)); /* the library has enough of it */
}

/* One that was acquired, but for the first two calls. */
static int call(struct zcrx_client *c, struct zcrx_lease *l, unsigned int which, struct zcrx_pool **p)
{
	switch (which) {
	case 0:
		return zcrx_lease_acquire(l);
	case 1:
		return zcrx_lease_open(l, "0000002a");
	case 2:
		return zcrx_lease_steer(l, AF_INET, NULL, 0, NULL, 9);
	case 3:
		return zcrx_lease_renew(l, 1);
	default:
		if (!*p)
			assert(zcrx_pool_new(l, 0, p) == 0 && zcrx_pool_set_area_size(*p, 1) == 0);
		return zcrx_pool_register(*p, l->handle);
	}
}

/* With all of the answer there already, or while it comes. */
static int call_nonblocking(struct zcrx_client *c, struct zcrx_lease *l, const uint8_t *data, size_t size, int fd)
{
	size_t piece = (data[1] >> 2) + 1U, at = 2;
	struct zcrx_pool *p = NULL;
	int r;

	assert(zcrx_client_set_nonblocking(c, 1) == 0 && zcrx_client_set_timeout(c, UINT64_MAX) == 0);
	assert(zcrx_client_get_fd(c) >= 0);
	for (bool first = true;; first = false) {
		r = call(c, l, data[0] % 5, &p);
		if (r != -EINPROGRESS || at == size)
			break;
		if (piece > size - at)
			piece = size - at;
		answer(fd, data + at, piece, first && data[1] & 1);
		at += piece;
		r = zcrx_client_process(c);
		assert(r == 0 || r == 1);
	}
	zcrx_pool_unref(p);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zcrx_pool *p = NULL;
	struct zcrx_client *c;
	struct zcrx_lease *l;
	int pair[2], r;

	if (size < 2 || size > 32768)
		return 0;
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	assert(zcrx_client_new(&c) == 0 && zcrx_client_set_timeout(c, 1) == 0);
	assert(zcrx_lease_new(c, &l) == 0 && varlink_new(pair[0], &c->link) == 0);
	if (data[0] % 5 > 1) {
		l->id = strdup("0000002a");
		l->n_queues = 1;
		l->napi_ids = calloc(1, sizeof(*l->napi_ids));
		l->hardware_queues = calloc(1, sizeof(*l->hardware_queues));
		l->handle = dup(pair[1]);
	}
	if (data[1] & 2) {
		r = call_nonblocking(c, l, data, size, pair[1]);
	} else {
		answer(pair[1], data + 2, size - 2, data[1] & 1);
		answer(pair[1], (const uint8_t[]) { 0 }, 1, false);
		r = call(c, l, data[0] % 5, &p);
		zcrx_pool_unref(p);
	}
	assert(r <= 0 && (r == 0 || r == -EINPROGRESS || *zcrx_client_error(c)));
	if (r == 0)
		assert(l->id && l->n_queues > 0 && l->handle >= 0);
	for (unsigned int i = 0; i < l->n_flow_ids; i++)
		assert(zcrx_lease_get_flow_id(l, i));
	for (unsigned int i = 0; i < l->n_taken; i++)
		assert(zcrx_lease_get_taken(l, i));
	for (unsigned int i = 0; i < l->n_left_out; i++)
		assert(zcrx_lease_get_left_out(l, i));
	zcrx_lease_unref(l);
	zcrx_client_unref(c);
	close(pair[1]);
	return 0;
}
