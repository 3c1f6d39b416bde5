/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See fake-server.h. A failure in here is a broken test: it aborts. */
#include "fake-server.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "message.h"

#define GOOD_LEASE                                                                                 \
	"{\"leaseId\":\"0000002a\",\"name\":null,\"ownerUid\":0,\"ownerPid\":1,\"interface\":"     \
	"\"zc0\",\"hardwareQueues\":[6,7],\"grant\":\"netkit\",\"state\":\"reserved\","            \
	"\"persistent\":false,\"selfRegistered\":false,\"flows\":[],\"creationUSec\":1,"           \
	"\"areaBytes\":0}"

#define FLOWS                                                                                      \
	"{\"flowIds\":[\"f1\",\"f2\"],\"flows\":[{\"protocol\":\"tcp4\",\"destinationPort\":9},"   \
	"{\"protocol\":\"tcp6\",\"destinationPort\":9}]}"

static char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *text, ...)
{
	va_list ap;
	char *s;

	va_start(ap, text);
	if (vasprintf(&s, text, ap) < 0)
		abort();
	va_end(ap);
	return s;
}

/* The other end of the new handle, to be sent on; -1: none. */
static int make_handle(struct fake_server *f)
{
	int pair[2];

	if (f->no_handle)
		return -1;
	if (f->handle >= 0)
		close(f->handle);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	f->handle = pair[0];
	return pair[1];
}

/* What the test has not said otherwise. */
static char *answer(struct fake_server *f, const char *method, int *ret_fd)
{
	const char *lease = f->lease ? f->lease : GOOD_LEASE;

	if (f->error_id)
		return format("{\"error\":\"%s\",\"parameters\":%s}", f->error_id,
			      f->error_parameters ? f->error_parameters : "{}");
	if (streq(method, "Acquire") || streq(method, "Open"))
		*ret_fd = make_handle(f);
	if (streq(method, "Acquire"))
		return format("{\"parameters\":{\"lease\":%s%s}}", lease,
			      *ret_fd < 0 ? "" : ",\"handleFileDescriptor\":0");
	if (streq(method, "Open"))
		return format("{\"parameters\":{\"handleFileDescriptor\":%d}}", *ret_fd < 0 ? -1 : 0);
	if (streq(method, "ListLeases"))
		return format("{\"parameters\":{\"lease\":%s}}", lease);
	if (streq(method, "Register")) {
		assert(f->registration);
		return format("{\"parameters\":%s}", f->registration);
	}
	if (streq(method, "Share")) {
		assert(f->sharing);
		return format("{\"parameters\":%s}", f->sharing);
	}
	return format("{\"parameters\":%s}", !streq(method, "AddFlow") ? "{}" : f->flows ? f->flows : FLOWS);
}

static void send_all(struct fake_server *f, int link, const char *text, size_t size, int fd)
{
	while (size > 0) {
		union {
			struct cmsghdr header;
			char bytes[CMSG_SPACE(sizeof(int))];
		} control = {};
		struct iovec iov = { (char *)text, f->piece > 0 && f->piece < size ? f->piece : size };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (f->gated)
			sem_wait(&f->gate);
		if (fd >= 0) {
			control.header = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(int)),
							    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
			memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
			m.msg_control = &control;
			m.msg_controllen = sizeof(control);
		}
		n = sendmsg(link, &m, MSG_NOSIGNAL);
		if (n < 0)
			return; /* the library has enough of it */
		fd = -1;
		text += n;
		size -= (size_t)n;
	}
}

/* Notes what came, and answers. False: the connection ends. */
static bool serve_call(struct fake_server *f, int link, const char *text, size_t size)
{
	_cleanup_free_ char *reply = NULL;
	json_object *call = NULL, *parameters = NULL;
	bool ends_afterwards;
	const char *method;
	int fd = -1;

	if (message_parse(text, size, &call) < 0)
		abort();
	method = message_get_string(call, "method");
	assert(method && !strncmp(method, "io.zcrx.Manager.", 16));
	json_object_object_get_ex(call, "parameters", &parameters);
	free(f->parameters);
	free(f->method);
	f->method = strdup(method + 16);
	f->parameters = strdup(json_object_to_json_string_ext(parameters, JSON_C_TO_STRING_PLAIN));
	json_object_put(call);
	f->calls++;
	if (f->hang_up)
		return false;
	if (f->silent)
		return true;
	if (f->raw) {
		send_all(f, link, f->raw, f->raw_size, -1);
		return true;
	}
	/* Once the answer is out, this is about the next call. */
	ends_afterwards = f->hang_up_afterwards && streq(f->method, "Renew");
	reply = answer(f, f->method, &fd);
	send_all(f, link, reply, strlen(reply) + 1, fd);
	if (fd >= 0)
		close(fd);
	return !ends_afterwards;
}

/* Some bytes more; false: the connection ends. */
static bool receive(struct fake_server *f, int link, char *buffer, size_t allocated, size_t *size)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(f->descriptors))];
	} control;
	struct iovec iov = { buffer + *size, allocated - *size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(link, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (n <= 0)
		return false;
	if (*size == 0)
		while (f->n_descriptors > 0)
			close(f->descriptors[--f->n_descriptors]);
	if (c) {
		f->n_descriptors = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(f->descriptors, CMSG_DATA(c), f->n_descriptors * sizeof(int));
	}
	*size += (size_t)n;
	assert(*size < allocated);
	if (buffer[*size - 1] != 0)
		return true;
	n = (ssize_t)*size - 1;
	*size = 0;
	return serve_call(f, link, buffer, (size_t)n);
}

static void *serve(void *userdata)
{
	struct fake_server *f = userdata;
	char buffer[16384];
	size_t size = 0;
	int link = -1;

	for (;;) {
		struct pollfd p[] = { { .fd = f->stop[0], .events = POLLIN },
				      { .fd = link < 0 ? f->listening : link, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			abort();
		if (p[0].revents)
			break;
		if (link < 0) {
			link = accept(f->listening, NULL, NULL);
			size = 0;
		} else if (!receive(f, link, buffer, sizeof(buffer), &size)) {
			close(link);
			link = -1;
		}
	}
	if (link >= 0)
		close(link);
	return NULL;
}

void fake_start(struct fake_server *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	*f = (struct fake_server) { .directory = "/tmp/zcrx-test-XXXXXX", .handle = -EBADF };
	if (!mkdtemp(f->directory))
		abort();
	snprintf(f->path, sizeof(f->path), "%s/socket", f->directory);
	strcpy(address.sun_path, f->path);
	f->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = bind(f->listening, (struct sockaddr *)&address, sizeof(address));
	assert(r == 0);
	r = listen(f->listening, 8);
	assert(r == 0);
	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->stop);
	assert(r == 0);
	r = sem_init(&f->gate, 0, 0);
	assert(r == 0);
	r = pthread_create(&f->thread, NULL, serve, f);
	assert(r == 0);
}

void fake_stop(struct fake_server *f)
{
	close(f->stop[1]);
	f->gated = false;
	sem_post(&f->gate);
	pthread_join(f->thread, NULL);
	sem_destroy(&f->gate);
	close(f->stop[0]);
	close(f->listening);
	if (f->handle >= 0)
		close(f->handle);
	while (f->n_descriptors > 0)
		close(f->descriptors[--f->n_descriptors]);
	free(f->parameters);
	free(f->method);
	unlink(f->path);
	rmdir(f->directory);
}
