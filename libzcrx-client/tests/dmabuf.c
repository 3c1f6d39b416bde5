/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives one connection into a dma-buf, as root: dmabuf PORT [late]. Prints how much was placed by the NIC and
 * how much was staged, and whether it is what the peer has sent: bytes that count. With "late", the connection is
 * steered when something has come already.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcrx-client.h>

#define SIZE (16UL << 20)

static struct zcrx_client *client;
static uint64_t placed, staged, wrong;

static void fail(const char *what, int r)
{
	const char *why = client ? zcrx_client_error(client) : "";

	fprintf(stderr, "%s: %s\n", what, *why ? why : strerror(r < 0 ? -r : errno));
	exit(1);
}

static int make_dmabuf(unsigned char **ret)
{
	int memory = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING), fd;
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct udmabuf_create create = { .memfd = (uint32_t)memory, .size = SIZE };

	if (memory < 0 || ftruncate(memory, SIZE) < 0 || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		fail("memfd", 0);
	fd = device < 0 ? -1 : ioctl(device, UDMABUF_CREATE, &create);
	if (fd < 0)
		fail("udmabuf", 0);
	*ret = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (*ret == MAP_FAILED)
		fail("mmap", 0);
	return fd;
}

static void verify(const unsigned char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		wrong += data[i] != (unsigned char)(placed + staged + i);
}

static int take(struct zcrx_queue *queue, const unsigned char *memory, const struct zcrx_event *e)
{
	switch (e->type) {
	case ZCRX_EVENT_DATA:
		if (e->data)
			fail("a span of a dma-buf has an address", -EINVAL);
		verify(memory + e->area_offset, e->length);
		placed += e->length;
		if (zcrx_queue_return_offset(queue, e->area_offset) < 0)
			fail("return", -EINVAL);
		return 1;
	case ZCRX_EVENT_STAGED:
		verify(e->data, e->length);
		staged += e->length;
		return 1;
	case ZCRX_EVENT_LEASE_GONE:
		printf("the lease has ended\n");
		fflush(stdout);
		return 1;
	case ZCRX_EVENT_ERROR:
		fail(e->message, e->error);
		return 0;
	case ZCRX_EVENT_EOF:
	case ZCRX_EVENT_STOPPED:
	case ZCRX_EVENT_LEASE_ENDING:
	case ZCRX_EVENT_COMPLETION:
		return 0;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), late = argc == 3, socket, one = 1, r;
	struct zcrx_lease *lease = NULL;
	struct zcrx_queue *queue = NULL;
	struct zcrx_stream *stream;
	const struct zcrx_event *event;
	unsigned char *memory;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0)
		fail("listen", 0);
	if (zcrx_client_new(&client) < 0 || zcrx_client_connect(client, NULL) < 0 || zcrx_lease_new(client, &lease) < 0 ||
	    zcrx_lease_set_interface(lease, "zc0") < 0 || zcrx_lease_acquire(lease) < 0 ||
	    zcrx_queue_new(lease, 0, &queue) < 0)
		fail("lease", -EIO);
	r = zcrx_queue_set_dmabuf(queue, make_dmabuf(&memory));
	if (r >= 0)
		r = zcrx_queue_register(queue);
	if (r >= 0 && !late)
		r = zcrx_queue_steer_socket(queue, listener);
	if (r < 0)
		fail("register", r);
	printf("listening\n");
	fflush(stdout);
	socket = accept(listener, NULL, NULL);
	if (late) {
		struct pollfd p = { .fd = socket, .events = POLLIN };

		poll(&p, 1, -1);
		r = zcrx_queue_steer_socket(queue, socket);
	}
	if (r >= 0)
		r = zcrx_queue_receive(queue, socket, NULL, &stream);
	if (r < 0)
		fail("receive", r);
	while (zcrx_queue_wait(queue, -1, &event) > 0 && take(queue, memory, event))
		;
	printf("placed %" PRIu64 ", staged %" PRIu64 ", wrong %" PRIu64 "\n", placed, staged, wrong);
	if (staged != zcrx_pool_get_staged(zcrx_queue_get_pool(queue)))
		fail("the pool counts otherwise", -EINVAL);
	zcrx_stream_free(stream);
	zcrx_queue_unref(queue);
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
